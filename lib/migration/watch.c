#include "migration/watch.h"

#include <pthread.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "pg/conn.h"

/* Between two looks. */
#define INTERVAL_MS 250
/* What is kept and shown of the blockers. */
#define BLOCKERS_MAX 1500

struct evo_watch {
    const struct evo_conninfo *info;
    struct evo_task *task;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under the mutex */
    bool stop;
    int pid; /* 0: disarmed */
    int64_t look_at; /* monotonic */
    unsigned generation; /* of evo_watch_arm() calls */
    struct evo_strbuf seen;
};

static const char blockers_sql[] =
    "SELECT 'pid ' || a.pid || ' (user \"' || coalesce(a.usename::text, '') || '\", application \"'"
    " || coalesce(a.application_name, '') || '\", ' || coalesce(a.state, 'unknown state') || ' for '"
    " || coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start, a.state_change,"
    " a.backend_start))::integer, 0) || ' s): '"
    " || CASE WHEN a.query ~* 'password' THEN 'its query is hidden' ELSE"
    " coalesce(pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 160), '') END"
    " FROM pg_catalog.pg_stat_activity a"
    " WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1::integer)) ORDER BY a.xact_start NULLS LAST, a.pid";

/* Appends one line for all blockers of pid. False: the session is of no use any more. */
static bool look(struct evo_pg *pg, int pid, struct evo_strbuf *out)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", pid);
    const char *params[] = { text };
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_pg_query(pg, blockers_sql, 1, params, &r, &ignored))
        return false;
    for (int row = 0; row < evo_pg_rows(r); row++)
        evo_strbuf_addf(out, "%s%s", row ? "; " : "", evo_pg_value(r, row, 0));
    return true;
}

static void wait_ms(struct evo_watch *w, int64_t ms)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&w->changed, &w->mutex, &at);
}

/* Waits, with the mutex held, until there is something to look at. False: stop. */
static bool wait_for_work(struct evo_watch *w)
{
    while (!w->stop) {
        if (!w->pid) {
            (void)pthread_cond_wait(&w->changed, &w->mutex);
            continue;
        }
        int64_t left = w->look_at - evo_clock_ms();
        if (left <= 0)
            return true;
        wait_ms(w, left);
    }
    return false;
}

static void *watch(void *arg)
{
    struct evo_watch *w = arg;
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO(strbuf) last = EVO_STRBUF_INIT; /* logged */
    (void)pthread_mutex_lock(&w->mutex);
    while (wait_for_work(w)) {
        int pid = w->pid;
        unsigned generation = w->generation;
        (void)pthread_mutex_unlock(&w->mutex);

        EVO_AUTO(strbuf) now = EVO_STRBUF_INIT_MAX(BLOCKERS_MAX);
        struct evo_error ignored = EVO_ERROR_INIT;
        struct evo_pg_options options = { .application_name = "evo-migrate watch",
                                          .connect_timeout_ms = 3000 };
        bool useful = !evo_cancelled() && (pg || !evo_pg_open(w->info, &options, &pg, &ignored));
        if (useful && !look(pg, pid, &now)) {
            evo_pg_close(pg);
            pg = NULL;
        }
        if (now.len && !evo_streq(now.buf, last.buf)) {
            evo_notice(w->task, "waiting for %s", now.buf);
            evo_strbuf_clear(&last);
            evo_strbuf_adds(&last, now.buf);
        }

        (void)pthread_mutex_lock(&w->mutex);
        if (generation != w->generation)
            continue;
        if (now.len) {
            evo_strbuf_clear(&w->seen);
            evo_strbuf_adds(&w->seen, now.buf);
        }
        w->look_at = evo_clock_ms() + INTERVAL_MS;
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return NULL;
}

struct evo_watch *evo_watch_new(const struct evo_conninfo *info, struct evo_task *task)
{
    struct evo_watch *w = evo_calloc(1, sizeof(*w));
    w->info = info;
    w->task = task;
    evo_strbuf_init(&w->seen, BLOCKERS_MAX);
    (void)pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    w->started = pthread_create(&w->thread, NULL, watch, w) == 0;
    return w;
}

void evo_watch_free(struct evo_watch *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->mutex);
    w->stop = true;
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->mutex);
    if (w->started)
        (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->mutex);
    evo_strbuf_release(&w->seen);
    free(w);
}

void evo_watch_arm(struct evo_watch *w, int pid, int64_t after_ms)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->mutex);
    w->pid = pid;
    w->look_at = evo_clock_ms() + after_ms;
    w->generation++;
    evo_strbuf_clear(&w->seen);
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->mutex);
}

void evo_watch_disarm(struct evo_watch *w, struct evo_strbuf *blockers)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->mutex);
    w->pid = 0;
    w->generation++;
    if (blockers)
        evo_strbuf_add(blockers, w->seen.buf, w->seen.len);
    (void)pthread_mutex_unlock(&w->mutex);
}
