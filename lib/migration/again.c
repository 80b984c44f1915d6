#include "migration/again.h"

#include <inttypes.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"
#include "crypto/random.h"
#include "locks/describe.h"
#include "locks/way.h"
#include "migration/retry.h"

/* Of those in the way, so many are named. */
#define NAMED 5

void evo_tries_release(struct evo_tries *t)
{
    if (t)
        evo_watch_seen_release(&t->seen);
}

/* ---- what it will lock ----------------------------------------------------------------- */

struct wanted {
    struct evo_sql_locks named;
    struct evo_way_lock *locks;
};

static void wanted_release(struct wanted *w)
{
    evo_sql_locks_release(&w->named);
    free(w->locks);
}
#define AUTO_WANTED __attribute__((cleanup(wanted_release))) struct wanted

static void wanted_make(const struct evo_step *step, size_t first, size_t count, struct wanted *ret)
{
    for (size_t i = first; i < first + count && i < step->script.count; i++)
        evo_sql_locks_of(step->text.buf + step->script.items[i].start, step->script.items[i].len,
                         &ret->named);
    ret->locks = evo_calloc(ret->named.count, sizeof(*ret->locks));
    for (size_t i = 0; i < ret->named.count; i++)
        ret->locks[i] = (struct evo_way_lock){ .relation = ret->named.items[i].relation,
                                               .mode = evo_lock_mode_parse(ret->named.items[i].mode) };
}

/* Anything but a cancel only means that nothing is seen. */
static enum evo_errc look(struct evo_session *s, const struct wanted *w, struct evo_way *ret, bool *ret_seen,
                          struct evo_error *err)
{
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_way_look(s->pg, w->locks, w->named.count, ret, &failed);
    *ret_seen = !rc;
    if (rc == EVO_ERR_CANCELLED) {
        *err = failed;
        return rc;
    }
    if (rc)
        evo_debug(s->o->task, "could not look who is in the way: %s", failed.message);
    return EVO_OK;
}

static void name_holders(const struct evo_way *way, struct evo_strbuf *out)
{
    for (size_t i = 0; i < way->holders.nsessions && i < NAMED; i++) {
        evo_strbuf_adds(out, i ? "; " : "");
        evo_locks_describe(&way->holders.sessions[i], out);
    }
    if (way->holders.nsessions > NAMED)
        evo_strbuf_addf(out, "; and %zu more", way->holders.nsessions - NAMED);
}

enum evo_errc evo_try_look(struct evo_session *s, const struct evo_step *step, size_t first, size_t count,
                           struct evo_error *err)
{
    AUTO_WANTED wanted = { .locks = NULL };
    EVO_AUTO(way) way = { .waiting = 0 };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    bool seen = false;
    wanted_make(step, first, count, &wanted);
    enum evo_errc rc = look(s, &wanted, &way, &seen, err);
    if (rc || !way.holders.nsessions)
        return rc;
    name_holders(&way, &text);
    evo_notice(s->o->task, "migration \"%s\": in the way of its locks now: %s", step->migration->name,
               text.buf);
    return EVO_OK;
}

/* ---- around a try ------------------------------------------------------------------------ */

/* What is over sooner has not been worth a connection: three hundred sessions would have to wait for it, to use up a
 * budget of 30 s. */
#define LOOK_AFTER_MS 100

/* Within a lock time-out there is one look at least. */
int64_t evo_try_watch_after(int64_t lock_timeout_ms)
{
    return lock_timeout_ms > 0 && lock_timeout_ms < 2 * LOOK_AFTER_MS ? lock_timeout_ms / 2 : LOOK_AFTER_MS;
}

void evo_try_begin(struct evo_session *s, const struct evo_step *step, struct evo_tries *t, bool waits,
                   bool may_cancel)
{
    if (!t->goes_on)
        t->counted_ms = 0;
    const struct evo_watch_target target = {
        .pid = s->backend_pid,
        .after_ms = evo_try_watch_after(waits ? 0 : evo_session_lock_timeout(s, step)),
        .budget_ms = may_cancel ? s->o->harm_budget_ms : 0,
        .goes_on = t->goes_on,
    };
    evo_watch_arm(s->watch, &target);
}

void evo_try_end(struct evo_session *s, struct evo_tries *t)
{
    evo_watch_disarm(s->watch, &t->seen);
    t->harm.session_ms += t->seen.harm.session_ms - t->counted_ms;
    t->counted_ms = t->seen.harm.session_ms;
    if (t->seen.harm.sessions_max > t->harm.sessions_max)
        t->harm.sessions_max = t->seen.harm.sessions_max;
}

