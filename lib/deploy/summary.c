#include "deploy/summary.h"

#include <inttypes.h>

#include "base/parse.h"

/* Names and messages come from files and servers: none of them becomes a table cell's end, a tag or a link. */
static void add_escaped(struct evo_strbuf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n' || *s == '\r')
            evo_strbuf_addch(out, ' ');
        else if (*s == '<')
            evo_strbuf_adds(out, "&lt;");
        else if (*s == '&')
            evo_strbuf_adds(out, "&amp;");
        else if (strchr("\\`*_[]|~#@", *s))
            evo_strbuf_addf(out, "\\%c", *s);
        else
            evo_strbuf_addch(out, *s);
    }
}

static const char *sign(enum evo_step_verdict v)
{
    static const char *const signs[] = { "✅ done", "❌ failed", "➖ skipped", "⏹ cancelled" };
    return signs[v];
}

static void add_error(struct evo_strbuf *out, const struct evo_error *e)
{
    evo_strbuf_addf(out, "\n**Reason:** `%s`", evo_errc_reason(e->code));
    if (e->sqlstate[0])
        evo_strbuf_addf(out, ", SQLSTATE `%s`", e->sqlstate);
    if (e->migration[0]) {
        evo_strbuf_adds(out, ", migration ");
        add_escaped(out, e->migration);
    }
    if (e->file[0]) {
        evo_strbuf_adds(out, ", ");
        add_escaped(out, e->file);
        if (e->line)
            evo_strbuf_addf(out, ":%d", e->line);
    }
    evo_strbuf_adds(out, "\n\n> ");
    add_escaped(out, e->message);
    evo_strbuf_addch(out, '\n');
    const char *const more[] = { e->detail, e->hint };
    for (size_t i = 0; i < EVO_COUNT(more); i++) {
        if (!more[i][0])
            continue;
        evo_strbuf_adds(out, ">\n> ");
        add_escaped(out, more[i]);
        evo_strbuf_addch(out, '\n');
    }
    if (e->next[0])
        evo_strbuf_addf(out, "\n**Next:**\n\n    %s\n", e->next);
}

void evo_deploy_summary(const struct evo_deploy_result *r, const char *environment,
                        const struct evo_error *error, struct evo_strbuf *out)
{
    char human[EVO_HUMAN_MAX];
    bool cancelled = error && error->code == EVO_ERR_CANCELLED;
    evo_strbuf_addf(out, "### %s ", !error ? "✅" : cancelled ? "⏹" : "❌");
    add_escaped(out, r->database ? r->database : "database");
    if (environment) {
        evo_strbuf_adds(out, " (");
        add_escaped(out, environment);
        evo_strbuf_addch(out, ')');
    }
    evo_strbuf_addf(out, ": %s\n\n", !error ? "deployed" : cancelled ? "cancelled" : "failed");
    if (r->applied >= 0)
        evo_strbuf_addf(out, "Applied: %" PRId64 ". ", r->applied);
    if (r->pending >= 0)
        evo_strbuf_addf(out, "Pending: %" PRId64 ". ", r->pending);
    if (r->backup_id) {
        evo_strbuf_adds(out, "Backup: `");
        evo_strbuf_adds(out, r->backup_id);
        evo_strbuf_adds(out, "`. ");
    }
    evo_strbuf_addf(out, "Schema: %s.\n\n| step | verdict | took | |\n| --- | --- | --- | --- |\n",
                    r->schema_clean == EVO_YES  ? "clean, no migration is half applied"
                    : r->schema_clean == EVO_NO ? "**not clean, a migration is half applied**"
                                                : "not known");
    for (size_t i = 0; i < r->nsteps; i++) {
        const struct evo_deploy_step *s = &r->steps[i];
        evo_strbuf_addf(out, "| %s | %s | %s | ", s->name, sign(s->verdict),
                        s->verdict == EVO_STEP_SKIPPED ? "" : evo_format_duration(s->elapsed_ms, human));
        add_escaped(out, s->reason ? s->reason : "");
        evo_strbuf_adds(out, " |\n");
    }
    if (error)
        add_error(out, error);
}
