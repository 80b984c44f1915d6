#include "migration/watch.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "locks/describe.h"
#include "locks/graph.h"

/* Between two looks, at least. */
#define INTERVAL_MS 250
/* A look that took long (a great many sessions wait) is not repeated before so many times that. */
#define REST 4
/* What is kept and shown of the blockers. */
#define BLOCKERS_MAX 1500
/* Of those who wait behind us, so many are named in a line of the log. */
#define NAMED 3
/* Where everything changes all the time, the log need not follow. */
#define LOG_MS 1000
/* A statement that was told to end and has not: it is told again. */
#define CANCEL_AGAIN_MS 1000

/* What was last logged of one kind. */
struct logged {
    struct evo_strbuf pids;
    int64_t at;
};

struct evo_watch {
    const struct evo_conninfo *info;
    struct evo_task *task;
    pthread_t thread;
    bool started;
    struct logged blockers, waiters; /* of the thread */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* under the mutex */
    bool stop;
    bool cancelling; /* the thread is telling the server to end the statement */
    struct evo_watch_target target; /* pid 0: disarmed */
    int64_t began_at, armed_at, look_at, cancelled_at; /* monotonic; cancelled_at 0: not yet */
    unsigned generation; /* of evo_watch_arm() calls */
    struct evo_watch_seen seen;
};

/* One look, judged. */
struct look {
    struct evo_strbuf blockers, blocker_pids; /* who is in our way */
    struct evo_strbuf waiters, waiter_pids; /* who waits behind us */
    int64_t *waits_ms; /* of them */
    size_t count;
};

static void look_release(struct look *l)
{
    evo_strbuf_release(&l->blockers);
    evo_strbuf_release(&l->blocker_pids);
    evo_strbuf_release(&l->waiters);
    evo_strbuf_release(&l->waiter_pids);
    free(l->waits_ms);
}
#define AUTO_LOOK __attribute__((cleanup(look_release))) struct look

void evo_watch_seen_release(struct evo_watch_seen *s)
{
    if (!s)
        return;
    evo_strbuf_release(&s->blockers);
    *s = (struct evo_watch_seen){ .blockers = EVO_STRBUF_INIT };
}

/* ---- what a look says --------------------------------------------------------------- */

static void judge_blockers(const struct evo_locks_view *v, size_t own, struct look *l)
{
    for (size_t i = 0; i < v->nwaits; i++) {
        if (v->waits[i].blocked != own)
            continue;
        const struct evo_locks_session *s = &v->sessions[v->waits[i].blocking];
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        evo_locks_describe(s, &text);
        evo_strbuf_addf(&l->blockers, "%s%s", l->blockers.len ? "; " : "", text.buf);
        evo_strbuf_addf(&l->blocker_pids, "%" PRId64 "%s ", s->pid, s->gid ? s->gid : "");
    }
}

/* For how long a session has been waiting; -1 not known. */
static int64_t wait_of(const struct evo_locks_view *v, size_t session)
{
    int64_t ms = -1;
    for (size_t i = 0; i < v->nwaits; i++)
        if (v->waits[i].blocked == session && v->waits[i].wait_ms > ms)
            ms = v->waits[i].wait_ms;
    return ms;
}

/* What a vacuum waits for does no harm. Whoever is hidden has a user, where it is not the server's own. */
static bool is_client(const struct evo_locks_session *s)
{
    return s->type ? evo_streq(s->type, "client backend") : s->user != NULL;
}

