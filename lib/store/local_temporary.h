/*
 * local_temporary.h - temporary files of a store in a folder, and the folders that hold nothing else; included by
 * lib/store alone.
 */
#ifndef EVO_STORE_LOCAL_TEMPORARY_H
#define EVO_STORE_LOCAL_TEMPORARY_H

#include "store/backend.h"

/* Is it the name (without folders) of a file that is being written? */
bool evo_local_is_temporary(const char *name);
/* Removes the folder of a file and those above it, below the root, while nothing is in them but temporary files that
 * are older than an hour: those of processes that were killed. */
void evo_local_remove_empty(const char *root, const char *path);
/* Adds the temporary files below a prefix, which is empty or a folder. */
enum evo_errc evo_local_find_temporary(const char *root, const char *folder, struct evo_store_uploads *ret,
                                       struct evo_error *err) EVO_CHECK;

#endif
