/*
 * remove.h - remove many objects, several at a time: a server far away takes its time for each. For lib/backup/ alone.
 */
#ifndef EVO_BACKUP_REMOVE_H
#define EVO_BACKUP_REMOVE_H

#include "store/store.h"

/* Removes the keys of the entries for which `chosen` is true (NULL: of all), in no particular order. Sets ret_removed[i]
 * (`count` of them, the caller's) for each that is gone, on failure too. The first failure, or a cancel, ends it and is
 * returned; what others were at is finished. */
enum evo_errc evo_remove_objects(struct evo_store *store, const struct evo_store_entry *entries, size_t count,
                                 bool (*chosen)(const struct evo_store_entry *entry), bool *ret_removed,
                                 struct evo_error *err) EVO_CHECK;

#endif
