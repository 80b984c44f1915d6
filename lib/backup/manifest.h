/*
 * manifest.h - what a backup consists of. A folder without one is no backup.
 *
 * lib/schema/manifest.schema.json is its contract. It is written last and once. It names every object with size,
 * SHA-256 and, for a table, rows, raw bytes and members, so that whoever reads the objects can tell whether they
 * are what was written; and it carries a SHA-256 of itself (`checksum`: over its own compact text without that member).
 */
#ifndef EVO_BACKUP_MANIFEST_H
#define EVO_BACKUP_MANIFEST_H

#include <stdint.h>

#include "backup/name.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "crypto/sha256.h"
#include "json/json.h"

enum evo_object_kind {
    EVO_OBJECT_TOC,
    EVO_OBJECT_TABLE,
    EVO_OBJECT_LARGE_OBJECTS,
    EVO_OBJECT_INSTRUCTIONS,
    EVO_OBJECT_GLOBALS, /* roles, as pg_dumpall writes them */
    EVO_OBJECT_CATALOG /* the readable form of the schema's fingerprint */
};

struct evo_backup_object {
    enum evo_object_kind kind;
    char *name; /* "3358.dat.gz" */
    uint64_t size; /* stored bytes */
    char sha256[EVO_SHA256_HEX];
    /* Of a table only. A large table lies in several objects, each a range of its rows with an entry of its own in
     * toc.dat; their parts count from 1. */
    char *schema, *table; /* NULL in a backup that is encrypted: its manifest names no data */
    int32_t dump_id;
    int32_t part;
    int64_t rows;
    uint64_t raw_bytes; /* before compression, end marker included */
    uint64_t members; /* gzip members or zstd frames; 0: not compressed */
};

struct evo_manifest {
    char id[EVO_BACKUP_ID_MAX];
    char *evo_version, *environment, *database;
    int64_t created_ms, finished_ms; /* wall; created is the snapshot's time */
    /* The server. */
    char *server_version; /* as pg_dump writes it down: "15.18 (Debian …)" */
    int server_version_num;
    char *system_identifier; /* NULL: not allowed to be read */
    char *encoding, *collate, *ctype;
    bool in_recovery;
    char *snapshot;
    char *wal_before, *wal_after; /* positions around the snapshot; NULL: not allowed to be read */
    /* The tools. */
    char *pg_dump_version, *archive_version;
    char *compress; /* "fast", "better", "none" */
    char *codec; /* "gzip", "zstd", "none" */
    int jobs;
    bool filtered; /* options left something out: it is not the whole database */
    struct evo_json *options; /* an object: what was asked for beyond these */
    struct evo_json *labels; /* an object of strings; NULL: none */
    struct evo_strvec recipients; /* whom it is encrypted to ("age1…"); none: it is not encrypted */
    char *fingerprint; /* of the schema; NULL: not taken */
    struct evo_json *ledger; /* state of the migrations; NULL where there is none */
    struct evo_json *provider; /* an object: what kind of store, and what it promised */
    struct evo_backup_object *objects;
    size_t count, alloc;
};
#define EVO_MANIFEST_INIT \
    {                     \
        .jobs = 0         \
    }
void evo_manifest_release(struct evo_manifest *m);
EVO_DEFINE_AUTO(manifest);

/* Adds a zeroed object of this name; the pointer is good until the next one is added. */
struct evo_backup_object *evo_manifest_add(struct evo_manifest *m, enum evo_object_kind kind,
                                           const char *name);
/* Of a manifest that was parsed. NULL where there is none. Borrowed. */
const struct evo_backup_object *evo_manifest_find(const struct evo_manifest *m, const char *name);

/* The one of a kind of which there is at most one; NULL. Borrowed. */
const struct evo_backup_object *evo_manifest_object(const struct evo_manifest *m, enum evo_object_kind kind);
/* Of the object's name: encrypted by age, so that neither its bytes nor its table can be read without an identity. */
bool evo_object_is_encrypted(const struct evo_backup_object *o);

struct evo_manifest_totals {
    int64_t tables, rows, objects; /* a table counts once, however many its objects */
    uint64_t raw_bytes, stored_bytes;
};
struct evo_manifest_totals evo_manifest_totals(const struct evo_manifest *m);

/* With `checksum`. Objects are in the order of their names. */
struct evo_json *evo_manifest_json(struct evo_manifest *m) EVO_CHECK;
/* EVO_ERR_INTEGRITY for what is none, contradicts itself or its checksum; `what` names it. Unknown keys are kept out. */
enum evo_errc evo_manifest_parse(const char *text, size_t n, const char *what, struct evo_manifest *ret,
                                 struct evo_error *err) EVO_CHECK;

#endif
