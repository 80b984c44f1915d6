#include "backup/remove.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/cancel.h"

enum {
    THREADS = 8, /* with the calling one */
    PER_THREAD = 8 /* for fewer none is started */
};

struct removal {
    struct evo_store *store;
    const struct evo_store_entry *entries;
    size_t count;
    bool (*chosen)(const struct evo_store_entry *entry);
    bool *removed; /* each by the thread that took it */
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock;
    enum evo_errc rc; /* the first failure, under the lock */
    struct evo_error error;
};

static void note_failure(struct removal *r, enum evo_errc rc, const struct evo_error *err)
{
    EVO_ASSERT(pthread_mutex_lock(&r->lock) == 0);
    if (!r->rc) {
        r->rc = rc;
        r->error = *err;
    }
    EVO_ASSERT(pthread_mutex_unlock(&r->lock) == 0);
    atomic_store(&r->stop, true);
}

static void *work(void *argument)
{
    struct removal *r = argument;
    while (!atomic_load(&r->stop)) {
        size_t i = atomic_fetch_add(&r->next, 1);
        struct evo_error err = EVO_ERROR_INIT;
        if (i >= r->count)
            break;
        if (r->chosen && !r->chosen(&r->entries[i]))
            continue;
        enum evo_errc rc = evo_cancel_check(&err);
        if (!rc)
            rc = evo_store_remove(r->store, r->entries[i].key, &err);
        r->removed[i] = !rc;
        if (rc)
            note_failure(r, rc, &err);
    }
    return NULL;
}

enum evo_errc evo_remove_objects(struct evo_store *store, const struct evo_store_entry *entries, size_t count,
                                 bool (*chosen)(const struct evo_store_entry *entry), bool *ret_removed,
                                 struct evo_error *err)
{
    struct removal r = {
        .store = store, .entries = entries, .count = count, .chosen = chosen, .removed = ret_removed
    };
    pthread_t threads[THREADS - 1];
    size_t started = 0;
    EVO_ASSERT(pthread_mutex_init(&r.lock, NULL) == 0);
    for (size_t i = 0; i < count; i++)
        ret_removed[i] = false;
    /* This thread works as well: where none can be started, it takes longer. */
    while (started < EVO_COUNT(threads) && started < count / PER_THREAD &&
           pthread_create(&threads[started], NULL, work, &r) == 0)
        started++;
    (void)work(&r);
    for (size_t i = 0; i < started; i++)
        EVO_ASSERT(pthread_join(threads[i], NULL) == 0);
    EVO_ASSERT(pthread_mutex_destroy(&r.lock) == 0);
    if (r.rc && err)
        *err = r.error;
    return r.rc;
}
