/*
 * local.h - a store in a folder; included by lib/store alone.
 *
 * An object is a file under its key. It is written under a temporary name in its own
 * folder, synced, then renamed (or linked, where it may exist only once), and the folder
 * is synced: after a crash there is the whole object or none. Folders are made 0700 and
 * files 0600, and a folder goes with its last object, so that listings are the same as on
 * S3, which has no folders.
 *
 * Temporary files are never listed. One that a killed process left behind is removed with
 * the last object of its folder, when it is older than an hour.
 *
 * Failures of the file system are EVO_ERR_DISK.
 */
#ifndef EVO_STORE_LOCAL_H
#define EVO_STORE_LOCAL_H

#include "store/store.h"

/* No key's segment begins so. */
#define EVO_LOCAL_TEMPORARY ".evo-tmp-"

enum evo_errc evo_local_open(const struct evo_store_options *o, struct evo_store **ret,
                             struct evo_error *err) EVO_CHECK;

#endif
