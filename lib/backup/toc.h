/*
 * toc.h - the table of contents of a pg_dump archive: read it, change it, write it. Pure.
 *
 * Reads archive versions 1.12 to 1.16 (pg_dump 9.5 to 18) in custom and directory format, and writes
 * either in the version that was read. The layout is that of PostgreSQL's pg_backup_archiver.c
 * (WriteHead, WriteToc): an int is a sign byte and four little-endian bytes; a string is an int length and
 * its bytes, -1 for NULL. The formats differ only in the last field of an entry: a file name, or a flag and
 * an offset.
 *
 * What comes in is not trusted: every length has a limit, a NUL inside a string is refused, and whatever does
 * not parse is EVO_ERR_INTEGRITY; a newer version is EVO_ERR_UNSUPPORTED. A TOC read and written again
 * in its own format is the same bytes.
 */
#ifndef EVO_BACKUP_TOC_H
#define EVO_BACKUP_TOC_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "pack/codec.h"

enum evo_toc_format {
    EVO_TOC_CUSTOM = 1,
    EVO_TOC_DIRECTORY = 3 /* tar writes the same */
};

/* The sections of pg_restore --section; comments and privileges stand in none. */
enum evo_toc_section { EVO_TOC_NONE = 1, EVO_TOC_PRE_DATA, EVO_TOC_DATA, EVO_TOC_POST_DATA };

/* Strings are heap or NULL, as in the archive. */
struct evo_toc_entry {
    int32_t id; /* dumpId */
    int32_t has_data; /* 1: a data file or block belongs to it */
    char *tableoid, *oid; /* decimal */
    char *tag; /* the object's name, unquoted */
    char *desc; /* "TABLE DATA" */
    int32_t section;
    char *defn, *drop;
    char *copy; /* "COPY public.t (a, b) FROM stdin;\n" */
    char *schema, *tablespace, *tableam;
    int32_t relkind; /* 1.16 on, else 0 */
    char *owner, *with_oids;
    int32_t *deps;
    size_t ndeps, deps_alloc;
    char *file; /* directory format: "12.dat", "" without data */
    unsigned char offset[9]; /* custom format: flag and offset as read */
};

struct evo_toc {
    int major, minor, revision; /* of the archive: 1, 14, 0 */
    enum evo_toc_format format; /* as read */
    enum evo_codec
        codec; /* of the data: as read, and what is written. Before 1.15 there is no other than gzip */
    int32_t time[7]; /* sec min hour mday mon year-1900 isdst, local time of the machine */
    char *database, *server_version, *dump_version;
    struct evo_toc_entry *items;
    size_t count, alloc;
};
#define EVO_TOC_INIT \
    {                \
        0            \
    }
void evo_toc_release(struct evo_toc *toc);
EVO_DEFINE_AUTO(toc);

/* Hands out up to `size` bytes; *ret_n 0 is the end. */
typedef enum evo_errc evo_toc_fill(void *ctx, void *buf, size_t size, size_t *ret_n, struct evo_error *err);
/* Reads a TOC from a stream, no further than needed to know it whole; what was read behind it is appended to rest
 * (may be NULL). */
enum evo_errc evo_toc_read(evo_toc_fill *fill, void *ctx, struct evo_toc *ret, struct evo_strbuf *rest,
                           struct evo_error *err) EVO_CHECK;
/* The whole of it in memory; bytes behind the TOC are refused in directory format. */
enum evo_errc evo_toc_parse(const void *data, size_t n, struct evo_toc *ret, struct evo_error *err) EVO_CHECK;
/* Appends. What was read in directory format has no data where it is written in custom format. EVO_ERR_UNSUPPORTED
 * where it is larger than out may grow. */
enum evo_errc evo_toc_format(const struct evo_toc *toc, enum evo_toc_format format, struct evo_strbuf *out,
                             struct evo_error *err) EVO_CHECK;

/* Gives every entry with data the file name of the directory format: "12.dat", for large objects "blobs.toc"
 * ("blobs_12.toc" from 1.16 on), "" for all others. */
void evo_toc_name_files(struct evo_toc *toc);
/* Removes the entries for which keep() is false. */
void evo_toc_filter(struct evo_toc *toc, bool (*keep)(const struct evo_toc_entry *e));

/* An entry of a large object: its making, data, comment, privileges or label, of every archive version. */
bool evo_toc_is_large_object(const struct evo_toc_entry *e);
/* One that only says how the archive is to be read: ENCODING, STDSTRINGS, SEARCHPATH. */
bool evo_toc_is_setting(const struct evo_toc_entry *e);
bool evo_toc_is_table_data(const struct evo_toc_entry *e);
/* Appends the oids of the tables that have data, as an array of SQL: "{16400,16403}". */
void evo_toc_table_oids(const struct evo_toc *toc, struct evo_strbuf *out);

/* The column list of a COPY statement of pg_dump: "(a, b)", "" where it has none. The caller frees.
 * EVO_ERR_UNSUPPORTED for a statement of another form. */
enum evo_errc evo_toc_copy_columns(const char *copy, char **ret_columns, struct evo_error *err) EVO_CHECK;

/* What stands behind the name in the archive's CREATE DATABASE, without the final semicolon: "WITH TEMPLATE = template0 …".
 * NULL where there is none. The caller frees. */
char *evo_toc_database_options(const struct evo_toc *toc) EVO_CHECK;

/* Value of the ENCODING entry ("UTF8"), NULL where there is none. The caller frees. */
char *evo_toc_encoding(const struct evo_toc *toc) EVO_CHECK;

#endif
