/*
 * Alembic: revisions are Python modules, and what each builds upon stands in variables of theirs. They are read without
 * running Python; the order is the graph's (graph.h). A revision's name is its file's without ".py", its version the
 * revision's id: the file's name carries neither order nor, with another file_template, the id.
 */
#include "base/banned.h"
#include "base/file.h"
#include "layout/alembic_config.h"
#include "layout/companions.h"
#include "layout/graph.h"
#include "layout/python.h"
#include "layout/reader.h"

/* alembic_version.version_num is VARCHAR(32). */
#define ID_MAX 32

/* ---- one file -------------------------------------------------------------------- */

static enum evo_errc refuse_value(const struct evo_migration *m, const char *name, int line, const char *what,
                                  struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_CONFIG, "cannot read \"%s\" of revision file \"%s\": it %s", name,
                        m->path, what);
    (void)evo_error_hint(err, "Write it as Alembic does: a string, None, or a tuple of strings.");
    (void)evo_error_at(err, m->path, line);
    return evo_error_migration(err, m->name);
}

/* Values of a variable that may be None, a string, or several. */
static enum evo_errc read_list(const struct evo_py_tokens *t, const struct evo_migration *m, const char *name,
                               struct evo_strvec *ret, struct evo_error *err)
{
    EVO_AUTO(py_value) v = { 0 };
    evo_py_variable(t, name, &v);
    if (v.kind == EVO_PY_COMPUTED)
        return refuse_value(m, name, v.line, "is computed", err);
    for (size_t i = 0; i < v.strings.count; i++)
        evo_strvec_push(ret, v.strings.items[i]);
    return EVO_OK;
}

static enum evo_errc read_id(const struct evo_py_tokens *t, struct evo_migration *m, struct evo_error *err)
{
    EVO_AUTO(py_value) v = { 0 };
    evo_py_variable(t, "revision", &v);
    if (v.kind == EVO_PY_ABSENT) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" has no variable \"revision\"", m->path);
        (void)evo_error_detail(err,
                               "Alembic takes every Python file there for a revision, and stops here too.");
        (void)evo_error_hint(err, "Move the file away, or give it its revision.");
        (void)evo_error_at(err, m->path, 0);
        return evo_error_migration(err, m->name);
    }
    if (v.kind != EVO_PY_STRING)
        return refuse_value(m, "revision", v.line, v.kind == EVO_PY_COMPUTED ? "is computed" : "is no string",
                            err);
    const char *id = v.strings.items[0];
    if (!*id || strpbrk(id, "@+-: ") || strlen(id) > ID_MAX)
        return refuse_value(m, "revision", v.line,
                            strlen(id) > ID_MAX ? "is longer than the 32 characters of alembic_version"
                                                : "is no revision identifier",
                            err);
    m->version = evo_strdup(id);
    return EVO_OK;
}

static const struct evo_migration *find_id(const struct evo_project *p, const char *id)
{
    for (size_t i = 0; i < p->count; i++)
        if (evo_streq(p->items[i].version, id))
            return &p->items[i];
    return NULL;
}

static enum evo_errc refuse_twice(const struct evo_migration *a, const struct evo_migration *b,
                                  const char *what, struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_CONFIG, "two revision files have the same %s: \"%s\" and \"%s\"", what,
                        a->path, b->path);
    (void)evo_error_hint(err, "Keep one of the two.");
    (void)evo_error_at(err, b->path, 0);
    return evo_error_migration(err, b->name);
}

static enum evo_errc read_file(struct evo_project *p, const char *path, struct evo_strbuf *buffer,
                               struct evo_error *err)
{
    const char *base = evo_path_base(path);
    EVO_AUTO(migration)
    m = { .name = evo_strndup(base, strlen(base) - strlen(".py")), .path = evo_strdup(path) };
    const struct evo_migration *twin = evo_project_find(p, m.name);
    if (twin)
        return refuse_twice(twin, &m, "name", err);
    enum evo_errc rc = evo_project_add(p, &m, buffer, err);
    if (rc)
        return rc;
    EVO_AUTO(py_tokens) tokens = { 0 };
    struct evo_migration *added = &p->items[p->count - 1];
    rc = evo_py_tokens_of(buffer->buf, buffer->len, path, &tokens, err);
    if (rc)
        return evo_error_migration(err, added->name);
    EVO_AUTO(strbuf) id = EVO_STRBUF_INIT;
    rc = read_id(&tokens, added, err);
    if (!rc)
        rc = read_list(&tokens, added, "down_revision", &added->down, err);
    if (!rc)
        rc = read_list(&tokens, added, "depends_on", &added->depends, err);
    if (!rc)
        rc = read_list(&tokens, added, "branch_labels", &added->labels, err);
    if (rc)
        return rc;
    twin = find_id(p, added->version);
    return !twin || twin == added ? EVO_OK : refuse_twice(twin, added, "revision identifier", err);
}

/* ---- folders --------------------------------------------------------------------- */

static enum evo_errc read_folder(struct evo_project *p, const char *folder, bool recursive, int depth,
                                 struct evo_strbuf *buffer, struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_dir_list(folder, &names, err);
    for (size_t i = 0; !rc && i < names.count; i++) {
        const char *name = names.items[i];
        EVO_AUTO_STR path = evo_path_join(folder, name);
        if (recursive && depth < 16 && evo_entry_of(path) == EVO_ENTRY_DIR &&
            strcmp(name, "__pycache__") != 0)
            rc = read_folder(p, path, recursive, depth + 1, buffer, err);
        else if (evo_ends_with(name, ".py") && !evo_starts_with(name, ".#") &&
                 !evo_starts_with(name, "__init__") && evo_is_file(path))
            rc = read_file(p, path, buffer, err);
    }
    return rc;
}

