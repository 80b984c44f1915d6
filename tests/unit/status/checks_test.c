#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "status/status.h"

/* A view in which nothing is wrong: two files, the first applied, the second too. Each case changes one thing. */
struct fixture {
    struct evo_project project;
    struct evo_migration files[2];
    struct evo_ledger_row rows[2];
    struct evo_state_item items[2];
    struct evo_fact facts[1];
    struct evo_journal_row journal[1];
    struct evo_strvec fail_on;
    struct evo_status_view view;
};

static struct fixture *make(const char *fail_on)
{
    struct fixture *f = evo_calloc(1, sizeof(*f));
    static const char *const names[] = { "1_a", "2_b it's" };
    f->project = (struct evo_project){
        .kind = EVO_LAYOUT_PRISMA, .migrations = (char *)"prisma/migrations", .items = f->files, .count = 2
    };
    for (size_t i = 0; i < 2; i++) {
        f->files[i] = (struct evo_migration){ .name = (char *)names[i], .path = (char *)"path" };
        f->rows[i] = (struct evo_ledger_row){
            .name = (char *)names[i], .started_ms = 0, .finished_ms = 1, .rolled_back_ms = -1
        };
        f->items[i] = (struct evo_state_item){
            .state = EVO_STATE_APPLIED, .name = names[i], .file = &f->files[i], .row = &f->rows[i]
        };
    }
    evo_strvec_split(&f->fail_on, fail_on);
    f->view = (struct evo_status_view){
        .project = &f->project,
        .environment = "default",
        .fail_on = &f->fail_on,
        .next_options = " --environment staging",
        .server_version = 150018,
        .server_version_text = (char *)"15.18",
        .url = (char *)"postgresql://u@h/d",
        .ledger = { .kind = EVO_LAYOUT_PRISMA,
                    .app_schema = (char *)"public",
                    .role = (char *)"app",
                    .database = (char *)"shop",
                    .exists = true,
                    .count = 2 },
        .state = { .items = f->items, .count = 2, .applied = 2 },
        .dump_major = 15,
    };
    return f;
}

static void finish(struct fixture *f)
{
    evo_strvec_release(&f->fail_on);
    free(f);
}

static void add_fact(struct fixture *f, enum evo_fact_kind kind, const char *who, const char *object)
{
    f->facts[0] = (struct evo_fact){ .kind = kind,
                                     .pid = 42,
                                     .who = (char *)who,
                                     .age_ms = 61000,
                                     .waiting = 3,
                                     .object = (char *)object,
                                     .relation = (char *)"public.t" };
    f->view.facts = (struct evo_facts){ .items = f->facts, .count = 1 };
}

/* Of the second migration: that it was begun. */
static void add_journal(struct fixture *f, const char *ledger)
{
    f->journal[0] = (struct evo_journal_row){ .ledger = (char *)ledger,
                                              .name = (char *)"2_b it's",
                                              .checksum = (char *)"",
                                              .sha256 = (char *)EVO_JOURNAL_STATEMENTS };
    f->view.journal = (struct evo_journal){ .items = f->journal, .count = 1 };
}

static void set_state(struct fixture *f, enum evo_migration_state state)
{
    f->items[1].state = state;
    f->view.state.applied = 1;
    f->view.state.failed = state == EVO_STATE_FAILED;
    f->view.state.edited = state == EVO_STATE_EDITED;
    f->view.state.missing = state == EVO_STATE_MISSING;
    f->view.state.pending = state == EVO_STATE_PENDING;
    if (state == EVO_STATE_FAILED)
        f->rows[1].finished_ms = -1;
    if (state == EVO_STATE_MISSING)
        f->items[1].file = NULL;
}

