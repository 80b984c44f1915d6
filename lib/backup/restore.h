/*
 * restore.h - bringing a backup back, straight from the store.
 *
 * pg_restore makes the schema from the table of contents alone; then `jobs` sessions load the tables by COPY from the
 * store and check each object as it passes (object.h): a COPY whose object lied is never ended, so nothing of it is
 * loaded. The same sessions make a table's indexes and constraints as soon as its last row is in, while others still
 * load (worklist.h). pg_restore then sets sequences, makes what is left, refreshes views and grants; large objects come
 * from lo.dump. Nothing touches the local disk.
 *
 * Of a part of the backup only the objects of that part are looked at and read. When all is there, the tables are analyzed
 * (analyze.h).
 *
 * A database that holds anything is not restored into unless the caller says so, and none that holds a name of the
 * backup's, unless --clean says that these are dropped first, in the transaction that puts the backup's in their place
 * (clean.h). Into a database that is there already the schema comes in one transaction, where the server's lock table has
 * room for that. What fails is taken back where the target was made here (it is dropped) or was empty (target.h); else
 * the task is told what is there.
 */
#ifndef EVO_BACKUP_RESTORE_H
#define EVO_BACKUP_RESTORE_H

#include "backup/find.h"
#include "base/strvec.h"
#include "pg/conn.h"

struct evo_restore_options {
    struct evo_store *store;
    const struct evo_backup *backup;
    const struct evo_conninfo *target;
    const struct evo_strvec *tables, *schemas; /* NULL or empty: all (select.h) */
    const char *role; /* SET ROLE first; NULL: none */
    bool create; /* make the target database */
    bool clean; /* drop what the backup brings first; with into_existing */
    bool into_existing; /* it may hold something */
    bool data_only; /* rows into tables that are there */
    bool schema_only;
    bool no_owner;
    bool no_privileges; /* grant nothing: pg_restore's --no-privileges */
    int64_t lock_timeout_ms; /* for what --clean drops and others hold; 0: 60 s */
    bool no_privileged; /* leave out what only a superuser may make, and name it */
    bool no_analyze;
    bool globals; /* first make the roles that the server lacks */
    bool dry_run; /* check everything, change nothing */
    bool disposable; /* the caller drops the target, whatever comes: what fails is not taken back */
    int archive_minor; /* give pg_restore an archive of version 1.minor; 0: what it needs */
    uint64_t maintenance_work_mem; /* bytes, for indexes and keys; 0: the server's own */
    int jobs; /* 0: by the number of processors, and with `clean` one (clean.h) */
    struct evo_task *task;
};
struct evo_restored_table {
    char *name; /* "public.orders" */
    int64_t rows;
};
/* An object that is there, and would be dropped with all that is part of it. */
struct evo_doomed {
    char *kind, *name; /* "TABLE", "public.orders" */
    int64_t rows; /* what the server thinks; -1: it does not know, or there are none */
    int64_t bytes; /* on its disk, with indexes and TOAST; -1: it takes none */
};
struct evo_restoration {
    char *target; /* redacted */
    struct evo_restored_table *tables; /* in the order of their names */
    size_t count, alloc;
    int64_t rows;
    struct evo_doomed *drops; /* what --clean would drop, in a dry run */
    size_t drops_count, drops_alloc;
    struct evo_strvec skipped; /* entries that were left out, each with its reason */
    uint64_t raw_bytes; /* COPY text of the tables asked for */
    uint64_t read_bytes; /* what of the store is read for it */
    char *tool; /* path of the pg_restore that is used; NULL: not found so far */
};
void evo_restoration_release(struct evo_restoration *r);
EVO_DEFINE_AUTO(restoration);

/* ret is filled as far as it got also on failure; in a dry run its tables are those that would be restored.
 * EVO_ERR_NOT_FOUND (a table, a schema), EVO_ERR_TARGET_NOT_EMPTY, EVO_ERR_INTEGRITY, EVO_ERR_UNSUPPORTED (no pg_restore
 * for this archive), and what the server and the store say. */
enum evo_errc evo_restore(const struct evo_restore_options *o, struct evo_restoration *ret,
                          struct evo_error *err) EVO_CHECK;

#endif
