#include "backfill/batch.h"

enum { STORE_EVERY_MS = 1000 };

static void batch_release(struct evo_batch *b)
{
    for (size_t i = 0; i < EVO_BACKFILL_KEY_MAX; i++) {
        free(b->next.position[i]);
        free(b->next.left_out[i]);
    }
    evo_pg_result_free(b->window);
    evo_pg_result_free(b->narrowed);
    evo_pg_result_free(b->locked);
    evo_pg_result_free(b->left);
}

/* ---- the change -------------------------------------------------------------- */

/* What the statement of the user's says, with the place in the table. */
static enum evo_errc failed(struct evo_batch *b, struct evo_error *err)
{
    return evo_error_prefix(err, "could not change rows of %s from %s = %s%s%s", b->t->shown,
                            b->t->columns[0].quoted, evo_pg_value(b->locked, 0, EVO_LOCK_FIRST),
                            b->upto[0] ? " to " : " on", b->upto[0] ? b->upto[0] : "");
}

/* Whether the condition is false now, of how many. */
static enum evo_errc look_whether_settled(struct evo_batch *b, struct evo_error *err)
{
    const char *keys[EVO_BACKFILL_KEY_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_params params = { 0 };
    b->settled = b->changed;
    if (!b->has_keys)
        return EVO_OK;
    for (size_t i = 0; i < b->t->ncolumns; i++)
        keys[i] = evo_pg_value(b->locked, 0, EVO_LOCK_KEYS(b->t, i));
    evo_text_still(b->t, b->f, keys, &sql, &params);
    enum evo_errc rc = evo_batch_send(b, &sql, &params, &r, err);
    if (rc)
        return rc;
    int64_t still = evo_pg_value_int(r, 0, 0, 0);
    b->settled = b->changed > still ? b->changed - still : 0;
    return EVO_OK;
}

/* A trigger (suppress_redundant_updates_trigger() is one that everybody has) or row security may leave rows as they are. */
static void note_unchanged(struct evo_batch *b, int64_t affected)
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

static enum evo_errc change_rows(struct evo_batch *b, struct evo_error *err)
{
    const char *rows[EVO_BACKFILL_KEY_MAX];
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_params params = { 0 };
    if (b->changed == 0)
        return EVO_OK;
    evo_text_change(b->t, b->f, evo_batch_locked_rows(b, rows), &sql, &params);
    enum evo_errc rc = evo_batch_send(b, &sql, &params, &r, err);
    if (rc)
        return failed(b, err);
    int64_t affected = evo_pg_affected(r);
    b->next.rows_done += affected >= 0 ? affected : b->changed;
    note_unchanged(b, affected);
    b->next.batches++;
    return look_whether_settled(b, err);
}

/* ---- what is noted ----------------------------------------------------------- */

static void set_string(char **to, const char *value)
{
    char *copy = evo_strdup(value);
    free(*to);
    *to = copy;
}

static void move_on(struct evo_batch *b)
{
    struct evo_part *next = &b->next;
    if (!b->upto[0]) {
        next->finished = true;
        return;
    }
    for (size_t i = 0; i < b->t->ncolumns; i++)
        set_string(&next->position[i], b->upto[i]);
}

/* Keys are kept where no sweep would find the rows again, or as long as that is not known. */
static bool keep_left_out(struct evo_batch *b)
{
    bool needed = b->next.once || atomic_load(&b->w->run->settles) != EVO_SETTLES_YES;
    if (!b->left_out || !needed || b->listed)
        return false;
    for (size_t i = 0; i < b->t->ncolumns; i++) {
        char *all = evo_array_concat(b->next.left_out[i], evo_pg_value(b->left, 0, 1 + (int)i));
        free(b->next.left_out[i]);
        b->next.left_out[i] = all;
    }
    b->next.left_out_rows += b->left_out;
    return true;
}

static void note_settles(struct evo_batch *b)
{
    struct evo_run *run = b->w->run;
    int unknown = EVO_SETTLES_UNKNOWN;
    if (b->changed == 0 || !b->f->batch.where)
        return;
    (void)atomic_compare_exchange_strong(&run->settles, &unknown,
                                         b->settled ? EVO_SETTLES_YES : EVO_SETTLES_NO);
}

static void publish(struct evo_batch *b, struct evo_part *p)
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
static void count_wal(struct evo_batch *b, uint64_t end)
{
    struct evo_run *run = b->w->run;
    uint64_t begin = (uint64_t)evo_pg_value_int(b->locked, 0, EVO_LOCK_WAL, 0);
    (void)pthread_mutex_lock(&run->mutex);
    begin = begin > run->wal_seen ? begin : run->wal_seen;
    b->w->last_wal = end > begin ? end - begin : 0;
    run->wal_seen = end > run->wal_seen ? end : run->wal_seen;
    (void)pthread_mutex_unlock(&run->mutex);
}

static enum evo_errc note(struct evo_batch *b, struct evo_part *p, struct evo_error *err)
{
    struct evo_worker *w = b->w;
    uint64_t wal = 0;
    int64_t looked = (b->full && b->narrowed) || evo_batch_is_last(b) ? b->found : w->pace.window;
    b->next.sweep_looked += looked;
    b->next.sweep_settled += b->settled;
    b->next.sweep_skipped += b->left_out;
    b->next.skipped += b->left_out;
    move_on(b);
    note_settles(b);
    if (b->next.sweep == 1 && b->f->batch.where && atomic_load(&w->run->settles) == EVO_SETTLES_NO)
        b->next.once = true;
    bool kept = keep_left_out(b);
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
static enum evo_errc pass_by(struct evo_batch *b, struct evo_part *p, struct evo_error *err)
{
    struct evo_worker *w = b->w;
    enum evo_errc rc = EVO_OK;
    b->next.sweep_looked += evo_batch_is_last(b) ? 0 : w->pace.window;
    move_on(b);
    if (b->next.finished || evo_clock_ms() - w->stored_ms >= STORE_EVERY_MS) {
        rc = evo_record_store(w->pg, &w->run->record, &b->next, false, NULL, &w->stale, err);
        w->stored_ms = evo_clock_ms();
    }
    if (!rc && !w->stale)
        publish(b, p);
    return rc;
}

static enum evo_errc run_batch(struct evo_batch *b, struct evo_part *p, struct evo_error *err)
{
    enum evo_errc rc = b->listed ? EVO_OK : evo_batch_find_window(b, p, err);
    bool any = true;
    if (!rc && p->sweep > 1 && !b->listed && b->f->batch.where)
        rc = evo_batch_look_for_any(b, p, &any, err);
    if (!rc && !any)
        return pass_by(b, p, err);
    if (!rc)
        rc = evo_pg_exec(b->w->pg, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", err);
    if (!rc)
        rc = evo_batch_narrow(b, p, err);
    if (!rc)
        rc = evo_batch_lock(b, p, err);
    if (!rc)
        rc = evo_batch_look_who_is_left(b, p, err);
    if (!rc)
        rc = change_rows(b, err);
    return rc ? rc : note(b, p, err);
}

enum evo_errc evo_batch_run(struct evo_worker *w, struct evo_part *p, struct evo_error *err)
{
    __attribute__((cleanup(batch_release))) struct evo_batch b = { .w = w,
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
