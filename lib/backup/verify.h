/*
 * verify.h - is a backup still what was written?
 *
 * Every object of the manifest is read and compared: there, of its size and SHA-256, of the gzip members and rows it
 * should have, with its end marker. toc.dat has to name the same tables as the manifest, and the folder may hold nothing
 * else (but proof/). `quick` compares the store's listing only.
 */
#ifndef EVO_BACKUP_VERIFY_H
#define EVO_BACKUP_VERIFY_H

#include "backup/find.h"

struct evo_damage {
    char *object;
    char *reason; /* "is missing", "is shorter than was written" … */
};
struct evo_verification {
    int64_t objects;
    uint64_t bytes; /* read, or with quick listed */
    struct evo_damage *damaged; /* in the order of their names */
    size_t count, alloc;
};
void evo_verification_release(struct evo_verification *v);
EVO_DEFINE_AUTO(verification);

/* `jobs` objects are read at a time (0: by the number of processors). EVO_OK also where damage is found: look at
 * ret->count. Errors are those of the store. */
enum evo_errc evo_backup_verify(struct evo_store *store, const struct evo_backup *backup, bool quick,
                                int jobs, struct evo_task *task, struct evo_verification *ret,
                                struct evo_error *err) EVO_CHECK;
/* EVO_ERR_INTEGRITY that names what is damaged; EVO_OK where nothing is. */
enum evo_errc evo_verification_error(const struct evo_verification *v, const struct evo_manifest *m,
                                     struct evo_error *err);

#endif
