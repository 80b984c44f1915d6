#include "migration/atomic.h"

/* Migrations that the message gives reasons for; of the others it says how many there are. */
#define NAMED 5

/* The statement for which it cannot be one transaction; NULL where the file itself says so. */
static const struct evo_sql_statement *obstacle(const struct evo_step *step)
{
    enum evo_sql_kind wanted = step->mode == EVO_STEP_AS_IS ? EVO_SQL_TRANSACTION : EVO_SQL_NO_TRANSACTION;
    for (size_t i = 0; i < step->script.count; i++)
        if (step->script.items[i].kind == wanted)
            return &step->script.items[i];
    return NULL;
}

/* Why not, as a clause; the caller frees. */
static char *reason(const struct evo_step *step)
{
    if (step->resume)
        return evo_strdup("was begun by an earlier run, and goes on where that stopped");
    const struct evo_sql_statement *s = obstacle(step);
    if (!s)
        return evo_strdup("says itself that it is to run without one (evo:no-transaction)");
    EVO_AUTO_STR summary = evo_sql_summary(step->text.buf + s->start, s->len);
    return step->mode == EVO_STEP_AS_IS
               ? evo_asprintf("begins or ends transactions itself (line %d: %s)", s->line, summary)
               : evo_asprintf("holds a statement that cannot run in one (line %d: %s)", s->line, summary);
}

static enum evo_errc refuse_delegated(enum evo_layout_kind kind, const char *next_options,
                                      struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_USAGE,
                        "cannot apply migrations of layout \"%s\" in one transaction: its own tool runs them",
                        evo_layout_name(kind));
    (void)evo_error_hint(err, "Apply them without --atomic: evo-migrate up%s", next_options);
    return evo_error_next(err, "evo-migrate up%s", next_options);
}

enum evo_errc evo_atomic_check(enum evo_layout_kind kind, const struct evo_step *steps, size_t count,
                               const char *next_options, struct evo_error *err)
{
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) reasons = EVO_STRBUF_INIT;
    const struct evo_step *first = NULL;
    size_t found = 0;
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; i < count; i++) {
        const struct evo_step *step = &steps[i];
        if (step->mode == EVO_STEP_TRANSACTION && !step->resume)
            continue;
        if (!first)
            first = step;
        if (++found > NAMED)
            continue;
        EVO_AUTO_STR why = reason(step);
        evo_strbuf_addf(&names, "%s\"%s\"", names.len ? ", " : "", step->migration->name);
        evo_strbuf_addf(&reasons, "%s\"%s\" %s.", reasons.len ? " " : "", step->migration->name, why);
    }
    if (count && evo_layout_of(kind)->delegated) {
        rc = refuse_delegated(kind, next_options, err);
    } else if (first) {
        if (found > NAMED)
            evo_strbuf_addf(&names, " and %zu more", found - NAMED);
        (void)evo_error_set(
            err, EVO_ERR_USAGE,
            "cannot apply %zu migration%s in one transaction because of %s: nothing was started", count,
            count == 1 ? "" : "s", names.buf);
        (void)evo_error_detail(err, "%s", reasons.buf);
        (void)evo_error_hint(err,
                             "Apply what comes before it with --atomic and --to, and the rest without: "
                             "evo-migrate up%s",
                             next_options);
        (void)evo_error_at(err, first->path, 0);
        (void)evo_error_next(err, "evo-migrate up%s", next_options);
        rc = evo_error_migration(err, first->migration->name);
    }
    if (rc && err)
        err->schema_clean = EVO_YES;
    return rc;
}
