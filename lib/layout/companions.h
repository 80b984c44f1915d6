/*
 * companions.h - inside this folder only: down.sql, verify_up.sql, verify_down.sql and backfill.sql of each migration.
 *
 * A migration that has a folder has them there; one that is a file has them in evo/<name>/ under the project root. A file that looks
 * like one of them and that nothing reads is worth a warning: a probe that never runs is worse than none.
 */
#ifndef EVO_LAYOUT_COMPANIONS_H
#define EVO_LAYOUT_COMPANIONS_H

#include "layout/layout.h"

/* "down.sql" … */
const char *evo_companion_file(enum evo_companion which);

/* Sets m's companions from the listing of its folder; `forward` is the name of the forward SQL there. */
void evo_companions_in_folder(struct evo_project *p, struct evo_migration *m, const char *folder,
                              const struct evo_strvec *names, const char *forward);
/* Reads evo/ under the project root, for the migrations that are files. EVO_ERR_CONFIG where a migration would have two
 * ways down, or the folder cannot be read. No such folder is fine. */
enum evo_errc evo_companions_in_root(struct evo_project *p, struct evo_error *err) EVO_CHECK;

#endif
