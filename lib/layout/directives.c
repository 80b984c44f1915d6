#include "layout/directives.h"

#include <strings.h>

#include "base/banned.h"
#include "base/parse.h"
#include "base/strbuf.h"

void evo_directives_release(struct evo_directives *d)
{
    if (!d)
        return;
    free(d->irreversible);
    evo_strvec_release(&d->allow);
    *d = (struct evo_directives)EVO_DIRECTIVES_INIT;
}

/* Where a directive stands, for messages. */
struct place {
    const char *path;
    int line;
};

static enum evo_errc refuse(struct evo_error *err, const struct place *at, const char *name, const char *why)
{
    evo_error_set(err, EVO_ERR_CONFIG, "directive \"evo:%s\" in \"%s\" %s", name, at->path, why);
    return evo_error_at(err, at->path, at->line);
}

static enum evo_errc set_no_transaction(struct evo_directives *d, const char *value, const struct place *at,
                                        struct evo_error *err)
{
    if (*value)
        return refuse(err, at, "no-transaction", "takes no value");
    if (d->no_transaction)
        return refuse(err, at, "no-transaction", "is given twice");
    d->no_transaction = true;
    return EVO_OK;
}

static enum evo_errc set_irreversible(struct evo_directives *d, const char *value, const struct place *at,
                                      struct evo_error *err)
{
    if (!*value)
        return refuse(err, at, "irreversible", "needs a reason");
    if (d->irreversible)
        return refuse(err, at, "irreversible", "is given twice");
    d->irreversible = evo_strdup(value);
    return EVO_OK;
}

static enum evo_errc set_duration(int64_t *ms, const char *name, const char *value, const struct place *at,
                                  struct evo_error *err)
{
    if (*ms >= 0)
        return refuse(err, at, name, "is given twice");
    if (!evo_parse_duration(value, ms)) {
        refuse(err, at, name, "needs a duration");
        return evo_error_hint(err, "Write it as 500ms, 2s or 30min.");
    }
    return EVO_OK;
}

static enum evo_errc set_lock_timeout(struct evo_directives *d, const char *value, const struct place *at,
                                      struct evo_error *err)
{
    return set_duration(&d->lock_timeout_ms, "lock-timeout", value, at, err);
}

static enum evo_errc set_statement_timeout(struct evo_directives *d, const char *value,
                                           const struct place *at, struct evo_error *err)
{
    return set_duration(&d->statement_timeout_ms, "statement-timeout", value, at, err);
}

static enum evo_errc add_allow(struct evo_directives *d, const char *value, const struct place *at,
                               struct evo_error *err)
{
    if (!strpbrk(value, " \t"))
        return refuse(err, at, "allow", "needs a rule and a reason");
    evo_strvec_push(&d->allow, value);
    return EVO_OK;
}

static const struct {
    const char *name;
    enum evo_errc (*set)(struct evo_directives *d, const char *value, const struct place *at,
                         struct evo_error *err);
} known[] = {
    { "no-transaction", set_no_transaction },
    { "irreversible", set_irreversible },
    { "lock-timeout", set_lock_timeout },
    { "statement-timeout", set_statement_timeout },
    { "allow", add_allow },
};

/* "name value" behind "evo:". */
static enum evo_errc apply(struct evo_directives *d, const char *directive, const struct place *at,
                           struct evo_error *err)
{
    size_t n = strcspn(directive, " \t");
    const char *value = directive + n + strspn(directive + n, " \t");
    for (size_t i = 0; i < EVO_COUNT(known); i++)
        if (strlen(known[i].name) == n && strncmp(known[i].name, directive, n) == 0)
            return known[i].set(d, value, at, err);

    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(known); i++)
        evo_strbuf_addf(&names, "%s%s", i ? ", " : "", known[i].name);
    evo_error_set(err, EVO_ERR_CONFIG, "unknown directive \"evo:%.*s\" in \"%s\"", (int)n, directive,
                  at->path);
    evo_error_hint(err, "A migration knows: %s.", names.buf);
    return evo_error_at(err, at->path, at->line);
}

/* What stands behind "-- evo:" on the line, trimmed, else NULL. The caller frees. */
static char *directive_of(const char *line, size_t n)
{
    const char *p = line, *end = line + n;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (end - p < 2 || p[0] != '-' || p[1] != '-')
        return NULL;
    p += 2;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (end - p < 4 || strncasecmp(p, "evo:", 4) != 0)
        return NULL;
    p += 4;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return evo_strndup(p, (size_t)(end - p));
}

/* Follows one line of the top: is a statement reached, and how deep in block comments (they nest) does it end? */
static bool reaches_statement(const char *line, size_t n, int *depth)
{
    for (size_t i = 0; i < n; i++) {
        const char *p = line + i;
        size_t left = n - i;
        if (left >= 2 && p[0] == '/' && p[1] == '*') {
            (*depth)++;
            i++;
        } else if (*depth && left >= 2 && p[0] == '*' && p[1] == '/') {
            (*depth)--;
            i++;
        } else if (!*depth) {
            if (left >= 2 && p[0] == '-' && p[1] == '-')
                return false;
            if (!strchr(" \t\r\f\v", *p))
                return true;
        }
    }
    return false;
}

enum evo_errc evo_directives_parse(const char *text, size_t n, const char *path, int first_line,
                                   struct evo_directives *ret, struct evo_error *err)
{
    EVO_AUTO(directives) d = EVO_DIRECTIVES_INIT;
    struct place at = { path, first_line };
    bool top = true;
    int depth = 0;
    const char *p = text, *end = text + n;
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    for (; p < end; at.line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t len = newline ? (size_t)(newline - p) : (size_t)(end - p);
        EVO_AUTO_STR directive = depth ? NULL : directive_of(p, len);
        if (directive && !top)
            return refuse(err, &at, directive, "stands below the first statement");
        if (directive) {
            enum evo_errc rc = apply(&d, directive, &at, err);
            if (rc)
                return rc;
        } else if (top) {
            top = !reaches_statement(p, len, &depth);
        }
        p += len + (newline != NULL);
    }
    *ret = d;
    d = (struct evo_directives)EVO_DIRECTIVES_INIT;
    return EVO_OK;
}
