/* The one-file form of `sql`: "-- migrate:up" and "-- migrate:down", as dbmate reads them. */
#include "base/banned.h"
#include "layout/reader.h"

enum marker { MARKER_NONE, MARKER_UP, MARKER_DOWN };

/* *options: what stands behind the marker on its line. */
static enum marker marker_of(const char *line, size_t n, const char **options, size_t *noptions)
{
    static const struct {
        const char *text;
        enum marker marker;
    } markers[] = { { "migrate:up", MARKER_UP }, { "migrate:down", MARKER_DOWN } };
    if (n < 2 || line[0] != '-' || line[1] != '-')
        return MARKER_NONE;
    const char *p = line + 2, *end = line + n;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && strchr(" \t\r", end[-1]))
        end--;
    for (size_t i = 0; i < EVO_COUNT(markers); i++) {
        size_t len = strlen(markers[i].text);
        if ((size_t)(end - p) < len || memcmp(p, markers[i].text, len) != 0)
            continue;
        if (p + len < end && p[len] != ' ' && p[len] != '\t')
            continue;
        p += len;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        *options = p;
        *noptions = (size_t)(end - p);
        return markers[i].marker;
    }
    return MARKER_NONE;
}

static bool is_comment_or_blank(const char *line, size_t n)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\f\v", line[i]))
        i++;
    return i == n || (n - i >= 2 && line[i] == '-' && line[i + 1] == '-');
}

enum evo_errc evo_sections_parse(const char *text, size_t n, const char *path, struct evo_sections *ret,
                                 struct evo_error *err)
{
    struct evo_sections s = { .up_end = n };
    int line = 1, sql_line = 0;
    const char *p = text, *end = text + n;
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    for (; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t len = newline ? (size_t)(newline - p) : (size_t)(end - p);
        const char *options = NULL, *why = NULL;
        size_t noptions = 0;
        enum marker marker = marker_of(p, len, &options, &noptions);
        if (marker == MARKER_UP && s.has_up)
            why = "has a second \"-- migrate:up\"";
        else if (marker == MARKER_DOWN && s.has_down)
            why = "has a second \"-- migrate:down\"";
        else if (marker == MARKER_DOWN && !s.has_up)
            why = "has \"-- migrate:down\" and no \"-- migrate:up\" above it";
        else if (marker == MARKER_UP && sql_line)
            why = "has SQL above \"-- migrate:up\"";
        else if (marker && noptions && !(noptions == 17 && memcmp(options, "transaction:false", 17) == 0) &&
                 !(noptions == 16 && memcmp(options, "transaction:true", 16) == 0))
            why =
                "has an option behind \"-- migrate:\" that is neither transaction:false nor transaction:true";
        if (why) {
            evo_error_set(err, EVO_ERR_CONFIG, "migration \"%s\" %s", path, why);
            return evo_error_at(err, path, sql_line && marker == MARKER_UP && !s.has_up ? sql_line : line);
        }
        if (marker == MARKER_UP) {
            s.has_up = true;
            s.no_transaction = noptions == 17;
        } else if (marker == MARKER_DOWN) {
            s.has_down = true;
            s.down_no_transaction = noptions == 17;
            s.up_end = s.down_at = (size_t)(p - text);
            s.down_lines = (size_t)line - 1;
        } else if (!s.has_up && !sql_line && !is_comment_or_blank(p, len)) {
            sql_line = line;
        }
        p += len + (newline != NULL);
    }
    *ret = s;
    return EVO_OK;
}
