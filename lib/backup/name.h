/*
 * name.h - what backups are called and where they lie in the store. Pure.
 *
 *	backups/<environment>/<database>/<id>/<object>      names percent-encoded
 *	id: "20261122T101500Z-3f9a2c", UTC time to the second, and six hex digits that hold the
 *	millisecond and 14 random bits: byte order is the order of making. Where two share a second all the same, find.h goes
 *	by their manifests: the digits may be another's, all random.
 */
#ifndef EVO_BACKUP_NAME_H
#define EVO_BACKUP_NAME_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

#define EVO_BACKUP_ID_MAX 24

#define EVO_BACKUP_MANIFEST     "manifest.json"
#define EVO_BACKUP_TOC          "toc.dat"
#define EVO_BACKUP_LO           "lo.dump"
#define EVO_BACKUP_INSTRUCTIONS "RESTORE.txt"
#define EVO_BACKUP_GLOBALS      "globals.sql.gz"
#define EVO_BACKUP_CATALOG      "schema.txt.gz"
/* Behind the name of an object that is encrypted. */
#define EVO_BACKUP_SEALED ".age"
/* There while the backup is being made (running.h): no part of it. */
#define EVO_BACKUP_RUNNING "RUNNING.txt"
/* Under it lies what verify and drill found: no part of what is verified. */
#define EVO_BACKUP_PROOF "proof/"

/* A new id. Returns id. */
const char *evo_backup_id_make(int64_t wall_ms, char id[EVO_BACKUP_ID_MAX]);
bool evo_backup_id_valid(const char *id);

/* Key of a folder or object; trailing parts may be NULL: then it is the key of what holds them, without a "/" behind. */
void evo_backup_key(struct evo_strbuf *out, const char *environment, const char *database, const char *id,
                    const char *object);

#endif