static void failed(struct fixture *f)
{
    set_state(f, EVO_STATE_FAILED);
}
static void resumable(struct fixture *f)
{
    set_state(f, EVO_STATE_FAILED);
    add_journal(f, "prisma");
}
static void checkpoints_of_another_layout(struct fixture *f)
{
    set_state(f, EVO_STATE_FAILED);
    add_journal(f, "sql");
}
static void half_rolled_back(struct fixture *f)
{
    add_journal(f, "prisma down");
}
static void backfill(struct fixture *f)
{
    add_fact(f, EVO_FACT_BACKFILL, "", "2_b it's");
    f->files[1].companion[EVO_FILE_BACKFILL] = (char *)"backfill.sql";
}
static void backfill_of_a_table(struct fixture *f)
{
    add_fact(f, EVO_FACT_BACKFILL, "", "public.t 0123abcd");
}
static void all_missing(struct fixture *f)
{
    for (size_t i = 0; i < 2; i++) {
        f->items[i].state = EVO_STATE_MISSING;
        f->items[i].file = NULL;
    }
    f->view.state.applied = 0;
    f->view.state.missing = 2;
}
static void edited(struct fixture *f)
{
    set_state(f, EVO_STATE_EDITED);
}
static void missing(struct fixture *f)
{
    set_state(f, EVO_STATE_MISSING);
}
static void pending(struct fixture *f)
{
    set_state(f, EVO_STATE_PENDING);
}
static void behind(struct fixture *f)
{
    set_state(f, EVO_STATE_PENDING);
    f->items[1].behind = true;
}
static void behind_sql(struct fixture *f)
{
    behind(f);
    f->project.kind = EVO_LAYOUT_SQL;
}
static void late(struct fixture *f)
{
    f->items[1].late = true;
}
static void late_in_a_graph(struct fixture *f)
{
    late(f);
    f->project.kind = EVO_LAYOUT_ALEMBIC;
}
static void old_server(struct fixture *f)
{
    f->view.server_version = 110022;
}
static void pooler(struct fixture *f)
{
    evo_error_set(&f->view.pooler, EVO_ERR_UNSUPPORTED, "cannot work through a transaction pooler");
    evo_error_hint(&f->view.pooler, "Set DIRECT_URL.");
}
static void warned(struct fixture *f)
{
    evo_strvec_push(&f->project.warnings, "nothing reads \"x.sql\"");
}
static void no_ledger(struct fixture *f)
{
    f->view.ledger.exists = false;
}
static void no_ledger_in_an_empty_schema(struct fixture *f)
{
    f->view.ledger.exists = false;
    f->view.ledger.schema_empty = true;
}
static void locked(struct fixture *f)
{
    add_fact(f, EVO_FACT_LOCK, "role app", "");
}
static void blocked(struct fixture *f)
{
    add_fact(f, EVO_FACT_BLOCKER, "role app", "");
}
static void long_transaction(struct fixture *f)
{
    add_fact(f, EVO_FACT_LONG, "role app", "");
}
static void prepared(struct fixture *f)
{
    add_fact(f, EVO_FACT_LONG, "role app", "");
    f->facts[0].pid = 0;
}
static void invalid_index(struct fixture *f)
{
    add_fact(f, EVO_FACT_INDEX, "", "public.i");
}
static void not_valid(struct fixture *f)
{
    add_fact(f, EVO_FACT_CONSTRAINT, "", "c");
}
static void no_dump(struct fixture *f)
{
    evo_error_set(&f->view.dump, EVO_ERR_UNSUPPORTED, "no pg_dump found");
}

