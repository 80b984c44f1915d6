/*
 * object.h - reading an object of a backup, believing nothing: size, SHA-256 and, of a table, gzip members, raw bytes,
 * rows and the end marker are compared with the manifest.
 *
 * The sink sees the data before the last of it is checked. Whoever hands it on (a COPY) must not commit before these
 * functions returned EVO_OK. Any lie is EVO_ERR_INTEGRITY, with the object's name in the message.
 */
#ifndef EVO_BACKUP_OBJECT_H
#define EVO_BACKUP_OBJECT_H

#include "backup/find.h"
#include "pack/gzip.h"

/* What stands behind the last row of a data file, as pg_dump writes it. */
#define EVO_BACKUP_END "\\.\n\n\n"

/* The bytes as stored. sink may be NULL. */
enum evo_errc evo_object_read(struct evo_store *store, const char *prefix, const struct evo_backup_object *o,
                              evo_pack_sink *sink, void *ctx, struct evo_error *err) EVO_CHECK;
/* The rows of a table as COPY text, without the end marker. sink may be NULL. */
enum evo_errc evo_object_read_rows(struct evo_store *store, const char *prefix,
                                   const struct evo_backup_object *o, evo_pack_sink *sink, void *ctx,
                                   struct evo_error *err) EVO_CHECK;

#endif
