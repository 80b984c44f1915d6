/* evo_probe_run: each probe where it can do no harm. */
#include <string.h>

#include "probe/probe.h"
#include "sql/split.h"

enum { STATEMENT_MAX = 200, DEFAULT_TIMEOUT_MS = 30000 };

/* How probes are fenced in here. */
struct fence {
    struct evo_pg *pg;
    bool inside; /* a transaction that goes on */
    bool writes; /* what is run may write */
    char *settings; /* SET LOCAL …, undone with the fence */
};

static enum evo_errc leave(const struct fence *f, struct evo_error *err)
{
    return evo_pg_exec(
        f->pg, f->inside ? "ROLLBACK TO SAVEPOINT evo_probe; RELEASE SAVEPOINT evo_probe" : "ROLLBACK", err);
}

/* Not by one message with the settings: where one of them fails, the savepoint must exist for the way back. */
static enum evo_errc enter(const struct fence *f, struct evo_error *err)
{
    enum evo_errc rc =
        evo_pg_exec(f->pg,
                    f->inside   ? f->writes ? "SAVEPOINT evo_probe"
                                            : "SAVEPOINT evo_probe; SET LOCAL transaction_read_only = on"
                    : f->writes ? "BEGIN READ WRITE"
                                : "BEGIN READ ONLY",
                    err);
    if (rc)
        return rc;
    rc = evo_pg_exec(f->pg, f->settings, err);
    if (rc) {
        enum evo_errc left = leave(f, NULL);
        (void)left; /* the reason is what failed first */
    }
    return rc;
}

static char *settings_text(struct evo_pg *pg, const char *role, int64_t timeout_ms)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    evo_strbuf_addf(&sql, "SET LOCAL statement_timeout = %lld",
                    (long long)(timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS));
    if (role) {
        EVO_AUTO_STR quoted = evo_pg_identifier(pg, role);
        evo_strbuf_addf(&sql, "; SET LOCAL ROLE %s", quoted);
    }
    return evo_strbuf_detach(&sql);
}

static enum evo_verdict judge(const struct evo_probe *probe, const struct evo_pg_result *r, char **message)
{
    size_t rows = (size_t)evo_pg_rows(r), columns = (size_t)evo_pg_columns(r);
    const char **names = evo_calloc(columns + 1, sizeof(*names));
    uint32_t *types = evo_calloc(columns + 1, sizeof(*types));
    const char **values = evo_calloc(rows * columns + 1, sizeof(*values));
    for (size_t c = 0; c < columns; c++) {
        names[c] = evo_pg_column_name(r, (int)c);
        types[c] = evo_pg_column_type(r, (int)c);
        for (size_t row = 0; row < rows; row++)
            values[row * columns + c] = evo_pg_value(r, (int)row, (int)c);
    }
    const struct evo_probe_answer answer = {
        .is_query = columns > 0 || evo_starts_with(evo_pg_command_tag(r), "SELECT"),
        .rows = (int)rows,
        .columns = (int)columns,
        .names = names,
        .types = types,
        .values = values,
    };
    enum evo_verdict verdict = evo_probe_judge(probe, &answer, message);
    free(names);
    free(types);
    free(values);
    return verdict;
}

/* The server's refusal, as the outcome's message. */
static char *refusal(const struct evo_error *error)
{
    static const char read_only[] = "25006";
    if (evo_streq(error->sqlstate, read_only))
        return evo_asprintf("%s; a probe may only read", error->message);
    return evo_asprintf("%s%s%s", error->message, *error->detail ? ". " : "", error->detail);
}

/* Inside the fence; it is left where nothing more can be asked. */
static enum evo_errc ask(const struct fence *f, const struct evo_probe *probe, struct evo_probe_outcome *o,
                         struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) result = NULL;
    struct evo_error failure = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_query(f->pg, probe->sql, 0, NULL, &result, &failure);
    if (rc == EVO_ERR_CANCELLED || !evo_pg_alive(f->pg)) {
        enum evo_errc left = evo_pg_alive(f->pg) ? leave(f, NULL) : EVO_OK;
        (void)left; /* the reason is what came first */
        if (err)
            *err = failure;
        return failure.code;
    }
    if (rc) {
        o->verdict = EVO_VERDICT_ERROR;
        o->message = refusal(&failure);
        memcpy(o->sqlstate, failure.sqlstate, sizeof(o->sqlstate));
    } else {
        o->verdict = judge(probe, result, &o->message);
    }
    return EVO_OK;
}

static enum evo_errc run_one(const struct fence *f, const struct evo_probe *probe, bool first, bool last,
                             struct evo_probe_outcome *o, struct evo_error *err)
{
    enum evo_errc rc = first ? enter(f, err) : EVO_OK;
    if (!rc)
        rc = ask(f, probe, o, err);
    if (!rc && (last || o->verdict != EVO_VERDICT_TRUE))
        rc = leave(f, err);
    return rc;
}

enum evo_errc evo_probe_run(struct evo_pg *pg, const struct evo_probe_file *file, const char *role,
                            int64_t statement_timeout_ms, struct evo_probe_report *report,
                            struct evo_error *err)
{
    EVO_AUTO_STR settings = settings_text(pg, role, statement_timeout_ms);
    const struct fence f = {
        .pg = pg, .inside = evo_pg_in_transaction(pg), .writes = file->script, .settings = settings
    };
    for (size_t i = 0; i < file->count; i++) {
        const struct evo_probe *probe = &file->items[i];
        struct evo_probe_outcome o = { .number = probe->number, .line = probe->line };
        bool first = !file->script || i == 0, last = !file->script || i + 1 == file->count;
        enum evo_errc rc = run_one(&f, probe, first, last, &o, err);
        if (rc) {
            free(o.message);
            return evo_error_prefix(err, "probe %d of \"%s\"", probe->number, file->path);
        }
        o.statement = evo_sql_one_line(probe->sql, strlen(probe->sql), STATEMENT_MAX);
        EVO_GROW(report->items, report->count, report->alloc);
        report->items[report->count++] = o;
        report->failed += o.verdict != EVO_VERDICT_TRUE;
        if (file->script && o.verdict != EVO_VERDICT_TRUE)
            break; /* the fence is left */
    }
    return EVO_OK;
}
