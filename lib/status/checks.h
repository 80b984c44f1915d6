/*
 * checks.h - inside this folder only: the table of checks.
 *
 * Adding one is adding a row in checks.c: its name, the value of --fail-on that makes it fail (NULL: none), what it is
 * otherwise, the error it becomes, and a pure function that fills `c` where there is something to say. A function that
 * finds nothing to complain about leaves c->verdict EVO_STATUS_OK and says in one line how things are; one that does
 * sets EVO_STATUS_WARN, and the table decides what becomes of it.
 */
#ifndef EVO_STATUS_CHECKS_H
#define EVO_STATUS_CHECKS_H

#include "base/parse.h"
#include "status/status.h"

struct evo_status_row {
    const char *name;
    const char *fail_on; /* a word of --fail-on, or several with commas between */
    enum evo_status_verdict otherwise; /* of a finding that --fail-on does not name */
    enum evo_errc code;
    void (*check)(const struct evo_status_view *v, struct evo_status_check *c);
};
extern const struct evo_status_row evo_status_rows[];
extern const size_t evo_status_rows_count;

/* The rows' functions that are not in checks.c: checks_server.c and checks_before.c. */
void evo_status_check_lock(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_blockers(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_connections(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_standbys(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_extensions(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_size(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_indexes(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_constraints(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_backfills(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_drift(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_staging(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_rollback(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_notify(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_folder(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_dump(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_store(const struct evo_status_view *v, struct evo_status_check *c);
void evo_status_check_backup(const struct evo_status_view *v, struct evo_status_check *c);

/* What they say it with. */
#define FINE(...)    evo_status_say(c, EVO_STATUS_OK, evo_asprintf(__VA_ARGS__))
#define FINDING(...) evo_status_say(c, EVO_STATUS_WARN, evo_asprintf(__VA_ARGS__))
/* Takes message over. */
void evo_status_say(struct evo_status_check *c, enum evo_status_verdict verdict, char *message);
/* What an error says, as a finding. */
void evo_status_repeat(struct evo_status_check *c, const struct evo_error *e);
/* "3 minutes", or "an unknown time". */
const char *evo_status_since(int64_t age_ms, char buf[EVO_HUMAN_MAX]);
/* " (and 2 more)" of three; "". The caller frees. */
char *evo_status_more(size_t count) EVO_CHECK;
/* psql on the database that evo looks at, whatever PGHOST and PGDATABASE say. The caller frees. */
char *evo_status_psql(const struct evo_status_view *v, const char *fmt, ...) EVO_PRINTF(2, 3) EVO_CHECK;

/* What is known of one that was begun and not finished; down: of its way back. */
void evo_status_unfinished_of(const struct evo_status_view *v, const struct evo_state_item *item, bool down,
                              struct evo_unfinished *ret);
/* A migration failed, stopped half-way, or is half rolled back: the schema is in no state to be recorded as right. */
bool evo_status_is_half_applied(const struct evo_status_view *v);

#endif
