/*
 * find.h - where backups lie in a store, and the one that was meant. With all that is known of them: list.h.
 */
#ifndef EVO_BACKUP_FIND_H
#define EVO_BACKUP_FIND_H

#include "backup/manifest.h"
#include "base/parse.h"
#include "crypto/age.h"
#include "store/store.h"

/* The names at each level, as they were given (not encoded), in byte order; appended. Nothing there is an empty list. */
enum evo_errc evo_backup_environments(struct evo_store *store, struct evo_strvec *ret,
                                      struct evo_error *err) EVO_CHECK;
enum evo_errc evo_backup_databases(struct evo_store *store, const char *environment, struct evo_strvec *ret,
                                   struct evo_error *err) EVO_CHECK;
/* Oldest first; finished or not. */
enum evo_errc evo_backup_ids(struct evo_store *store, const char *environment, const char *database,
                             struct evo_strvec *ret, struct evo_error *err) EVO_CHECK;

/* Is there any object of it? Some servers list a folder for a while whose last object is gone. */
enum evo_errc evo_backup_has_objects(struct evo_store *store, const char *environment, const char *database,
                                     const char *id, bool *ret, struct evo_error *err) EVO_CHECK;

/* Ids of those without a manifest, oldest first: their runs were killed, or go on. Looks at the newest 100 only. */
enum evo_errc evo_backup_unfinished(struct evo_store *store, const char *environment, const char *database,
                                    struct evo_strvec *ret, struct evo_error *err) EVO_CHECK;

/* "2 h ago", "12 days ago"; for people only. Returns buf. */
const char *evo_backup_age(int64_t created_ms, int64_t now_ms, char buf[EVO_HUMAN_MAX]);

/* A complete backup, by its manifest. */
struct evo_backup {
    char *prefix; /* key of its folder */
    struct evo_age_identities *identities; /* that open it where it is encrypted; owned; NULL: none at hand */
    struct evo_manifest manifest;
};
void evo_backup_release(struct evo_backup *backup);
EVO_DEFINE_AUTO(backup);

/* `id` is "latest" (the newest complete one of the environment and database), or an id, looked for there first and then wherever
 * it lies. "latest" goes by the ids, and by created_at among those that share a second. database may be NULL for a full id. EVO_ERR_NOT_FOUND, EVO_ERR_INCOMPLETE for one without manifest, EVO_ERR_INTEGRITY
 * for a damaged manifest, EVO_ERR_USAGE for what is no id. */
enum evo_errc evo_backup_open(struct evo_store *store, const char *environment, const char *database,
                              const char *id, struct evo_backup *ret, struct evo_error *err) EVO_CHECK;

/* The newest complete one that was made at or before at_ms (its created_at: the moment of its snapshot). As "latest" does,
 * it stops at one with a damaged manifest. */
enum evo_errc evo_backup_open_at(struct evo_store *store, const char *environment, const char *database,
                                 int64_t at_ms, struct evo_backup *ret, struct evo_error *err) EVO_CHECK;

/* The one of exactly this place. EVO_ERR_NOT_FOUND where it has no manifest; EVO_ERR_INTEGRITY where that is damaged, or
 * another place's: a folder copied into another database's would be restored as something that it is not. */
enum evo_errc evo_backup_load(struct evo_store *store, const char *environment, const char *database,
                              const char *id, struct evo_backup *ret, struct evo_error *err) EVO_CHECK;

/* Reads and checks the manifest under a backup's key. EVO_ERR_NOT_FOUND, EVO_ERR_INTEGRITY. */
enum evo_errc evo_backup_load_manifest(struct evo_store *store, const char *prefix, struct evo_manifest *ret,
                                       struct evo_error *err) EVO_CHECK;

#endif
