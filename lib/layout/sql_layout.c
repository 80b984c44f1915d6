/*
 * Plain SQL, in three forms that may stand side by side:
 *   <version>_<name>/up.sql                            with down.sql and the other companions in the folder
 *   <version>_<name>.up.sql, <version>_<name>.down.sql
 *   <version>_<name>.sql                               with "-- migrate:up" and "-- migrate:down" inside
 */
#include "base/banned.h"
#include "base/file.h"
#include "layout/companions.h"
#include "layout/order.h"
#include "layout/reader.h"

#define UP   ".up.sql"
#define DOWN ".down.sql"

/* Length of the digits of "<digits>_<something>"; 0: it is not of that form. */
static size_t version_length(const char *name)
{
    size_t n = strspn(name, "0123456789");
    return n && name[n] == '_' && name[n + 1] ? n : 0;
}

static enum evo_errc add(struct evo_project *p, struct evo_migration *m, struct evo_strbuf *buffer,
                         struct evo_error *err)
{
    m->version = evo_strndup(m->name, version_length(m->name));
    return evo_project_add(p, m, buffer, err);
}

/* Of the same name, in two forms: they stand side by side once all are in order. */
static enum evo_errc refuse_twins(const struct evo_project *p, struct evo_error *err)
{
    for (size_t i = 1; i < p->count; i++) {
        const struct evo_migration *a = &p->items[i - 1], *b = &p->items[i];
        if (strcmp(a->name, b->name) != 0)
            continue;
        evo_error_set(err, EVO_ERR_CONFIG, "migration \"%s\" exists twice: \"%s\" and \"%s\"", a->name,
                      a->path, b->path);
        evo_error_migration(err, a->name);
        return evo_error_hint(err, "Keep one of the two.");
    }
    return EVO_OK;
}

static enum evo_errc read_folder(struct evo_project *p, const char *name, const char *folder,
                                 struct evo_strbuf *buffer, struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_dir_list(folder, &names, err);
    if (rc) {
        if (err)
            err->code = EVO_ERR_CONFIG;
        return EVO_ERR_CONFIG;
    }
    if (!evo_strvec_contains(&names, "up.sql")) {
        evo_error_set(err, EVO_ERR_CONFIG, "migration folder \"%s\" has no up.sql", folder);
        evo_error_migration(err, name);
        return evo_strvec_contains(&names, "migration.sql")
                   ? evo_error_hint(err, "This is how Prisma lays them out: use --layout prisma.")
                   : evo_error_hint(err, "Restore the file, or move the folder away.");
    }
    EVO_AUTO(migration) m = { .name = evo_strdup(name), .path = evo_path_join(folder, "up.sql") };
    evo_companions_in_folder(p, &m, folder, &names, "up.sql");
    return add(p, &m, buffer, err);
}

static enum evo_errc read_file(struct evo_project *p, const char *file, const char *path,
                               const struct evo_strvec *names, struct evo_strbuf *buffer,
                               struct evo_error *err)
{
    size_t n = strlen(file);
    if (evo_ends_with(file, DOWN)) {
        EVO_AUTO_STR up = evo_asprintf("%.*s" UP, (int)(n - strlen(DOWN)), file);
        if (evo_strvec_contains_sorted(names, up))
            return EVO_OK; /* read with its other half */
        evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" has no \"%s\" beside it", path, up);
        return evo_error_hint(err,
                              "Restore that file; where golang-migrate made the folder, which pairs files by "
                              "version alone, add --layout golang-migrate.");
    }
    EVO_AUTO(migration) m = { .path = evo_strdup(path) };
    if (evo_ends_with(file, UP)) {
        m.name = evo_strndup(file, n - strlen(UP));
        EVO_AUTO_STR down = evo_asprintf("%s" DOWN, m.name);
        if (evo_strvec_contains_sorted(names, down))
            m.companion[EVO_FILE_DOWN] = evo_path_join(p->migrations, down);
    } else {
        m.name = evo_strndup(file, n - strlen(".sql"));
        m.parts = EVO_PARTS_MIGRATE;
    }
    return add(p, &m, buffer, err);
}

enum evo_errc evo_sql_layout_read(struct evo_project *p, const struct evo_strvec *names,
                                  struct evo_error *err)
{
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < names->count; i++) {
        const char *name = names->items[i];
        EVO_AUTO_STR path = evo_path_join(p->migrations, name);
        bool versioned = version_length(name) > 0, is_sql = evo_ends_with(name, ".sql");
        if (name[0] == '.')
            continue;
        if (evo_is_dir(path)) {
            EVO_AUTO_STR up = evo_path_join(path, "up.sql");
            if (versioned)
                rc = read_folder(p, name, path, &buffer, err);
            else if (evo_is_file(up))
                evo_strvec_pushf(&p->warnings,
                                 "\"%s\" is not applied: its folder's name does not begin with a version and "
                                 "\"_\"",
                                 up);
        } else if (versioned && is_sql) {
            rc = read_file(p, name, path, names, &buffer, err);
        } else if (is_sql) {
            evo_strvec_pushf(&p->warnings,
                             "\"%s\" is not applied: its name does not begin with a version and \"_\"", path);
        }
    }
    if (!rc)
        evo_order_sql(p);
    if (!rc)
        rc = refuse_twins(p, err);
    return rc ? rc : evo_companions_in_root(p, err);
}