/* ---- the next one -------------------------------------------------------------------------- */

static bool wait_for_lock(struct evo_session *s, const struct evo_step *step, const struct evo_tries *t,
                          struct evo_error *err)
{
    const struct evo_retry_policy policy = EVO_RETRY_POLICY(s->o->lock_retries);
    char human[EVO_HUMAN_MAX];
    int64_t wait_ms = 0;
    if (!evo_retry_wants(err->sqlstate) ||
        !evo_retry_after(&policy, t->failed, evo_random_below(UINT64_MAX), &wait_ms))
        return false;
    evo_notice(s->o->task, "migration \"%s\": %s; rolled back, next try in %s", step->migration->name,
               err->message, evo_format_duration(wait_ms, human));
    return evo_cancel_sleep(wait_ms, err) == EVO_OK;
}

/* Nobody in the way, and nobody waiting. Of a file whose locks its text does not tell (DO, DROP INDEX …): nobody in the
 * database waits for anybody. */
static enum evo_errc is_quiet(struct evo_session *s, const struct wanted *wanted, bool *ret,
                              struct evo_error *err)
{
    EVO_AUTO(way) way = { .waiting = 0 };
    EVO_AUTO(locks_view) view = { .nwaits = 0 };
    struct evo_error failed = EVO_ERROR_INIT;
    bool seen = false;
    if (wanted->named.count) {
        enum evo_errc rc = look(s, wanted, &way, &seen, err);
        *ret = !rc && seen && !way.holders.nsessions && !way.waiting;
        return rc;
    }
    enum evo_errc rc = evo_locks_look(s->pg, &view, &failed);
    *ret = !rc && !view.nwaits;
    if (rc != EVO_ERR_CANCELLED)
        return EVO_OK;
    *err = failed;
    return rc;
}

/* Looks at the queue until it is quiet, or has been long enough. */
static bool wait_for_quiet(struct evo_session *s, const struct evo_step *step, const struct wanted *wanted,
                           const struct evo_tries *t, struct evo_error *err)
{
    const struct evo_quiet_policy policy = evo_quiet_policy(t->cancelled, t->seen.held);
    int64_t began = evo_clock_ms(), next_ms = 0;
    unsigned looks = 0;
    for (;;) {
        bool quiet = false;
        if (is_quiet(s, wanted, &quiet, err))
            return false;
        looks = quiet ? looks + 1 : 0;
        switch (evo_quiet_decide(&policy, evo_clock_ms() - began, looks, &next_ms)) {
        case EVO_QUIET_GO:
            return true;
        case EVO_QUIET_GO_ANYWAY:
            evo_notice(s->o->task, "migration \"%s\": no quiet moment so far, trying all the same",
                       step->migration->name);
            return true;
        case EVO_QUIET_LOOK_AGAIN:
            break;
        }
        if (evo_cancel_sleep(next_ms, err))
            return false;
    }
}

bool evo_try_again(struct evo_session *s, const struct evo_step *step, size_t first, size_t count,
                   struct evo_tries *t, struct evo_error *err)
{
    ++t->failed;
    if (err->code == EVO_ERR_CANCELLED || !evo_pg_alive(s->pg))
        return false;
    if (!t->seen.cancelled)
        return wait_for_lock(s, step, t, err);
    ++t->cancelled;
    bool more = t->failed <= s->o->lock_retries;
    evo_notice(s->o->task,
               "migration \"%s\": up to %" PRId64 " session%s waited behind it, %" PRId64
               " session-seconds in all: cancelled and rolled back%s",
               step->migration->name, t->seen.harm.sessions_max, t->seen.harm.sessions_max == 1 ? "" : "s",
               evo_harm_seconds(t->seen.harm.session_ms), more ? "; next try at a quieter moment" : "");
    if (!more)
        return false;
    AUTO_WANTED wanted = { .locks = NULL };
    wanted_make(step, first, count, &wanted);
    return wait_for_quiet(s, step, &wanted, t, err);
}

bool evo_tries_were_in_vain(const struct evo_session *s, const struct evo_tries *t,
                            const struct evo_error *err)
{
    return err->code != EVO_ERR_CANCELLED && evo_pg_alive(s->pg) &&
           (t->seen.cancelled || evo_retry_wants(err->sqlstate));
}
