#include "health/health.h"

#include <errno.h>
#include <pthread.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"

#include "base/banned.h"

void evo_health_release(struct evo_health *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->count; i++) {
        evo_health_target_release(&h->items[i].target);
        evo_strbuf_release(&h->items[i].last.message);
    }
    free(h->items);
    memset(h, 0, sizeof(*h));
}

struct evo_health_target *evo_health_add(struct evo_health *h)
{
    EVO_GROW(h->items, h->count, h->alloc);
    struct evo_health_watch *w = &h->items[h->count++];
    memset(w, 0, sizeof(*w));
    evo_strbuf_init(&w->last.message, 4096);
    return &w->target;
}

/* One thread's view: a target, and what it shares with the others without writing to it. */
struct watcher {
    struct evo_health_watch *watch;
    const struct evo_health_policy *policy;
    struct evo_task *task;
    int64_t started; /* monotonic */
    pthread_t thread;
    bool running;
    enum evo_errc rc;
    struct evo_error err;
};

/* Says what changed: a target that fails the same way for a minute is one line. */
static void say(const struct watcher *w, const char *before)
{
    const struct evo_health_watch *h = w->watch;
    if (!evo_streq(before, h->last.message.buf))
        evo_info(w->task, "%s: %s", h->target.name, h->last.message.buf);
    else
        evo_debug(w->task, "%s: still: %s", h->target.name, h->last.message.buf);
}

static enum evo_errc watch(struct watcher *w)
{
    struct evo_health_watch *h = w->watch;
    EVO_AUTO_PTR(http) http = NULL;
    enum evo_errc rc = evo_http_new(&http, &w->err);
    for (;;) {
        int64_t elapsed = evo_clock_ms() - w->started;
        int64_t pause = evo_health_pause(&h->state, w->policy, elapsed);
        if (rc || pause < 0)
            break;
        rc = evo_cancel_sleep(pause, &w->err);
        if (rc)
            break;
        elapsed = evo_clock_ms() - w->started;
        EVO_AUTO_STR before = evo_strdup(h->last.message.buf);
        rc = evo_health_attempt(&h->target, http, evo_health_timeout(w->policy, elapsed), &h->last, &w->err);
        if (rc)
            break;
        evo_health_observe(&h->state, h->last.passed);
        say(w, before);
    }
    /* No pause left to come, or a cancel: either way this is the end of the time. */
    h->verdict = evo_health_verdict(&h->state, w->policy, w->policy->deadline_ms);
    if (rc)
        h->verdict = EVO_HEALTH_INCONCLUSIVE;
    return rc;
}

static void *watch_thread(void *arg)
{
    struct watcher *w = arg;
    w->rc = watch(w);
    return NULL;
}

/* Where to look next. */
static void hint(const struct evo_health_target *t, struct evo_error *err)
{
    if (t->kind == EVO_HEALTH_HTTP)
        (void)evo_error_hint(err, "curl -i '%s'", t->name);
    else if (t->kind == EVO_HEALTH_DB)
        (void)evo_error_hint(err, "evo status");
}

static enum evo_errc verdict(const struct evo_health *h, struct evo_error *err)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct evo_health_watch *w = &h->items[i];
        char human[EVO_HUMAN_MAX];
        if (w->verdict == EVO_HEALTH_HEALTHY)
            continue;
        (void)evo_error_set(err, EVO_ERR_UNHEALTHY, "%s is %s: %s", w->target.name,
                            w->verdict == EVO_HEALTH_UNHEALTHY ? "not healthy" : "not shown to be healthy",
                            w->state.attempts ? w->last.message.buf : "no attempt was finished");
        if (w->verdict == EVO_HEALTH_INCONCLUSIVE && w->state.attempts)
            (void)evo_error_detail(err, "Only %lld of %lld successes in a row came within %s.",
                                   (long long)w->state.streak, (long long)h->policy.successes,
                                   evo_format_duration(h->policy.deadline_ms, human));
        else
            (void)evo_error_detail(err, "It was tried %lld times within %s.", (long long)w->state.attempts,
                                   evo_format_duration(h->policy.deadline_ms, human));
        hint(&w->target, err);
        return EVO_ERR_UNHEALTHY;
    }
    return EVO_OK;
}

enum evo_errc evo_health_run(struct evo_health *h, struct evo_task *task, struct evo_error *err)
{
    struct watcher *watchers = evo_calloc(h->count, sizeof(*watchers));
    int64_t started = evo_clock_ms();
    for (size_t i = 0; i < h->count; i++) {
        struct watcher *w = &watchers[i];
        *w =
            (struct watcher){ .watch = &h->items[i], .policy = &h->policy, .task = task, .started = started };
        w->running = pthread_create(&w->thread, NULL, watch_thread, w) == 0;
        if (!w->running)
            w->rc = evo_error_errno(&w->err, EVO_ERR_INTERNAL, EAGAIN, "could not start a thread");
    }
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; i < h->count; i++) {
        struct watcher *w = &watchers[i];
        if (w->running)
            (void)pthread_join(w->thread, NULL);
        else
            w->watch->verdict = EVO_HEALTH_INCONCLUSIVE;
        if (w->rc && !rc) {
            rc = w->rc;
            if (err)
                *err = w->err;
        }
    }
    free(watchers);
    return rc ? rc : verdict(h, err);
}

struct evo_json *evo_health_json(const struct evo_health *h)
{
    static const char *const kind[] = { "http", "tcp", "database" };
    struct evo_json *probes = evo_json_array();
    for (size_t i = 0; i < h->count; i++) {
        const struct evo_health_watch *w = &h->items[i];
        struct evo_json *probe = evo_json_object();
        evo_json_set_string(probe, "target", w->target.name);
        evo_json_set_string(probe, "kind", kind[w->target.kind]);
        evo_json_set_string(probe, "verdict", evo_health_verdict_name(w->verdict));
        evo_json_set_int(probe, "attempts", w->state.attempts);
        evo_json_set_int(probe, "successes", w->state.streak);
        evo_json_set_string(probe, "message", w->state.attempts ? w->last.message.buf : NULL);
        if (w->state.attempts)
            evo_json_set_int(probe, "latency_ms", w->last.latency_ms);
        else
            evo_json_set_null(probe, "latency_ms");
        evo_json_append(probes, probe);
    }
    return probes;
}
