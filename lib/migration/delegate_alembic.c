/*
 * Alembic (https://alembic.sqlalchemy.org/): `alembic upgrade REV`, where all that REV builds upon is applied, is exactly
 * REV. The way back is named by what stays: `alembic downgrade PARENT`; where the parent has more than one child that would
 * take them all, so the branch is named too: REV@PARENT (REV@base for one of several first revisions).
 */
#include "base/file.h"
#include "layout/python.h"
#include "migration/delegate.h"

/* Revision files and env.py. */
#define SOURCE_MAX ((size_t)16 << 20)

static const char *const places[] = { ".venv/bin/alembic", "venv/bin/alembic", NULL };

static enum evo_errc find_program(const struct evo_project *p, char **ret, struct evo_error *err)
{
    const char *named = getenv("EVO_ALEMBIC");
    const char *const own[] = { named, NULL };
    bool is_named = named && *named;
    *ret = is_named ? evo_delegate_find(p, own, named) : evo_delegate_find(p, places, "alembic");
    if (*ret)
        return EVO_OK;
    if (is_named) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "EVO_ALEMBIC names \"%s\", which cannot be executed", named);
        return evo_error_hint(err, "Give the path of the project's alembic.");
    }
    (void)evo_error_set(err, EVO_ERR_CONFIG, "the project's alembic was not found");
    (void)evo_error_detail(err, "Looked at .venv/bin/alembic and venv/bin/alembic in \"%s\", and on PATH.",
                           p->root);
    return evo_error_hint(
        err, "Install it: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt; or "
             "name it: EVO_ALEMBIC=/path/to/alembic.");
}

static enum evo_errc require_ini(const struct evo_project *p, struct evo_error *err)
{
    const char *named = getenv("ALEMBIC_CONFIG");
    EVO_AUTO_STR path = evo_path_join(p->root, named && *named ? named : "alembic.ini");
    if (evo_is_file(path))
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_CONFIG, "there is no \"%s\", which alembic needs", path);
    return evo_error_hint(
        err, "Run evo in the folder that alembic is run in, or name the file by ALEMBIC_CONFIG.");
}

/* ---- is it one transaction? ------------------------------------------------------ */

/* Words by which a source leaves the transaction that Alembic opens. */
static bool leaves_transaction(const struct evo_py_tokens *t, bool env)
{
    static const struct {
        const char *word;
        bool env; /* counts in env.py, too */
    } names[] = {
        { "autocommit_block", false },
        { "commit", false }, /* env.py may commit behind everything */
        { "isolation_level", true },
        { "transactional_ddl", true },
    };
    for (size_t i = 0; t->items[i].kind != EVO_PY_END; i++) {
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        for (size_t n = 0; n < EVO_COUNT(names); n++)
            if ((names[n].env || !env) && evo_py_is_name(&t->items[i], names[n].word))
                return true;
        if (t->items[i].kind == EVO_PY_TEXT && evo_py_text(&t->items[i], &text) &&
            (strstr(text.buf, "AUTOCOMMIT") ||
             (!env && (strstr(text.buf, "COMMIT") || strstr(text.buf, "commit")))))
            return true;
    }
    return false;
}

static enum evo_errc is_atomic(const char *path, bool env, bool *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO(py_tokens) tokens = { 0 };
    if (env && !evo_is_file(path))
        return EVO_OK;
    enum evo_errc rc = evo_file_read(path, SOURCE_MAX, &text, err);
    if (!rc)
        rc = evo_py_tokens_of(text.buf, text.len, path, &tokens, err);
    if (!rc && leaves_transaction(&tokens, env))
        *ret = false;
    return rc;
}

/* ---- the command ----------------------------------------------------------------- */

static size_t children_of(const struct evo_project *p, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++)
        n += name ? evo_strvec_contains(&p->items[i].down, name) : p->items[i].down.count == 0;
    return n;
}

/* What `alembic downgrade` takes to undo m and nothing else. The caller frees. */
static char *target_below(const struct evo_project *p, const struct evo_migration *m)
{
    const char *parent = m->down.count ? m->down.items[0] : NULL;
    const struct evo_migration *below = parent ? evo_project_find(p, parent) : NULL;
    const char *id = below ? below->version : "base";
    return children_of(p, parent) > 1 ? evo_asprintf("%s@%s", m->version, id) : evo_strdup(id);
}

static enum evo_errc command(const struct evo_project *p, const struct evo_migration *m, bool down,
                             struct evo_delegate_command *ret, struct evo_error *err)
{
    EVO_AUTO_STR program = NULL;
    EVO_AUTO_STR env = evo_path_join(p->migrations, "env.py");
    EVO_AUTO_STR target = down ? target_below(p, m) : evo_strdup(m->version);
    bool atomic = true;
    enum evo_errc rc = require_ini(p, err);
    if (!rc)
        rc = find_program(p, &program, err);
    if (!rc)
        rc = is_atomic(env, true, &atomic, err);
    if (!rc)
        rc = is_atomic(m->path, false, &atomic, err);
    if (rc)
        return rc;
    const char *verb = down ? "downgrade" : "upgrade";
    evo_strvec_push(&ret->argv, program);
    evo_strvec_push(&ret->argv, verb);
    evo_strvec_push(&ret->argv, target);
    /* Its output is read line by line. */
    evo_strvec_push(&ret->env, "PYTHONUNBUFFERED=1");
    ret->shown = evo_asprintf("alembic %s %s", verb, target);
    ret->atomic = atomic;
    return EVO_OK;
}

static enum evo_errc render(const struct evo_project *p, const struct evo_migration *m,
                            struct evo_delegate_command *ret, struct evo_error *err)
{
    EVO_AUTO_STR program = NULL;
    enum evo_errc rc = require_ini(p, err);
    if (!rc)
        rc = find_program(p, &program, err);
    if (rc)
        return rc;
    EVO_AUTO_STR range = evo_asprintf("%s:%s", m->upon.count ? m->upon.items[0] : "base", m->version);
    evo_strvec_push(&ret->argv, program);
    evo_strvec_push(&ret->argv, "upgrade");
    evo_strvec_push(&ret->argv, range);
    evo_strvec_push(&ret->argv, "--sql");
    ret->shown = evo_asprintf("alembic upgrade %s --sql", range);
    return EVO_OK;
}

/* A traceback is a hundred lines; the driver's own exception says what the server said. */
static const char *const tells[] = { "psycopg2.errors.",
                                     "psycopg.errors.",
                                     "asyncpg.exceptions.",
                                     "pg8000.exceptions.",
                                     "sqlalchemy.exc.",
                                     "FAILED: ",
                                     NULL };

const struct evo_delegate evo_delegate_alembic = {
    .tool = "alembic",
    .command = command,
    .tells = tells,
    .render = render,
    .elsewhere =
        "Does alembic work on the same database? Its env.py has to take the URL from DATABASE_URL (or PG*), "
        "which evo sets; a URL written in alembic.ini leads elsewhere.",
};
