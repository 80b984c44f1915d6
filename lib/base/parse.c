#include "base/parse.h"

#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/banned.h"

bool evo_parse_digits(const char *s, size_t n, uint64_t *ret)
{
    uint64_t v = 0;
    if (!n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

bool evo_parse_uint64(const char *s, uint64_t max, uint64_t *ret)
{
    uint64_t v;
    if (!evo_parse_digits(s, strlen(s), &v) || v > max)
        return false;
    *ret = v;
    return true;
}

bool evo_parse_int64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = s[0] == '-';
    uint64_t v;
    if (!evo_parse_digits(s + negative, strlen(s + negative), &v))
        return false;
    if (v > (uint64_t)INT64_MAX)
        return false;
    int64_t n = negative ? -(int64_t)v : (int64_t)v;
    if (n < min || n > max)
        return false;
    *ret = n;
    return true;
}

bool evo_parse_bool(const char *s, bool *ret)
{
    static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no", "off",
                                                                                   "0" };
    for (size_t i = 0; i < EVO_COUNT(yes); i++) {
        bool is_yes = strcasecmp(s, yes[i]) == 0;
        if (is_yes || strcasecmp(s, no[i]) == 0) {
            *ret = is_yes;
            return true;
        }
    }
    return false;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* <digits><unit of the table>, without overflow of max. */
static bool parse_with_unit(const char *s, const struct unit *units, size_t count, uint64_t max,
                            uint64_t *ret)
{
    size_t n = strspn(s, "0123456789");
    uint64_t v;
    if (!evo_parse_digits(s, n, &v))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(s + n, units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(v, units[i].factor, &v) || v > max)
            return false;
        *ret = v;
        return true;
    }
    return false;
}

bool evo_parse_duration(const char *s, int64_t *ret_ms)
{
    static const struct unit units[] = {
        { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 }
    };
    uint64_t v;
    if (strcmp(s, "0") == 0)
        v = 0;
    else if (!parse_with_unit(s, units, EVO_COUNT(units), INT64_MAX, &v))
        return false;
    *ret_ms = (int64_t)v;
    return true;
}

bool evo_parse_size(const char *s, uint64_t *ret)
{
    static const struct unit units[] = {
        { "", 1 },
        { "B", 1 },
        { "kB", 1000 },
        { "KB", 1000 },
        { "MB", 1000000 },
        { "GB", 1000000000 },
        { "TB", 1000000000000 },
        { "KiB", (uint64_t)1 << 10 },
        { "MiB", (uint64_t)1 << 20 },
        { "GiB", (uint64_t)1 << 30 },
        { "TiB", (uint64_t)1 << 40 },
    };
    return parse_with_unit(s, units, EVO_COUNT(units), INT64_MAX, ret);
}

const char *evo_format_size(uint64_t bytes, char buf[EVO_HUMAN_MAX])
{
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1024 && u + 1 < EVO_COUNT(unit)) {
        v /= 1024;
        u++;
    }
    if (u == 0)
        (void)snprintf(buf, EVO_HUMAN_MAX, "%" PRIu64 " B", bytes);
    else
        (void)snprintf(buf, EVO_HUMAN_MAX, "%.1f %s", v, unit[u]);
    return buf;
}

const char *evo_format_duration(int64_t ms, char buf[EVO_HUMAN_MAX])
{
    int64_t s = ms / 1000;
    if (ms < 1000)
        (void)snprintf(buf, EVO_HUMAN_MAX, "%" PRId64 " ms", ms);
    else if (s < 60)
        (void)snprintf(buf, EVO_HUMAN_MAX, "%.1f s", (double)ms / 1000);
    else if (s < 3600)
        (void)snprintf(buf, EVO_HUMAN_MAX, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
    else
        (void)snprintf(buf, EVO_HUMAN_MAX, "%" PRId64 " h %02" PRId64 " min", s / 3600, s % 3600 / 60);
    return buf;
}
