#include "migration/failure.h"

#include <inttypes.h>

#include "base/parse.h"
#include "base/quote.h"
#include "layout/unfinished.h"
#include "migration/new.h"

/* Statements that a detail names one by one; of more, the last ones. */
#define NAMED 10

static const char *verb(const struct evo_step *step)
{
    return step->down ? "down" : "up";
}

static const char *again_options(const struct evo_session *s)
{
    return s->o->plan.again ? s->o->plan.again : s->o->plan.next_options;
}

/* The same command again. */
static void propose_again(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    (void)evo_error_next(err, "evo-migrate %s%s", verb(step), again_options(s));
}

/* Which file to mend, as the beginning of a sentence. The caller frees. */
static char *what_to_correct(const struct evo_step *step, const struct evo_error *err)
{
    const char *probes = step->probes.path;
    if (err->code != EVO_ERR_PROBE_FALSE || !probes)
        return evo_asprintf("Correct %s", step->path);
    if (strstr(err->detail, EVO_NEW_UNWRITTEN))
        return evo_asprintf("Write the check in %s, which holds none yet", probes);
    if (evo_streq(err->sqlstate, "25006"))
        return evo_asprintf("A probe may only read: correct %s", probes);
    if (err->sqlstate[0])
        return evo_asprintf("Correct the probe in %s or, where it is right, %s", probes, step->path);
    return evo_asprintf("Correct %s or, where that is right, its probe in %s", step->path, probes);
}

/* What is wrong where it is not the file: the role, the database, a schema that was there before; NULL else. The caller
 * frees. */
static char *other_cause(const struct evo_session *s, const struct evo_step *step,
                         const struct evo_error *err)
{
    static const char *const there[] = { "42P07", "42701", "42710", "42P06", "42723" }; /* duplicate_… */
    if (err->code == EVO_ERR_PROBE_FALSE)
        return NULL;
    if (evo_streq(err->sqlstate, "25006"))
        return evo_strdup("The database takes no changes at the moment: it is a standby, or "
                          "default_transaction_read_only is on. Name the one that does");
    if (evo_streq(err->sqlstate, "42501"))
        return evo_asprintf("Let role \"%s\" do it (GRANT, or ownership), or name a role that may",
                            s->ledger.role);
    for (size_t i = 0; i < EVO_COUNT(there); i++)
        if (evo_streq(err->sqlstate, there[i]) && !step->down && !s->ledger.count) {
            EVO_AUTO_STR name = evo_quote_shell(step->migration->name);
            return evo_asprintf(
                "If the schema was made before evo, record what it has: evo-migrate baseline --to %s "
                "--dry-run%s. Else correct %s",
                name, s->o->plan.next_options, step->path);
        }
    return NULL;
}

enum evo_errc evo_failure_shape(const struct evo_session *s, const struct evo_step *step,
                                enum evo_tristate clean, struct evo_error *err)
{
    const char *name = step->migration->name;
    const char *what = step->down ? "rollback of migration" : "migration";
    err->schema_clean = clean;
    (void)evo_error_migration(err, name);
    propose_again(s, step, err);
    if (err->code == EVO_ERR_CANCELLED) {
        if (clean == EVO_YES && !err->detail[0])
            (void)evo_error_detail(err, "It was rolled back: the schema is as it was before it.");
        return evo_error_prefix(err, "%s \"%s\"", what, name);
    }
    if (err->code == EVO_ERR_TIMEOUT && !err->hint[0])
        (void)evo_error_hint(err,
                             "Put \"-- evo:statement-timeout 30min\" at the top of %s, or raise "
                             "--statement-timeout.",
                             step->path);
    if (err->code == EVO_ERR_CONNECT)
        err->retryable = true;
    else if (clean == EVO_YES && !err->hint[0]) {
        char *other = other_cause(s, step, err);
        EVO_AUTO_STR correct = other ? other : what_to_correct(step, err);
        (void)evo_error_hint(err, "Nothing of this migration was changed. %s, then: evo-migrate %s%s",
                             correct, verb(step), again_options(s));
    }
    if (err->code == EVO_ERR_LOCK_UNAVAILABLE && clean != EVO_YES)
        err->retryable = false; /* that is for what left nothing */
    if (err->code != EVO_ERR_LOCK_UNAVAILABLE || clean != EVO_YES)
        err->code = EVO_ERR_MIGRATION_FAILED;
    return evo_error_prefix(err, "%s \"%s\" failed", what, name);
}

