#include "backfill/texts.h"

static void add_param(struct evo_strbuf *out, struct evo_params *params, const char *value, const char *type)
{
    EVO_ASSERT((size_t)params->count < EVO_COUNT(params->items));
    params->items[params->count++] = value;
    evo_strbuf_addf(out, "$%d::%s", params->count, type);
}

/* "a"."id", "a"."part" */
static void add_columns(const struct evo_backfill_table *t, const char *alias, struct evo_strbuf *out)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        evo_strbuf_addf(out, "%s%s.%s", i ? ", " : "", alias, t->columns[i].quoted);
}

/* evo_1, evo_2: names that no condition of the user's can mean. */
static void add_names(const struct evo_backfill_table *t, const char *prefix, struct evo_strbuf *out)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        evo_strbuf_addf(out, "%s%sevo_%zu", i ? ", " : "", prefix, i + 1);
}

/* (a, b) > (x, y): the server compares rows so, and its indexes too. */
static void add_compare(const struct evo_backfill_table *t, const char *alias, const char *operator,
                        const char * const * values, struct evo_strbuf *out, struct evo_params *params)
{
    bool several = t->ncolumns > 1;
    evo_strbuf_adds(out, several ? "(" : "");
    add_columns(t, alias, out);
    evo_strbuf_addf(out, several ? ") %s (" : " %s ", operator);
    for (size_t i = 0; i < t->ncolumns; i++) {
        evo_strbuf_adds(out, i ? ", " : "");
        add_param(out, params, values[i], t->columns[i].type);
    }
    evo_strbuf_adds(out, several ? ")" : "");
}

static void add_bound(const struct evo_backfill_table *t, const char *alias, const char *operator,
                      const char * value, struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_addf(out, "%s.%s %s ", alias, t->columns[0].quoted, operator);
    add_param(out, params, value, t->columns[0].type);
}

static void add_span(const struct evo_backfill_table *t, const char *alias, const struct evo_span *span,
                     struct evo_strbuf *out, struct evo_params *params)
{
    bool first = true;
    if (span->after)
        add_compare(t, alias, ">", span->after, out, params);
    else if (span->lo)
        add_bound(t, alias, ">", span->lo, out, params);
    if (span->after || span->lo)
        first = false;
    if (!first && (span->upto || span->hi))
        evo_strbuf_adds(out, " AND ");
    if (span->upto)
        add_compare(t, alias, "<=", span->upto, out, params);
    else if (span->hi)
        add_bound(t, alias, "<=", span->hi, out, params);
    if (first && !span->upto && !span->hi)
        evo_strbuf_adds(out, "true");
}

/* The line end: a condition may end in a comment. */
static void add_condition(const struct evo_backfill_form *f, struct evo_strbuf *out)
{
    if (f->batch.where)
        evo_strbuf_addf(out, " AND (%s\n)", f->batch.where);
}

size_t evo_text_row_arrays(const struct evo_backfill_table *t)
{
    return t->by_place ? 1 : t->ncolumns;
}

/* ((SELECT $1::bigint[])::bigint[]): the outer cast makes it an expression, not the rows of a sub-select. */
static void add_hidden_array(const char *value, const char *type, struct evo_strbuf *out,
                             struct evo_params *params)
{
    EVO_AUTO_STR array = evo_asprintf("%s[]", type);
    evo_strbuf_adds(out, "((SELECT ");
    add_param(out, params, value, array);
    evo_strbuf_addf(out, ")::%s)", array);
}

/* ROWS FROM (unnest($1::bigint[]), …) AS evo_u (evo_1, …) */
static void add_unnest(const struct evo_backfill_table *t, const char *const *arrays, struct evo_strbuf *out,
                       struct evo_params *params)
{
    evo_strbuf_adds(out, "ROWS FROM (");
    for (size_t i = 0; i < t->ncolumns; i++) {
        EVO_AUTO_STR type = evo_asprintf("%s[]", t->columns[i].type);
        evo_strbuf_addf(out, "%spg_catalog.unnest(", i ? ", " : "");
        add_param(out, params, arrays[i], type);
        evo_strbuf_addch(out, ')');
    }
    evo_strbuf_adds(out, ") AS evo_u (");
    add_names(t, "", out);
    evo_strbuf_addch(out, ')');
}