static void judge_waiters(const struct evo_locks_view *v, size_t own, struct look *l)
{
    bool *behind = evo_calloc(v->nsessions, sizeof(*behind));
    l->waits_ms = evo_calloc(v->nsessions, sizeof(*l->waits_ms));
    (void)evo_locks_behind(v, own, false, behind);
    for (size_t i = 0; i < v->nsessions; i++) {
        const struct evo_locks_session *s = &v->sessions[i];
        if (!behind[i] || !is_client(s))
            continue;
        if (l->count < NAMED) {
            evo_strbuf_adds(&l->waiters, l->count ? "; " : "");
            evo_locks_describe(s, &l->waiters);
        }
        evo_strbuf_addf(&l->waiter_pids, "%" PRId64 " ", s->pid);
        l->waits_ms[l->count++] = wait_of(v, i);
    }
    if (l->count > NAMED)
        evo_strbuf_addf(&l->waiters, "; and %zu more", l->count - NAMED);
    free(behind);
}

/* False: the session is of no use any more. */
static bool look(struct evo_pg *pg, int64_t pid, struct look *l)
{
    EVO_AUTO(locks_view) view = { 0 };
    struct evo_error ignored = EVO_ERROR_INIT;
    evo_strbuf_init(&l->blockers, BLOCKERS_MAX);
    evo_strbuf_init(&l->blocker_pids, 0);
    evo_strbuf_init(&l->waiters, 0);
    evo_strbuf_init(&l->waiter_pids, 0);
    if (evo_locks_look(pg, &view, &ignored))
        return false;
    size_t own = evo_locks_index(&view, pid, NULL);
    if (own == view.nsessions)
        return true;
    judge_blockers(&view, own, l);
    judge_waiters(&view, own, l);
    return true;
}

static bool is_news(struct logged *logged, const struct evo_strbuf *pids)
{
    int64_t now = evo_clock_ms();
    if (evo_streq(logged->pids.buf, pids->buf) || (logged->at && now - logged->at < LOG_MS && pids->len))
        return false;
    evo_strbuf_clear(&logged->pids);
    evo_strbuf_adds(&logged->pids, pids->buf);
    logged->at = now;
    return true;
}

static void log_changes(struct evo_watch *w, const struct look *l)
{
    if (is_news(&w->blockers, &l->blocker_pids) && l->blockers.len)
        evo_notice(w->task, "waiting for %s", l->blockers.buf);
    if (!is_news(&w->waiters, &l->waiter_pids))
        return;
    if (l->count)
        evo_notice(w->task, "%zu session%s wait%s behind it: %s", l->count, l->count == 1 ? "" : "s",
                   l->count == 1 ? "s" : "", l->waiters.buf);
    else
        evo_notice(w->task, "nobody waits behind it any more");
}