static void heads(struct fixture *f)
{
    f->project.kind = EVO_LAYOUT_ALEMBIC;
    evo_strvec_split(&f->project.heads, "a1,b2");
}
static void one_head(struct fixture *f)
{
    f->project.kind = EVO_LAYOUT_ALEMBIC;
    evo_strvec_split(&f->project.heads, "a1");
}
static void connections_full(struct fixture *f)
{
    add_fact(f, EVO_FACT_CONNECTIONS, "", "");
    f->facts[0].waiting = 90;
    f->facts[0].pid = 100;
}
static void connections_free(struct fixture *f)
{
    connections_full(f);
    f->facts[0].waiting = 89;
}
static void standby_late(struct fixture *f)
{
    add_fact(f, EVO_FACT_STANDBY, "", "replica");
}
static void standby_bytes_behind(struct fixture *f)
{
    add_fact(f, EVO_FACT_STANDBY, "", "replica");
    f->facts[0].age_ms = 0;
    f->facts[0].waiting = (int64_t)2 << 30;
}
static void standby_near(struct fixture *f)
{
    add_fact(f, EVO_FACT_STANDBY, "", "replica");
    f->facts[0].age_ms = 10;
}
static void extension(struct fixture *f)
{
    add_fact(f, EVO_FACT_EXTENSION, "", "postgis");
    f->facts[0].relation = (char *)"3.3.2";
}
static void sized(struct fixture *f)
{
    add_fact(f, EVO_FACT_SIZE, "", "");
    f->facts[0].waiting = 3 << 20;
}
static struct evo_schema_row record = { .name = (char *)"2_b", .fingerprint = (char *)"f", .recorded_ms = 0 };
static void drift(struct fixture *f)
{
    f->view.drift = (struct evo_status_drift){ .verdict = EVO_DRIFT_FOUND,
                                               .log = { .items = &record, .count = 1 },
                                               .differences_total = 2 };
    static char *lines[] = { (char *)"+ table public.x", NULL };
    f->view.drift.differences = (struct evo_strvec){ .items = lines, .count = 1 };
}
static void drift_without_text(struct fixture *f)
{
    drift(f);
    f->view.drift.differences.count = 0;
}
static void no_drift(struct fixture *f)
{
    f->view.drift = (struct evo_status_drift){ .verdict = EVO_DRIFT_NONE, .live = "0123456789abcdef" };
}
static void no_record(struct fixture *f)
{
    f->view.drift.verdict = EVO_DRIFT_NO_RECORD;
    f->view.ledger.may_make_evo = true;
}
static void may_not_record(struct fixture *f)
{
    f->view.drift.verdict = EVO_DRIFT_NO_RECORD;
}
static void moved_on(struct fixture *f)
{
    f->view.drift.verdict = EVO_DRIFT_MOVED_ON;
}
static void other_server(struct fixture *f)
{
    f->view.drift.verdict = EVO_DRIFT_OTHER_SERVER;
}
static void drift_unknown(struct fixture *f)
{
    f->view.drift.verdict = EVO_DRIFT_UNKNOWN;
    evo_error_set(&f->view.drift.error, EVO_ERR_PERMISSION, "permission denied for schema evo");
}
static void proved(struct fixture *f)
{
    pending(f);
    f->view.staging =
        (struct evo_status_staging){ .from = "staging", .passport = (char *)"passports/staging/x.json" };
}
static void unproved(struct fixture *f)
{
    pending(f);
    f->view.staging.from = "staging";
    evo_error_set(&f->view.staging.error, EVO_ERR_PROMOTION_REFUSED, "there is no passport of \"staging\"");
    evo_error_next(&f->view.staging.error, "evo deploy --environment staging");
}
static void with_a_way_back(struct fixture *f)
{
    pending(f);
    f->files[1].companion[EVO_FILE_DOWN] = (char *)"down.sql";
}
static void irreversible(struct fixture *f)
{
    with_a_way_back(f);
    f->files[1].directives.irreversible = (char *)"rows are gone";
}
static void notified(struct fixture *f)
{
    f->view.notify = "Slack, by a webhook";
}

