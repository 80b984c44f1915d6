/*
 * drift.h - what other hands changed of the schema since a run recorded it, and what became of that.
 *
 * The record of a schema (schema_log.h) is what the last run left. A run that begins upon a schema which differs from it
 * records the new one as well; lest the difference be swallowed by that, it is written down here (evo.drift,
 * lib/schema/drift.sql), and stays open until somebody accepts it (`evo-migrate resolve --drift`), or until it is gone: a
 * line that was too much ("+ ") is not in the schema any more, or one that was lacking ("- ") is back. A line that a later
 * migration changes counts as gone.
 */
#ifndef EVO_LAYOUT_DRIFT_H
#define EVO_LAYOUT_DRIFT_H

#include "layout/schema_log.h"

/* Lines of a difference that are kept. */
#define EVO_DRIFT_LINES 200

struct evo_drift_row {
    int64_t id;
    char *migration; /* the first that was run upon it; NULL: none is known */
    char *expected; /* fingerprint */
    struct evo_strvec lines; /* of evo_catalog_diff(); none where what was expected is not kept */
    int64_t total; /* 0: not known */
    int64_t found_ms; /* wall */
};
struct evo_drift_log {
    struct evo_drift_row *items; /* oldest first */
    size_t count, alloc;
};
void evo_drift_log_release(struct evo_drift_log *l);
EVO_DEFINE_AUTO(drift_log);

/* The rows that nobody has accepted. No table: none. */
enum evo_errc evo_drift_load(struct evo_pg *pg, const struct evo_ledger *l, struct evo_drift_log *ret,
                             struct evo_error *err) EVO_CHECK;
/* Appends the lines of row that are still true of the schema. *ret_open: some are, or, where not all are kept, it is not
 * what was expected. Pure. */
void evo_drift_left(const struct evo_drift_row *row, const struct evo_schema *now, struct evo_strvec *lines,
                    bool *ret_open);

/* The schema now, in a transaction of its own that waits for no lock longer than a second. */
enum evo_errc evo_drift_look(struct evo_pg *pg, struct evo_task *task, struct evo_schema *ret,
                             struct evo_error *err) EVO_CHECK;
/* What `now` and the recorded schema do not share: at most `max` lines, and how many there are. Nothing where the recorded
 * readable form is not kept. */
enum evo_errc evo_drift_explain(struct evo_pg *pg, const struct evo_ledger *l, const char *recorded,
                                const struct evo_schema *now, size_t max, struct evo_strvec *lines,
                                size_t *ret_total, struct evo_error *err) EVO_CHECK;

/* One row more; makes the table where it is missing. migration may be NULL. Outside a transaction only. */
enum evo_errc evo_drift_write(struct evo_pg *pg, const struct evo_ledger *l, const char *migration,
                              const char *expected, const char *found, const struct evo_strvec *lines,
                              size_t total, struct evo_error *err) EVO_CHECK;
/* All that is open is as it should be. */
enum evo_errc evo_drift_accept(struct evo_pg *pg, const struct evo_ledger *l,
                               struct evo_error *err) EVO_CHECK;

#endif
