#include <errno.h>

#include "backup/plan.h"
#include "backup/run.h"

/* The readable form of a schema of tens of thousands of tables. */
#define CATALOG_MAX ((size_t)256 << 20)

void evo_run_init(struct evo_backup_run *run)
{
    pthread_condattr_t attr;
    *run = (struct evo_backup_run){ 0 };
    evo_rate_init(&run->rate, 0);
    evo_strbuf_init(&run->catalog, CATALOG_MAX);
    EVO_ASSERT(pthread_mutex_init(&run->lock, NULL) == 0);
    EVO_ASSERT(pthread_condattr_init(&attr) == 0);
    EVO_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    EVO_ASSERT(pthread_cond_init(&run->changed, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
}

void evo_run_release(struct evo_backup_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        free(run->pieces[i].condition);
    free(run->pieces);
    free(run->leftover);
    free(run->rows);
    free(run->left);
    evo_rate_release(&run->rate);
    evo_strbuf_release(&run->catalog);
    free(run->prefix);
    free(run->pg_dump);
    free(run->snapshot);
    free(run->encoding);
    evo_toc_release(&run->toc);
    evo_strvec_release(&run->written);
    (void)pthread_cond_destroy(&run->changed);
    (void)pthread_mutex_destroy(&run->lock);
}

static void lock(struct evo_backup_run *run)
{
    EVO_ASSERT(pthread_mutex_lock(&run->lock) == 0);
}

static void unlock(struct evo_backup_run *run)
{
    (void)pthread_cond_broadcast(&run->changed);
    EVO_ASSERT(pthread_mutex_unlock(&run->lock) == 0);
}

void evo_run_fail(struct evo_backup_run *run, enum evo_errc rc, const struct evo_error *err)
{
    lock(run);
    if (!run->rc) {
        run->rc = rc;
        run->error = *err;
    }
    atomic_store(&run->stop, true);
    evo_rate_stop(&run->rate);
    unlock(run);
}

/* Small ones are taken by the dozen, as long as enough stay for the others. */
static size_t batch(const struct evo_backup_run *run, size_t most)
{
    const uint64_t small = 128 * 1024;
    size_t share = (run->count - run->next) / ((size_t)run->manifest->jobs * 2);
    size_t n = 1;
    for (; n < most && n < share && run->pieces[run->next + n].entry; n++)
        if (run->pieces[run->next].expected > small)
            break;
    return run->pieces[run->next].entry ? n : 1;
}

struct evo_backup_piece *evo_run_take(struct evo_backup_run *run, size_t *ret_count)
{
    struct evo_backup_piece *piece = NULL;
    lock(run);
    if (!atomic_load(&run->stop) && run->next < run->count) {
        piece = &run->pieces[run->next];
        *ret_count = batch(run, *ret_count);
        run->next += *ret_count;
    }
    unlock(run);
    return piece;
}

void evo_run_leave(struct evo_backup_run *run, const struct evo_backup_piece *piece)
{
    lock(run);
    if (!run->leftover)
        run->leftover = evo_calloc(run->count, sizeof(*run->leftover));
    run->leftover[run->leftovers++] = (size_t)(piece - run->pieces);
    unlock(run);
}

struct evo_backup_piece *evo_run_take_left(struct evo_backup_run *run, int ms, bool *ret_done)
{
    struct evo_backup_piece *piece = NULL;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    lock(run);
    int waited = 0;
    while (waited != ETIMEDOUT && run->running &&
           (atomic_load(&run->stop) || run->leftover_next == run->leftovers))
        waited = pthread_cond_timedwait(&run->changed, &run->lock, &until);
    bool stop = atomic_load(&run->stop);
    if (!stop && run->leftover_next < run->leftovers)
        piece = &run->pieces[run->leftover[run->leftover_next++]];
    *ret_done = !piece && !run->running && (stop || run->leftover_next == run->leftovers);
    unlock(run);
    return piece;
}

void evo_run_worker_ended(struct evo_backup_run *run)
{
    lock(run);
    run->running--;
    unlock(run);
}

/* An object has a part that is being filled and one that is on its way. */
static uint64_t held(const struct evo_backup_run *run)
{
    return (uint64_t)run->output.part_size * EVO_PLAN_PARTS_HELD;
}

bool evo_run_reserve(struct evo_backup_run *run)
{
    lock(run);
    while (!atomic_load(&run->stop) && run->budget < held(run))
        (void)pthread_cond_wait(&run->changed, &run->lock);
    bool ok = !atomic_load(&run->stop);
    if (ok)
        run->budget -= held(run);
    unlock(run);
    return ok;
}

void evo_run_unreserve(struct evo_backup_run *run)
{
    lock(run);
    run->budget += held(run);
    unlock(run);
}

void evo_run_begun(struct evo_backup_run *run, const char *name)
{
    lock(run);
    evo_strvec_pushf(&run->written, "%s/%s", run->prefix, name);
    unlock(run);
}

void evo_run_written(struct evo_backup_run *run, const struct evo_backup_object *o,
                     const struct evo_backup_written *rows)
{
    lock(run);
    EVO_GROW(run->manifest->objects, run->manifest->count, run->manifest->alloc);
    run->manifest->objects[run->manifest->count++] = *o;
    if (rows) {
        EVO_GROW(run->rows, run->rows_count, run->rows_alloc);
        run->rows[run->rows_count++] = *rows;
    }
    unlock(run);
}

void evo_run_piece_done(struct evo_backup_run *run, const struct evo_backup_piece *piece, uint64_t raw_bytes)
{
    atomic_fetch_add(&run->expected_done, piece->expected);
    atomic_fetch_add(&run->raw_done, raw_bytes);
    if (piece->entry && atomic_fetch_sub(&run->left[piece->entry - run->toc.items], 1) == 1)
        atomic_fetch_add(&run->tables_done, 1);
}
