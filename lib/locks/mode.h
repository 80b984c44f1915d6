/*
 * mode.h - the eight modes of a table lock, and which of them keep each other waiting. Pure.
 *
 * Source: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES (table 13.2), and for the names
 * that pg_locks shows src/backend/utils/adt/lockfuncs.c.
 */
#ifndef EVO_LOCKS_MODE_H
#define EVO_LOCKS_MODE_H

#include <stdbool.h>

/* In the order of their strength. */
enum evo_lock_mode {
    EVO_LOCK_NONE, /* not a mode of a table lock */
    EVO_LOCK_ACCESS_SHARE,
    EVO_LOCK_ROW_SHARE,
    EVO_LOCK_ROW_EXCLUSIVE,
    EVO_LOCK_SHARE_UPDATE_EXCLUSIVE,
    EVO_LOCK_SHARE,
    EVO_LOCK_SHARE_ROW_EXCLUSIVE,
    EVO_LOCK_EXCLUSIVE,
    EVO_LOCK_ACCESS_EXCLUSIVE
};

/* "AccessExclusiveLock" as the server shows it, or "ACCESS EXCLUSIVE" as SQL says it. NULL and other texts: NONE. */
enum evo_lock_mode evo_lock_mode_parse(const char *text);
/* "ACCESS EXCLUSIVE"; "" for NONE. */
const char *evo_lock_mode_name(enum evo_lock_mode mode);
/* Whether one who asks for `a` waits for one who holds `b`; symmetric. False where either is NONE. */
bool evo_lock_modes_conflict(enum evo_lock_mode a, enum evo_lock_mode b);

#endif
