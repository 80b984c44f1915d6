#include "layout/laravel_class.h"

#include <ctype.h>
#include <strings.h>

#include "base/banned.h"
#include "base/strbuf.h"
#include "layout/source.h"

char *evo_laravel_class_name(const char *name)
{
    /* The first four parts are the time. */
    const char *p = name;
    for (int i = 0; i < 4 && p; i++) {
        p = strchr(p, '_');
        p = p ? p + 1 : NULL;
    }
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    bool first = true;
    for (; p && *p; p++) {
        bool gap = *p == '_' || *p == '-' || isspace((unsigned char)*p);
        if (!gap)
            evo_strbuf_addch(&out, first ? (char)toupper((unsigned char)*p) : *p);
        first = gap;
    }
    return evo_strbuf_detach(&out);
}

/* The bracket that opens the body of the class at i; t->count: it has none. */
static size_t body_of(const struct evo_tokens *t, size_t i)
{
    int depth = t->items[i].depth;
    for (i++; i < t->count; i++)
        if (t->items[i].depth == depth && evo_token_is(&t->items[i], "{"))
            return i;
    return t->count;
}

/* Of a class declared under that name, or of one without a name that is returned. */
static size_t find_body(const struct evo_tokens *t, const char *wanted, size_t *ret_other)
{
    *ret_other = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct evo_token *word = &t->items[i], *next = &t->items[i + 1];
        /* "::class" is no declaration; a namespace in braces is one level. */
        if (!evo_token_is_nocase(word, "class") || word->depth > 1 ||
            (i && evo_token_is(&t->items[i - 1], "::")))
            continue;
        bool returned = i >= 2 && evo_token_is_nocase(&t->items[i - 1], "new") &&
                        evo_token_is_nocase(&t->items[i - 2], "return");
        bool named = next->kind == EVO_TOKEN_WORD && next->len == strlen(wanted) &&
                     strncasecmp(next->text, wanted, next->len) == 0;
        if (returned || named)
            return body_of(t, i);
        if (next->kind == EVO_TOKEN_WORD)
            *ret_other = i + 1;
    }
    return t->count;
}

static enum evo_errc refuse(const char *path, int line, const char *message, const char *wanted,
                            struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "%s", message);
    evo_error_hint(err, "Declare \"class %s extends Migration\", or \"return new class extends Migration\".",
                   wanted);
    return evo_error_at(err, path, line);
}

static enum evo_errc refuse_class(const struct evo_tokens *t, size_t other, const char *path,
                                  const char *wanted, struct evo_error *err)
{
    EVO_AUTO_STR found = other ? evo_token_text(&t->items[other]) : NULL;
    EVO_AUTO_STR message =
        found ? evo_asprintf("\"%s\" declares class \"%s\", and Laravel looks for \"%s\" by the file's name",
                             path, found, wanted)
              : evo_asprintf("\"%s\" declares no migration class", path);
    return refuse(path, other ? t->items[other].line : 1, message, wanted, err);
}

static void read_property(const struct evo_tokens *t, size_t i, struct evo_laravel_class *c)
{
    const struct evo_token *name = &t->items[i];
    bool set = evo_token_is(&t->items[i + 1], "=");
    const struct evo_token *value = &t->items[i + 2 < t->count ? i + 2 : t->count];
    if (evo_token_is(name, "$withinTransaction"))
        c->no_transaction = set && evo_token_is_nocase(value, "false");
    else if (evo_token_is(name, "$connection"))
        c->other_connection = set && !evo_token_is_nocase(value, "null");
}

enum evo_errc evo_laravel_class_parse(const char *text, size_t n, const char *path, const char *name,
                                      struct evo_laravel_class *ret, struct evo_error *err)
{
    EVO_AUTO(tokens) t = { 0 };
    EVO_AUTO_STR wanted = evo_laravel_class_name(name);
    enum evo_errc rc = evo_tokens_of(EVO_SOURCE_PHP, text, n, path, &t, err);
    if (rc)
        return rc;
    size_t other, open = find_body(&t, wanted, &other);
    if (open == t.count)
        return refuse_class(&t, other, path, wanted, err);
    struct evo_laravel_class c = { 0 };
    bool up = false, inherits = false;
    int depth = t.items[open].depth + 1;
    for (size_t i = open + 1; i < t.items[open].partner; i++) {
        if (t.items[i].depth != depth)
            continue;
        const struct evo_token *method = &t.items[i + 1];
        if (t.items[i].kind == EVO_TOKEN_WORD && *t.items[i].text == '$')
            read_property(&t, i, &c);
        inherits |= evo_token_is_nocase(&t.items[i], "use");
        if (!evo_token_is_nocase(&t.items[i], "function"))
            continue;
        up |= evo_token_is_nocase(method, "up");
        c.has_down |= evo_token_is_nocase(method, "down");
        c.may_skip |= evo_token_is_nocase(method, "shouldRun");
    }
    /* What it extends may have them: anything but the framework's own class, or a trait. */
    for (size_t i = open; i-- > 0 && !evo_token_is_nocase(&t.items[i], "class");)
        if (evo_token_is_nocase(&t.items[i], "extends")) {
            EVO_AUTO_STR parent = evo_token_text(&t.items[i + 1]);
            const char *last = strrchr(parent, '\\');
            inherits |= strcasecmp(last ? last + 1 : parent, "Migration") != 0;
        }
    if (!up && !inherits) {
        EVO_AUTO_STR message = evo_asprintf("\"%s\" declares a migration without up()", path);
        return refuse(path, t.items[open].line, message, wanted, err);
    }
    c.has_down |= inherits;
    *ret = c;
    return EVO_OK;
}
