/*
 * losses.h - rows that a way back would take with it: tables that it drops or drops columns of, and about how many rows they
 * have. For the plan of down; by the words of the statements and the server's estimates, so a warning and no more.
 */
#ifndef EVO_MIGRATION_LOSSES_H
#define EVO_MIGRATION_LOSSES_H

#include "base/error.h"
#include "migration/session.h"
#include "migration/step.h"

/* Adds to the step's warnings. What is not there, or empty, is none. */
enum evo_errc evo_losses_look(struct evo_session *s, struct evo_step *step, struct evo_error *err) EVO_CHECK;

#endif
