/*
 * outside.h - inside this folder only: what lies outside the database: pg_dump, the store, the newest backup.
 */
#ifndef EVO_STATUS_OUTSIDE_H
#define EVO_STATUS_OUTSIDE_H

#include "status/status.h"

/* Fills the view's dump, store_error and backup fields. EVO_ERR_CANCELLED only. */
enum evo_errc evo_status_look_outside(struct evo_status_view *v, struct evo_error *err) EVO_CHECK;
/* When the backup of this id was begun: "20261122T101500Z-3f9a2c". False: that is no id. Pure. */
bool evo_backup_id_time(const char *id, int64_t *ret_ms);

#endif
