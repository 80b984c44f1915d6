#include <inttypes.h>

#include "backfill/run_impl.h"
#include "backfill/texts.h"

enum { NUMBER_MAX = 24, KEYS_SHOWN = 60 };

/* The text of an array, cut behind the first few elements. Commas also stand within places: "(0,1)". */
static void add_array(const char *value, struct evo_strbuf *out)
{
    size_t n = strlen(value);
    size_t shown = n;
    if (n > KEYS_SHOWN)
        for (shown = KEYS_SHOWN; shown > 1; shown--)
            if (value[shown] == ',' && (value[1] != '"' || value[shown - 1] == '"'))
                break;
    evo_strbuf_addf(out, "%.*s%s", (int)shown, value, shown < n ? ",...}" : "");
}

static void add_values(const struct evo_params *params, struct evo_strbuf *out)
{
    for (int i = 0; i < params->count; i++) {
        evo_strbuf_addf(out, "\n-- $%d = ", i + 1);
        add_array(params->items[i], out);
    }
}

/* Places tell a person nothing. */
static void add_keys(const struct evo_backfill_table *t, const struct evo_pg_result *peek,
                     struct evo_strbuf *out)
{
    for (size_t i = 0; t->by_place && i < t->ncolumns; i++) {
        const char *keys = evo_pg_value(peek, 0, EVO_PEEK_KEYS(t, i));
        evo_strbuf_addf(out, "\n-- these are the rows with %s ", t->columns[i].quoted);
        add_array(keys ? keys : "{}", out);
    }
}

static void add_plan(const struct evo_pg_result *r, struct evo_strbuf *out)
{
    for (int i = 0; i < evo_pg_rows(r); i++)
        evo_strbuf_addf(out, "%s%s", i ? "\n" : "", evo_pg_value(r, i, 0));
}

static enum evo_errc show_batch(struct evo_run *run, const struct evo_pg_result *peek, struct evo_json *data,
                                struct evo_error *err)
{
    const struct evo_backfill_form *f = run->o->form;
    const char *rows[EVO_BACKFILL_KEY_MAX];
    EVO_AUTO(strbuf) change = EVO_STRBUF_INIT, explain = EVO_STRBUF_INIT, plan = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_params params = { 0 };
    for (size_t i = 0; i < evo_text_row_arrays(&run->table); i++)
        rows[i] = evo_pg_value(peek, 0, EVO_PEEK_ROWS + (int)i)
                      ? evo_pg_value(peek, 0, EVO_PEEK_ROWS + (int)i)
                      : "{}";
    evo_text_change(&run->table, f, rows, &change, &params);
    evo_strbuf_addf(&explain, "EXPLAIN %s", change.buf);
    enum evo_errc rc = evo_pg_query(run->control, explain.buf, params.count, params.items, &r, err);
    if (rc)
        return evo_error_prefix(err, "the statement of a batch does not work");
    add_plan(r, &plan);
    add_values(&params, &change);
    add_keys(&run->table, peek, &change);
    evo_json_set_string(data, "statement", change.buf);
    evo_json_set_string(data, "plan", plan.buf);
    evo_json_set_int(data, "batch_rows", evo_pg_value_int(peek, 0, 0, 0));
    return EVO_OK;
}

enum evo_errc evo_dry_run(struct evo_run *run, struct evo_json *data, struct evo_error *err)
{
    struct evo_pace pace;
    char limit[NUMBER_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) peek = NULL;
    struct evo_params params = { 0 };
    evo_pace_init(&pace, run->o->target_ms, run->o->batch);
    (void)snprintf(limit, sizeof(limit), "%" PRId64, pace.rows);
    evo_text_peek(&run->table, run->o->form, limit, &sql, &params);
    enum evo_errc rc = evo_pg_exec(run->control, "BEGIN READ ONLY", err);
    if (!rc)
        rc = evo_pg_query(run->control, sql.buf, params.count, params.items, &peek, err);
    if (!rc)
        rc = show_batch(run, peek, data, err);
    evo_run_rollback(run->control);
    return rc;
}
