#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "migration/plan.h"

#define MAX 8

/* A state written down: one row a migration, in the order of the files. */
struct fact {
    const char *name;
    enum evo_migration_state state;
    bool behind;
    bool down; /* has a down file */
    const char *irreversible;
    int64_t started_ms;
};

struct world {
    struct evo_migration files[MAX];
    struct evo_ledger_row rows[MAX];
    struct evo_state_item items[MAX];
    struct evo_state state;
    struct evo_journal_row journal_rows[MAX];
    struct evo_journal journal;
};

static char down_path[] = "down.sql";
static char up_path[] = "migration.sql";

static void build(struct world *w, const struct fact *facts)
{
    *w = (struct world){ 0 };
    size_t n = 0;
    for (; facts[n].name; n++) {
        const struct fact *f = &facts[n];
        w->files[n] = (struct evo_migration){
            .name = (char *)(uintptr_t)f->name,
            .path = up_path,
            .companion = { [EVO_FILE_DOWN] = f->down ? down_path : NULL },
            .directives = { .irreversible = (char *)(uintptr_t)f->irreversible,
                            .lock_timeout_ms = -1,
                            .statement_timeout_ms = -1 },
        };
        w->rows[n] = (struct evo_ledger_row){ .name = w->files[n].name,
                                              .started_ms = f->started_ms ? f->started_ms : (int64_t)n + 1,
                                              .finished_ms = f->state == EVO_STATE_FAILED ? -1 : 1000,
                                              .rolled_back_ms = -1 };
        bool pending = f->state == EVO_STATE_PENDING;
        w->items[n] = (struct evo_state_item){ .state = f->state,
                                               .name = f->name,
                                               .file = f->state == EVO_STATE_MISSING ? NULL : &w->files[n],
                                               .row = pending ? NULL : &w->rows[n],
                                               .behind = f->behind };
        if (!pending)
            w->state.last_applied = f->name;
    }
    w->state.items = w->items;
    w->state.count = n;
    w->journal.items = w->journal_rows;
}

static void add_journal(struct world *w, const char *ledger, const char *name)
{
    w->journal.exists = true;
    w->journal_rows[w->journal.count++] = (struct evo_journal_row){ .ledger = (char *)(uintptr_t)ledger,
                                                                    .name = (char *)(uintptr_t)name,
                                                                    .statement = 1 };
}

static void join(const struct evo_plan *plan, struct evo_strbuf *out)
{
    evo_strbuf_clear(out);
    for (size_t i = 0; i < plan->count; i++)
        evo_strbuf_addf(out, "%s%s%s", i ? " " : "", plan->items[i].migration->name,
                        plan->items[i].resume ? "*" : "");
}

#define A EVO_STATE_APPLIED
#define P EVO_STATE_PENDING
#define F EVO_STATE_FAILED
#define E EVO_STATE_EDITED
#define M EVO_STATE_MISSING

static const struct fact two_of_four[] = { { .name = "a", .state = A, .down = true },
                                           { .name = "b", .state = A, .down = true },
                                           { .name = "c", .state = P },
                                           { .name = "d", .state = P },
                                           { 0 } };

static void test_up_plans_what_is_pending(void **state)
{
    (void)state;
    static const struct {
        const char *to;
        int64_t steps;
        const char *expected;
    } rows[] = {
        { NULL, 0, "c d" }, { "c", 0, "c" }, { "d", 0, "c d" },  { NULL, 1, "c" },
        { "d", 1, "c" },    { "b", 0, "" },  { NULL, 9, "c d" },
    };
    struct world w;
    build(&w, two_of_four);
    EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_plan_options o = { .to = rows[i].to, .steps = rows[i].steps, .next_options = "" };
        EVO_AUTO(plan) plan = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_plan_up(EVO_LAYOUT_PRISMA, &w.state, &w.journal, &o, &plan, &err), EVO_OK);
        join(&plan, &got);
        assert_string_equal(got.buf, rows[i].expected);
    }
}

