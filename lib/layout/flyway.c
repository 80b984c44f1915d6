/* Flyway's folder: V…, U… and R… files, also in folders below. */
#include "layout/flyway.h"
#include "base/file.h"
#include "layout/companions.h"
#include "layout/conf.h"
#include "layout/reader.h"

#include "base/banned.h"

/* Folders below the location; a link that points above would never end. */
#define DEPTH_MAX 32

/* What was found, before the two ways of a version are put together. */
struct found {
    char *path;
    struct evo_flyway_name name;
    bool used; /* an undo file whose version is there */
};
struct finds {
    struct found *items;
    size_t count, alloc;
    struct evo_strvec confs; /* V1__a.sql.conf … */
    bool placeholders;
};

static void finds_auto(struct finds *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->items[i].path);
        evo_flyway_name_release(&f->items[i].name);
    }
    free(f->items);
    evo_strvec_release(&f->confs);
}

static enum evo_errc refuse(const char *path, const char *what, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" is %s, which evo cannot run", path, what);
    evo_error_at(err, path, 0);
    return evo_error_hint(err, "Apply these migrations with \"flyway migrate\".");
}

static enum evo_errc take_file(struct evo_project *p, const char *path, struct finds *finds,
                               struct evo_error *err)
{
    EVO_AUTO(flyway_name) name = { 0 };
    evo_flyway_name_parse(evo_path_base(path), &name);
    switch (name.sort) {
    case EVO_FLYWAY_CALLBACK:
        return refuse(path, "a callback of Flyway", err);
    case EVO_FLYWAY_REFUSED:
        return refuse(path, "no SQL migration", err);
    case EVO_FLYWAY_CONF:
        evo_strvec_push(&finds->confs, path);
        return EVO_OK;
    case EVO_FLYWAY_NONE:
        if (evo_ends_with(path, ".sql"))
            evo_strvec_pushf(&p->warnings, "\"%s\" is not applied: Flyway does not take its name", path);
        return EVO_OK;
    case EVO_FLYWAY_VERSIONED:
    case EVO_FLYWAY_UNDO:
    case EVO_FLYWAY_REPEATABLE:
        break;
    }
    EVO_GROW(finds->items, finds->count, finds->alloc);
    finds->items[finds->count++] = (struct found){ .path = evo_strdup(path), .name = name };
    name = (struct evo_flyway_name){ 0 };
    return EVO_OK;
}

static enum evo_errc search(struct evo_project *p, const char *folder, const struct evo_strvec *names,
                            int depth, struct finds *finds, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < names->count; i++) {
        EVO_AUTO_STR path = evo_path_join(folder, names->items[i]);
        if (!evo_is_dir(path)) {
            rc = take_file(p, path, finds, err);
            continue;
        }
        EVO_AUTO(strvec) below = EVO_STRVEC_INIT;
        if (depth == DEPTH_MAX)
            return evo_error_set(err, EVO_ERR_CONFIG, "folder \"%s\" lies too deep", path);
        rc = evo_dir_list(path, &below, err);
        if (!rc)
            rc = search(p, path, &below, depth + 1, finds, err);
    }
    return rc;
}

/* As for Flyway, a location that is not there holds nothing; and a migration is one wherever it lies. */
static enum evo_errc search_all(struct evo_project *p, const struct evo_strvec *names, struct finds *finds,
                                struct evo_error *err)
{
    enum evo_errc rc = search(p, p->migrations, names, 0, finds, err);
    for (size_t i = 0; !rc && i < p->locations.count; i++) {
        const char *location = p->locations.items[i];
        EVO_AUTO(strvec) there = EVO_STRVEC_INIT;
        if (!evo_is_dir(location)) {
            evo_strvec_pushf(&p->warnings, "there is no folder \"%s\", which is named in locations",
                             location);
            continue;
        }
        rc = evo_dir_list(location, &there, err);
        if (!rc)
            rc = search(p, location, &there, 0, finds, err);
    }
    return rc;
}

static bool same_migration(const struct found *a, const struct found *b)
{
    if (a->name.sort != b->name.sort)
        return false;
    return a->name.version ? evo_flyway_compare(a->name.version, b->name.version) == 0
                           : strcmp(a->name.description, b->name.description) == 0;
}

static enum evo_errc refuse_twins(const struct finds *finds, struct evo_error *err)
{
    for (size_t i = 0; i < finds->count; i++)
        for (size_t j = i + 1; j < finds->count; j++) {
            const struct found *a = &finds->items[i], *b = &finds->items[j];
            if (!same_migration(a, b))
                continue;
            evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" and \"%s\" are the same migration: %s%s", a->path,
                          b->path, a->name.version ? "version " : "",
                          a->name.version ? a->name.version : a->name.description);
            return evo_error_hint(err, "Keep one of the two.");
        }
    return EVO_OK;
}

/* "${…}" would be replaced by Flyway, wherever it stands. */
static enum evo_errc refuse_placeholders(const struct finds *finds, const char *path, const char *text,
                                         struct evo_error *err)
{
    const char *at = finds->placeholders ? strstr(text, "${") : NULL;
    const char *end = at ? strchr(at, '}') : NULL;
    if (!end)
        return EVO_OK;
    int line = 1;
    for (const char *p = text; p < at; p++)
        line += *p == '\n';
    evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" holds the placeholder \"%.*s\", which evo does not replace",
                  path, (int)(end - at < 60 ? end - at + 1 : 60), at);
    evo_error_at(err, path, line);
    return evo_error_hint(err, "Write the value itself; or, where no placeholder is meant, set "
                               "flyway.placeholderReplacement to false in flyway.toml or flyway.conf.");
}

