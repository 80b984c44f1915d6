#include "base/rate.h"

#include "base/cancel.h"
#include "base/clock.h"

/* A stop is seen after so long at the latest; a cancel wakes the sleeper itself. */
enum { LOOK_UP_MS = 100 };
/* More than anybody takes at once, and less than the products below can hold. */
static const uint64_t bytes_max = (uint64_t)1 << 50;
static const uint64_t wait_max = (uint64_t)1 << 40; /* 34 years */

void evo_rate_init(struct evo_rate *r, uint64_t bytes_per_second)
{
    *r = (struct evo_rate){ .bytes_per_second = bytes_per_second, .paid_at = INT64_MIN };
    atomic_init(&r->stopped, false);
    (void)pthread_mutex_init(&r->mutex, NULL);
}

void evo_rate_release(struct evo_rate *r)
{
    (void)pthread_mutex_destroy(&r->mutex);
}

int64_t evo_rate_enter(struct evo_rate *r, uint64_t bytes, int64_t now_ms)
{
    if (!r->bytes_per_second)
        return 0;
    if (r->paid_at < now_ms - EVO_RATE_BURST_MS) {
        r->paid_at = now_ms - EVO_RATE_BURST_MS;
        r->rest = 0;
    }
    r->rest += (bytes < bytes_max ? bytes : bytes_max) * 1000;
    uint64_t ms = r->rest / r->bytes_per_second;
    r->rest %= r->bytes_per_second;
    r->paid_at += (int64_t)(ms < wait_max ? ms : wait_max);
    return r->paid_at > now_ms ? r->paid_at - now_ms : 0;
}

enum evo_errc evo_rate_take(struct evo_rate *r, uint64_t bytes, struct evo_error *err)
{
    if (!r->bytes_per_second)
        return EVO_OK;
    (void)pthread_mutex_lock(&r->mutex);
    int64_t now = evo_clock_ms();
    int64_t until = now + evo_rate_enter(r, bytes, now);
    (void)pthread_mutex_unlock(&r->mutex);
    for (;;) {
        if (atomic_load_explicit(&r->stopped, memory_order_relaxed))
            return evo_error_set(err, EVO_ERR_CANCELLED, "ended early");
        int64_t left = until - evo_clock_ms();
        if (left <= 0)
            return EVO_OK;
        enum evo_errc rc = evo_cancel_sleep(left < LOOK_UP_MS ? left : LOOK_UP_MS, err);
        if (rc)
            return rc;
    }
}

void evo_rate_stop(struct evo_rate *r)
{
    atomic_store_explicit(&r->stopped, true, memory_order_relaxed);
}
