#include "backfill/texts.h"

static void add_param(struct evo_strbuf *out, struct evo_params *params, const char *value, const char *type)
{
    EVO_ASSERT((size_t)params->count < EVO_COUNT(params->items));
    params->items[params->count++] = value;
    evo_strbuf_addf(out, "$%d::%s", params->count, type);
}

/* "a"."id", "a"."part" */
static void add_columns(const struct evo_backfill_table *t, const char *alias, const char *suffix,
                        struct evo_strbuf *out)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        evo_strbuf_addf(out, "%s%s.%s%s", i ? ", " : "", alias, t->columns[i].quoted, suffix);
}

/* evo_1, evo_2: names that no condition of the user's can mean. */
static void add_names(const struct evo_backfill_table *t, const char *prefix, const char *suffix,
                      struct evo_strbuf *out)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        evo_strbuf_addf(out, "%s%sevo_%zu%s", i ? ", " : "", prefix, i + 1, suffix);
}

/* (a, b) > (x, y): the server compares rows so, and its indexes too. */
static void add_compare(const struct evo_backfill_table *t, const char *alias, const char *operator,
                        const char * const * values, struct evo_strbuf *out, struct evo_params *params)
{
    bool several = t->ncolumns > 1;
    evo_strbuf_adds(out, several ? "(" : "");
    add_columns(t, alias, "", out);
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

void evo_text_window(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const struct evo_span *span, const char *rows, struct evo_strbuf *out,
                     struct evo_params *params)
{
    const char *alias = f->batch.alias;
    evo_strbuf_adds(out, "SELECT ");
    add_columns(t, alias, "", out);
    evo_strbuf_addf(out, " FROM %s AS %s WHERE ", t->name, alias);
    add_span(t, alias, span, out, params);
    evo_strbuf_adds(out, " ORDER BY ");
    add_columns(t, alias, "", out);
    evo_strbuf_adds(out, " OFFSET ");
    add_param(out, params, rows, "bigint");
    evo_strbuf_adds(out, " - 1 LIMIT 1");
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
    add_names(t, "", "", out);
    evo_strbuf_addch(out, ')');
}

/* The rows with these keys. */
static void add_keys(const struct evo_backfill_table *t, const char *alias, const char *const *keys,
                     struct evo_strbuf *out, struct evo_params *params)
{
    if (t->ncolumns == 1) {
        EVO_AUTO_STR type = evo_asprintf("%s[]", t->columns[0].type);
        evo_strbuf_addf(out, "%s.%s = ANY (", alias, t->columns[0].quoted);
        add_param(out, params, keys[0], type);
        evo_strbuf_addch(out, ')');
        return;
    }
    evo_strbuf_addch(out, '(');
    add_columns(t, alias, "", out);
    evo_strbuf_adds(out, ") IN (SELECT ");
    add_names(t, "evo_u.", "", out);
    evo_strbuf_adds(out, " FROM ");
    add_unnest(t, keys, out, params);
    evo_strbuf_addch(out, ')');
}

/* SELECT key FROM table WHERE … ORDER BY key LIMIT n: once to know what there is, once to lock it. */
static void add_scan(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const struct evo_span *span, const char *const *list, const char *limit,
                     struct evo_strbuf *out, struct evo_params *params)
{
    const char *alias = f->batch.alias;
    evo_strbuf_adds(out, "SELECT ");
    add_columns(t, alias, "", out);
    evo_strbuf_addf(out, " FROM %s AS %s WHERE ", t->name, alias);
    add_span(t, alias, span, out, params);
    if (list) {
        evo_strbuf_adds(out, " AND ");
        add_keys(t, alias, list, out, params);
    }
    add_condition(f, out);
    evo_strbuf_adds(out, " ORDER BY ");
    add_columns(t, alias, "", out);
    evo_strbuf_adds(out, " LIMIT ");
    add_param(out, params, limit, "bigint");
}

void evo_text_any(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                  const struct evo_span *span, struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_addf(out, "SELECT FROM %s AS %s WHERE ", t->name, f->batch.alias);
    add_span(t, f->batch.alias, span, out, params);
    add_condition(f, out);
    evo_strbuf_adds(out, " LIMIT 1");
}

/* The keys of the rows that `which` is true of. */
static void add_arrays(const struct evo_backfill_table *t, const char *which, struct evo_strbuf *out)
{
    for (size_t i = 0; i < t->ncolumns; i++) {
        evo_strbuf_addf(out, ", pg_catalog.array_agg(evo_%zu ORDER BY ", i + 1);
        add_names(t, "", "", out);
        evo_strbuf_addf(out, ") FILTER (WHERE %s)", which);
    }
}

/* What was found and what was locked are put side by side by grouping, not by a join: with statistics that promise one
 * row the planner would compare each with each. */
void evo_text_lock(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                   const struct evo_span *span, const char *const *list, const char *limit, bool wait,
                   struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_adds(out, "WITH evo_found (");
    add_names(t, "", "", out);
    evo_strbuf_adds(out, ") AS MATERIALIZED (");
    add_scan(t, f, span, list, limit, out, params);
    evo_strbuf_adds(out, "), evo_locked (");
    add_names(t, "", "", out);
    evo_strbuf_adds(out, ") AS MATERIALIZED (");
    add_scan(t, f, span, list, limit, out, params);
    evo_strbuf_addf(out, " FOR UPDATE OF %s%s), evo_rows AS (SELECT ", f->batch.alias,
                    wait ? "" : " SKIP LOCKED");
    add_names(t, "", "", out);
    evo_strbuf_adds(out, ", pg_catalog.bool_or(evo_is_found) AS evo_is_found,"
                         " pg_catalog.bool_or(NOT evo_is_found) AS evo_is_locked FROM"
                         " (SELECT *, true AS evo_is_found FROM evo_found"
                         " UNION ALL SELECT *, false FROM evo_locked) AS evo_both GROUP BY ");
    add_names(t, "", "", out);
    evo_strbuf_adds(out, ") SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE evo_is_locked)");
    for (size_t i = 0; i < t->ncolumns; i++) {
        evo_strbuf_addf(out, ", (pg_catalog.array_agg(evo_%zu ORDER BY ", i + 1);
        add_names(t, "", " DESC", out);
        evo_strbuf_adds(out, "))[1]");
    }
    add_arrays(t, "evo_is_locked", out);
    add_arrays(t, "NOT evo_is_locked", out);
    evo_strbuf_adds(out, ", pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint"
                         " FROM evo_rows WHERE evo_is_found");
}

void evo_text_change(const struct evo_backfill_table *t, const struct evo_backfill_form *f,
                     const char *const *keys, struct evo_strbuf *out, struct evo_params *params)
{
    evo_strbuf_adds(out, f->batch.head);
    evo_strbuf_addch(out, '(');
    add_keys(t, f->batch.alias, keys, out, params);
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
    evo_strbuf_adds(out, "WITH evo_found (");
    add_names(t, "", "", out);
    evo_strbuf_adds(out, ") AS MATERIALIZED (");
    add_scan(t, f, &all, NULL, limit, out, params);
    evo_strbuf_adds(out, ") SELECT pg_catalog.count(*)");
    for (size_t i = 0; i < t->ncolumns; i++)
        evo_strbuf_addf(out, ", pg_catalog.array_agg(evo_%zu)", i + 1);
    evo_strbuf_adds(out, " FROM evo_found");
}

char *evo_array_concat(const char *a, const char *b)
{
    bool has_a = a && strlen(a) > 2;
    bool has_b = b && strlen(b) > 2;
    if (!has_a || !has_b)
        return evo_strdup(has_a ? a : has_b ? b : "{}");
    return evo_asprintf("%.*s,%s", (int)strlen(a) - 1, a, b + 1);
}
