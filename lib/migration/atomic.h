/*
 * atomic.h - `up --atomic`: may all that is pending run in one transaction? Asked before anything is started.
 */
#ifndef EVO_MIGRATION_ATOMIC_H
#define EVO_MIGRATION_ATOMIC_H

#include "base/error.h"
#include "migration/step.h"

/* EVO_ERR_USAGE, with each that cannot and why, schema clean: a file that must run statement by statement, or handles
 * transactions itself, or was begun by an earlier run; any at all where the layout's own tool applies them. Pure. */
enum evo_errc evo_atomic_check(enum evo_layout_kind kind, const struct evo_step *steps, size_t count,
                               const char *next_options, struct evo_error *err) EVO_CHECK;

#endif