/* `next` NULL: none. */
static const struct {
    void (*change)(struct fixture *f);
    const char *fail_on, *check;
    enum evo_status_verdict verdict;
    enum evo_errc code; /* of the whole */
    const char *says, *next;
} cases[] = {
    { failed, "failed", "failed", EVO_STATUS_FAIL, EVO_ERR_FAILED, "never finished",
      "evo-migrate resolve --rolled-back '2_b it'\\''s' --environment staging" },
    { failed, "none", "failed", EVO_STATUS_WARN, EVO_OK, "never finished", NULL },
    { resumable, "failed", "failed", EVO_STATUS_OK, EVO_OK, "none", NULL },
    { resumable, "failed", "unfinished", EVO_STATUS_WARN, EVO_OK, "stopped half-way",
      "evo-migrate up --environment staging" },
    { resumable, "unfinished", "unfinished", EVO_STATUS_FAIL, EVO_ERR_FAILED, "stopped half-way", NULL },
    { resumable, "pending", "unfinished", EVO_STATUS_FAIL, EVO_ERR_FAILED, "stopped half-way", NULL },
    { backfill, "failed", "backfills", EVO_STATUS_WARN, EVO_OK,
      "\"2_b it's\" is not done: 3 rows changed so far",
      "evo-backfill '2_b it'\\''s' --environment staging" },
    { backfill_of_a_table, "backfills", "backfills", EVO_STATUS_FAIL, EVO_ERR_INCOMPLETE, "is not done",
      NULL },
    { checkpoints_of_another_layout, "failed", "failed", EVO_STATUS_FAIL, EVO_ERR_FAILED, "never finished",
      NULL },
    { half_rolled_back, "failed", "failed", EVO_STATUS_FAIL, EVO_ERR_FAILED, "begun and not finished",
      "evo-migrate down --steps 1 --environment staging" },
    { edited, "failed,edited", "edited", EVO_STATUS_FAIL, EVO_ERR_EDITED, "was edited",
      "git log -p -- path" },
    { missing, "failed,edited", "missing", EVO_STATUS_WARN, EVO_OK, "its file is gone",
      "git log --diff-filter=D --summary -- 'prisma/migrations/2_b it'\\''s*'" },
    { all_missing, "missing", "missing", EVO_STATUS_FAIL, EVO_ERR_DRIFT,
      "none of the 2 migrations that are applied has a file in \"prisma/migrations\"", NULL },
    { missing, "missing", "missing", EVO_STATUS_FAIL, EVO_ERR_DRIFT, "its file is gone", NULL },
    { pending, "failed,edited", "pending", EVO_STATUS_OK, EVO_OK, "1 migration to apply",
      "evo-migrate up --environment staging" },
    { pending, "pending", "pending", EVO_STATUS_FAIL, EVO_ERR_PENDING, "1 migration to apply", NULL },
    { behind, "", "order", EVO_STATUS_WARN, EVO_OK, "behind one that is applied",
      "evo-migrate up --environment staging" },
    { behind_sql, "", "order", EVO_STATUS_WARN, EVO_OK, "behind one that is applied", "git log -p -- path" },
    { behind_sql, "", "pending", EVO_STATUS_OK, EVO_OK, "1 migration",
      "evo-migrate plan --environment staging" },
    { late, "", "late", EVO_STATUS_WARN, EVO_OK, "nothing is known to have run it",
      "evo-migrate resolve --applied '2_b it'\\''s' --environment staging" },
    { late, "drift", "late", EVO_STATUS_FAIL, EVO_ERR_DRIFT, "counts as applied", NULL },
    { late_in_a_graph, "drift", "late", EVO_STATUS_FAIL, EVO_ERR_DRIFT, "counts as applied", NULL },
    { NULL, "drift", "late", EVO_STATUS_OK, EVO_OK, "none", NULL },
    { old_server, "", "server", EVO_STATUS_WARN, EVO_OK, "older than 12", NULL },
    { pooler, "none", "pooler", EVO_STATUS_FAIL, EVO_ERR_UNSUPPORTED, "transaction pooler", NULL },
    { warned, "", "migrations", EVO_STATUS_WARN, EVO_OK, "nothing reads", NULL },
    { no_ledger, "", "ledger", EVO_STATUS_WARN, EVO_OK, "holds tables",
      "evo-migrate baseline --to '2_b it'\\''s' --dry-run --environment staging" },
    { no_ledger_in_an_empty_schema, "", "ledger", EVO_STATUS_OK, EVO_OK, "none yet", NULL },
    { locked, "blockers", "lock", EVO_STATUS_WARN, EVO_OK, "held by pid 42 (role app) for 1 min 01 s",
      "evo-migrate up --wait 5min --environment staging" },
    { blocked, "", "blockers", EVO_STATUS_WARN, EVO_OK, "pid 42 (role app) blocks 3 other sessions",
      "evo-locks kill 42 --environment staging" },
    { blocked, "blockers", "blockers", EVO_STATUS_FAIL, EVO_ERR_UNHEALTHY, "blocks 3", NULL },
    { long_transaction, "", "blockers", EVO_STATUS_WARN, EVO_OK, "open for 1 min 01 s",
      "evo-locks kill 42 --environment staging" },
    { prepared, "", "blockers", EVO_STATUS_WARN, EVO_OK, "open for 1 min 01 s",
      "psql \"postgresql://u@h/d\" -c 'SELECT gid, owner, prepared FROM pg_prepared_xacts'" },
    { invalid_index, "", "invalid-indexes", EVO_STATUS_WARN, EVO_OK, "index public.i on public.t is invalid",
      "psql \"postgresql://u@h/d\" -c 'REINDEX INDEX CONCURRENTLY public.i'" },
    { not_valid, "not-valid", "not-valid", EVO_STATUS_FAIL, EVO_ERR_UNHEALTHY, "never validated",
      "psql \"postgresql://u@h/d\" -c 'ALTER TABLE public.t VALIDATE CONSTRAINT c'" },
    { no_dump, "", "pg_dump", EVO_STATUS_WARN, EVO_OK, "no pg_dump found", NULL },
    { heads, "", "heads", EVO_STATUS_WARN, EVO_OK, "2 migrations have nothing behind them: \"a1\", \"b2\"",
      "alembic merge heads" },
    { one_head, "", "heads", EVO_STATUS_OK, EVO_OK, "one", NULL },
    { NULL, "", "heads", EVO_STATUS_OK, EVO_OK, "a list", NULL },
    { connections_full, "", "connections", EVO_STATUS_WARN, EVO_OK, "90 of 100 connections", NULL },
    { connections_free, "", "connections", EVO_STATUS_OK, EVO_OK, "89 of 100", NULL },
    { NULL, "", "connections", EVO_STATUS_OK, EVO_OK, "not known", NULL },
    { standby_late, "", "standbys", EVO_STATUS_WARN, EVO_OK, "\"replica\" is 1 min 01 s and 3 B behind",
      NULL },
    { standby_bytes_behind, "", "standbys", EVO_STATUS_WARN, EVO_OK, "2.0 GiB behind", NULL },
    { standby_near, "", "standbys", EVO_STATUS_OK, EVO_OK, "1, none far behind", NULL },
    { NULL, "", "standbys", EVO_STATUS_OK, EVO_OK, "none is connected", NULL },
    { extension, "", "extensions", EVO_STATUS_OK, EVO_OK, "postgis 3.3.2", NULL },
    { sized, "", "size", EVO_STATUS_OK, EVO_OK, "about 3.0 MiB", NULL },
    { NULL, "", "size", EVO_STATUS_OK, EVO_OK, "not known", NULL },
    { drift, "", "drift", EVO_STATUS_WARN, EVO_OK, "1970-01-01T00:00:00.000Z: + table public.x (and 1 more)",
      "evo-migrate resolve --drift --environment staging" },
    { drift, "drift", "drift", EVO_STATUS_FAIL, EVO_ERR_DRIFT, "not as the last run left it", NULL },
    { drift_without_text, "", "drift", EVO_STATUS_WARN, EVO_OK, "not kept any more", NULL },
    { no_drift, "drift", "drift", EVO_STATUS_OK, EVO_OK, "fingerprint 0123456789ab)", NULL },
    { no_record, "drift", "drift", EVO_STATUS_OK, EVO_OK, "no run of evo has recorded", NULL },
    { may_not_record, "drift", "drift", EVO_STATUS_OK, EVO_OK, "may not make evo's tables", NULL },
    { moved_on, "drift", "drift", EVO_STATUS_OK, EVO_OK, "the ledger has changed",
      "evo-migrate resolve --drift --environment staging" },
    { other_server, "drift", "drift", EVO_STATUS_OK, EVO_OK, "another version", NULL },
    { drift_unknown, "", "drift", EVO_STATUS_WARN, EVO_OK, "permission denied", NULL },
    { drift_unknown, "drift", "drift", EVO_STATUS_FAIL, EVO_ERR_DRIFT, "permission denied", NULL },
    { NULL, "drift", "drift", EVO_STATUS_OK, EVO_OK, "not looked at", NULL },
    { proved, "staging", "staging", EVO_STATUS_OK, EVO_OK, "proved in \"staging\"", NULL },
    { unproved, "", "staging", EVO_STATUS_WARN, EVO_OK, "no passport", "evo deploy --environment staging" },
    { unproved, "staging", "staging", EVO_STATUS_FAIL, EVO_ERR_PROMOTION_REFUSED, "no passport", NULL },
    { pending, "staging", "staging", EVO_STATUS_OK, EVO_OK, "not asked", NULL },
    { pending, "", "rollback", EVO_STATUS_OK, EVO_OK, "has no way back", NULL },
    { pending, "rollback", "rollback", EVO_STATUS_FAIL, EVO_ERR_IRREVERSIBLE, "has no way back", NULL },
    { with_a_way_back, "rollback", "rollback", EVO_STATUS_OK, EVO_OK, "every pending migration",
      "evo-verify roundtrip --environment staging" },
    { irreversible, "rollback", "rollback", EVO_STATUS_FAIL, EVO_ERR_IRREVERSIBLE, "rows are gone", NULL },
    { NULL, "rollback", "rollback", EVO_STATUS_OK, EVO_OK, "nothing is pending", NULL },
    { NULL, "", "notify", EVO_STATUS_OK, EVO_OK, "nobody is told", NULL },
    { NULL, "notify", "notify", EVO_STATUS_FAIL, EVO_ERR_UNHEALTHY, "nobody is told", NULL },
    { notified, "notify", "notify", EVO_STATUS_OK, EVO_OK, "by a webhook", NULL },
    { NULL, "backup", "backup", EVO_STATUS_FAIL, EVO_ERR_UNHEALTHY, "no store is configured", NULL },
    { NULL, "", "backup", EVO_STATUS_OK, EVO_OK, "no store is configured", NULL },
};