static void test_up_refuses_and_names_the_next_command(void **state)
{
    (void)state;
    static const struct fact failed[] = {
        { .name = "a", .state = A }, { .name = "b b", .state = F }, { .name = "c", .state = P }, { 0 }
    };
    static const struct fact edited[] = { { .name = "a", .state = E }, { .name = "c", .state = P }, { 0 } };
    static const struct fact behind[] = { { .name = "a", .state = P, .behind = true },
                                          { .name = "b", .state = A },
                                          { 0 } };
    static const struct fact elsewhere[] = { { .name = "a", .state = M },
                                             { .name = "c", .state = P },
                                             { 0 } };
    static const struct fact plain[] = { { .name = "a", .state = A }, { 0 } };
    static const struct {
        const struct fact *facts;
        enum evo_layout_kind kind;
        const char *to;
        enum evo_errc expected;
        const char *next;
    } rows[] = {
        { failed, EVO_LAYOUT_PRISMA, NULL, EVO_ERR_FAILED,
          "evo-migrate resolve --rolled-back 'b b' --environment qa" },
        { edited, EVO_LAYOUT_PRISMA, NULL, EVO_ERR_EDITED, "git log -p -- migration.sql" },
        { behind, EVO_LAYOUT_SQL, NULL, EVO_ERR_PENDING, "git log -p -- migration.sql" },
        { elsewhere, EVO_LAYOUT_SQL, NULL, EVO_ERR_NOT_FOUND, "evo-status --environment qa" },
        { plain, EVO_LAYOUT_SQL, "nope", EVO_ERR_NOT_FOUND, "evo-status --environment qa" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct world w;
        build(&w, rows[i].facts);
        struct evo_plan_options o = { .to = rows[i].to, .next_options = " --environment qa" };
        EVO_AUTO(plan) plan = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_plan_up(rows[i].kind, &w.state, &w.journal, &o, &plan, &err), rows[i].expected);
        assert_string_equal(err.next, rows[i].next);
        assert_int_equal(plan.count, 0);
    }
}

static void test_up_warns_where_it_is_allowed(void **state)
{
    (void)state;
    static const struct fact facts[] = { { .name = "a", .state = E },
                                         { .name = "b", .state = P, .behind = true },
                                         { .name = "c", .state = A },
                                         { .name = "x", .state = M },
                                         { 0 } };
    static const struct {
        enum evo_layout_kind kind;
        bool out_of_order;
    } rows[] = { { EVO_LAYOUT_PRISMA, false }, { EVO_LAYOUT_SQL, true } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct world w;
        build(&w, facts);
        struct evo_plan_options o = { .allow_edited = true,
                                      .out_of_order = rows[i].out_of_order,
                                      .next_options = "" };
        EVO_AUTO(plan) plan = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_plan_up(rows[i].kind, &w.state, &w.journal, &o, &plan, &err), EVO_OK);
        EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
        join(&plan, &got);
        assert_string_equal(got.buf, "b");
        assert_int_equal(plan.warnings.count, 3); /* edited, behind, missing */
    }
}

static void test_up_resumes_what_is_on_record(void **state)
{
    (void)state;
    static const struct fact facts[] = {
        { .name = "a", .state = A }, { .name = "b", .state = F }, { .name = "c", .state = P }, { 0 }
    };
    struct world w;
    build(&w, facts);
    add_journal(&w, "prisma", "b");
    struct evo_plan_options o = { .next_options = "" };
    EVO_AUTO(plan) plan = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_plan_up(EVO_LAYOUT_PRISMA, &w.state, &w.journal, &o, &plan, &err), EVO_OK);
    EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
    join(&plan, &got);
    assert_string_equal(got.buf, "b* c");
}

