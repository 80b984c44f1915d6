/*
 * dbmate: <version><anything>.sql with "-- migrate:up" and "-- migrate:down" inside, in the order of the files' names.
 *
 * Read as dbmate 2.36 reads them (pkg/dbmate/db.go, migration.go): whatever begins with a digit and ends in ".sql" is a
 * migration, folders do not count. What dbmate ignores or runs in a way of its own is refused: several pairs of parts
 * in one file (each would be recorded as the whole), SQL above the first part, options that are none.
 */
#include "base/banned.h"
#include "base/file.h"
#include "layout/companions.h"
#include "layout/order.h"
#include "layout/reader.h"
#include "layout/versions.h"

static enum evo_errc read_file(struct evo_project *p, const char *file, const char *path,
                               struct evo_strbuf *buffer, struct evo_error *err)
{
    EVO_AUTO(migration)
    m = { .name = evo_strndup(file, strlen(file) - strlen(".sql")),
          .version = evo_strndup(file, evo_version_digits(file)),
          .path = evo_strdup(path),
          .parts = EVO_PARTS_MIGRATE };
    enum evo_errc rc = evo_project_add(p, &m, buffer, err);
    if (!rc && !p->items[p->count - 1].down_in_file)
        evo_strvec_pushf(&p->warnings, "\"%s\" has no \"-- migrate:down\": dbmate refuses to run such a file",
                         path);
    return rc;
}

enum evo_errc evo_dbmate_read(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err)
{
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < names->count; i++) {
        const char *name = names->items[i];
        EVO_AUTO_STR path = evo_path_join(p->migrations, name);
        if (name[0] == '.' || !evo_ends_with(name, ".sql") || evo_is_dir(path))
            continue;
        if (evo_version_digits(name))
            rc = read_file(p, name, path, &buffer, err);
        else
            evo_strvec_pushf(&p->warnings, "\"%s\" is not applied: its name does not begin with a version",
                             path);
    }
    if (!rc)
        rc = evo_companions_in_root(p, err);
    if (!rc)
        rc = evo_versions_unique(p, EVO_VERSIONS_TEXT, "dbmate", err);
    if (!rc)
        rc = evo_table_name_read(p, EVO_DBMATE_TABLE, false, err);
    if (!rc)
        evo_order_bytes(p, "dbmate");
    return rc;
}
