/*
 * schedule.h - which piece of work a free session takes next. Pure.
 *
 * Pieces need other pieces to be done first, and lock tables: shared (others that share it may run beside it) or alone.
 * A piece is handed out only when all it needs is done and its locks are free, so that no session ever waits for another
 * one in the server, and nothing can deadlock there. Where hundreds that could run wait for a lock, a session waits as well,
 * until one of those that run is done: looking at all of them each time would take longer than what they do. Of those, the one goes first from which the longest way leads to the
 * end: its own cost and the costliest chain of pieces that need it (list scheduling by critical path). So a table with
 * many indexes is begun early, and what is long runs while what is short still can run beside it.
 *
 *	size_t rows = evo_schedule_add(s, raw_bytes);
 *	size_t key = evo_schedule_add(s, raw_bytes / 4);
 *	evo_schedule_need(s, key, rows);
 *	evo_schedule_lock(s, key, table, EVO_SCHEDULE_ALONE);
 *	rc = evo_schedule_begin(s, err);
 *	while (evo_schedule_take(s, &piece)) { … evo_schedule_finish(s, piece); }
 *
 * Not for several threads at once: the caller locks.
 */
#ifndef EVO_BACKUP_SCHEDULE_H
#define EVO_BACKUP_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum evo_schedule_lock { EVO_SCHEDULE_SHARED, EVO_SCHEDULE_ALONE };

struct evo_schedule;
struct evo_schedule *evo_schedule_new(void) EVO_CHECK;
void evo_schedule_free(struct evo_schedule *s);
EVO_DEFINE_AUTO_PTR(schedule, evo_schedule_free);

/* A piece of that cost, in any unit. Pieces count from 0. */
size_t evo_schedule_add(struct evo_schedule *s, uint64_t cost);
/* `piece` comes behind `other`. */
void evo_schedule_need(struct evo_schedule *s, size_t piece, size_t other);
/* While it runs, `piece` holds a lock on `table`, a small number of the caller's. The same table twice: the stronger
 * lock counts. */
void evo_schedule_lock(struct evo_schedule *s, size_t piece, size_t table, enum evo_schedule_lock how);

/* No more pieces from here on. EVO_ERR_INTEGRITY where pieces need each other in a circle. */
enum evo_errc evo_schedule_begin(struct evo_schedule *s, struct evo_error *err) EVO_CHECK;
/* The next piece. False: none can run now, because all are done or what is left waits for those that run. */
bool evo_schedule_take(struct evo_schedule *s, size_t *ret_piece);
void evo_schedule_finish(struct evo_schedule *s, size_t piece);
/* Pieces that have not been finished. */
size_t evo_schedule_left(const struct evo_schedule *s);
size_t evo_schedule_count(const struct evo_schedule *s);

#endif
