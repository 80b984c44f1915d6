#include "migration/render.h"

#include <strings.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "base/secret.h"
#include "layout/python.h"
#include "migration/delegate_child.h"

/* A revision's source, and what is rendered of it. */
#define SOURCE_MAX   ((size_t)16 << 20)
#define RENDERED_MAX ((size_t)64 << 20)
#define MESSAGES_MAX ((size_t)64 << 10)
/* It connects to nothing, so it takes no longer than Python needs to start. */
#define RENDER_MS (2 * 60 * 1000)
/* Of what it said, the end is shown. */
#define SHOWN_BYTES 1200

/* ---- the source ------------------------------------------------------------------ */

static bool has_tab(const struct evo_py_token *t)
{
    static const char *const escapes[] = { "\\t", "\\x09", "\\011", "\\u0009" };
    if (memchr(t->start, '\t', t->len))
        return true;
    EVO_AUTO_STR text = evo_strndup(t->start, t->len);
    for (size_t i = 0; i < EVO_COUNT(escapes); i++)
        if (strstr(text, escapes[i]))
            return true;
    return false;
}

enum evo_errc evo_render_judge_source(const char *text, size_t n, const char *path, const char **ret_reason,
                                      bool *ret_blind, struct evo_error *err)
{
    /* By these a revision gets at answers, or at the way it is run. */
    static const struct {
        const char *name, *reason; /* reason NULL: it may read */
    } words[] = {
        { "get_bind", NULL },
        { "bind", NULL },
        { "connection", NULL },
        { "get_context", NULL },
        { "inspect", NULL },
        { "Session", NULL },
        { "is_offline_mode", "it asks whether it is rendered (is_offline_mode)" },
        { "as_sql", "it asks whether it is rendered (as_sql)" },
        { "autocommit_block", "it leaves the transaction (autocommit_block)" },
    };
    EVO_AUTO(py_tokens) t = { 0 };
    enum evo_errc rc = evo_py_tokens_of(text, n, path, &t, err);
    if (rc)
        return rc;
    *ret_reason = NULL;
    *ret_blind = true;
    for (size_t i = 0; t.items[i].kind != EVO_PY_END; i++) {
        for (size_t w = 0; w < EVO_COUNT(words); w++) {
            if (!evo_py_is_name(&t.items[i], words[w].name))
                continue;
            if (words[w].reason)
                *ret_reason = words[w].reason;
            else
                *ret_blind = false;
        }
        if (t.items[i].kind == EVO_PY_TEXT && has_tab(&t.items[i]))
            *ret_reason = "a string in it holds a tab, for which Alembic writes blanks";
    }
    return EVO_OK;
}

/* ---- the rendering --------------------------------------------------------------- */

/* "<before><name><behind>" */
static bool begins_with(const char *text, size_t n, const char *before, const char *name, const char *behind)
{
    EVO_AUTO_STR wanted = evo_asprintf("%s%s%s", before, name, behind);
    size_t length = strlen(wanted);
    return n >= length && memcmp(text, wanted, length) == 0;
}

static bool is_about_ledger(const char *text, size_t n, const char *table)
{
    return begins_with(text, n, "UPDATE ", table, " SET version_num=") ||
           begins_with(text, n, "INSERT INTO ", table, " (version_num)") ||
           begins_with(text, n, "DELETE FROM ", table, " WHERE");
}

static bool is_word(const char *text, size_t n, const char *word)
{
    size_t length = strlen(word);
    return n >= length && strncasecmp(text, word, length) == 0 &&
           (n == length || strchr(" \t\r\n(;", text[length]));
}

static bool reads(const char *text, size_t n)
{
    return is_word(text, n, "SELECT") || is_word(text, n, "WITH") || is_word(text, n, "SHOW") ||
           is_word(text, n, "VALUES") || is_word(text, n, "TABLE");
}

