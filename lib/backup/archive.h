/*
 * archive.h - the archive that a backup's objects make up: toc.dat, and the data that its entries name.
 */
#ifndef EVO_BACKUP_ARCHIVE_H
#define EVO_BACKUP_ARCHIVE_H

#include "backup/find.h"
#include "backup/toc.h"

/* Reads toc.dat, checked against the manifest. EVO_ERR_INTEGRITY. */
enum evo_errc evo_archive_load_toc(struct evo_store *store, const struct evo_backup *backup,
                                   struct evo_toc *ret, struct evo_error *err) EVO_CHECK;

/* The object in which an entry's data lies: its file, the suffix of the backup's codec, and that of the encryption. The
 * caller frees. */
char *evo_archive_object_name(const struct evo_manifest *m, const struct evo_toc *toc,
                              const struct evo_toc_entry *e) EVO_CHECK;
/* That of the manifest, NULL where it names none. */
const struct evo_backup_object *evo_archive_object(const struct evo_manifest *m, const struct evo_toc *toc,
                                                   const struct evo_toc_entry *e);
/* The entry is the one that the object was written for: by its id, and by the table where the manifest names it. Since ids
 * do not repeat, neither can an object. */
bool evo_archive_fits(const struct evo_backup_object *o, const struct evo_toc_entry *e);

#endif
