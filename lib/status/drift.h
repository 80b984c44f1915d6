/*
 * drift.h - inside this folder only: is the schema as the last run of evo left it?
 */
#ifndef EVO_STATUS_DRIFT_H
#define EVO_STATUS_DRIFT_H

#include "status/status.h"

/* Differences that are shown. */
#define EVO_STATUS_DIFFERENCES 20

void evo_status_drift_release(struct evo_status_drift *d);
/* Fills the view's drift; what keeps it from being known stands there, too. EVO_ERR_CANCELLED and EVO_ERR_CONNECT
 * only. */
enum evo_errc evo_status_look_drift(struct evo_status_view *v, struct evo_pg *pg,
                                    struct evo_error *err) EVO_CHECK;

#endif
