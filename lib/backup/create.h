/*
 * create.h - making a backup: one snapshot, many sessions, no local disk.
 *
 * 1. The caller's session exports a snapshot and holds it to the end. pg_dump, started under it, writes its table of
 *    contents before any data; evo reads that, takes ACCESS SHARE locks of its own on every table in it and stops
 *    pg_dump. Nothing of the schema is interpreted here.
 * 2. `jobs` sessions on the same snapshot COPY the tables, longest first, through a compressor straight into the
 *    store; large tables in ranges of blocks, so that one table alone keeps all of them busy. A table whose lock a
 *    session cannot have at once, because a DDL statement queues behind ours, is copied by the holder's own session,
 *    which has the lock already: waiting would be a deadlock that the server cannot see.
 * 3. Large objects come as one more archive of pg_dump's, cut down to them (lo.dump).
 * 4. What lies in the store is listed and compared, and the manifest is written: last, and once. Until then a mark in
 *    the folder (running.h) tells gc that somebody is at work there.
 *
 * Memory: parts in flight are counted (see plan.h); the rest is small, but for rows: each session holds the longest that
 * it met, once (pg/copy.h), and a bytea comes as two characters a byte. On any failure or cancel the uploads are
 * aborted, what was written is removed where it can be, and there is no manifest.
 */
#ifndef EVO_BACKUP_CREATE_H
#define EVO_BACKUP_CREATE_H

#include "backup/harvest.h"
#include "backup/manifest.h"
#include "crypto/age.h"
#include "pg/conn.h"
#include "store/store.h"

struct evo_backup_options {
    struct evo_pg *pg; /* the holder's session; in no transaction; of no other use until the end */
    const struct evo_conninfo *conninfo; /* what pg was opened with */
    struct evo_store *store;
    const char *environment;
    int jobs; /* 0: by the number of processors */
    const char *compress; /* "fast", "better", "none"; NULL: "fast" */
    const char *codec; /* "gzip", "zstd"; NULL: "gzip" */
    struct evo_harvest_filter filter;
    bool globals; /* also the roles of the server, without their passwords, and its tablespaces */
    const struct evo_json *labels; /* an object of strings; NULL: none */
    const struct evo_age_recipients *recipients; /* NULL: not encrypted */
    const struct evo_strvec *recipient_names; /* the same, as text */
    uint64_t memory; /* 0: 64 MiB */
    uint64_t max_rate; /* bytes a second into the store; 0: no limit */
    uint64_t range_bytes; /* of a table on disk, that are copied at once; 0: tables are not cut */
    uint64_t
        object_bytes; /* an object of this size is ended and the rows go on in another; 0: as large as the store takes */
    int64_t lock_timeout_ms; /* for a table that is locked by others; 0: 60 s */
    struct evo_task *task;
};

/* The manifest is filled as far as it got also on failure (an id and a location are not yet a backup).
 * EVO_ERR_UNSUPPORTED: a transaction pooler, or no pg_dump for this server. EVO_ERR_PERMISSION: tables that row-level security
 * hides, or that may not be read. EVO_ERR_LOCK_UNAVAILABLE: a table stayed locked. */
enum evo_errc evo_backup_create(const struct evo_backup_options *o, struct evo_manifest *manifest,
                                struct evo_error *err) EVO_CHECK;

#endif