static void test_up_does_not_build_upon_half_a_rollback(void **state)
{
    (void)state;
    struct world w;
    build(&w, two_of_four);
    add_journal(&w, "prisma down", "b");
    struct evo_plan_options o = { .next_options = "" };
    EVO_AUTO(plan) plan = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_plan_up(EVO_LAYOUT_PRISMA, &w.state, &w.journal, &o, &plan, &err), EVO_ERR_FAILED);
    assert_string_equal(err.next, "evo-migrate down --steps 1");
}

static void test_down_goes_back_in_reverse_order_of_application(void **state)
{
    (void)state;
    /* "a" came in behind "b" and "c" */
    static const struct fact facts[] = { { .name = "a", .state = A, .down = true, .started_ms = 30 },
                                         { .name = "b", .state = A, .down = true, .started_ms = 10 },
                                         { .name = "c", .state = A, .down = true, .started_ms = 20 },
                                         { 0 } };
    static const struct {
        const char *to;
        int64_t steps;
        const char *expected;
    } rows[] = {
        { NULL, 0, "a" },  { NULL, 2, "a c" }, { NULL, 9, "a c b" },
        { "b", 0, "a c" }, { "a", 0, "" },     { "b", 1, "a" },
    };
    struct world w;
    build(&w, facts);
    EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_plan_options o = { .to = rows[i].to, .steps = rows[i].steps, .next_options = "" };
        EVO_AUTO(plan) plan = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_plan_down(EVO_LAYOUT_PRISMA, &w.state, &w.journal, &o, &plan, &err), EVO_OK);
        join(&plan, &got);
        assert_string_equal(got.buf, rows[i].expected);
    }
}

static void test_down_names_all_that_have_no_way_back(void **state)
{
    (void)state;
    static const struct fact facts[] = {
        { .name = "a", .state = A, .down = true },
        { .name = "b", .state = A },
        { .name = "c", .state = A, .down = true, .irreversible = "merges names" },
        { 0 }
    };
    struct world w;
    build(&w, facts);
    struct evo_plan_options o = { .steps = 3, .next_options = "" };
    EVO_AUTO(plan) plan = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_plan_down(EVO_LAYOUT_PRISMA, &w.state, &w.journal, &o, &plan, &err),
                     EVO_ERR_IRREVERSIBLE);
    assert_non_null(strstr(err.detail, "\"b\" has no down file"));
    assert_non_null(strstr(err.detail, "\"c\" is irreversible: merges names"));
    assert_int_equal(err.schema_clean, EVO_YES);
    assert_string_equal(err.next, "evo-backup list");
    o.to = "c";
    o.steps = 0;
    assert_int_equal(evo_plan_down(EVO_LAYOUT_PRISMA, &w.state, &w.journal, &o, &plan, &err), EVO_OK);
    assert_int_equal(plan.count, 0);
}

static void test_down_refuses_what_it_cannot_judge(void **state)
{
    (void)state;
    static const struct fact failed[] = { { .name = "a", .state = A, .down = true },
                                          { .name = "b", .state = F },
                                          { 0 } };
    static const struct fact gone[] = { { .name = "a", .state = A, .down = true },
                                        { .name = "x", .state = M, .started_ms = 50 },
                                        { 0 } };
    static const struct {
        const struct fact *facts;
        const char *to;
        enum evo_errc expected;
    } rows[] = { { failed, NULL, EVO_ERR_FAILED },
                 { gone, NULL, EVO_ERR_NOT_FOUND },
                 { two_of_four, "c", EVO_ERR_NOT_FOUND },
                 { two_of_four, "nope", EVO_ERR_NOT_FOUND } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct world w;
        build(&w, rows[i].facts);
        struct evo_plan_options o = { .to = rows[i].to, .next_options = "" };
        EVO_AUTO(plan) plan = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_plan_down(EVO_LAYOUT_PRISMA, &w.state, &w.journal, &o, &plan, &err),
                         rows[i].expected);
    }
}

