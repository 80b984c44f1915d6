#include <inttypes.h>

#include "backfill/run_impl.h"
#include "backfill/texts.h"

enum { NUMBER_MAX = 24, STORE_EVERY_MS = 1000 };

/* What one batch has found and is about to note. */
struct batch {
    struct evo_worker *w;
    const struct evo_backfill_table *t;
    const struct evo_backfill_form *f;
    struct evo_part next; /* the part as it will be; strings are owned */
    struct evo_pg_result *window, *locked; /* their rows lend values */
    bool listed; /* it goes through the rows left out, not through the table */
    bool waits;
    int64_t found, changed, settled;
    bool full; /* as many were found as were asked for */
};

static void batch_release(struct batch *b)
{
    for (size_t i = 0; i < EVO_BACKFILL_KEY_MAX; i++) {
        free(b->next.position[i]);
        free(b->next.left_out[i]);
    }
    evo_pg_result_free(b->window);
    evo_pg_result_free(b->locked);
}

static const char *const *constant(char *const *strings)
{
    return (const char *const *)strings;
}

static enum evo_errc send(struct batch *b, const struct evo_strbuf *sql, const struct evo_params *params,
                          struct evo_pg_result **ret, struct evo_error *err)
{
    return evo_pg_query(b->w->pg, sql->buf, params->count, params->items, ret, err);
}

static struct evo_span span_of(const struct evo_part *p)
{
    return (struct evo_span){ .lo = p->lower,
                              .hi = p->upper,
                              .after = p->position[0] ? constant(p->position) : NULL };
}

/* Where the window ends: nothing is returned where it reaches the end of the part. Outside the transaction: it only
 * says how far to look. */
