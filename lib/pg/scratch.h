/*
 * scratch.h - a PostgreSQL cluster for the moment: made, used and removed by evo itself, for restore drills and round
 * trips of migrations.
 *
 * It lives in a folder of its own, "evo-scratch.XXXXXX" (0700), and listens on a unix socket in there, on nothing else;
 * who can reach the folder is its superuser. The server is a direct child and dies with the thread that started it, also
 * by kill -9: start it from the thread that lives longest. It gets nothing of the caller's environment but PATH and the
 * like, since what is restored into it may run programs. Nothing is flushed to disk: a crash of the machine loses it.
 *
 * PostgreSQL refuses to run as root: root's scratch clusters belong to the user "postgres".
 *
 * A folder whose owner was killed is removed by the next start in the same parent. It is known by the lock on
 * "owner.pid" in it, which nobody holds any more.
 *
 *	EVO_AUTO_PTR(scratch) scratch = NULL;
 *	rc = evo_scratch_start(&(struct evo_scratch_options){ .major = 15 }, &scratch, err);
 *	if (!rc)
 *	    rc = evo_pg_open(evo_scratch_conninfo(scratch), NULL, &pg, err);
 */
#ifndef EVO_PG_SCRATCH_H
#define EVO_PG_SCRATCH_H

#include "base/task.h"
#include "pg/conninfo.h"

struct evo_scratch;

struct evo_scratch_options {
    int major; /* at least; found as pg/tools.h finds programs: EVO_PG_BINDIR, packages' folders, PATH */
    const char *parent; /* the folder is made in here; NULL: TMPDIR, else /tmp */
    const char *encoding; /* of template0 and template1; NULL: UTF8 */
    const char *collate, *ctype; /* names of locales; NULL: C */
    struct evo_task *task;
};

/* Makes the cluster and returns when it answers (about a second). EVO_ERR_UNSUPPORTED: no server programs (the hint
 * names the package), no user "postgres" for root, or initdb or the server failed (their last lines are the detail);
 * EVO_ERR_DISK: no room, or no folder; EVO_ERR_CANCELLED within 2 s. On failure nothing is left. */
enum evo_errc evo_scratch_start(const struct evo_scratch_options *o, struct evo_scratch **ret,
                                struct evo_error *err) EVO_CHECK;

/* Its superuser, on database "postgres". Borrowed. */
const struct evo_conninfo *evo_scratch_conninfo(const struct evo_scratch *s);
/* Its server's major version. */
int evo_scratch_major(const struct evo_scratch *s);

/* Ends the server at once, with whatever it is doing, and removes the folder. NULL does nothing. Works after a cancel
 * as well. */
void evo_scratch_stop(struct evo_scratch *s);
EVO_DEFINE_AUTO_PTR(scratch, evo_scratch_stop);

#endif
