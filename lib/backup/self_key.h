/*
 * self_key.h - filling a table that is there and refers to itself by several COPYs. Part of load.h.
 *
 * A foreign key is checked at the end of each statement, where the row that is referred to may still be to come. So all of
 * the table's COPYs are one transaction, in which its keys to itself are made deferrable, deferred, checked when the last row
 * is in, and made what they were. That needs no superuser, as switching triggers off would, and no key is ever
 * unchecked; whoever fails leaves the table and its keys as they were. The owner alone may do it, and others cannot write into
 * the table meanwhile.
 */
#ifndef EVO_BACKUP_SELF_KEY_H
#define EVO_BACKUP_SELF_KEY_H

#include "base/strvec.h"
#include "pg/conn.h"

/* Begins the transaction. *ret_undo: the statements that make the keys what they were. EVO_ERR_PERMISSION for who is not the
 * table's owner. */
enum evo_errc evo_self_key_defer(struct evo_pg *pg, const char *schema, const char *table,
                                 int64_t lock_timeout_ms, struct evo_strvec *ret_undo,
                                 struct evo_error *err) EVO_CHECK;
/* Has the keys checked, puts them back, and commits. */
enum evo_errc evo_self_key_settle(struct evo_pg *pg, const struct evo_strvec *undo,
                                  struct evo_error *err) EVO_CHECK;

#endif