/* How many revisions are in it; -1: one of them is another. */
static int revisions_in(const char *text, const struct evo_sql_script *script, const char *revision)
{
    static const char running[] = "-- Running upgrade ";
    int count = 0;
    EVO_AUTO_STR wanted = evo_asprintf("-> %s", revision);
    for (size_t i = 0; i < script->ncomments; i++) {
        EVO_AUTO_STR comment = evo_strndup(text + script->comments[i].start, script->comments[i].len);
        if (!evo_starts_with(comment, running))
            continue;
        if (!strstr(comment, wanted))
            return -1;
        count++;
    }
    return count;
}

const char *evo_render_cut(const char *text, size_t n, const char *table, const char *revision,
                           bool reads_allowed, struct evo_strbuf *out)
{
    EVO_AUTO(sql_script) script = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_sql_split(text, n, "the rendering", &script, &ignored))
        return "it cannot be cut into statements";
    size_t last = script.count ? script.count - 1 : 0;
    if (script.count < 3 || !is_word(text + script.items[0].start, script.items[0].len, "BEGIN") ||
        !is_word(text + script.items[last].start, script.items[last].len, "COMMIT"))
        return "it is no one transaction (BEGIN to COMMIT)";
    if (revisions_in(text, &script, revision) != 1)
        return "it holds another revision, or more than one";
    if (memmem(text, n, "%%", 2))
        return "it holds \"%%\", which may stand for one \"%\"";
    EVO_AUTO_STR version = evo_asprintf("'%s'", revision);
    for (size_t i = 1; i < last; i++) {
        const struct evo_sql_statement *s = &script.items[i];
        const char *start = text + s->start;
        bool about_ledger = is_about_ledger(start, s->len, table);
        if (s->kind == EVO_SQL_TRANSACTION || s->kind == EVO_SQL_NO_TRANSACTION)
            return "a statement in it stands outside the transaction";
        if (!s->understood)
            return "a statement in it is not understood";
        if (i == last - 1 && !(about_ledger && memmem(start, s->len, version, strlen(version))))
            return "its last statement does not record the revision";
        if (i < last - 1 && about_ledger)
            return "it changes the ledger more than once";
        if (!reads_allowed && reads(start, s->len))
            return "it reads from the database, and the revision may look at the answer";
        if (!about_ledger && !begins_with(start, s->len, "CREATE TABLE ", table, " (")) {
            evo_strbuf_add(out, start, s->len);
            evo_strbuf_adds(out, ";\n");
        }
    }
    return NULL;
}

/* ---- the step -------------------------------------------------------------------- */

/* As SQLAlchemy writes a name. */
static void add_name(const char *name, struct evo_strbuf *out)
{
    bool plain =
        *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789")] && !strchr("0123456789", *name);
    evo_strbuf_addf(out, "%s%s%s", plain ? "" : "\"", name, plain ? "" : "\"");
}

static char *ledger_table(const struct evo_session *s)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (s->o->project->ledger_schema) {
        add_name(s->o->project->ledger_schema, &out);
        evo_strbuf_addch(&out, '.');
    }
    add_name(s->ledger.table, &out);
    return evo_strbuf_detach(&out);
}

static enum evo_errc distrust(const struct evo_session *s, const struct evo_step *step, const char *why,
                              struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_UNSUPPORTED,
                        "the rendering of migration \"%s\" is not to be trusted: %s", step->migration->name,
                        why);
    (void)evo_error_hint(err, "Let the tool itself run it: evo-migrate up%s, without --render.",
                         s->o->plan.next_options);
    (void)evo_error_at(err, step->migration->path, 0);
    return evo_error_next(err, "evo-migrate up%s", s->o->plan.next_options);
}

/* Python's last words. */
static enum evo_errc explain_failure(const struct evo_step *step, const struct evo_strbuf *messages,
                                     int status, struct evo_error *err)
{
    EVO_AUTO(strbuf) shown = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) end = EVO_STRBUF_INIT;
    size_t from = messages->len > SHOWN_BYTES ? messages->len - SHOWN_BYTES : 0;
    while (from < messages->len && ((unsigned char)messages->buf[from] & 0xc0) == 0x80)
        from++;
    for (; from < messages->len; from++)
        evo_strbuf_addch(&end, (unsigned char)messages->buf[from] < 0x20 ? ' ' : messages->buf[from]);
    evo_redact(&shown, end.buf);
    (void)evo_error_set(err, EVO_ERR_MIGRATION_FAILED,
                        "could not render migration \"%s\": the tool ended with exit status %d",
                        step->migration->name, status);
    (void)evo_error_detail(err, "\"%s\" said: %s", step->command.shown, shown.buf);
    (void)evo_error_hint(err,
                         "What looks into the database cannot be rendered without one: leave --render out.");
    return evo_error_at(err, step->migration->path, 0);
}

