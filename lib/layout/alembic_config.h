/*
 * alembic_config.h - inside this folder only: where an Alembic project has its revisions and its table, read without
 * running it: from alembic.ini and from env.py.
 *
 * https://alembic.sqlalchemy.org/en/latest/tutorial.html#editing-the-ini-file; of env.py the keyword arguments
 * version_table and version_table_schema of context.configure() count, where they are literals (or a variable of the
 * module that is one). One that is computed is refused by name: evo would look into the wrong table.
 */
#ifndef EVO_LAYOUT_ALEMBIC_CONFIG_H
#define EVO_LAYOUT_ALEMBIC_CONFIG_H

#include "layout/layout.h"

struct evo_alembic_config {
    char *ini; /* its path: ALEMBIC_CONFIG, else alembic.ini in the root; NULL: there is none */
    char *location; /* script_location as a path; NULL: not named, or a package's ("package:folder") */
    struct evo_strvec versions; /* version_locations as paths; empty: location/versions */
    bool recursive; /* recursive_version_locations */
};
void evo_alembic_config_release(struct evo_alembic_config *c);
EVO_DEFINE_AUTO(alembic_config);

/* Reads alembic.ini of the project; no such file is fine. EVO_ERR_CONFIG with file and line. */
enum evo_errc evo_alembic_config_load(const char *root, struct evo_alembic_config *ret,
                                      struct evo_error *err) EVO_CHECK;
/* Sets p->ledger_table and p->ledger_schema as env.py (at that path) has them. No such file is fine. */
enum evo_errc evo_alembic_env_load(struct evo_project *p, const char *path, struct evo_error *err) EVO_CHECK;

#endif
