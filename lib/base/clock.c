#include "base/clock.h"

#include <limits.h>

#include "base/banned.h"
#include "base/parse.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t evo_clock_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t evo_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* Floor division: times before 1970 keep a fraction between 0 and 999. */
static void broken_down(int64_t wall_ms, struct tm *tm, int *millis)
{
    int64_t s = wall_ms / 1000, m = wall_ms % 1000;
    if (m < 0) {
        m += 1000;
        s--;
    }
    time_t t = (time_t)s;
    (void)gmtime_r(&t, tm);
    *millis = (int)m;
}

const char *evo_format_time(int64_t wall_ms, char buf[EVO_TIME_MAX])
{
    struct tm tm;
    int millis;
    broken_down(wall_ms, &tm, &millis);
    size_t n = strftime(buf, EVO_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(buf + n, EVO_TIME_MAX - n, ".%03dZ", millis);
    return buf;
}

const char *evo_format_time_compact(int64_t wall_ms, char buf[EVO_TIME_MAX])
{
    struct tm tm;
    int millis;
    broken_down(wall_ms, &tm, &millis);
    (void)strftime(buf, EVO_TIME_MAX, "%Y%m%dT%H%M%SZ", &tm);
    return buf;
}

/* n digits at *p within [min, max]; *p moves behind them. */
static bool field(const char **p, size_t n, uint64_t min, uint64_t max, int *ret)
{
    uint64_t v;
    if (strnlen(*p, n) < n || !evo_parse_digits(*p, n, &v) || v < min || v > max)
        return false;
    *p += n;
    *ret = (int)v;
    return true;
}

static bool literal(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

bool evo_parse_time(const char *s, int64_t *ret_wall_ms)
{
    struct tm tm = { 0 };
    int year, month, millis = 0, offset_h = 0, offset_m = 0, sign = 1;
    if (!field(&s, 4, 0, 9999, &year) || !literal(&s, '-') || !field(&s, 2, 1, 12, &month) ||
        !literal(&s, '-') || !field(&s, 2, 1, 31, &tm.tm_mday))
        return false;
    if (*s != 'T' && *s != 't' && *s != ' ')
        return false;
    s++;
    if (!field(&s, 2, 0, 23, &tm.tm_hour) || !literal(&s, ':') || !field(&s, 2, 0, 59, &tm.tm_min) ||
        !literal(&s, ':') || !field(&s, 2, 0, 60, &tm.tm_sec))
        return false;
    if (*s == '.') {
        size_t n = strspn(++s, "0123456789");
        if (!n)
            return false;
        for (size_t i = 0; i < 3; i++)
            millis = millis * 10 + (i < n ? s[i] - '0' : 0);
        s += n;
    }
    if (*s == 'Z' || *s == 'z') {
        s++;
    } else {
        if (*s != '+' && *s != '-')
            return false;
        sign = *s++ == '-' ? -1 : 1;
        if (!field(&s, 2, 0, 23, &offset_h))
            return false;
        if (*s == ':')
            s++;
        if (!field(&s, 2, 0, 59, &offset_m))
            return false;
    }
    if (*s)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    int day = tm.tm_mday;
    int64_t t = (int64_t)timegm(&tm);
    if (tm.tm_mday != day && tm.tm_sec != 60 && tm.tm_mon != month - 1)
        return false; /* 31 February */
    *ret_wall_ms = (t - (int64_t)sign * (offset_h * 3600 + offset_m * 60)) * 1000 + millis;
    return true;
}

struct evo_deadline evo_deadline_in(int64_t ms)
{
    return ms < 0 ? EVO_DEADLINE_NEVER : (struct evo_deadline){ evo_clock_ms() + ms };
}

int evo_deadline_left(struct evo_deadline d)
{
    if (d.at < 0)
        return -1;
    int64_t left = d.at - evo_clock_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

bool evo_deadline_passed(struct evo_deadline d)
{
    return evo_deadline_left(d) == 0;
}