static bool is_same_folder(const char *a, const char *b)
{
    EVO_AUTO_STR real_a = realpath(a, NULL);
    EVO_AUTO_STR real_b = realpath(b, NULL);
    return real_a && real_b && strcmp(real_a, real_b) == 0;
}

/* p->migrations becomes the folder with env.py, whichever of the two was named. */
static enum evo_errc settle_location(struct evo_project *p, const struct evo_alembic_config *config,
                                     struct evo_error *err)
{
    EVO_AUTO_STR parent = evo_path_dir(p->migrations);
    EVO_AUTO_STR env = evo_path_join(p->migrations, "env.py");
    EVO_AUTO_STR parent_env = evo_path_join(parent, "env.py");
    bool above = !evo_is_file(env) && evo_is_file(parent_env);
    const char *found = above ? parent : p->migrations;
    if (!config->location && !above && !evo_is_file(env)) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "there is no env.py in \"%s\"%s%s%s", p->migrations,
                            config->ini ? ", and script_location of \"" : "", config->ini ? config->ini : "",
                            config->ini ? "\" names no folder" : "");
        return evo_error_hint(err, "Name the folder of Alembic's env.py with --migrations DIR.");
    }
    if (config->location && !is_same_folder(found, config->location)) {
        bool listed = false;
        for (size_t i = 0; i < config->versions.count; i++)
            listed |= is_same_folder(p->migrations, config->versions.items[i]);
        if (!listed) {
            (void)evo_error_set(err, EVO_ERR_CONFIG,
                                "\"%s\" is not the script_location of \"%s\", which is \"%s\"", p->migrations,
                                config->ini, config->location);
            return evo_error_hint(err, "Leave --migrations out, or name another file by ALEMBIC_CONFIG.");
        }
    }
    char *settled = evo_strdup(config->location ? config->location : found);
    free(p->migrations);
    p->migrations = settled;
    return EVO_OK;
}

/* ---- edges ----------------------------------------------------------------------- */

static enum evo_errc refuse_unknown(const struct evo_migration *m, const char *variable, const char *id,
                                    struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_CONFIG, "revision \"%s\" names \"%s\" as its %s, which no file has",
                        m->version, id, variable);
    (void)evo_error_hint(err, "Bring that revision's file back, or correct %s.", m->path);
    (void)evo_error_at(err, m->path, 0);
    return evo_error_migration(err, m->name);
}

/* depends_on may name a branch by its label: then the revision that carries it. */
static const struct evo_migration *find_label(const struct evo_project *p, const char *label)
{
    for (size_t i = 0; i < p->count; i++)
        if (evo_strvec_contains(&p->items[i].labels, label))
            return &p->items[i];
    return NULL;
}

/* Identifiers become names, and are kept as what the ledger writes. */
static enum evo_errc name_edges(const struct evo_project *p, struct evo_migration *m,
                                struct evo_strvec *edges, const char *variable, bool labels,
                                struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    for (size_t i = 0; i < edges->count; i++) {
        const struct evo_migration *to = find_id(p, edges->items[i]);
        if (!to && labels)
            to = find_label(p, edges->items[i]);
        if (!to)
            return refuse_unknown(m, variable, edges->items[i], err);
        evo_strvec_push(&names, to->name);
        if (!evo_strvec_contains(&m->upon, to->version))
            evo_strvec_push(&m->upon, to->version);
    }
    struct evo_strvec old = *edges;
    *edges = names;
    names = old;
    return EVO_OK;
}

/* Those that are meant to stand side by side are one answer to "what is the last one?" each. */
static void note_heads(struct evo_project *p)
{
    evo_graph_heads(p, &p->heads);
    if (p->heads.count > 1 && evo_graph_is_meant(p))
        evo_strvec_clear(&p->heads);
}

enum evo_errc evo_alembic_read(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err)
{
    (void)names; /* alembic.ini says where the files are */
    EVO_AUTO(alembic_config) config = { 0 };
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = evo_alembic_config_load(p->root, &config, err);
    if (!rc)
        rc = settle_location(p, &config, err);
    EVO_AUTO_STR env = evo_path_join(p->migrations, "env.py");
    EVO_AUTO_STR versions = evo_path_join(p->migrations, "versions");
    if (!rc)
        rc = evo_alembic_env_load(p, env, err);
    if (!rc && !config.versions.count && evo_is_dir(versions))
        rc = read_folder(p, versions, config.recursive, 0, &buffer, err);
    for (size_t i = 0; !rc && i < config.versions.count; i++)
        rc = read_folder(p, config.versions.items[i], config.recursive, 0, &buffer, err);
    for (size_t i = 0; !rc && i < p->count; i++) {
        rc = name_edges(p, &p->items[i], &p->items[i].down, "down_revision", false, err);
        if (!rc)
            rc = name_edges(p, &p->items[i], &p->items[i].depends, "depends_on", true, err);
    }
    if (!rc)
        rc = evo_graph_order(p, err);
    if (!rc)
        rc = evo_companions_in_root(p, err);
    if (!rc)
        note_heads(p);
    return rc;
}