/* Of what watch.h saw: "pid 42 (user …"; 0: of nobody. */
static int64_t first_pid(const char *blockers)
{
    static const char word[] = "pid ";
    size_t n = sizeof(word) - 1;
    uint64_t pid = 0;
    if (!evo_starts_with(blockers, word) || !evo_parse_digits(blockers + n, strcspn(blockers + n, " "), &pid))
        return 0;
    return (int64_t)pid;
}

/* Given up for the sake of others. */
static void harmful(const struct evo_session *s, const struct evo_step *step, const struct evo_tries *t,
                    const char *blockers, struct evo_error *err)
{
    char budget[EVO_HUMAN_MAX];
    (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE,
                        "%s \"%s\" was given up in %" PRId64 " %s: up to %" PRId64
                        " session%s waited behind it",
                        step->down ? "rollback of migration" : "migration", step->migration->name, t->failed,
                        t->failed == 1 ? "try" : "tries", t->seen.harm.sessions_max,
                        t->seen.harm.sessions_max == 1 ? "" : "s");
    (void)evo_error_detail(err,
                           "The last try kept others waiting for %" PRId64
                           " session-seconds; %s are allowed (--harm-budget).%s%s",
                           evo_harm_seconds(t->seen.harm.session_ms),
                           evo_format_duration(s->o->harm_budget_ms, budget),
                           blockers[0] ? " It waited itself for " : "", blockers);
    (void)evo_error_hint(err, "Nothing of this migration was changed. Try at a quieter time, write it in "
                              "smaller steps, or let others "
                              "wait longer: --harm-budget.");
}

static void unavailable(const struct evo_session *s, const struct evo_step *step, const struct evo_tries *t,
                        const char *blockers, struct evo_error *err)
{
    EVO_AUTO_STR said = evo_strdup(err->message);
    EVO_AUTO_STR detail = evo_strdup(err->detail);
    (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE,
                        "%s \"%s\" did not get its locks in %" PRId64 " %s: %s",
                        step->down ? "rollback of migration" : "migration", step->migration->name, t->failed,
                        t->failed == 1 ? "try" : "tries", said);
    if (blockers[0])
        (void)evo_error_detail(err, "In the way: %s. %s", blockers, detail);
    else
        (void)evo_error_detail(err, "%s", detail);
    int64_t pid = first_pid(blockers);
    if (pid)
        (void)evo_error_hint(err,
                             "Nothing of this migration was changed. Try at a quieter time, with a higher "
                             "--lock-retries, or end "
                             "what is in the way: evo-locks kill %" PRId64
                             "%s (or SELECT pg_terminate_backend(%" PRId64 ");)",
                             pid, s->o->plan.next_options, pid);
    else
        (void)evo_error_hint(
            err,
            "Nothing of this migration was changed. Try at a quieter time, or with a higher --lock-retries; "
            "evo-locks show%s says who is in the way.",
            s->o->plan.next_options);
}

enum evo_errc evo_failure_locks(const struct evo_session *s, const struct evo_step *step,
                                const struct evo_tries *tries, struct evo_error *err)
{
    const struct evo_error old = *err;
    if (tries->seen.cancelled)
        harmful(s, step, tries, tries->seen.blockers.buf, err);
    else
        unavailable(s, step, tries, tries->seen.blockers.buf, err);
    memcpy(err->sqlstate, old.sqlstate, sizeof(err->sqlstate));
    err->retryable = true;
    err->schema_clean = EVO_YES;
    (void)evo_error_at(err, old.file, old.line);
    propose_again(s, step, err);
    return evo_error_migration(err, step->migration->name);
}

static void add_statement(const struct evo_step *step, size_t i, struct evo_strbuf *out)
{
    const struct evo_sql_statement *st = &step->script.items[i];
    EVO_AUTO_STR summary = evo_sql_summary(step->text.buf + st->start, st->len);
    evo_strbuf_addf(out, "%zu (line %d, %s)", i + 1, st->line, summary);
}