/* V1__a.sql.conf may say how the file is run. */
static enum evo_errc read_conf(const char *sql, const struct finds *finds, bool *no_transaction,
                               struct evo_error *err)
{
    EVO_AUTO_STR path = evo_asprintf("%s.conf", sql);
    EVO_AUTO(conf) conf = { 0 };
    if (!evo_strvec_contains(&finds->confs, path))
        return EVO_OK;
    enum evo_errc rc = evo_conf_read(path, EVO_CONF_PROPERTIES, &conf, err);
    for (size_t i = 0; !rc && i < conf.count; i++) {
        const char *key = conf.items[i].key, *value = conf.items[i].value;
        if (strcmp(key, "executeInTransaction") == 0)
            *no_transaction = strcmp(value, "false") == 0;
        else if (strcmp(key, "placeholderReplacement") != 0 || strcmp(value, "true") != 0) {
            evo_error_set(err, EVO_ERR_CONFIG, "evo does not honour \"%s\" of \"%s\"", key, path);
            evo_error_at(err, path, conf.items[i].line);
            return evo_error_hint(err, "Apply these migrations with \"flyway migrate\".");
        }
    }
    return rc;
}

static const struct found *undo_of(struct finds *finds, const char *version)
{
    for (size_t i = 0; i < finds->count; i++)
        if (finds->items[i].name.sort == EVO_FLYWAY_UNDO &&
            evo_flyway_compare(finds->items[i].name.version, version) == 0) {
            finds->items[i].used = true;
            return &finds->items[i];
        }
    return NULL;
}

static enum evo_errc add_one(struct evo_project *p, const struct found *found, struct finds *finds,
                             struct evo_strbuf *buffer, struct evo_error *err)
{
    const char *file = evo_path_base(found->path);
    EVO_AUTO(migration)
    m = { .name = evo_strndup(file, strlen(file) - strlen(".sql")),
          .version = evo_strdup(found->name.version),
          .path = evo_strdup(found->path) };
    const struct found *undo = m.version ? undo_of(finds, m.version) : NULL;
    bool no_transaction = false;
    if (m.version && !undo) {
        EVO_AUTO_STR folder = evo_path_dir(found->path);
        EVO_AUTO_STR name = evo_asprintf("U%s", file + 1);
        m.wants_down = evo_path_join(folder, name);
    }
    enum evo_errc rc = read_conf(found->path, finds, &no_transaction, err);
    if (!rc && undo) {
        rc = evo_layout_file_read(undo->path, buffer, err);
        if (!rc)
            rc = refuse_placeholders(finds, undo->path, buffer->buf, err);
        m.companion[EVO_FILE_DOWN] = evo_strdup(undo->path);
    }
    if (!rc)
        rc = evo_project_add(p, &m, buffer, err);
    if (rc)
        return rc;
    struct evo_migration *added = &p->items[p->count - 1];
    added->own_checksum = evo_asprintf("%d", (int)evo_flyway_checksum(buffer->buf, buffer->len));
    added->directives.no_transaction |= no_transaction;
    rc = refuse_placeholders(finds, found->path, buffer->buf, err);
    return rc ? evo_error_migration(err, added->name) : EVO_OK;
}

/* Versions as numbers; then what is repeatable, by its description. */
static int compare(const void *va, const void *vb)
{
    const struct evo_migration *a = va, *b = vb;
    if (a->version && b->version)
        return evo_flyway_compare(a->version, b->version);
    if (a->version || b->version)
        return a->version ? -1 : 1;
    /* "_" comes for a blank in a description, and before what follows a blank there */
    const char *pa = a->name, *pb = b->name;
    while (*pa && *pa == *pb) {
        pa++;
        pb++;
    }
    int ca = *pa == '_' ? ' ' : (unsigned char)*pa, cb = *pb == '_' ? ' ' : (unsigned char)*pb;
    return ca - cb;
}

enum evo_errc evo_flyway_read(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err)
{
    __attribute__((cleanup(finds_auto))) struct finds finds = { .confs = EVO_STRVEC_INIT };
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = evo_flyway_configure(p, &finds.placeholders, err);
    if (!rc)
        rc = search_all(p, names, &finds, err);
    if (!rc)
        rc = refuse_twins(&finds, err);
    for (size_t i = 0; !rc && i < finds.count; i++)
        if (finds.items[i].name.sort != EVO_FLYWAY_UNDO)
            rc = add_one(p, &finds.items[i], &finds, &buffer, err);
    for (size_t i = 0; !rc && i < finds.count; i++)
        if (finds.items[i].name.sort == EVO_FLYWAY_UNDO && !finds.items[i].used)
            evo_strvec_pushf(&p->warnings, "\"%s\" takes back a version that no file has",
                             finds.items[i].path);
    if (rc)
        return rc;
    if (p->count)
        qsort(p->items, p->count, sizeof(*p->items), compare);
    return evo_companions_in_root(p, err);
}