/* The rows with these keys. */
static void add_keys(const struct evo_backfill_table *t, const char *alias, const char *const *keys,
                     struct evo_strbuf *out, struct evo_params *params)
{
    if (t->ncolumns == 1) {
        evo_strbuf_addf(out, "%s.%s = ANY ", alias, t->columns[0].quoted);
        add_hidden_array(keys[0], t->columns[0].type, out, params);
        return;
    }
    evo_strbuf_addch(out, '(');
    add_columns(t, alias, out);
    evo_strbuf_adds(out, ") IN (SELECT ");
    add_names(t, "evo_u.", out);
    evo_strbuf_adds(out, " FROM ");
    add_unnest(t, keys, out, params);
    evo_strbuf_addch(out, ')');
}

/* The rows that these arrays name. */
static void add_rows(const struct evo_backfill_table *t, const char *alias, const char *const *rows,
                     struct evo_strbuf *out, struct evo_params *params)
{
    if (!t->by_place) {
        add_keys(t, alias, rows, out, params);
        return;
    }
    evo_strbuf_addf(out, "%s.ctid = ANY ", alias);
    add_hidden_array(rows[0], "pg_catalog.tid", out, params);
}

/* None of them. By a join: with a filter each row would be compared with each of the array. */
static void add_no_rows(const struct evo_backfill_table *t, const char *alias, const char *const *rows,
                        struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_adds(out, "NOT EXISTS (SELECT FROM ");
    if (t->by_place) {
        evo_strbuf_adds(out, "pg_catalog.unnest(");
        add_param(out, params, rows[0], "pg_catalog.tid[]");
        evo_strbuf_addf(out, ") AS evo_u (evo_place) WHERE evo_u.evo_place = %s.ctid)", alias);
        return;
    }
    add_unnest(t, rows, out, params);
    evo_strbuf_adds(out, " WHERE (");
    add_names(t, "evo_u.", out);
    evo_strbuf_adds(out, ") = (");
    add_columns(t, alias, out);
    evo_strbuf_adds(out, "))");
}

/* FROM table WHERE span, list, condition */
static void add_from(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const struct evo_span *span, const char *const *list, struct evo_strbuf *out,
                     struct evo_params *params)
{
    const char *alias = f->batch.alias;
    evo_strbuf_addf(out, " FROM %s AS %s WHERE ", t->name, alias);
    add_span(t, alias, span, out, params);
    if (list) {
        evo_strbuf_adds(out, " AND ");
        add_keys(t, alias, list, out, params);
    }
    add_condition(f, out);
}

static void add_order(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                      struct evo_strbuf *out)
{
    evo_strbuf_adds(out, " ORDER BY ");
    add_columns(t, f->batch.alias, out);
}

void evo_text_window(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const struct evo_span *span, const char *rows, struct evo_strbuf *out,
                     struct evo_params *params)
{
    const char *alias = f->batch.alias;
    evo_strbuf_adds(out, "SELECT ");
    add_columns(t, alias, out);
    evo_strbuf_addf(out, " FROM %s AS %s WHERE ", t->name, alias);
    add_span(t, alias, span, out, params);
    add_order(t, f, out);
    evo_strbuf_adds(out, " OFFSET ");
    add_param(out, params, rows, "bigint");
    evo_strbuf_adds(out, " - 1 LIMIT 1");
}

void evo_text_any(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                  const struct evo_span *span, struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_adds(out, "SELECT");
    add_from(t, f, span, NULL, out, params);
    evo_strbuf_adds(out, " LIMIT 1");
}

/* What reads rows of a sub-select that is in the key's order puts them into an array in that order. */
void evo_text_narrow(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const struct evo_span *span, const char *const *list, const char *limit,
                     struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_adds(out, "SELECT pg_catalog.count(*)");
    for (size_t i = 1; i <= t->ncolumns; i++)
        evo_strbuf_addf(out, ", (pg_catalog.array_agg(evo_%zu))[pg_catalog.count(*)::int]", i);
    evo_strbuf_adds(out, " FROM (SELECT ");
    add_columns(t, f->batch.alias, out);
    add_from(t, f, span, list, out, params);
    add_order(t, f, out);
    evo_strbuf_adds(out, " LIMIT ");
    add_param(out, params, limit, "bigint");
    evo_strbuf_adds(out, ") AS evo_found (");
    add_names(t, "", out);
    evo_strbuf_addch(out, ')');
}

