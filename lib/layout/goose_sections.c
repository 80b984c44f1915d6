/* The parts of goose's files: "-- +goose Up", "-- +goose Down" and its other annotations. */
#include <strings.h>

#include "base/banned.h"
#include "layout/reader.h"

enum annotation {
    NONE,
    UP,
    DOWN,
    STATEMENT_BEGIN,
    STATEMENT_END,
    NO_TRANSACTION,
    ENVSUB_ON,
    ENVSUB_OFF,
    UNKNOWN
};

static const struct {
    const char *text; /* in any case, as goose compares */
    enum annotation annotation;
} annotations[] = {
    { "Up", UP },
    { "Down", DOWN },
    { "StatementBegin", STATEMENT_BEGIN },
    { "StatementEnd", STATEMENT_END },
    { "NO TRANSACTION", NO_TRANSACTION },
    { "ENVSUB ON", ENVSUB_ON },
    { "ENVSUB OFF", ENVSUB_OFF },
};

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* A comment that holds "+goose" anywhere is one to goose, and mostly one that it refuses. */
static enum annotation annotation_of(const char *line, size_t n)
{
    static const char word[] = "+goose";
    const size_t length = sizeof(word) - 1;
    const char *end = line + n, *comment = skip_blanks(line, end);
    if (end - comment < 2 || comment[0] != '-' || comment[1] != '-')
        return NONE;
    const char *p = memmem(comment, (size_t)(end - comment), word, length);
    if (!p)
        return NONE;
    if (comment != line || p != skip_blanks(line + 2, end))
        return UNKNOWN;
    p = skip_blanks(p + length, end);
    while (end > p && strchr(" \t\r", end[-1]))
        end--;
    for (size_t i = 0; i < EVO_COUNT(annotations); i++)
        if (strlen(annotations[i].text) == (size_t)(end - p) &&
            strncasecmp(annotations[i].text, p, (size_t)(end - p)) == 0)
            return annotations[i].annotation;
    return UNKNOWN;
}

static bool is_comment_or_blank(const char *line, size_t n)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\f\v", line[i]))
        i++;
    return i == n || (n - i >= 2 && line[i] == '-' && line[i + 1] == '-');
}

/* Where the reading of a file stands. */
struct scan {
    struct evo_sections s;
    bool open; /* between StatementBegin and StatementEnd */
    int open_line;
};

/* Why goose, or evo, does not take the line; NULL: it does. */
static const char *refusal(const struct scan *scan, enum annotation a, bool sql)
{
    switch (a) {
    case NONE:
        return sql && !scan->s.has_up ? "has SQL above \"-- +goose Up\"" : NULL;
    case UP:
        return scan->s.has_up ? "has a second \"-- +goose Up\"" : NULL;
    case DOWN:
        return !scan->s.has_up    ? "has \"-- +goose Down\" and no \"-- +goose Up\" above it"
               : scan->s.has_down ? "has a second \"-- +goose Down\""
               : scan->open       ? "has \"-- +goose Down\" before the statement's \"-- +goose StatementEnd\""
                                  : NULL;
    case STATEMENT_BEGIN:
        return !scan->s.has_up ? "has \"-- +goose StatementBegin\" above \"-- +goose Up\""
               : scan->open ? "has a second \"-- +goose StatementBegin\" without \"-- +goose StatementEnd\""
                            : NULL;
    case STATEMENT_END:
        return scan->open ? NULL : "has \"-- +goose StatementEnd\" without \"-- +goose StatementBegin\"";
    case ENVSUB_ON:
        return "wants environment variables put into its SQL, which evo does not do: what is applied "
               "would not be what the file says";
    case UNKNOWN:
        return "has an annotation \"+goose\" that goose does not know";
    case NO_TRANSACTION:
    case ENVSUB_OFF:
        break;
    }
    return NULL;
}

static void take(struct scan *scan, enum annotation a, size_t at, int line)
{
    struct evo_sections *s = &scan->s;
    switch (a) {
    case UP:
        s->has_up = true;
        break;
    case DOWN:
        s->has_down = true;
        s->up_end = s->down_at = at;
        s->down_lines = (size_t)line - 1;
        break;
    case STATEMENT_BEGIN:
        scan->open = true;
        scan->open_line = line;
        break;
    case STATEMENT_END:
        scan->open = false;
        break;
    case NO_TRANSACTION: /* wherever it stands it is about both ways */
        s->no_transaction = s->down_no_transaction = true;
        break;
    case NONE:
    case ENVSUB_ON:
    case ENVSUB_OFF:
    case UNKNOWN:
        break;
    }
}

static enum evo_errc refuse(const char *path, int line, const char *why, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "migration \"%s\" %s", path, why);
    return evo_error_at(err, path, line);
}

enum evo_errc evo_goose_sections_parse(const char *text, size_t n, const char *path, struct evo_sections *ret,
                                       struct evo_error *err)
{
    struct scan scan = { .s = { .up_end = n } };
    int line = 1;
    const char *p = text, *end = text + n;
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    for (; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t len = newline ? (size_t)(newline - p) : (size_t)(end - p);
        enum annotation a = annotation_of(p, len);
        const char *why = refusal(&scan, a, !is_comment_or_blank(p, len));
        if (why)
            return refuse(path, line, why, err);
        take(&scan, a, (size_t)(p - text), line);
        p += len + (newline != NULL);
    }
    if (scan.open)
        return refuse(path, scan.open_line,
                      "has \"-- +goose StatementBegin\" without \"-- +goose StatementEnd\"", err);
    *ret = scan.s;
    return EVO_OK;
}
