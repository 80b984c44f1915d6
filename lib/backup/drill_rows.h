/*
 * drill_rows.h - rows of a restored database against those of its backup's manifest. Of use to drill.c only.
 */
#ifndef EVO_BACKUP_DRILL_ROWS_H
#define EVO_BACKUP_DRILL_ROWS_H

#include "backup/drill.h"
#include "backup/toc.h"

/* Counts in `jobs` sessions; fills tables, count, wrong and rows of ret. */
enum evo_errc evo_drill_rows(const struct evo_conninfo *restored, const struct evo_manifest *m,
                             const struct evo_toc *toc, int jobs, struct evo_task *task,
                             struct evo_drill *ret, struct evo_error *err) EVO_CHECK;

#endif