static void test_judge_of_each_finding(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(cases); i++) {
        struct fixture *f = make(cases[i].fail_on);
        EVO_AUTO(status_report) report = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        const struct evo_status_check *found = NULL;
        if (cases[i].change)
            cases[i].change(f);
        evo_status_judge(&f->view, &report);
        for (size_t k = 0; k < report.count; k++) {
            assert_non_null(report.items[k].message);
            if (strcmp(report.items[k].name, cases[i].check) == 0)
                found = &report.items[k];
        }
        if (!found || found->verdict != cases[i].verdict || !strstr(found->message, cases[i].says) ||
            (cases[i].next && !evo_streq(found->next, cases[i].next)))
            fail_msg("case %zu (%s): %s: %s (next: %s)", i, cases[i].check,
                     found ? evo_status_verdict_name(found->verdict) : "no such check",
                     found ? found->message : "", found ? found->next : "");
        assert_int_equal(evo_status_error(&report, &err), cases[i].code);
        assert_int_equal(err.code, cases[i].code);
        if (found && cases[i].code && found->next)
            assert_string_equal(err.next, found->next);
        evo_strvec_release(&f->project.warnings);
        evo_strvec_release(&f->project.heads);
        finish(f);
    }
}

static void test_judge_finds_nothing_where_nothing_is_wrong(void **state)
{
    (void)state;
    struct fixture *f = make("pending,failed,edited,missing,blockers,invalid-indexes,not-valid");
    EVO_AUTO(status_report) report = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    evo_status_judge(&f->view, &report);
    for (size_t i = 0; i < report.count; i++)
        if (report.items[i].verdict != EVO_STATUS_OK || report.items[i].next)
            fail_msg("%s: %s", report.items[i].name, report.items[i].message);
    assert_int_equal(evo_status_error(&report, &err), EVO_OK);
    finish(f);
}

static void test_judge_says_what_it_cannot_see(void **state)
{
    (void)state;
    struct fixture *f = make("blockers");
    EVO_AUTO(status_report) report = { 0 };
    add_fact(f, EVO_FACT_HIDDEN, "", "");
    evo_status_judge(&f->view, &report);
    for (size_t i = 0; i < report.count; i++) {
        if (strcmp(report.items[i].name, "blockers") != 0)
            continue;
        assert_int_equal(report.items[i].verdict, EVO_STATUS_OK);
        assert_non_null(strstr(report.items[i].message, "hidden"));
        assert_non_null(strstr(report.items[i].hint, "GRANT pg_read_all_stats"));
    }
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_of_each_finding),
        cmocka_unit_test(test_judge_finds_nothing_where_nothing_is_wrong),
        cmocka_unit_test(test_judge_says_what_it_cannot_see),
    };
    return cmocka_run_group_tests_name("status/checks", tests, NULL, NULL);
}
