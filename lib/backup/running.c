#include "backup/running.h"

#include <errno.h>
#include <pthread.h>

#include "backup/name.h"
#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"

struct evo_running {
    struct evo_store *store;
    struct evo_task *task;
    char *key, *id;
    int64_t renew_ms;
    bool warned;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop; /* under lock */
};

static enum evo_errc put_mark(struct evo_running *r, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    char now[EVO_TIME_MAX];
    evo_strbuf_addf(
        &text,
        "evo-backup is making backup %s here; it last said so at %s.\n"
        "Without " EVO_BACKUP_MANIFEST
        " this folder is no backup yet. Where this file is older than half an hour,\n"
        "that run was killed, and \"evo-backup gc\" removes what it left. Beside " EVO_BACKUP_MANIFEST
        " it means nothing.\n",
        r->id, evo_format_time(evo_wall_ms(), now));
    return evo_store_put(r->store, r->key, text.buf, text.len, EVO_STORE_PASSING, err);
}

/* False: it is to stop. */
static bool wait_ms(struct evo_running *r, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    EVO_ASSERT(pthread_mutex_lock(&r->lock) == 0);
    for (int waited = 0; !r->stop && waited != ETIMEDOUT;)
        waited = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    bool go_on = !r->stop;
    EVO_ASSERT(pthread_mutex_unlock(&r->lock) == 0);
    return go_on;
}

static void *renew(void *argument)
{
    struct evo_running *r = argument;
    int64_t pause = r->renew_ms;
    while (wait_ms(r, pause)) {
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc = evo_cancelled() ? EVO_OK : put_mark(r, &err);
        /* What failed is tried again soon. */
        pause = rc ? r->renew_ms / 5 + 1 : r->renew_ms;
        if (!rc || rc == EVO_ERR_CANCELLED || r->warned)
            continue;
        r->warned = true;
        evo_warn(
            r->task,
            "the mark of a running backup could not be renewed, and is tried again: %s; while it is old, "
            "a gc with a "
            "grace time shorter than this backup takes would remove what it writes",
            err.message);
    }
    return NULL;
}

static void release(struct evo_running *r)
{
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    free(r->key);
    free(r->id);
    free(r);
}

enum evo_errc evo_running_begin(struct evo_store *store, const char *prefix, const char *id, int64_t renew_ms,
                                struct evo_task *task, struct evo_running **ret, struct evo_error *err)
{
    pthread_condattr_t attr;
    struct evo_running *r = evo_calloc(1, sizeof(*r));
    r->store = store;
    r->task = task;
    r->key = evo_asprintf("%s/" EVO_BACKUP_RUNNING, prefix);
    r->id = evo_strdup(id);
    r->renew_ms = renew_ms;
    EVO_ASSERT(pthread_mutex_init(&r->lock, NULL) == 0);
    EVO_ASSERT(pthread_condattr_init(&attr) == 0);
    EVO_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    EVO_ASSERT(pthread_cond_init(&r->changed, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    enum evo_errc rc = put_mark(r, err);
    if (!rc && pthread_create(&r->thread, NULL, renew, r) != 0)
        rc = evo_error_set(err, EVO_ERR_INTERNAL, "could not start a thread");
    if (rc) {
        release(r);
        return rc;
    }
    *ret = r;
    return EVO_OK;
}

void evo_running_end(struct evo_running *r, bool done)
{
    struct evo_error why = EVO_ERROR_INIT;
    if (!r)
        return;
    EVO_ASSERT(pthread_mutex_lock(&r->lock) == 0);
    r->stop = true;
    (void)pthread_cond_broadcast(&r->changed);
    EVO_ASSERT(pthread_mutex_unlock(&r->lock) == 0);
    (void)pthread_join(r->thread, NULL);
    if (done && evo_store_remove(r->store, r->key, &why))
        evo_debug(r->task, "the mark \"%s\" stays: %s", r->key, why.message);
    release(r);
}
