#include "backup/retention.h"

#include "base/clock.h"
#include "base/parse.h"
#include "base/strbuf.h"

#define DAY_MS ((int64_t)86400 * 1000)

/* "2026-11-22T10"; a year has four digits for a long time to come. */
enum { PERIOD_MAX = 32 };

static const struct period {
    const char *name;
    size_t wanted; /* where the policy says how many */
    int length; /* of "2026-11-22T10", what is the same for all of one period; 0: the ISO week */
} periods[] = {
    { "hourly", offsetof(struct evo_retention_policy, hourly), 13 },
    { "daily", offsetof(struct evo_retention_policy, daily), 10 },
    { "weekly", offsetof(struct evo_retention_policy, weekly), 0 },
    { "monthly", offsetof(struct evo_retention_policy, monthly), 7 },
    { "yearly", offsetof(struct evo_retention_policy, yearly), 4 },
};

static int64_t wanted(const struct evo_retention_policy *policy, const struct period *p)
{
    return *(const int64_t *)((const char *)policy + p->wanted);
}

bool evo_retention_given(const struct evo_retention_policy *policy)
{
    bool given = policy->last > 0 || policy->within_ms > 0;
    for (size_t i = 0; i < EVO_COUNT(periods); i++)
        given |= wanted(policy, &periods[i]) > 0;
    return given;
}

void evo_retention_item_release(struct evo_retention_item *item)
{
    if (item)
        evo_strvec_release(&item->reasons);
}

/* Rounded down, also before 1970. */
static const char *period_of(const struct period *p, int64_t ms, char buf[PERIOD_MAX])
{
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm = { 0 };
    (void)gmtime_r(&seconds, &tm);
    size_t n =
        p->length ? strftime(buf, PERIOD_MAX, "%Y-%m-%dT%H", &tm) : strftime(buf, PERIOD_MAX, "%G-W%V", &tm);
    buf[p->length && n > (size_t)p->length ? (size_t)p->length : n] = '\0';
    return buf;
}

static void keep(struct evo_retention_item *item, const char *reason)
{
    item->keep = true;
    evo_strvec_push(&item->reasons, reason);
}

/* Whole ones first, then each selection; in each the newest first, of one moment the greater id (it was made later). */
static int by_series(const void *a, const void *b)
{
    const struct evo_retention_item *x = *(struct evo_retention_item *const *)a;
    const struct evo_retention_item *y = *(struct evo_retention_item *const *)b;
    int by_selection = strcmp(x->selection ? x->selection : "", y->selection ? y->selection : "");
    if (!x->selection != !y->selection)
        return x->selection ? 1 : -1;
    if (by_selection)
        return by_selection;
    int by_time = (x->created_ms < y->created_ms) - (x->created_ms > y->created_ms);
    return by_time ? by_time : strcmp(y->id, x->id);
}

static void apply_periods(const struct evo_retention_policy *policy, struct evo_retention_item *const *series,
                          size_t count)
{
    for (size_t p = 0; p < EVO_COUNT(periods); p++) {
        int64_t left = wanted(policy, &periods[p]);
        char last[PERIOD_MAX] = "";
        for (size_t i = 0; i < count && left > 0; i++) {
            char period[PERIOD_MAX];
            if (evo_streq(period_of(&periods[p], series[i]->created_ms, period), last))
                continue;
            EVO_AUTO_STR reason = evo_asprintf("%s %s", periods[p].name, period);
            keep(series[i], reason);
            memcpy(last, period, sizeof(last));
            left--;
        }
    }
}

/* "within 7 days" */
static char *within_reason(int64_t ms)
{
    char text[EVO_HUMAN_MAX];
    if (ms % DAY_MS == 0)
        return evo_asprintf("within %lld day%s", (long long)(ms / DAY_MS), ms == DAY_MS ? "" : "s");
    return evo_asprintf("within %s", evo_format_duration(ms, text));
}

/* A series: newest first, all of them good. */
static void apply(const struct evo_retention_policy *policy, struct evo_retention_item *const *series,
                  size_t count)
{
    for (size_t i = 0; i < count && (int64_t)i < policy->last; i++) {
        EVO_AUTO_STR reason = evo_asprintf("last %lld", (long long)policy->last);
        keep(series[i], reason);
    }
    apply_periods(policy, series, count);
    if (policy->within_ms <= 0)
        return;
    EVO_AUTO_STR reason = within_reason(policy->within_ms);
    for (size_t i = 0; i < count; i++)
        if (series[0]->created_ms - series[i]->created_ms <= policy->within_ms)
            keep(series[i], reason);
}

/* What no rule can undo. */
static void keep_locked(struct evo_retention_item *item, int64_t now_ms)
{
    if (item->locked_until_ms > now_ms) {
        char time[EVO_TIME_MAX];
        EVO_AUTO_STR reason = evo_asprintf("locked until %s", evo_format_time(item->locked_until_ms, time));
        keep(item, reason);
    }
    if (item->legal_hold)
        keep(item, "legal hold");
}

/* Why it neither counts nor goes; NULL where it does. */
static const char *set_aside(const struct evo_retention_item *item, int64_t now_ms)
{
    switch (item->state) {
    case EVO_RETENTION_UNFINISHED:
        return "unfinished";
    case EVO_RETENTION_UNREADABLE:
        return "damaged manifest";
    case EVO_RETENTION_DAMAGED:
        return "found damaged";
    case EVO_RETENTION_GOOD:
        break;
    }
    return item->created_ms > now_ms ? "made in the future" : NULL;
}

void evo_retention_decide(const struct evo_retention_policy *policy, struct evo_retention_item *items,
                          size_t count, int64_t now_ms)
{
    struct evo_retention_item **counted = evo_calloc(count ? count : 1, sizeof(struct evo_retention_item *));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const char *aside = set_aside(&items[i], now_ms);
        items[i].keep = false;
        evo_strvec_clear(&items[i].reasons);
        if (aside)
            keep(&items[i], aside);
        else
            counted[n++] = &items[i];
        if (!evo_retention_given(policy))
            keep(&items[i], "no policy");
    }
    if (n)
        qsort(counted, n, sizeof(*counted), by_series);
    for (size_t start = 0, end; start < n; start = end) {
        for (end = start + 1; end < n && evo_streq(counted[start]->selection, counted[end]->selection);)
            end++;
        apply(policy, counted + start, end - start);
        if (!counted[start]->selection)
            keep(counted[start], EVO_RETENTION_LAST_GOOD);
    }
    for (size_t i = 0; i < count; i++)
        keep_locked(&items[i], now_ms);
    free(counted);
}
