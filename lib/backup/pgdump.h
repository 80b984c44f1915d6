/*
 * pgdump.h - a running pg_dump whose archive is read from a pipe.
 *
 * Connection values reach it by the environment only. Its messages are collected, not shown; where it ends by itself
 * before it gave what was wanted, they become the error.
 */
#ifndef EVO_BACKUP_PGDUMP_H
#define EVO_BACKUP_PGDUMP_H

#include "base/process.h"
#include "pg/conninfo.h"

struct evo_pgdump {
    struct evo_process process;
    int messages; /* memory file that is its stderr; -1 */
};
#define EVO_PGDUMP_INIT                             \
    {                                               \
        .process = EVO_PROCESS_INIT, .messages = -1 \
    }

/* Starts `path` with the arguments behind it (NULL-terminated) in a custom-format dump under `snapshot`. Unbuffered, where the
 * system has stdbuf (GNU coreutils): what it writes is in the pipe at once. */
enum evo_errc evo_pgdump_start(struct evo_pgdump *d, const char *path, const struct evo_conninfo *info,
                               const char *snapshot, const char *const *arguments, bool unbuffered,
                               struct evo_error *err) EVO_CHECK;
/* An evo_toc_fill: what is in the pipe, at most size bytes; 0 at its end. EVO_ERR_CANCELLED on a cancel. */
enum evo_errc evo_pgdump_fill(void *pgdump, void *buf, size_t size, size_t *ret_n,
                              struct evo_error *err) EVO_CHECK;
/* Waits for its end: anything but exit status 0 is an error made from its messages. */
enum evo_errc evo_pgdump_finish(struct evo_pgdump *d, struct evo_error *err) EVO_CHECK;
/* Its end was not the end of the archive: EVO_ERR_LOCK_UNAVAILABLE, EVO_ERR_PERMISSION, EVO_ERR_NOT_FOUND (a pattern that names nothing) or EVO_ERR_DATABASE by its messages. */
enum evo_errc evo_pgdump_failed(struct evo_pgdump *d, struct evo_error *err);
/* Ends it: TERM, on which it cancels its query at the server, and KILL where it does not listen. */
void evo_pgdump_release(struct evo_pgdump *d);
EVO_DEFINE_AUTO(pgdump);

#endif
