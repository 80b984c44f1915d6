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

#include "status/status.h"

struct evo_status_row {
    const char *name;
    const char *fail_on;
    enum evo_status_verdict otherwise; /* of a finding that --fail-on does not name */
    enum evo_errc code;
    void (*check)(const struct evo_status_view *v, struct evo_status_check *c);
};
extern const struct evo_status_row evo_status_rows[];
extern const size_t evo_status_rows_count;

/* Does evo.journal hold statements of this migration? suffix "": of its way up, " down": of its way back. */
bool evo_status_has_checkpoints(const struct evo_status_view *v, const char *name, const char *suffix);

#endif
