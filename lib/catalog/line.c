/*
 * line.c - a value as one line of the text.
 *
 * The server does not write an expression back the way it reads it again in one case that is everywhere: for
 * `status IN ('new', 'paid')` on a varchar column it says (ARRAY['new'::character varying, …])::text[], and once that
 * was restored, ARRAY[('new'::character varying)::text, …], because the parser hands the cast of an array constructor
 * down to its elements (transformTypeCast in parse_expr.c). The second form is what we write for both.
 */
#include "catalog/sections.h"

#include <ctype.h>

#define OPENING "(ARRAY["
/* A function's body may be anything: how deep, and how far in all, constructors are followed. */
#define DEPTH_MAX 8
#define SCAN_MAX  ((size_t)4 << 20)

/* Behind the quoted text at p; NULL where it does not end. A doubled quote is two texts side by side. */
static const char *skip_quoted(const char *p, const char *end)
{
    const char *close = memchr(p + 1, *p, (size_t)(end - p - 1));
    return close ? close + 1 : NULL;
}

/* Where p's level ends: at the comma or closing bracket that belongs to it; `end` for none, NULL within a quoted text. */
static const char *find_end(const char *p, const char *end)
{
    int depth = 0;
    while (p && p < end) {
        if (*p == '\'' || *p == '"') {
            p = skip_quoted(p, end);
            continue;
        }
        if (depth == 0 && (*p == ',' || *p == ')' || *p == ']'))
            return p;
        depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
        p++;
    }
    return p;
}

/* The bracket that closes the one before p; NULL for none. */
static const char *find_close(const char *p, const char *end)
{
    p = find_end(p, end);
    while (p && p < end && *p == ',')
        p = find_end(p + 1, end);
    return p && p < end && *p == ']' ? p : NULL;
}

/* Behind a type's name as format_type() writes it, without array brackets; NULL where p begins none. */
static const char *skip_type(const char *p, const char *end)
{
    const char *begin = p;
    while (p && p < end && *p != '[') {
        if (*p == '"')
            p = skip_quoted(p, end);
        else if (isalnum((unsigned char)*p) || (unsigned char)*p >= 0x80 || strchr("_$. ", *p))
            p++;
        else if (*p == '(' || *p == ')' || (*p == ',' && p > begin && isdigit((unsigned char)p[-1])))
            p++; /* numeric(10,2) */
        else
            return NULL;
    }
    return p && p > begin ? p : NULL;
}

static void normalise(struct evo_strbuf *out, const char *p, const char *end, int depth, size_t *left);

/* Writes the constructor at p with the cast in its elements. Returns the end of what was read; NULL: it is none. */
static const char *write_constructor(struct evo_strbuf *out, const char *p, const char *end, int depth,
                                     size_t *left)
{
    const char *element = p + strlen(OPENING);
    const char *close = find_close(element, end);
    size_t read = (size_t)((close ? close : end) - p);
    *left -= read < *left ? read : *left;
    if (!close || end - close < 4 || memcmp(close, "])::", 4) != 0)
        return NULL;
    const char *type = close + 4;
    const char *type_end = skip_type(type, end);
    if (!type_end || end - type_end < 2 || memcmp(type_end, "[]", 2) != 0)
        return NULL;
    if (evo_starts_with(element, "ARRAY[")) /* of more than one dimension: the cast goes deeper */
        return NULL;
    evo_strbuf_adds(out, "ARRAY[");
    while (element < close) {
        const char *next = find_end(element, close);
        evo_strbuf_addch(out, '(');
        normalise(out, element, next, depth + 1, left);
        evo_strbuf_adds(out, ")::");
        evo_strbuf_add(out, type, (size_t)(type_end - type));
        if (next < close) {
            evo_strbuf_adds(out, ", ");
            next += strspn(next, ", ");
        }
        element = next;
    }
    evo_strbuf_addch(out, ']');
    return type_end + 2;
}

static void normalise(struct evo_strbuf *out, const char *p, const char *end, int depth, size_t *left)
{
    while (p < end) {
        const char *behind = NULL;
        if (*p == '\'' || *p == '"') {
            behind = skip_quoted(p, end);
            if (behind)
                evo_strbuf_add(out, p, (size_t)(behind - p));
        } else if (*p == '(' && depth < DEPTH_MAX && *left && (size_t)(end - p) > strlen(OPENING) &&
                   memcmp(p, OPENING, strlen(OPENING)) == 0) {
            behind = write_constructor(out, p, end, depth, left);
        }
        if (!behind) {
            evo_strbuf_addch(out, *p);
            behind = p + 1;
        }
        p = behind;
    }
}

static void escape(struct evo_strbuf *out, const char *p)
{
    while (*p) {
        size_t plain = strcspn(p, "\n\r\\");
        evo_strbuf_add(out, p, plain);
        p += plain;
        if (!*p)
            break;
        evo_strbuf_adds(out, *p == '\n' ? "\\n" : *p == '\r' ? "\\r" : "\\\\");
        p++;
    }
}

void evo_catalog_line(struct evo_strbuf *out, const char *value)
{
    if (!strstr(value, OPENING)) {
        escape(out, value);
        return;
    }
    EVO_AUTO(strbuf) plain = EVO_STRBUF_INIT;
    size_t left = SCAN_MAX;
    normalise(&plain, value, value + strlen(value), 0, &left);
    escape(out, plain.buf);
}