/* ---- the thread ---------------------------------------------------------------------- */

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
        if (!w->target.pid) {
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

/* With the mutex held, which is given back meanwhile: evo_watch_disarm() waits for `cancelling` to end. */
static void cancel_statement(struct evo_watch *w, struct evo_pg *pg, bool held)
{
    EVO_AUTO_STR pid = evo_asprintf("%" PRId64, w->target.pid);
    w->cancelling = true;
    w->seen.cancelled = true;
    w->seen.held = held;
    w->cancelled_at = evo_clock_ms();
    (void)pthread_mutex_unlock(&w->mutex);
    struct evo_error failed = EVO_ERROR_INIT;
    if (evo_pg_query(pg, "SELECT pg_catalog.pg_cancel_backend($1::pg_catalog.int4)", 1,
                     (const char *const[]){ pid }, NULL, &failed) &&
        failed.code != EVO_ERR_CANCELLED)
        evo_warn(w->task, "could not cancel the statement that others wait for: %s", failed.message);
    (void)pthread_mutex_lock(&w->mutex);
    w->cancelling = false;
    (void)pthread_cond_broadcast(&w->changed);
}

/* Between this look and the one before there were other statements, whose queues are gone: the one that is seen stands for
 * them, for all of that time. */
static void stand_for_others(const struct evo_watch *w, struct look *l)
{
    if (w->target.goes_on && w->armed_at > w->seen.harm.looked_at)
        for (size_t i = 0; i < l->count; i++)
            l->waits_ms[i] = -1;
}

/* With the mutex held: what was seen, and what follows from it. */
static void take(struct evo_watch *w, struct evo_pg *pg, struct look *l, int64_t began)
{
    int64_t now = evo_clock_ms();
    if (l->blockers.len) {
        evo_strbuf_clear(&w->seen.blockers);
        evo_strbuf_adds(&w->seen.blockers, l->blockers.buf);
    }
    stand_for_others(w, l);
    evo_harm_add(&w->seen.harm, w->began_at, now, l->waits_ms, l->count);
    int64_t rest = (now - began) * REST;
    w->look_at = now + (rest > INTERVAL_MS ? rest : INTERVAL_MS);
    bool due = !w->cancelled_at || now - w->cancelled_at >= CANCEL_AGAIN_MS;
    if (due && l->count && evo_harm_is_too_much(&w->seen.harm, w->target.budget_ms))
        cancel_statement(w, pg, l->blockers.len == 0);
}

static void *watch(void *arg)
{
    struct evo_watch *w = arg;
    EVO_AUTO_PTR(pg) pg = NULL;
    (void)pthread_mutex_lock(&w->mutex);
    while (wait_for_work(w)) {
        int64_t pid = w->target.pid;
        unsigned generation = w->generation;
        (void)pthread_mutex_unlock(&w->mutex);

        AUTO_LOOK l = { .count = 0 };
        int64_t began = evo_clock_ms();
        struct evo_error ignored = EVO_ERROR_INIT;
        struct evo_pg_options options = { .application_name = "evo-migrate watch",
                                          .connect_timeout_ms = 3000 };
        bool useful = !evo_cancelled() && (pg || !evo_pg_open(w->info, &options, &pg, &ignored));
        if (useful && !look(pg, pid, &l)) {
            evo_pg_close(pg);
            pg = NULL;
            useful = false;
        }
        if (useful)
            log_changes(w, &l);

        (void)pthread_mutex_lock(&w->mutex);
        if (generation != w->generation)
            continue;
        if (useful)
            take(w, pg, &l, began);
        else
            w->look_at = evo_clock_ms() + INTERVAL_MS;
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return NULL;
}

/* ---- for the run --------------------------------------------------------------------- */

struct evo_watch *evo_watch_new(const struct evo_conninfo *info, struct evo_task *task)
{
    struct evo_watch *w = evo_calloc(1, sizeof(*w));
    w->info = info;
    w->task = task;
    evo_strbuf_init(&w->seen.blockers, BLOCKERS_MAX);
    evo_strbuf_init(&w->blockers.pids, 0);
    evo_strbuf_init(&w->waiters.pids, 0);
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
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->mutex);
    if (w->started)
        (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->mutex);
    evo_strbuf_release(&w->seen.blockers);
    evo_strbuf_release(&w->blockers.pids);
    evo_strbuf_release(&w->waiters.pids);
    free(w);
}

void evo_watch_arm(struct evo_watch *w, const struct evo_watch_target *target)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->mutex);
    w->target = *target;
    w->armed_at = evo_clock_ms();
    w->cancelled_at = 0;
    w->generation++;
    evo_strbuf_clear(&w->seen.blockers);
    if (!target->goes_on) {
        w->began_at = w->armed_at;
        w->look_at = w->armed_at + target->after_ms;
        w->seen.harm = (struct evo_harm){ 0 };
    }
    w->seen.cancelled = w->seen.held = false;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->mutex);
}

void evo_watch_disarm(struct evo_watch *w, struct evo_watch_seen *ret)
{
    evo_watch_seen_release(ret);
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->mutex);
    w->target.pid = 0;
    w->generation++;
    while (w->cancelling)
        (void)pthread_cond_wait(&w->changed, &w->mutex);
    evo_strbuf_add(&ret->blockers, w->seen.blockers.buf, w->seen.blockers.len);
    ret->harm = w->seen.harm;
    ret->cancelled = w->seen.cancelled;
    ret->held = w->seen.held;
    (void)pthread_mutex_unlock(&w->mutex);
}
