#include "backfill/batch.h"

#include <inttypes.h>

enum evo_errc evo_batch_send(struct evo_batch *b, const struct evo_strbuf *sql,
                             const struct evo_params *params, struct evo_pg_result **ret,
                             struct evo_error *err)
{
    return evo_pg_query(b->w->pg, sql->buf, params->count, params->items, ret, err);
}

bool evo_batch_is_last(const struct evo_batch *b)
{
    return b->listed || evo_pg_rows(b->window) == 0;
}

static const char *const *constant(char *const *strings)
{
    return (const char *const *)strings;
}

static struct evo_span span_of(const struct evo_part *p)
{
    return (struct evo_span){ .lo = p->lower,
                              .hi = p->upper,
                              .after = p->position[0] ? constant(p->position) : NULL };
}

static void end_at(struct evo_batch *b, const struct evo_pg_result *r, int column)
{
    for (size_t i = 0; i < b->t->ncolumns; i++)
        b->upto[i] = evo_pg_value(r, 0, column + (int)i);
}

enum evo_errc evo_batch_find_window(struct evo_batch *b, const struct evo_part *p, struct evo_error *err)
{
    char rows[EVO_BATCH_NUMBER_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    struct evo_params params = { 0 };
    struct evo_span span = span_of(p);
    (void)snprintf(rows, sizeof(rows), "%" PRId64, b->w->pace.window);
    evo_text_window(b->t, b->f, &span, rows, &sql, &params);
    enum evo_errc rc = evo_batch_send(b, &sql, &params, &b->window, err);
    if (rc)
        return evo_error_prefix(err, "could not read the key of %s", b->t->shown);
    if (!evo_batch_is_last(b))
        end_at(b, b->window, 0);
    return EVO_OK;
}

/* The rows that are looked at: behind the part's place, up to where the batch ends. */
static struct evo_span reach(const struct evo_batch *b, const struct evo_part *p)
{
    struct evo_span span = span_of(p);
    span.upto = b->upto[0] ? b->upto : NULL;
    return span;
}

static const char *const *list_of(const struct evo_batch *b, const struct evo_part *p)
{
    return b->listed ? constant(p->left_out) : NULL;
}

enum evo_errc evo_batch_look_for_any(struct evo_batch *b, const struct evo_part *p, bool *ret,
                                     struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_params params = { 0 };
    const struct evo_span span = reach(b, p);
    evo_text_any(b->t, b->f, &span, &sql, &params);
    enum evo_errc rc = evo_batch_send(b, &sql, &params, &r, err);
    if (!rc)
        *ret = evo_pg_rows(r) > 0;
    return rc;
}

enum evo_errc evo_batch_narrow(struct evo_batch *b, const struct evo_part *p, struct evo_error *err)
{
    char limit[EVO_BATCH_NUMBER_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    struct evo_params params = { 0 };
    const struct evo_span span = reach(b, p);
    if (!b->listed && b->w->pace.window <= b->w->pace.rows)
        return EVO_OK;
    (void)snprintf(limit, sizeof(limit), "%" PRId64, b->w->pace.rows);
    evo_text_narrow(b->t, b->f, &span, list_of(b, p), limit, &sql, &params);
    enum evo_errc rc = evo_batch_send(b, &sql, &params, &b->narrowed, err);
    if (rc)
        return evo_error_prefix(err, "could not look for rows of %s", b->t->shown);
    b->full = evo_pg_value_int(b->narrowed, 0, 0, 0) >= b->w->pace.rows;
    if (b->full)
        end_at(b, b->narrowed, 1);
    return EVO_OK;
}

/* Whether it matters that the condition is false afterwards: once at the beginning, and in every sweep that follows up. */
static bool asks_whether_settled(const struct evo_batch *b)
{
    bool known = atomic_load(&b->w->run->settles) != EVO_SETTLES_UNKNOWN;
    return b->f->batch.where && b->f->batch.kind != EVO_SQL_DELETE && !(known && b->next.sweep == 1) &&
           !b->next.once;
}

enum evo_errc evo_batch_lock(struct evo_batch *b, const struct evo_part *p, struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    struct evo_params params = { 0 };
    const struct evo_span span = reach(b, p);
    b->has_keys = asks_whether_settled(b);
    evo_text_lock(b->t, b->f, &span, list_of(b, p), b->waits, b->has_keys, &sql, &params);
    enum evo_errc rc = evo_batch_send(b, &sql, &params, &b->locked, err);
    if (rc)
        return evo_error_prefix(err, "could not lock rows of %s", b->t->shown);
    b->found = evo_pg_value_int(b->locked, 0, EVO_LOCK_FOUND, 0);
    b->changed = evo_pg_value_int(b->locked, 0, EVO_LOCK_LOCKED, 0);
    if (!b->narrowed)
        b->full = b->found >= b->w->pace.rows;
    return EVO_OK;
}

const char *const *evo_batch_locked_rows(const struct evo_batch *b, const char **rows)
{
    for (size_t i = 0; i < evo_text_row_arrays(b->t); i++)
        rows[i] = evo_pg_value(b->locked, 0, EVO_LOCK_ROWS + (int)i);
    return b->changed ? rows : NULL;
}

/* Where locks are waited for, a row that was not locked is gone, or its condition is no longer true. */
enum evo_errc evo_batch_look_who_is_left(struct evo_batch *b, const struct evo_part *p, struct evo_error *err)
{
    const char *rows[EVO_BACKFILL_KEY_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    struct evo_params params = { 0 };
    const struct evo_span span = reach(b, p);
    if (b->waits || b->found <= b->changed)
        return EVO_OK;
    evo_text_left(b->t, b->f, &span, list_of(b, p), evo_batch_locked_rows(b, rows), &sql, &params);
    enum evo_errc rc = evo_batch_send(b, &sql, &params, &b->left, err);
    if (rc)
        return evo_error_prefix(err, "could not look for rows of %s that others hold", b->t->shown);
    b->left_out = evo_pg_value_int(b->left, 0, 0, 0);
    return EVO_OK;
}
