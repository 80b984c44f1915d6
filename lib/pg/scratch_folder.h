/*
 * scratch_folder.h - folders of scratch clusters: made, marked as owned, and removed, also those of dead owners. Of use
 * to scratch.c only.
 */
#ifndef EVO_PG_SCRATCH_FOLDER_H
#define EVO_PG_SCRATCH_FOLDER_H

#include <sys/types.h>

#include "base/error.h"

#define EVO_SCRATCH_PREFIX "evo-scratch."

struct evo_scratch_folder {
    char *path; /* NULL: none */
    int lock; /* of owner.pid, held as long as the folder is in use */
};
#define EVO_SCRATCH_FOLDER_INIT \
    {                           \
        .lock = -1              \
    }

/* Makes "evo-scratch.XXXXXX" in parent, for the user and group given. EVO_ERR_DISK. */
enum evo_errc evo_scratch_folder_make(const char *parent, uid_t uid, gid_t gid,
                                      struct evo_scratch_folder *ret, struct evo_error *err) EVO_CHECK;
/* Removes it with all that is in it. A server in it must have ended. */
void evo_scratch_folder_remove(struct evo_scratch_folder *f);

/* Removes the folders in parent that belong to `uid` and whose owners are dead; ends a server that outlived its owner.
 * Returns how many it removed. */
int evo_scratch_sweep(const char *parent, uid_t uid);

#endif
