#include "layout/ini.h"

#include <strings.h>

#include "base/banned.h"
#include "base/strbuf.h"

/* What one pass over the file finds. */
struct found {
    struct evo_strbuf value;
    int line; /* 0: not found */
};

static bool is_key(const char *line, size_t n, const char *key)
{
    size_t length = strlen(key), separator = 0;
    while (separator < n && line[separator] != '=' && line[separator] != ':')
        separator++;
    size_t end = separator;
    while (end && strchr(" \t", line[end - 1]))
        end--;
    return separator < n && end == length && strncasecmp(line, key, length) == 0;
}

static size_t blanks(const char *line, size_t n)
{
    size_t i = 0;
    while (i < n && (line[i] == ' ' || line[i] == '\t'))
        i++;
    return i;
}

static void look(const char *text, const char *section, const char *key, struct found *ret)
{
    bool inside = false, option = false; /* in the section; behind a key */
    bool taking = false; /* … which is the one */
    size_t indent = 0; /* of the line with the key */
    int line = 1;
    for (const char *p = text; *p; line++) {
        size_t n = strcspn(p, "\n"), from = blanks(p, n), end = n;
        while (end > from && strchr(" \t\r", p[end - 1]))
            end--;
        const char *content = p + from;
        size_t length = end - from;
        bool comment = length && (*content == '#' || *content == ';');
        if (comment || !length) {
            /* passed over, also inside a value */
        } else if (option && from > indent) {
            if (taking)
                evo_strbuf_addch(&ret->value, '\n');
            if (taking)
                evo_strbuf_add(&ret->value, content, length);
        } else if (*content == '[' && content[length - 1] == ']') {
            inside = length - 2 == strlen(section) && memcmp(content + 1, section, length - 2) == 0;
            option = taking = false;
        } else {
            taking = inside && is_key(content, length, key);
            indent = from;
            option = true;
            if (taking) {
                size_t skip = strcspn(content, "=:") + 1;
                skip += blanks(content + skip, length - skip);
                ret->line = line;
                evo_strbuf_clear(&ret->value);
                evo_strbuf_add(&ret->value, content + skip, length - skip);
            }
        }
        p += n + (p[n] == '\n');
    }
}

static enum evo_errc interpolate(const struct found *found, const char *path, const char *key,
                                 const char *here, struct evo_strbuf *out, struct evo_error *err)
{
    for (const char *p = found->value.buf; *p; p++) {
        if (*p != '%') {
            evo_strbuf_addch(out, *p);
        } else if (p[1] == '%') {
            evo_strbuf_addch(out, '%');
            p++;
        } else if (evo_starts_with(p, "%(here)s")) {
            evo_strbuf_adds(out, here);
            p += strlen("%(here)s") - 1;
        } else {
            (void)evo_error_set(err, EVO_ERR_CONFIG,
                                "cannot read \"%s\" of \"%s\": it refers to another value", key, path);
            (void)evo_error_detail(err, "Of references evo knows %%(here)s, the folder of the file.");
            return evo_error_at(err, path, found->line);
        }
    }
    return EVO_OK;
}

enum evo_errc evo_ini_value(const char *text, const char *path, const char *section, const char *key,
                            const char *here, char **ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    struct found found = { .value = EVO_STRBUF_INIT };
    if (evo_starts_with(text, "\xef\xbb\xbf"))
        text += 3;
    look(text, section, key, &found);
    if (!found.line)
        look(text, "DEFAULT", key, &found);
    enum evo_errc rc = interpolate(&found, path, key, here, &out, err);
    if (!rc) {
        evo_strbuf_trim(&out);
        *ret = found.line ? evo_strbuf_detach(&out) : NULL;
    }
    evo_strbuf_release(&found.value);
    return rc;
}
