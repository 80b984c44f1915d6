#include "base/error.h"

#include <errno.h>

#include "base/utf8.h"

#ifdef __clang_analyzer__
#undef evo_error_set
#undef evo_error_errno
#undef evo_error_prefix
#undef evo_error_detail
#undef evo_error_hint
#undef evo_error_next
#undef evo_error_at
#undef evo_error_migration
#endif

/* One row a reason: the contract's table of reasons and exit statuses. */
static const struct {
    const char *reason;
    int exit;
} table[EVO_ERRC_COUNT_] = {
    [EVO_OK] = { "ok", 0 },
    [EVO_ERR_PROBE_FALSE] = { "probe_false", 1 },
    [EVO_ERR_UNHEALTHY] = { "unhealthy", 1 },
    [EVO_ERR_LINT] = { "lint", 1 },
    [EVO_ERR_PENDING] = { "pending", 1 },
    [EVO_ERR_EDITED] = { "edited", 1 },
    [EVO_ERR_FAILED] = { "failed", 1 },
    [EVO_ERR_DRIFT] = { "drift", 1 },
    [EVO_ERR_PROMOTION_REFUSED] = { "promotion_refused", 1 },
    [EVO_ERR_NOT_FOUND] = { "not_found", 1 },
    [EVO_ERR_TARGET_NOT_EMPTY] = { "target_not_empty", 1 },
    [EVO_ERR_IRREVERSIBLE] = { "irreversible", 1 },
    [EVO_ERR_INCOMPLETE] = { "incomplete", 1 },
    [EVO_ERR_INCONSISTENT] = { "inconsistent", 1 },
    [EVO_ERR_ROUNDTRIP] = { "roundtrip", 1 },
    [EVO_ERR_USAGE] = { "usage", 2 },
    [EVO_ERR_CONFIG] = { "config", 2 },
    [EVO_ERR_CONNECT] = { "connect", 3 },
    [EVO_ERR_DATABASE] = { "database", 3 },
    [EVO_ERR_PERMISSION] = { "permission", 3 },
    [EVO_ERR_UNSUPPORTED] = { "unsupported", 3 },
    [EVO_ERR_TIMEOUT] = { "timeout", 3 },
    [EVO_ERR_STORE] = { "store", 4 },
    [EVO_ERR_NETWORK] = { "network", 4 },
    [EVO_ERR_DISK] = { "disk", 4 },
    [EVO_ERR_LOCK_UNAVAILABLE] = { "lock_unavailable", 5 },
    [EVO_ERR_INTEGRITY] = { "integrity", 6 },
    [EVO_ERR_MIGRATION_FAILED] = { "migration_failed", 7 },
    [EVO_ERR_INTERNAL] = { "internal", 70 },
    [EVO_ERR_CANCELLED] = { "cancelled", 128 },
};

const char *evo_errc_reason(enum evo_errc code)
{
    return (unsigned)code < EVO_ERRC_COUNT_ ? table[code].reason : "internal";
}

int evo_errc_exit(enum evo_errc code)
{
    return (unsigned)code < EVO_ERRC_COUNT_ ? table[code].exit : 70;
}

enum evo_errc evo_errc_parse(const char *reason)
{
    for (size_t i = 1; i < EVO_COUNT(table); i++)
        if (strcmp(table[i].reason, reason) == 0)
            return (enum evo_errc)i;
    return EVO_ERR_INTERNAL;
}

/* Formats into a fixed field; what does not fit is cut on a character's boundary and ends in "...". */
static void format_into(char *buf, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(buf, size, fmt, ap);
    if (n >= 0 && (size_t)n >= size) {
        size_t keep = evo_utf8_cut(buf, size - 1, size - 4);
        memcpy(buf + keep, "...", 4);
    }
}

enum evo_errc evo_error_set(struct evo_error *err, enum evo_errc code, const char *fmt, ...)
{
    if (!err)
        return code;
    /* The arguments may point into *err (re-wrapping an error): format first, then reset. */
    char message[sizeof(err->message)];
    va_list ap;
    va_start(ap, fmt);
    format_into(message, sizeof(message), fmt, ap);
    va_end(ap);
    memset(err, 0, sizeof(*err));
    err->code = code;
    memcpy(err->message, message, sizeof(message));
    return code;
}

enum evo_errc evo_error_errno(struct evo_error *err, enum evo_errc code, int errnum, const char *fmt, ...)
{
    if (errnum == ENOSPC || errnum == EDQUOT)
        code = EVO_ERR_DISK;
    if (!err)
        return code;
    char message[sizeof(err->message)];
    va_list ap;
    va_start(ap, fmt);
    format_into(message, sizeof(message), fmt, ap);
    va_end(ap);
    char text[128];
    return evo_error_set(err, code, "%s: %s", message, strerror_r(errnum, text, sizeof(text)));
}

enum evo_errc evo_error_prefix(struct evo_error *err, const char *fmt, ...)
{
    if (!err)
        return EVO_ERR_INTERNAL;
    char context[sizeof(err->message)];
    va_list ap;
    va_start(ap, fmt);
    format_into(context, sizeof(context), fmt, ap);
    va_end(ap);
    char *joined = evo_asprintf("%s: %s", context, err->message);
    (void)snprintf(err->message, sizeof(err->message), "%s", joined);
    free(joined);
    return err->code;
}

#define DEFINE_PART(name, field)                                                \
    enum evo_errc evo_error_##name(struct evo_error *err, const char *fmt, ...) \
    {                                                                           \
        if (!err)                                                               \
            return EVO_ERR_INTERNAL;                                            \
        char text[sizeof(err->field)];                                          \
        va_list ap;                                                             \
        va_start(ap, fmt);                                                      \
        format_into(text, sizeof(text), fmt, ap);                               \
        va_end(ap);                                                             \
        memcpy(err->field, text, sizeof(text));                                 \
        return err->code;                                                       \
    }
DEFINE_PART(detail, detail)
DEFINE_PART(hint, hint)
DEFINE_PART(next, next)

enum evo_errc evo_error_at(struct evo_error *err, const char *file, int line)
{
    if (!err)
        return EVO_ERR_INTERNAL;
    (void)snprintf(err->file, sizeof(err->file), "%s", file ? file : "");
    err->line = line;
    return err->code;
}

enum evo_errc evo_error_migration(struct evo_error *err, const char *name)
{
    if (!err)
        return EVO_ERR_INTERNAL;
    (void)snprintf(err->migration, sizeof(err->migration), "%s", name ? name : "");
    return err->code;
}
