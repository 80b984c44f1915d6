/*
 * golang-migrate: <version>_<title>.up.<extension> and <version>_<title>.down.<extension>, by version as a number.
 *
 * Read as version 4 reads them (source/parse.go, source/iofs): the version alone makes a pair of two files, their titles
 * may differ; a name of another form does not count. A way back without its migration, which it would take for an empty
 * one, is refused. A missing way back is no empty one either: `down` names it.
 */
#include "base/banned.h"
#include "base/file.h"
#include "layout/companions.h"
#include "layout/order.h"
#include "layout/reader.h"
#include "layout/versions.h"

#define TOOL "golang-migrate"

/* Length of what stands before ".<direction>.", the last of them; 0: the name is not of that form. */
static size_t title_end(const char *name, const char *direction)
{
    size_t digits = evo_version_digits(name), found = 0;
    EVO_AUTO_STR dotted = evo_asprintf(".%s.", direction);
    if (!digits || name[digits] != '_')
        return 0;
    for (const char *p = name + digits + 1; (p = strstr(p, dotted)) != NULL; p++)
        found = (size_t)(p - name);
    return found;
}

/* The way back of each migration; by version, whatever the title. */
static enum evo_errc read_down(struct evo_project *p, const char *file, const char *path,
                               struct evo_error *err)
{
    EVO_AUTO_STR version = evo_strndup(file, evo_version_digits(file));
    for (size_t i = 0; i < p->count; i++) {
        struct evo_migration *m = &p->items[i];
        if (evo_order_versions(m->version, version) != 0)
            continue;
        if (m->companion[EVO_FILE_DOWN]) {
            evo_error_set(err, EVO_ERR_CONFIG, "migration \"%s\" has two ways down: \"%s\" and \"%s\"",
                          m->name, m->companion[EVO_FILE_DOWN], path);
            evo_error_migration(err, m->name);
            return evo_error_hint(err, "Remove one of them.");
        }
        m->companion[EVO_FILE_DOWN] = evo_strdup(path);
        return EVO_OK;
    }
    evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" takes back version %s, and no .up file has it", path, version);
    return evo_error_hint(err, "Restore the .up file, or move this one away.");
}

enum evo_errc evo_golang_migrate_read(struct evo_project *p, const struct evo_strvec *names,
                                      struct evo_error *err)
{
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < names->count; i++) {
        const char *name = names->items[i];
        EVO_AUTO_STR path = evo_path_join(p->migrations, name);
        size_t up = title_end(name, "up"), down = title_end(name, "down");
        if (name[0] == '.' || evo_is_dir(path))
            continue;
        if (up > down) {
            EVO_AUTO(migration)
            m = { .name = evo_strndup(name, up),
                  .version = evo_strndup(name, evo_version_digits(name)),
                  .path = evo_strdup(path) };
            rc = evo_project_add(p, &m, &buffer, err);
        } else if (!down && evo_ends_with(name, ".sql")) {
            evo_strvec_pushf(&p->warnings,
                             "\"%s\" is not applied: its name is not of the form 1_title.up.sql", path);
        }
    }
    if (!rc)
        rc = evo_versions_unique(p, EVO_VERSIONS_NUMBER, TOOL, err);
    if (!rc)
        rc = evo_versions_fit(p, TOOL, err);
    for (size_t i = 0; !rc && i < names->count; i++) {
        const char *name = names->items[i];
        EVO_AUTO_STR path = evo_path_join(p->migrations, name);
        if (name[0] != '.' && title_end(name, "down") > title_end(name, "up") && !evo_is_dir(path))
            rc = read_down(p, name, path, err);
    }
    if (!rc)
        rc = evo_companions_in_root(p, err);
    if (!rc)
        evo_order_sql(p);
    return rc;
}
