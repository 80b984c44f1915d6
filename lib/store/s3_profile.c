#include "store/s3_profile.h"

#include "base/error.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts blanks at both ends of [*s, *s + *n). */
static void trim(const char **s, size_t *n)
{
    while (*n && is_blank((*s)[0])) {
        (*s)++;
        (*n)--;
    }
    while (*n && is_blank((*s)[*n - 1]))
        (*n)--;
}

/* "[ name ]", with blanks between the words made one. */
static bool is_section(const char *line, size_t n, const char *section)
{
    const char *close = memchr(line, ']', n);
    if (!close)
        return false;
    EVO_AUTO(strbuf) name = EVO_STRBUF_INIT;
    for (const char *p = line + 1; p < close; p++)
        if (!is_blank(*p) || (name.len && !is_blank(name.buf[name.len - 1])))
            evo_strbuf_addch(&name, *p == '\t' ? ' ' : *p);
    evo_strbuf_trim(&name);
    return evo_streq(name.buf, section);
}

/* Walks the file. With key NULL, *ret_found tells whether the section is there; else the last value is returned. */
static char *walk(const char *text, const char *section, const char *key, bool *ret_found)
{
    char *value = NULL;
    bool inside = false;
    *ret_found = false;
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        const char *next = line + n + (line[n] == '\n');
        if (line[0] == '[') {
            inside = is_section(line, n, section);
            *ret_found = *ret_found || inside;
        } else if (inside && key && line[0] != '#' && line[0] != ';' && !is_blank(line[0])) {
            const char *equals = memchr(line, '=', n);
            const char *name = line, *v = equals ? equals + 1 : NULL;
            size_t name_n = equals ? (size_t)(equals - line) : 0, v_n = equals ? n - name_n - 1 : 0;
            trim(&name, &name_n);
            if (v && name_n == strlen(key) && strncmp(name, key, name_n) == 0) {
                trim(&v, &v_n);
                if (value)
                    explicit_bzero(value, strlen(value));
                free(value);
                value = evo_strndup(v, v_n);
            }
        }
        line = next;
    }
    return value;
}

char *evo_s3_profile_value(const char *text, const char *section, const char *key)
{
    bool found;
    char *value = walk(text, section, key, &found);
    if (value && !*value) {
        free(value);
        return NULL;
    }
    return value;
}

bool evo_s3_profile_has(const char *text, const char *section)
{
    bool found;
    char *value = walk(text, section, NULL, &found);
    free(value);
    return found;
}