static enum evo_errc find_window(struct batch *b, const struct evo_part *p, struct evo_error *err)
{
    char rows[NUMBER_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    struct evo_params params = { 0 };
    struct evo_span span = span_of(p);
    (void)snprintf(rows, sizeof(rows), "%" PRId64, b->w->pace.window);
    evo_text_window(b->t, b->f, &span, rows, &sql, &params);
    enum evo_errc rc = send(b, &sql, &params, &b->window, err);
    return rc ? evo_error_prefix(err, "could not read the key of %s", b->t->shown) : EVO_OK;
}

static bool is_last_window(const struct batch *b)
{
    return b->listed || evo_pg_rows(b->window) == 0;
}

/* The part's rows behind its place, up to the end of the window; `upto` has room for a key. */
static struct evo_span window_of(const struct batch *b, const struct evo_part *p, const char **upto)
{
    struct evo_span span = span_of(p);
    if (is_last_window(b))
        return span;
    for (size_t i = 0; i < b->t->ncolumns; i++)
        upto[i] = evo_pg_value(b->window, 0, (int)i);
    span.upto = upto;
    return span;
}

/* Sweeps that follow up find nothing almost everywhere: one look, without a transaction, tells. */
static enum evo_errc look_for_any(struct batch *b, const struct evo_part *p, bool *ret, struct evo_error *err)
{
    const char *upto[EVO_BACKFILL_KEY_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_params params = { 0 };
    const struct evo_span span = window_of(b, p, upto);
    evo_text_any(b->t, b->f, &span, &sql, &params);
    enum evo_errc rc = send(b, &sql, &params, &r, err);
    if (!rc)
        *ret = evo_pg_rows(r) > 0;
    return rc;
}

static enum evo_errc lock_rows(struct batch *b, const struct evo_part *p, struct evo_error *err)
{
    char limit[NUMBER_MAX];
    const char *upto[EVO_BACKFILL_KEY_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    struct evo_params params = { 0 };
    const struct evo_span span = window_of(b, p, upto);
    (void)snprintf(limit, sizeof(limit), "%" PRId64, b->w->pace.rows);
    evo_text_lock(b->t, b->f, &span, b->listed ? constant(p->left_out) : NULL, limit, b->waits, &sql,
                  &params);
    enum evo_errc rc = send(b, &sql, &params, &b->locked, err);
    if (rc)
        return evo_error_prefix(err, "could not lock rows of %s", b->t->shown);
    b->found = evo_pg_value_int(b->locked, 0, EVO_LOCK_FOUND, 0);
    b->changed = evo_pg_value_int(b->locked, 0, EVO_LOCK_LOCKED, 0);
    b->full = b->found >= b->w->pace.rows;
    return EVO_OK;
}

/* ---- the change -------------------------------------------------------------- */

/* What the statement of the user's says, with the place in the table. */
static enum evo_errc failed(struct batch *b, struct evo_error *err)
{
    char first[64];
    const char *keys = evo_pg_value(b->locked, 0, EVO_LOCK_KEYS(b->t, 0));
    (void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(keys + 1, ",}"), keys + 1);
    return evo_error_prefix(err, "could not change rows of %s from %s = %s to %s", b->t->shown,
                            b->t->columns[0].quoted, first,
                            evo_pg_value(b->locked, 0, EVO_LOCK_LAST(b->t, 0)));
}

/* Whether the condition is false now, of how many. Asked where it decides something: once at the beginning, and in
 * every sweep that follows up. */
static enum evo_errc look_whether_settled(struct batch *b, const char *const *keys, struct evo_error *err)
{
    struct evo_run *run = b->w->run;
    b->settled = b->changed;
    bool known = atomic_load(&run->settles) != EVO_SETTLES_UNKNOWN;
    if (!b->f->batch.where || b->f->batch.kind == EVO_SQL_DELETE || (known && b->next.sweep == 1) ||
        b->next.once)
        return EVO_OK;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_params params = { 0 };
    evo_text_still(b->t, b->f, keys, &sql, &params);
    enum evo_errc rc = send(b, &sql, &params, &r, err);
    if (rc)
        return rc;
    int64_t still = evo_pg_value_int(r, 0, 0, 0);
    b->settled = b->changed > still ? b->changed - still : 0;
    return EVO_OK;
}

/* A trigger (suppress_redundant_updates_trigger() is one that everybody has) or row security may leave rows as they are. */
static void note_unchanged(struct batch *b, int64_t affected)
{
    struct evo_run *run = b->w->run;
    bool of_rows =
        b->f->batch.kind == EVO_SQL_UPDATE && b->f->batch.columns.count && !b->f->batch.placeholder;
    if (!of_rows || affected < 0 || affected >= b->changed || atomic_exchange(&run->left_alone, true))
        return;
    evo_warn(
        run->o->task,
        "a trigger or row security keeps rows of %s from being changed: they are not counted as done, and "
        "not tried again",
        b->t->shown);
}

static enum evo_errc change_rows(struct batch *b, struct evo_error *err)
{
    const char *keys[EVO_BACKFILL_KEY_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_params params = { 0 };
    if (b->changed == 0)
        return EVO_OK;
    for (size_t i = 0; i < b->t->ncolumns; i++)
        keys[i] = evo_pg_value(b->locked, 0, EVO_LOCK_KEYS(b->t, i));
    evo_text_change(b->t, b->f, keys, &sql, &params);
    enum evo_errc rc = send(b, &sql, &params, &r, err);
    if (rc)
        return failed(b, err);
    int64_t affected = evo_pg_affected(r);
    b->next.rows_done += affected >= 0 ? affected : b->changed;
    note_unchanged(b, affected);
    b->next.batches++;
    return look_whether_settled(b, keys, err);
}

/* ---- what is noted ----------------------------------------------------------- */

static void set_string(char **to, const char *value)
{
    char *copy = evo_strdup(value);
    free(*to);
    *to = copy;
}

/* Where a batch was full, the place is the last row it found; else the end of the window. */
static void move_on(struct batch *b)
{
    struct evo_part *next = &b->next;
    if (!b->full && is_last_window(b)) {
        next->finished = true;
        return;
    }
    for (size_t i = 0; i < b->t->ncolumns; i++)
        set_string(&next->position[i], b->full ? evo_pg_value(b->locked, 0, EVO_LOCK_LAST(b->t, i))
                                               : evo_pg_value(b->window, 0, (int)i));
}

/* Keys are kept where no sweep would find the rows again, or as long as that is not known. */
static bool keep_left_out(struct batch *b, int64_t left)
{
    bool needed = b->next.once || atomic_load(&b->w->run->settles) != EVO_SETTLES_YES;
    if (!left || !needed || b->listed)
        return false;
    for (size_t i = 0; i < b->t->ncolumns; i++) {
        char *all = evo_array_concat(b->next.left_out[i], evo_pg_value(b->locked, 0, EVO_LOCK_LEFT(b->t, i)));
        free(b->next.left_out[i]);
        b->next.left_out[i] = all;
    }
    b->next.left_out_rows += left;
    return true;
}

static void note_settles(struct batch *b)
{
    struct evo_run *run = b->w->run;
    int unknown = EVO_SETTLES_UNKNOWN;
    if (b->changed == 0 || !b->f->batch.where)
        return;
    (void)atomic_compare_exchange_strong(&run->settles, &unknown,
                                         b->settled ? EVO_SETTLES_YES : EVO_SETTLES_NO);
}

static void publish(struct batch *b, struct evo_part *p)
{
    struct evo_run *run = b->w->run;
    struct evo_part old = *p;
    (void)pthread_mutex_lock(&run->mutex);
    *p = b->next;
    (void)pthread_mutex_unlock(&run->mutex);
    atomic_store(&run->moved, true);
    b->next = old; /* its strings go with the batch; lower and upper are the same ones */
}

static enum evo_errc commit(struct evo_worker *w, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(w->pg, "COMMIT", 0, NULL, &r, err);
    if (!rc && !evo_streq(evo_pg_command_tag(r), "COMMIT"))
        rc = evo_error_set(err, EVO_ERR_DATABASE, "the server answered COMMIT with \"%s\"",
                           evo_pg_command_tag(r));
    return rc;
}

/* Bytes of log from our first statement on; what other workers have counted already is left out. */
static void count_wal(struct batch *b, uint64_t end)
{
    struct evo_run *run = b->w->run;
    uint64_t begin = (uint64_t)evo_pg_value_int(b->locked, 0, EVO_LOCK_WAL(b->t), 0);
    (void)pthread_mutex_lock(&run->mutex);
    begin = begin > run->wal_seen ? begin : run->wal_seen;
    b->w->last_wal = end > begin ? end - begin : 0;
    run->wal_seen = end > run->wal_seen ? end : run->wal_seen;
    (void)pthread_mutex_unlock(&run->mutex);
}

static enum evo_errc note(struct batch *b, struct evo_part *p, struct evo_error *err)
{
    struct evo_worker *w = b->w;
    /* Where locks are waited for, a row that was not locked is gone, or its condition is no longer true. */
    int64_t left = b->waits ? 0 : b->found - b->changed;
    uint64_t wal = 0;
    int64_t looked = b->full || is_last_window(b) ? b->found : w->pace.window;
    b->next.sweep_looked += looked;
    b->next.sweep_settled += b->settled;
    b->next.sweep_skipped += left;
    b->next.skipped += left;
    move_on(b);
    note_settles(b);
    if (b->next.sweep == 1 && b->f->batch.where && atomic_load(&w->run->settles) == EVO_SETTLES_NO)
        b->next.once = true;
    bool kept = keep_left_out(b, left);
    bool nothing = !b->found && !b->next.finished && evo_clock_ms() - w->stored_ms < STORE_EVERY_MS;
    if (nothing) {
        enum evo_errc rc = commit(w, err);
        if (!rc)
            publish(b, p);
        return rc;
    }
    enum evo_errc rc = evo_record_store(w->pg, &w->run->record, &b->next, kept, &wal, &w->stale, err);
    if (!rc && w->stale) {
        evo_run_rollback(w->pg);
        return EVO_OK;
    }
    if (!rc)
        rc = commit(w, err);
    if (rc)
        return rc;
    w->stored_ms = evo_clock_ms();
    count_wal(b, wal);
    publish(b, p);
    return EVO_OK;
}

/* ---- all of it --------------------------------------------------------------- */

/* A copy that owns its own strings; the bounds stay the part's. */
static void copy_part(const struct evo_part *p, struct evo_part *ret)
{
    *ret = *p;
    for (size_t i = 0; i < EVO_BACKFILL_KEY_MAX; i++) {
        ret->position[i] = evo_strdup(p->position[i]);
        ret->left_out[i] = evo_strdup(p->left_out[i]);
    }
}

/* Over a window in which there is nothing to do. The place is written now and then. */
static enum evo_errc pass_by(struct batch *b, struct evo_part *p, struct evo_error *err)
{
    struct evo_worker *w = b->w;
    enum evo_errc rc = EVO_OK;
    b->next.sweep_looked += is_last_window(b) ? 0 : w->pace.window;
    move_on(b);
    if (b->next.finished || evo_clock_ms() - w->stored_ms >= STORE_EVERY_MS) {
        rc = evo_record_store(w->pg, &w->run->record, &b->next, false, NULL, &w->stale, err);
        w->stored_ms = evo_clock_ms();
    }
    if (!rc && !w->stale)
        publish(b, p);
    return rc;
}

static enum evo_errc run_batch(struct batch *b, struct evo_part *p, struct evo_error *err)
{
    enum evo_errc rc = b->listed ? EVO_OK : find_window(b, p, err);
    bool any = true;
    if (!rc && p->sweep > 1 && !b->listed && b->f->batch.where)
        rc = look_for_any(b, p, &any, err);
    if (!rc && !any)
        return pass_by(b, p, err);
    if (!rc)
        rc = evo_pg_exec(b->w->pg, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", err);
    if (!rc)
        rc = lock_rows(b, p, err);
    if (!rc)
        rc = change_rows(b, err);
    return rc ? rc : note(b, p, err);
}

enum evo_errc evo_batch_run(struct evo_worker *w, struct evo_part *p, struct evo_error *err)
{
    __attribute__((cleanup(batch_release))) struct batch b = { .w = w,
                                                               .t = &w->run->table,
                                                               .f = w->run->o->form,
                                                               .listed = p->once && p->sweep > 1,
                                                               .waits = p->waits };
    int64_t began = evo_clock_ms();
    if (b.listed && !p->left_out_rows) {
        /* Nothing was left out of this part. */
        copy_part(p, &b.next);
        b.next.finished = true;
        uint64_t wal;
        enum evo_errc rc = evo_record_store(w->pg, &w->run->record, &b.next, false, &wal, &w->stale, err);
        if (!rc && !w->stale)
            publish(&b, p);
        return rc;
    }
    if (p->left_out_rows >= EVO_BACKFILL_LEFT_OUT_MAX)
        b.waits = true;
    copy_part(p, &b.next);
    enum evo_errc rc = run_batch(&b, p, err);
    w->last_ms = evo_clock_ms() - began;
    if (rc)
        return rc;
    evo_pace_after(&w->pace, w->last_ms, b.full);
    return EVO_OK;
}