void evo_failure_done(const struct evo_step *step, size_t done, size_t stopped_at, bool known,
                      struct evo_error *err)
{
    if (!done)
        return;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    size_t first = done > NAMED ? done - NAMED : 0;
    evo_strbuf_addf(&text, "Done, and not undone: %zu of %zu statements: ", done, step->script.count);
    if (first)
        evo_strbuf_addf(&text, "1 to %zu, ", first);
    for (size_t i = first; i < done; i++) {
        evo_strbuf_adds(&text, i > first ? ", " : "");
        add_statement(step, i, &text);
    }
    evo_strbuf_adds(&text, ". ");
    if (stopped_at) {
        evo_strbuf_adds(&text, known ? "Stopped at " : "Not known is what became of ");
        add_statement(step, stopped_at - 1, &text);
        evo_strbuf_adds(&text, ". ");
    }
    EVO_AUTO_STR detail = evo_strdup(err->detail);
    (void)evo_error_detail(err, "%s%s", text.buf, detail);
}

void evo_failure_resumable(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    const struct evo_unfinished u = { .down = step->down, .on_record = true, .file = true, .done = 1 };
    const char *name = step->migration->name;
    EVO_AUTO_STR hint = evo_unfinished_hint(&u, name, step->path, s->o->plan.next_options);
    EVO_AUTO_STR correct = err->code == EVO_ERR_PROBE_FALSE ? what_to_correct(step, err) : NULL;
    (void)evo_error_hint(err, "What is done is on record. %s%s%s", correct ? correct : "",
                         correct ? ". " : "", hint);
    propose_again(s, step, err);
}

void evo_failure_unresolved(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    const struct evo_unfinished u = { .down = step->down };
    EVO_AUTO_STR hint = evo_unfinished_hint(&u, step->migration->name, step->path, s->o->plan.next_options);
    (void)evo_error_hint(err, "%s", hint);
    if (err)
        err->next[0] = '\0';
}

void evo_failure_unfinished(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    const struct evo_migration *m = step->migration;
    enum evo_layout_kind kind = s->o->project->kind;
    const char *more = s->o->plan.next_options;
    struct evo_unfinished u;
    evo_unfinished_look(&s->journal, kind, step->down, m->name, m, &u);
    EVO_AUTO_STR hint = evo_unfinished_hint(&u, m->name, step->path, more);
    EVO_AUTO_STR next = evo_unfinished_next(&u, m->name, step->path, more);
    (void)evo_error_hint(err, "%s", hint);
    (void)evo_error_next(err, "%s", next ? next : "");
    if (!u.done)
        return;
    EVO_AUTO(strbuf) done = EVO_STRBUF_INIT;
    EVO_AUTO_STR said = evo_strdup(err->detail);
    evo_unfinished_name_done(&s->journal, kind, step->down, m->name, m, &done);
    (void)evo_error_detail(err, "Done, and not undone: %s. %s", done.buf, said);
}

void evo_failure_judge_clean(const struct evo_session *s, bool started, const struct evo_strvec *done,
                             struct evo_error *err)
{
    if (!err || err->schema_clean != EVO_YES)
        return;
    if (!s->pg) {
        err->schema_clean = EVO_UNKNOWN;
        return;
    }
    enum evo_layout_kind kind = s->o->project->kind;
    for (size_t i = 0; i < s->state.count && err->schema_clean != EVO_NO; i++) {
        const struct evo_state_item *item = &s->state.items[i];
        struct evo_unfinished u;
        bool failed = item->state == EVO_STATE_FAILED, own = started && evo_streq(err->migration, item->name);
        if (own || evo_strvec_contains(done, item->name))
            continue;
        if (!failed && !evo_journal_holds(&s->journal, kind, true, item->name))
            continue;
        evo_unfinished_look(&s->journal, kind, !failed, item->name, item->file, &u);
        enum evo_tristate half = evo_unfinished_is_half(&u);
        if (half != EVO_NO)
            err->schema_clean = half == EVO_YES ? EVO_NO : EVO_UNKNOWN;
    }
}

void evo_failure_logs(const struct evo_error *err, struct evo_strbuf *out)
{
    evo_strbuf_adds(out, err->message);
    if (err->sqlstate[0])
        evo_strbuf_addf(out, " (SQLSTATE %s)", err->sqlstate);
    if (err->detail[0])
        evo_strbuf_addf(out, "\n%s", err->detail);
}
