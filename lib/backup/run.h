/*
 * run.h - one backup while it is being made: what the parts of it share. For lib/backup/ alone.
 *
 * create.c decides and waits; worker.c copies; pool.c is what both reach into under its lock.
 */
#ifndef EVO_BACKUP_RUN_H
#define EVO_BACKUP_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "backup/create.h"
#include "backup/toc.h"

/* One object to be made. */
struct evo_backup_piece {
    const struct evo_toc_entry *entry; /* NULL: the large objects */
    char *condition; /* "WHERE …" of an extension's configuration table; NULL */
    uint64_t expected; /* bytes on the server's disk */
    uint64_t part_size;
};

struct evo_backup_run {
    const struct evo_backup_options *options;
    struct evo_manifest *manifest; /* objects are added under `lock` */
    char *prefix; /* key of the backup's folder */
    char *pg_dump; /* path */
    char *snapshot;
    char *encoding; /* of the archive; NULL: UTF8 */
    struct evo_toc toc;
    struct evo_strvec written; /* keys of objects that may be there, under `lock` */

    struct evo_backup_piece *pieces; /* in the order of work */
    size_t count, alloc;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next; /* piece */
    size_t *leftover; /* pieces for the holder */
    size_t leftovers, leftover_next;
    int running; /* workers */
    uint64_t budget; /* memory for parts that is free */
    enum evo_errc rc; /* the first failure */
    struct evo_error error;

    atomic_bool stop;
    atomic_ullong raw_bytes;
    atomic_ullong pieces_done;
};

/* pool.c: each takes the lock. */
void evo_run_init(struct evo_backup_run *run);
void evo_run_release(struct evo_backup_run *run);
/* The first failure ends the run: everybody stops at the next row. */
void evo_run_fail(struct evo_backup_run *run, enum evo_errc rc, const struct evo_error *err);
/* The next piece for a worker; NULL when there is none or the run ends. */
struct evo_backup_piece *evo_run_take(struct evo_backup_run *run);
/* A piece that only the holder can copy. */
void evo_run_leave(struct evo_backup_run *run, const struct evo_backup_piece *piece);
/* For the holder: the next such piece; waits at most `ms` for one. *ret_done: workers have ended and none is left. */
struct evo_backup_piece *evo_run_take_left(struct evo_backup_run *run, int ms, bool *ret_done);
void evo_run_worker_ended(struct evo_backup_run *run);
/* Waits until that much of the budget is free; false when the run ends. */
bool evo_run_reserve(struct evo_backup_run *run, uint64_t bytes);
void evo_run_unreserve(struct evo_backup_run *run, uint64_t bytes);
/* An object of this name may be in the store from now on: it is removed when the run does not end well, also where its
 * commit failed only after it had appeared. */
void evo_run_begun(struct evo_backup_run *run, const char *name);
/* An object is in the store: takes over what o points to. */
void evo_run_written(struct evo_backup_run *run, const struct evo_backup_object *o);

/* worker.c: thread of a worker (argument: the run), and one piece on a given session. EVO_ERR_LOCK_UNAVAILABLE from
 * evo_worker_copy with nowait: the table's lock was not to be had, nothing was written. */
void *evo_worker_main(void *argument);
enum evo_errc evo_worker_copy(struct evo_backup_run *run, struct evo_pg *pg,
                              const struct evo_backup_piece *piece, bool nowait,
                              struct evo_error *err) EVO_CHECK;

/* large_objects.c: writes lo.dump. */
enum evo_errc evo_large_objects_dump(struct evo_backup_run *run, const struct evo_backup_piece *piece,
                                     struct evo_error *err) EVO_CHECK;

#endif
