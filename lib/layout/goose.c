/*
 * goose: <version>_<title>.sql with "-- +goose Up" and "-- +goose Down" inside, by version as a number.
 *
 * Read as version 3 reads them (migrate.go, internal/sqlparser/parser.go): every .sql file is a migration. Statements
 * are cut by evo's own lexer, so StatementBegin and StatementEnd tell it nothing new; that they come in pairs is looked
 * at all the same. What evo cannot do is named and refused: migrations written in Go, and the substitution of
 * environment variables.
 */
#include "base/banned.h"
#include "base/file.h"
#include "layout/companions.h"
#include "layout/order.h"
#include "layout/reader.h"
#include "layout/versions.h"

#define TOOL "goose"

static bool is_versioned(const char *name)
{
    size_t digits = evo_version_digits(name);
    return digits && name[digits] == '_';
}

static enum evo_errc refuse_go(const char *path, const char *name, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "migration \"%s\" is written in Go, which evo cannot run", path);
    evo_error_detail(err,
                     "It is part of a program of the project's own; goose's command cannot run it either.");
    evo_error_hint(err, "Apply this folder with that program.");
    EVO_AUTO_STR bare = evo_strndup(name, strlen(name) - strlen(".go"));
    return evo_error_migration(err, bare);
}

static enum evo_errc read_file(struct evo_project *p, const char *file, const char *path,
                               struct evo_strbuf *buffer, struct evo_error *err)
{
    if (!is_versioned(file)) {
        evo_error_set(err, EVO_ERR_CONFIG, "the name of \"%s\" does not begin with a version and \"_\"",
                      path);
        evo_error_detail(err, "goose refuses the whole folder for it.");
        return evo_error_hint(err, "Rename it, or move it away.");
    }
    EVO_AUTO(migration)
    m = { .name = evo_strndup(file, strlen(file) - strlen(".sql")),
          .version = evo_strndup(file, evo_version_digits(file)),
          .path = evo_strdup(path),
          .parts = EVO_PARTS_GOOSE };
    if (strspn(m.version, "0") == strlen(m.version)) {
        evo_error_set(err, EVO_ERR_CONFIG, "the version of migration \"%s\" is zero", path);
        return evo_error_hint(err, "goose takes versions from 1 up: rename the file.");
    }
    return evo_project_add(p, &m, buffer, err);
}

enum evo_errc evo_goose_read(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err)
{
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < names->count; i++) {
        const char *name = names->items[i];
        EVO_AUTO_STR path = evo_path_join(p->migrations, name);
        if (name[0] == '.' || evo_is_dir(path))
            continue;
        if (evo_ends_with(name, ".sql"))
            rc = read_file(p, name, path, &buffer, err);
        else if (is_versioned(name) && evo_ends_with(name, ".go") && !evo_ends_with(name, "_test.go"))
            rc = refuse_go(path, name, err);
    }
    if (!rc)
        rc = evo_companions_in_root(p, err);
    if (!rc)
        rc = evo_versions_unique(p, EVO_VERSIONS_NUMBER, TOOL, err);
    if (!rc)
        rc = evo_versions_fit(p, TOOL, err);
    if (!rc)
        rc = evo_table_name_read(p, "GOOSE_TABLE", true, err);
    if (!rc)
        evo_order_sql(p);
    return rc;
}