static void add_arrays(const struct evo_backfill_table *t, struct evo_strbuf *out)
{
    for (size_t i = 1; i <= t->ncolumns; i++)
        evo_strbuf_addf(out, ", pg_catalog.array_agg(evo_%zu)", i);
}

/* Both the lock and the count see the rows as they were when the statement began; what the count has more, the lock did
 * not get. */
void evo_text_lock(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                   const struct evo_span *span, const char *const *list, bool wait, bool keys,
                   struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_adds(out, "WITH evo_locked (evo_place, ");
    add_names(t, "", out);
    evo_strbuf_addf(out, ") AS MATERIALIZED (SELECT %s.ctid, ", f->batch.alias);
    add_columns(t, f->batch.alias, out);
    add_from(t, f, span, list, out, params);
    add_order(t, f, out);
    evo_strbuf_addf(out, " FOR UPDATE OF %s%s) SELECT (SELECT pg_catalog.count(*)", f->batch.alias,
                    wait ? "" : " SKIP LOCKED");
    add_from(t, f, span, list, out, params);
    evo_strbuf_adds(out, "), pg_catalog.count(*),"
                         " pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint,"
                         " (SELECT evo_1 FROM evo_locked LIMIT 1)");
    if (t->by_place)
        evo_strbuf_adds(out, ", pg_catalog.array_agg(evo_place)");
    if (!t->by_place || keys)
        add_arrays(t, out);
    evo_strbuf_adds(out, " FROM evo_locked");
}

void evo_text_left(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                   const struct evo_span *span, const char *const *list, const char *const *rows,
                   struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_adds(out, "SELECT pg_catalog.count(*)");
    add_arrays(t, out);
    evo_strbuf_adds(out, " FROM (SELECT ");
    add_columns(t, f->batch.alias, out);
    add_from(t, f, span, list, out, params);
    if (rows) {
        evo_strbuf_adds(out, " AND ");
        add_no_rows(t, f->batch.alias, rows, out, params);
    }
    add_order(t, f, out);
    evo_strbuf_adds(out, ") AS evo_left (");
    add_names(t, "", out);
    evo_strbuf_addch(out, ')');
}

void evo_text_change(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const char *const *rows, struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_adds(out, f->batch.head);
    evo_strbuf_addch(out, '(');
    add_rows(t, f->batch.alias, rows, out, params);
    evo_strbuf_addch(out, ')');
    evo_strbuf_adds(out, f->batch.tail);
}

void evo_text_still(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                    const char *const *keys, struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_addf(out, "SELECT pg_catalog.count(*) FROM %s AS %s WHERE ", t->name, f->batch.alias);
    add_keys(t, f->batch.alias, keys, out, params);
    add_condition(f, out);
}

void evo_text_peek(const struct evo_backfill_table *t, const struct evo_backfill_form *f, const char *limit,
                   struct evo_strbuf *out, struct evo_params *params)
{
    const struct evo_span all = { 0 };
    evo_strbuf_adds(out, "SELECT pg_catalog.count(*)");
    if (t->by_place)
        evo_strbuf_adds(out, ", pg_catalog.array_agg(evo_place)");
    add_arrays(t, out);
    evo_strbuf_addf(out, " FROM (SELECT %s.ctid, ", f->batch.alias);
    add_columns(t, f->batch.alias, out);
    add_from(t, f, &all, NULL, out, params);
    add_order(t, f, out);
    evo_strbuf_adds(out, " LIMIT ");
    add_param(out, params, limit, "bigint");
    evo_strbuf_adds(out, ") AS evo_found (evo_place, ");
    add_names(t, "", out);
    evo_strbuf_addch(out, ')');
}

char *evo_array_concat(const char *a, const char *b)
{
    bool has_a = a && strlen(a) > 2;
    bool has_b = b && strlen(b) > 2;
    if (!has_a || !has_b)
        return evo_strdup(has_a ? a : has_b ? b : "{}");
    return evo_asprintf("%.*s,%s", (int)strlen(a) - 1, a, b + 1);
}