static enum evo_errc run_tool(const struct evo_session *s, const struct evo_step *step,
                              struct evo_strbuf *out, struct evo_error *err)
{
    const struct evo_delegate_command *c = &step->command;
    EVO_AUTO(strbuf) messages = EVO_STRBUF_INIT_MAX(MESSAGES_MAX);
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    int status = 0;
    evo_delegate_environment(s->o->info, getenv("DATABASE_URL"), "evo-migrate", s->settings.lock_timeout_ms,
                             s->settings.statement_timeout_ms, &env);
    for (size_t i = 0; i < c->env.count; i++)
        evo_strvec_push(&env, c->env.items[i]);
    struct evo_process_options o = { .argv = c->argv.items,
                                     .env = &env,
                                     .cwd = c->cwd ? c->cwd : s->o->project->root };
    enum evo_errc rc = evo_process_run(&o, NULL, out, &messages, evo_deadline_in(RENDER_MS), &status, err);
    evo_conninfo_environment_wipe(&env);
    if (!rc && status)
        rc = explain_failure(step, &messages, status, err);
    if (!rc && !evo_strbuf_ok(out))
        rc = evo_error_set(err, EVO_ERR_CONFIG, "the rendering of migration \"%s\" is too large",
                           step->migration->name);
    return rc;
}

/* The text becomes the step's, and is decided upon like any other file's. */
static enum evo_errc take_over(const struct evo_session *s, struct evo_step *step,
                               const struct evo_strbuf *rendered, bool blind, struct evo_error *err)
{
    const struct evo_migration *m = step->migration;
    EVO_AUTO_STR table = ledger_table(s);
    const char *why = evo_render_cut(rendered->buf, rendered->len, table, m->version, blind, &step->text);
    if (why)
        return distrust(s, step, why, err);
    char *path = evo_asprintf("%s (as SQL)", m->path);
    free(step->path);
    step->path = path;
    enum evo_errc rc = evo_sql_split(step->text.buf, step->text.len, step->path, &step->script, err);
    if (rc)
        return rc;
    evo_step_decide(step);
    evo_delegate_command_release(&step->command);
    return EVO_OK;
}

static enum evo_errc render(const struct evo_session *s, struct evo_step *step, struct evo_error *err)
{
    const struct evo_delegate *d = evo_delegate_of(s->o->project->kind);
    const struct evo_migration *m = step->migration;
    EVO_AUTO(strbuf) source = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) rendered = EVO_STRBUF_INIT_MAX(RENDERED_MAX);
    const char *why = NULL;
    bool blind = false;
    if (!d || !d->render)
        return evo_error_set(err, EVO_ERR_USAGE, "--render is not for the layout %s",
                             evo_layout_name(s->o->project->kind));
    enum evo_errc rc = evo_file_read(m->path, SOURCE_MAX, &source, err);
    if (!rc)
        rc = evo_render_judge_source(source.buf, source.len, m->path, &why, &blind, err);
    if (!rc && m->upon.count > 1)
        why = "it builds upon several revisions, and the tool renders from one";
    if (!rc && why)
        rc = distrust(s, step, why, err);
    if (!rc)
        rc = d->render(s->o->project, m, &step->command, err);
    if (!rc)
        rc = run_tool(s, step, &rendered, err);
    return rc ? rc : take_over(s, step, &rendered, blind, err);
}

enum evo_errc evo_render_step(const struct evo_session *s, struct evo_step *step, struct evo_error *err)
{
    evo_delegate_command_release(&step->command);
    enum evo_errc rc = render(s, step, err);
    if (!rc)
        return EVO_OK;
    if (err)
        err->schema_clean = EVO_YES;
    (void)evo_error_migration(err, step->migration->name);
    return rc;
}
