#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/cancel.h"

struct parallel {
    evo_parallel_item *work;
    void *ctx;
    size_t count;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock;
    enum evo_errc rc; /* the first failure, under the lock */
    struct evo_error error;
};

static void *take_items(void *argument)
{
    struct parallel *p = argument;
    while (!atomic_load(&p->stop)) {
        size_t i = atomic_fetch_add(&p->next, 1);
        struct evo_error err = EVO_ERROR_INIT;
        if (i >= p->count)
            break;
        enum evo_errc rc = evo_cancel_check(&err);
        if (!rc)
            rc = p->work(p->ctx, i, &err);
        if (!rc)
            continue;
        EVO_ASSERT(pthread_mutex_lock(&p->lock) == 0);
        if (!p->rc) {
            p->rc = rc;
            p->error = err;
        }
        EVO_ASSERT(pthread_mutex_unlock(&p->lock) == 0);
        atomic_store(&p->stop, true);
    }
    return NULL;
}

enum evo_errc evo_parallel(size_t count, int threads, evo_parallel_item *work, void *ctx,
                           struct evo_error *err)
{
    struct parallel p = { .work = work, .ctx = ctx, .count = count, .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t others[EVO_PARALLEL_MAX - 1];
    int started = 0;
    EVO_ASSERT(threads <= EVO_PARALLEL_MAX);
    while (started + 1 < threads && (size_t)started + 1 < count &&
           pthread_create(&others[started], NULL, take_items, &p) == 0)
        started++;
    (void)take_items(&p);
    for (int i = 0; i < started; i++)
        EVO_ASSERT(pthread_join(others[i], NULL) == 0);
    EVO_ASSERT(pthread_mutex_destroy(&p.lock) == 0);
    if (p.rc && err)
        *err = p.error;
    return p.rc;
}

void evo_thread_batch(void)
{
    /* Of the thread, although it is called a process's: the 0 of Linux is the calling thread. */
    (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ .sched_priority = 0 });
}
