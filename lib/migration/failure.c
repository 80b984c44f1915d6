#include "migration/failure.h"

#include <inttypes.h>

#include "base/quote.h"

static const char *verb(const struct evo_step *step)
{
    return step->down ? "down" : "up";
}

/* The same command again. */
static void propose_again(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    (void)evo_error_next(err, "evo-migrate %s%s", verb(step), s->o->plan.next_options);
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
    else if (clean == EVO_YES && !err->hint[0])
        (void)evo_error_hint(err, "Nothing was changed. Correct %s%s, then: evo-migrate %s%s", step->path,
                             err->code == EVO_ERR_PROBE_FALSE ? " or its probe" : "", verb(step),
                             s->o->plan.next_options);
    if (err->code != EVO_ERR_LOCK_UNAVAILABLE)
        err->code = EVO_ERR_MIGRATION_FAILED;
    return evo_error_prefix(err, "%s \"%s\" failed", what, name);
}

enum evo_errc evo_failure_locks(const struct evo_session *s, const struct evo_step *step, int64_t tries,
                                const char *blockers, struct evo_error *err)
{
    EVO_AUTO_STR said = evo_strdup(err->message);
    EVO_AUTO_STR detail = evo_strdup(err->detail);
    const struct evo_error old = *err;
    (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE,
                        "%s \"%s\" did not get its locks in %" PRId64 " %s: %s",
                        step->down ? "rollback of migration" : "migration", step->migration->name, tries,
                        tries == 1 ? "try" : "tries", said);
    memcpy(err->sqlstate, old.sqlstate, sizeof(err->sqlstate));
    err->retryable = true;
    err->schema_clean = EVO_YES;
    if (blockers[0])
        (void)evo_error_detail(err, "In the way: %s. %s", blockers, detail);
    else
        (void)evo_error_detail(err, "%s", detail);
    (void)evo_error_hint(err,
                         "Nothing was changed. Try at a quieter time, with a higher --lock-retries, or end "
                         "what is in the way: SELECT pg_terminate_backend(PID);");
    (void)evo_error_at(err, old.file, old.line);
    propose_again(s, step, err);
    return evo_error_migration(err, step->migration->name);
}

void evo_failure_resumable(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_quote_shell(step->migration->name);
    if (step->down)
        (void)evo_error_hint(err,
                             "What is done is on record. Remove the cause, then go on where it stopped: "
                             "evo-migrate down%s",
                             s->o->plan.next_options);
    else
        (void)evo_error_hint(
            err,
            "What is done is on record. Remove the cause (the statements that are done must "
            "stay as they are), then go on where it stopped: evo-migrate up%s. To start over "
            "instead, undo by hand what is done, then: evo-migrate resolve --rolled-back %s%s",
            s->o->plan.next_options, name, s->o->plan.next_options);
    propose_again(s, step, err);
}

void evo_failure_unresolved(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_quote_shell(step->migration->name);
    const char *more = s->o->plan.next_options;
    if (step->down) {
        (void)evo_error_hint(err,
                             "Look at the schema: %s is not one transaction, and a part of it may have been "
                             "done. Undo that part, then: evo-migrate down%s",
                             step->path, more);
        return;
    }
    (void)evo_error_hint(
        err,
        "Look at the schema: if all of the file is there: evo-migrate resolve --applied %s%s. If "
        "none of it is there (any more): evo-migrate resolve --rolled-back %s%s, and then "
        "evo-migrate up%s.",
        name, more, name, more, more);
    (void)evo_error_next(err, "evo-migrate resolve --rolled-back %s%s", name, more);
}

void evo_failure_logs(const struct evo_error *err, struct evo_strbuf *out)
{
    evo_strbuf_adds(out, err->message);
    if (err->sqlstate[0])
        evo_strbuf_addf(out, " (SQLSTATE %s)", err->sqlstate);
    if (err->detail[0])
        evo_strbuf_addf(out, "\n%s", err->detail);
}
