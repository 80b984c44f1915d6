/*
 * running.h - the mark of a backup that is being made: RUNNING.txt in its folder, so that gc (gc.h) leaves it alone
 * however short the grace time is.
 *
 * It is there before the first object is, and is written anew every EVO_RUNNING_RENEW_MS by a thread of its own, whatever
 * the others are at. It goes when the manifest is there, or with what is taken back. A run that was killed leaves it
 * behind, and it grows old: from EVO_RUNNING_STALE_MS on it protects nothing. (Times as restic has them for its locks.)
 * Between the two there is room for some renewals that fail, and for two clocks that are 15 minutes apart.
 *
 * The mark is no object of the backup: the manifest does not name it, and verify, export and restore do not look at it. So
 * where it cannot be removed (a role that may only write) it stays beside a complete backup, and does no harm there.
 * It is put without the Object Lock and storage class of the objects. A bucket that locks whatever is put into it by a rule
 * of its own keeps each version of the mark, some 300 bytes every five minutes, until the lock ends; the removal hides them.
 */
#ifndef EVO_BACKUP_RUNNING_H
#define EVO_BACKUP_RUNNING_H

#include "base/task.h"
#include "store/store.h"

#define EVO_RUNNING_RENEW_MS ((int64_t)5 * 60 * 1000)
#define EVO_RUNNING_STALE_MS ((int64_t)30 * 60 * 1000)

struct evo_running;
/* Puts the mark into the folder whose key is `prefix` (borrowed strings are copied), and has it renewed from then on. A
 * first mark that cannot be put is an error: then nothing else could be. */
enum evo_errc evo_running_begin(struct evo_store *store, const char *prefix, const char *id, int64_t renew_ms,
                                struct evo_task *task, struct evo_running **ret,
                                struct evo_error *err) EVO_CHECK;
/* Ends the renewing, and frees; NULL is fine. `done`: the manifest is there, and the mark is removed, if it may be. */
void evo_running_end(struct evo_running *r, bool done);

#endif