/* r <- a, r <- b, m of both; labels on demand. */
static void build_graph(struct world *w, struct evo_project *p, const struct fact *facts, bool labels)
{
    build(w, facts);
    for (size_t i = 0; i < w->state.count; i++) {
        struct evo_migration *m = &w->files[i];
        m->version = evo_asprintf("%s-id", m->name);
        if (strcmp(m->name, "a") == 0 || strcmp(m->name, "b") == 0)
            evo_strvec_push(&m->down, "r");
        if (labels && strcmp(m->name, "r") != 0)
            evo_strvec_push(&m->labels, m->name);
    }
    *p = (struct evo_project){ .kind = EVO_LAYOUT_ALEMBIC, .items = w->files, .count = w->state.count };
    w->state.project = p;
    w->state.kind = EVO_LAYOUT_ALEMBIC;
    for (size_t i = 0; i < w->state.count; i++)
        w->state.pending += w->items[i].state == EVO_STATE_PENDING;
}

static void release_graph(struct world *w)
{
    for (size_t i = 0; i < w->state.count; i++) {
        free(w->files[i].version);
        evo_strvec_release(&w->files[i].down);
        evo_strvec_release(&w->files[i].labels);
    }
}

static void test_up_in_a_graph_takes_what_is_built_upon(void **state)
{
    (void)state;
    static const struct fact fresh[] = {
        { .name = "r", .state = P }, { .name = "a", .state = P }, { .name = "b", .state = P }, { 0 }
    };
    static const struct fact all[] = {
        { .name = "r", .state = A }, { .name = "a", .state = A }, { .name = "b", .state = A }, { 0 }
    };
    static const struct fact unknown[] = {
        { .name = "r", .state = P }, { .name = "a", .state = P }, { .name = "gone", .state = M }, { 0 }
    };
    static const struct {
        const struct fact *facts;
        const char *to;
        bool labels;
        enum evo_errc expected;
        const char *plan;
    } rows[] = {
        { fresh, "b", false, EVO_OK, "r b" },
        { fresh, "b-id", false, EVO_OK, "r b" },
        { fresh, "r", false, EVO_OK, "r" },
        { fresh, "heads", false, EVO_OK, "r a b" },
        { fresh, NULL, true, EVO_OK, "r a b" },
        { fresh, NULL, false, EVO_ERR_CONFIG, "" }, /* two heads */
        { fresh, "nobody", false, EVO_ERR_NOT_FOUND, "" },
        { all, NULL, false, EVO_OK, "" }, /* nothing to do, so nothing to be sure of */
        { unknown, NULL, true, EVO_ERR_NOT_FOUND, "" },
        { unknown, "a", true, EVO_ERR_NOT_FOUND, "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct world w;
        struct evo_project p;
        build_graph(&w, &p, rows[i].facts, rows[i].labels);
        struct evo_plan_options o = { .to = rows[i].to, .next_options = "" };
        EVO_AUTO(plan) plan = { 0 };
        EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc = evo_plan_up(EVO_LAYOUT_ALEMBIC, &w.state, &w.journal, &o, &plan, &err);
        join(&plan, &got);
        if (rc != rows[i].expected || strcmp(got.buf, rows[i].plan) != 0)
            fail_msg("row %zu: %d, %s", i, (int)rc, got.buf);
        if (rc)
            assert_true(err.next[0] != '\0');
        release_graph(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_plans_what_is_pending),
        cmocka_unit_test(test_up_refuses_and_names_the_next_command),
        cmocka_unit_test(test_up_warns_where_it_is_allowed),
        cmocka_unit_test(test_up_in_a_graph_takes_what_is_built_upon),
        cmocka_unit_test(test_up_resumes_what_is_on_record),
        cmocka_unit_test(test_up_does_not_build_upon_half_a_rollback),
        cmocka_unit_test(test_down_goes_back_in_reverse_order_of_application),
        cmocka_unit_test(test_down_names_all_that_have_no_way_back),
        cmocka_unit_test(test_down_refuses_what_it_cannot_judge),
    };
    return cmocka_run_group_tests_name("migration/plan", tests, NULL, NULL);
}
