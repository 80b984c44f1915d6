/*
 * select.h - which migrations are verified where none are named. Pure, but for reading what it is given.
 *
 * The last run is, in this order:
 *   1. what the newest `migrate up` (or `migrate down`) of the run directory says it did; also where that is nothing.
 *   2. what the ledger shows of the newest run. No ledger numbers its runs, but a run works without a pause: going
 *      back from the newest migration, one belongs to the run while the next one was started at most
 *      EVO_VERIFY_PAUSE_MS after it was finished. For `down`, while the next was rolled back that soon after it.
 * What was rolled back, or applied again, since is left out.
 */
#ifndef EVO_VERIFY_SELECT_H
#define EVO_VERIFY_SELECT_H

#include "base/strvec.h"
#include "layout/ledger.h"
#include "layout/state.h"
#include "result/rundir.h"

enum evo_verify_direction { EVO_VERIFY_UP, EVO_VERIFY_DOWN };

/* A longer pause than this parts two runs. */
enum { EVO_VERIFY_PAUSE_MS = 60000 };

/* Each appends names in the order in which the migrations were applied (or rolled back). */

/* False, and nothing appended, where there is no envelope of the command. */
bool evo_verify_from_rundir(const struct evo_rundir *rundir, enum evo_verify_direction direction,
                            struct evo_strvec *names);
void evo_verify_from_ledger(const struct evo_ledger *ledger, enum evo_verify_direction direction,
                            struct evo_strvec *names);
/* All: for `up` every migration that is applied, for `down` every one that is not, the last first. */
void evo_verify_from_state(const struct evo_state *state, enum evo_verify_direction direction,
                           struct evo_strvec *names);

#endif
