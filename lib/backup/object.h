/*
 * object.h - reading an object of a backup, believing nothing: size, SHA-256 and, of a table, members, raw bytes,
 * rows and the end marker are compared with the manifest.
 *
 * The sink sees the data before the last of it is checked. Whoever hands it on (a COPY) must not commit before these
 * functions returned EVO_OK. Any lie is EVO_ERR_INTEGRITY, with the object's name in the message.
 */
#ifndef EVO_BACKUP_OBJECT_H
#define EVO_BACKUP_OBJECT_H

#include "backup/find.h"
#include "crypto/age.h"
#include "pack/codec.h"

/* What stands behind the last row of a data file, as pg_dump writes it. */
#define EVO_BACKUP_END "\\.\n\n\n"

/* Where a backup's objects are read from. */
struct evo_object_source {
    struct evo_store *store;
    const char *prefix; /* key of the backup's folder */
    const struct evo_age_identities *identities; /* for a backup that is encrypted; may be NULL */
};

static inline struct evo_object_source evo_object_source(struct evo_store *store,
                                                         const struct evo_backup *backup)
{
    return (struct evo_object_source){ .store = store,
                                       .prefix = backup->prefix,
                                       .identities = backup->identities };
}

/* The bytes as they were before they were encrypted. sink may be NULL: then nothing is decrypted. EVO_ERR_CONFIG: it is
 * encrypted, and no identity is at hand that opens it. */
enum evo_errc evo_object_read(const struct evo_object_source *from, const struct evo_backup_object *o,
                              evo_pack_sink *sink, void *ctx, struct evo_error *err) EVO_CHECK;
/* The bytes as they are in the store, encrypted or not. */
enum evo_errc evo_object_read_stored(const struct evo_object_source *from, const struct evo_backup_object *o,
                                     evo_pack_sink *sink, void *ctx, struct evo_error *err) EVO_CHECK;
/* The rows of a table as COPY text, without the end marker. sink may be NULL: all is checked all the same. */
enum evo_errc evo_object_read_rows(const struct evo_object_source *from, const struct evo_backup_object *o,
                                   evo_pack_sink *sink, void *ctx, struct evo_error *err) EVO_CHECK;

#endif
