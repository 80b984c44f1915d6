/*
 * run.h - one backup while it is being made: what the parts of it share. For lib/backup/ alone.
 *
 * create.c decides and waits; pieces.c says what is to be copied; worker.c copies; finish.c writes what is not rows;
 * pool.c is what all reach into under its lock.
 */
#ifndef EVO_BACKUP_RUN_H
#define EVO_BACKUP_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "backup/create.h"
#include "backup/output.h"
#include "backup/parts.h"
#include "backup/running.h"
#include "backup/toc.h"

/* One COPY to be made, of a table or of a range of its blocks; it becomes one object, or several where one would grow too
 * large. */
struct evo_backup_piece {
    const struct evo_toc_entry *entry; /* NULL: the large objects */
    char *condition; /* "WHERE …" of an extension's configuration table; NULL */
    uint64_t expected; /* bytes on the server's disk */
    int32_t dump_id; /* of its first object */
    bool ranged;
    uint32_t range; /* which one of the table, from 0 */
    uint32_t from_block, to_block; /* to_block 0: to the end */
};

/* An object with rows that was written, of which table and which place among its objects. */
struct evo_backup_written {
    int32_t entry_id, dump_id;
    uint32_t range, turn;
};

struct evo_backup_run {
    const struct evo_backup_options *options;
    struct evo_manifest *manifest; /* objects are added under `lock` */
    struct evo_output_options output;
    enum evo_codec codec; /* of the rows */
    struct evo_rate rate;
    char *prefix; /* key of the backup's folder */
    struct evo_running *running_mark; /* NULL: none so far */
    char *pg_dump; /* path */
    char *snapshot;
    char *encoding; /* of the archive; NULL: UTF8 */
    struct evo_toc toc; /* its entries stay where they are until all rows are copied */
    struct evo_strbuf catalog; /* readable form of the schema's fingerprint */
    struct evo_strvec written; /* keys of objects that may be there, under `lock` */

    struct evo_backup_piece *pieces; /* in the order of work */
    size_t count, alloc;
    uint64_t expected_total;
    size_t tables;
    atomic_uint *left; /* by the place in toc.items: pieces of that table that are not done */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next; /* piece */
    size_t *leftover; /* pieces for the holder */
    size_t leftovers, leftover_next;
    int running; /* workers */
    uint64_t budget; /* memory for parts that is free */
    struct evo_backup_written *rows; /* under `lock` */
    size_t rows_count, rows_alloc;
    enum evo_errc rc; /* the first failure */
    struct evo_error error;

    atomic_bool stop;
    atomic_int next_id; /* dump ids that are free */
    atomic_ullong raw_bytes;
    atomic_ullong expected_done; /* of the pieces that are done */
    atomic_ullong raw_done; /* raw bytes of the same */
    atomic_size_t tables_done;
};

/* pool.c: each takes the lock. */
void evo_run_init(struct evo_backup_run *run);
void evo_run_release(struct evo_backup_run *run);
/* The first failure ends the run: everybody stops at the next row. */
void evo_run_fail(struct evo_backup_run *run, enum evo_errc rc, const struct evo_error *err);
/* The next piece for a worker, and with it up to *ret_count - 1 that follow, where all are small: so many tables share
 * the round trips of one lock. NULL when there is none or the run ends. */
struct evo_backup_piece *evo_run_take(struct evo_backup_run *run, size_t *ret_count);
/* A piece that only the holder can copy. */
void evo_run_leave(struct evo_backup_run *run, const struct evo_backup_piece *piece);
/* For the holder: the next such piece; waits at most `ms` for one. *ret_done: workers have ended and none is left. */
struct evo_backup_piece *evo_run_take_left(struct evo_backup_run *run, int ms, bool *ret_done);
void evo_run_worker_ended(struct evo_backup_run *run);
/* Waits until the memory for an object on its way is free; false when the run ends. */
bool evo_run_reserve(struct evo_backup_run *run);
void evo_run_unreserve(struct evo_backup_run *run);
/* An object of this name may be in the store from now on: it is removed when the run does not end well, also where its
 * commit failed only after it had appeared. */
void evo_run_begun(struct evo_backup_run *run, const char *name);
/* An object is in the store: takes over what o points to. rows (may be NULL) is copied. */
void evo_run_written(struct evo_backup_run *run, const struct evo_backup_object *o,
                     const struct evo_backup_written *rows);
void evo_run_piece_done(struct evo_backup_run *run, const struct evo_backup_piece *piece, uint64_t raw_bytes);

/* pieces.c: what there is to copy, longest first. */
enum evo_errc evo_run_plan(struct evo_backup_run *run, struct evo_error *err) EVO_CHECK;

/* worker.c: thread of a worker (argument: the run), and one piece on a given session. EVO_ERR_LOCK_UNAVAILABLE from
 * evo_worker_copy with nowait: the table's lock was not to be had, nothing was written. */
void *evo_worker_main(void *argument);
enum evo_errc evo_worker_copy(struct evo_backup_run *run, struct evo_pg *pg,
                              const struct evo_backup_piece *piece, bool nowait,
                              struct evo_error *err) EVO_CHECK;

/* large_objects.c: writes lo.dump. */
enum evo_errc evo_large_objects_dump(struct evo_backup_run *run, const struct evo_backup_piece *piece,
                                     struct evo_error *err) EVO_CHECK;

/* finish.c: what is not rows, a look at the store, and the manifest; and taking all of it back. */
enum evo_errc evo_run_finish(struct evo_backup_run *run, struct evo_error *err) EVO_CHECK;
void evo_run_take_back(struct evo_backup_run *run);

#endif
