#include "layout/typeorm_class.h"

#include <ctype.h>

#include "base/banned.h"
#include "base/strbuf.h"
#include "layout/source.h"

/* Characters of the name that TypeORM reads the time from. */
#define TIME_DIGITS 13

void evo_typeorm_class_release(struct evo_typeorm_class *c)
{
    if (!c)
        return;
    free(c->name);
    free(c->version);
    *c = (struct evo_typeorm_class){ 0 };
}

/* A class or function at the top of the file. */
struct declared {
    size_t at; /* of the word class or function */
    size_t name; /* token of its name; 0: it has none */
    bool is_class, exported;
};

struct module {
    const char *path;
    struct evo_tokens tokens;
    struct declared *items;
    size_t count, alloc;
    size_t *exports; /* tokens of names that are exported */
    size_t nexports, exports_alloc;
};

static void module_auto(struct module *m)
{
    evo_tokens_release(&m->tokens);
    free(m->items);
    free(m->exports);
}

static const struct evo_token *at(const struct module *m, size_t i)
{
    return &m->tokens.items[i < m->tokens.count ? i : m->tokens.count];
}

static bool is(const struct module *m, size_t i, const char *text)
{
    return evo_token_is(at(m, i), text);
}

static bool same_text(const struct evo_token *a, const struct evo_token *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void export_name(struct module *m, size_t name)
{
    EVO_GROW(m->exports, m->nexports, m->exports_alloc);
    m->exports[m->nexports++] = name;
}

/* The bracket that opens the class's body; the end where there is none. */
static size_t body_of(const struct module *m, size_t class_at)
{
    size_t i = class_at + 1;
    int depth = at(m, class_at)->depth;
    /* "extends mixin({ … })" has braces of its own, one level further down. */
    while (i < m->tokens.count && !(is(m, i, "{") && at(m, i)->depth == depth))
        i++;
    return i;
}

/* Where the expression or declaration at i begins a class or function, notes it; returns the place behind it, or i. */
static size_t declare(struct module *m, size_t i, bool exported, size_t name)
{
    size_t start = i;
    while (is(m, i, "abstract") || is(m, i, "declare") || is(m, i, "async"))
        i++;
    struct declared d = { .at = i, .name = name, .exported = exported };
    if (is(m, i, "class") && at(m, i + 1)->kind != EVO_TOKEN_END) {
        d.is_class = true;
        const struct evo_token *next = at(m, i + 1);
        if (next->kind == EVO_TOKEN_WORD && !evo_token_is(next, "extends") &&
            !evo_token_is(next, "implements"))
            d.name = i + 1;
        i = at(m, body_of(m, i))->partner + 1;
    } else if (is(m, i, "function")) {
        size_t next = i + 1 + is(m, i + 1, "*");
        if (at(m, next)->kind == EVO_TOKEN_WORD)
            d.name = next;
        i++;
    } else if (exported && is(m, i, "(") &&
               (is(m, at(m, i)->partner + 1, "=>") || is(m, at(m, i)->partner + 1, ":"))) {
        i++;
    } else if (exported && at(m, i)->kind == EVO_TOKEN_WORD && is(m, i + 1, "=>")) {
        i++;
    } else {
        return start;
    }
    EVO_GROW(m->items, m->count, m->alloc);
    m->items[m->count++] = d;
    return i;
}

/* What stands on the right of an export: a class, a function, a name, or an object that holds some of them. */
static size_t export_value(struct module *m, size_t i, size_t name)
{
    size_t behind = declare(m, i, true, name);
    if (behind != i)
        return behind;
    if (is(m, i, "{")) {
        size_t end = at(m, i)->partner;
        int depth = at(m, i)->depth + 1;
        for (size_t k = i + 1; k < end; k++) {
            bool first = k == i + 1 || (is(m, k - 1, ",") && at(m, k - 1)->depth == depth);
            if (!first || at(m, k)->kind != EVO_TOKEN_WORD)
                continue;
            if (is(m, k + 1, ":"))
                (void)export_value(m, k + 2, k);
            else
                export_name(m, k);
        }
        return end + 1;
    }
    bool whole = is(m, i + 1, ";") || is(m, i + 1, ",") || is(m, i + 1, "}") || at(m, i + 1)->fresh ||
                 at(m, i + 1)->kind == EVO_TOKEN_END;
    if (at(m, i)->kind == EVO_TOKEN_WORD && whole)
        export_name(m, i);
    return i;
}

/* Behind the word export. */
static size_t read_export(struct module *m, size_t i)
{
    if (is(m, i, "default") || is(m, i, "="))
        return export_value(m, i + 1, 0);
    if (is(m, i, "{")) {
        size_t end = at(m, i)->partner;
        if (is(m, end + 1, "from"))
            return end + 2; /* another file's */
        for (size_t k = i + 1; k < end; k++)
            if ((k == i + 1 || is(m, k - 1, ",")) && !is(m, k, "type"))
                export_name(m, k);
        return end + 1;
    }
    if ((is(m, i, "const") || is(m, i, "let") || is(m, i, "var")) && at(m, i + 1)->kind == EVO_TOKEN_WORD) {
        size_t value = i + 2;
        while (value < m->tokens.count && !is(m, value, "=") && !is(m, value, ";") && !at(m, value)->fresh)
            value++;
        return is(m, value, "=") ? export_value(m, value + 1, i + 1) : value;
    }
    return declare(m, i, true, 0);
}

/* "module.exports = …", "exports.X = …", "module.exports.X = …"; returns the place of the value, or 0. */
static size_t assigned_export(const struct module *m, size_t i, size_t *ret_name)
{
    *ret_name = 0;
    if (i && is(m, i - 1, "."))
        return 0;
    if (is(m, i, "module") && is(m, i + 1, ".") && is(m, i + 2, "exports"))
        i += 3;
    else if (is(m, i, "exports") && is(m, i + 1, "."))
        i++;
    else
        return 0;
    if (is(m, i, ".") && at(m, i + 1)->kind == EVO_TOKEN_WORD) {
        *ret_name = i + 1;
        i += 2;
    }
    return is(m, i, "=") ? i + 1 : 0;
}

/* What bundlers write: defineProperty(exports, "X", …), __export(…, { X: … }). */
static void read_getters(struct module *m, size_t i)
{
    bool one =
        is(m, i, "defineProperty") && is(m, i + 2, "exports") && at(m, i + 4)->kind == EVO_TOKEN_STRING;
    bool list = (is(m, i, "_export") || is(m, i, "__export")) && is(m, i + 4, "{");
    if (!is(m, i + 1, "(") || !is(m, i + 3, ","))
        return;
    if (one)
        export_name(m, i + 4);
    for (size_t k = i + 5; list && k < at(m, i + 4)->partner; k++)
        if (at(m, k)->depth == at(m, i + 4)->depth + 1 && (is(m, k + 1, ":") || is(m, k + 1, "(")))
            export_name(m, k);
}

/* Notes what the file declares and exports at its top. */
static void survey(struct module *m)
{
    for (size_t i = 0, next; i < m->tokens.count; i = next) {
        next = i + 1;
        if (at(m, i)->depth)
            continue;
        size_t name, value = assigned_export(m, i, &name);
        if (value) {
            next = export_value(m, value, 0);
        } else if (is(m, i, "export")) {
            next = read_export(m, i + 1);
        } else if ((is(m, i, "const") || is(m, i, "let") || is(m, i, "var")) && is(m, i + 2, "=")) {
            next = declare(m, i + 3, false, i + 1);
        } else {
            read_getters(m, i);
            next = declare(m, i, false, 0);
        }
        if (next <= i)
            next = i + 1;
    }
    for (size_t e = 0; e < m->nexports; e++)
        for (size_t d = 0; d < m->count; d++)
            if (m->items[d].name && same_text(at(m, m->exports[e]), at(m, m->items[d].name)))
                m->items[d].exported = true;
}

/* ---- inside the class ---------------------------------------------------------- */

/* What a member's value says. */
enum value { VALUE_NONE, VALUE_TEXT, VALUE_FALSE, VALUE_COMPUTED };

struct members {
    enum value name;
    size_t name_at; /* its token, where it is a text */
    enum value transaction;
    bool up, down;
};

static bool ends_value(const struct module *m, size_t i)
{
    const struct evo_token *t = at(m, i);
    return evo_token_is(t, ";") || evo_token_is(t, "}") || evo_token_is(t, "as") || evo_token_is(t, ",") ||
           (t->fresh && !(t->kind == EVO_TOKEN_PUNCT && !evo_token_is(t, "[") && !evo_token_is(t, "*"))) ||
           t->kind == EVO_TOKEN_END;
}

static enum value value_at(const struct module *m, size_t i)
{
    const struct evo_token *t = at(m, i);
    if (!ends_value(m, i + 1))
        return VALUE_COMPUTED;
    if (t->kind == EVO_TOKEN_STRING && t->plain)
        return VALUE_TEXT;
    return evo_token_is(t, "false") ? VALUE_FALSE : VALUE_COMPUTED;
}

static void note(struct members *found, const struct evo_token *member, enum value value, size_t where)
{
    if (evo_token_is(member, "name")) {
        found->name = value;
        found->name_at = where;
    } else {
        found->transaction = value;
    }
}

/* "this.name = …" in the constructor: what compilers make of a property. */
static void read_constructor(const struct module *m, size_t open, struct members *found)
{
    for (size_t i = open + 1; i < at(m, open)->partner; i++) {
        const struct evo_token *member = at(m, i + 2);
        bool wanted = evo_token_is(member, "name") || evo_token_is(member, "transaction");
        if (is(m, i, "this") && is(m, i + 1, ".") && wanted && is(m, i + 3, "="))
            note(found, member, value_at(m, i + 4), i + 4);
    }
}

static bool is_modifier(const struct evo_token *t)
{
    static const char *const words[] = { "public",   "private", "protected", "readonly", "static", "async",
                                         "override", "declare", "accessor",  "get",      "set",    "*" };
    for (size_t i = 0; i < EVO_COUNT(words); i++)
        if (evo_token_is(t, words[i]))
            return true;
    return false;
}

/* A property's value: behind its "=", which may stand behind a type. 0: it has none. */
static size_t initializer(const struct module *m, size_t i)
{
    int depth = at(m, i)->depth;
    for (i++; i < m->tokens.count && at(m, i)->depth >= depth; i++) {
        if (at(m, i)->depth > depth)
            continue;
        if (is(m, i, "="))
            return i + 1;
        if (is(m, i, ";") || (at(m, i)->fresh && at(m, i)->kind == EVO_TOKEN_WORD && !is(m, i - 1, "|")))
            return 0;
    }
    return 0;
}

static void read_members(const struct module *m, size_t open, struct members *found)
{
    size_t end = at(m, open)->partner;
    int depth = at(m, open)->depth + 1;
    enum value fixed = VALUE_NONE; /* static name, which is the class's own */
    size_t fixed_at = 0;
    for (size_t i = open + 1; i < end; i++) {
        const struct evo_token *t = at(m, i), *before = at(m, i - 1);
        bool starts = i == open + 1 || evo_token_is(before, ";") || evo_token_is(before, "}") || t->fresh ||
                      is_modifier(before);
        if (t->depth != depth || !starts || t->kind != EVO_TOKEN_WORD)
            continue;
        bool call = is(m, i + 1, "(") || is(m, i + 1, "<");
        bool property = is(m, i + 1, "=") || is(m, i + 1, ":") || is(m, i + 1, "!") || is(m, i + 1, "?");
        found->up |= evo_token_is(t, "up") && (call || property);
        found->down |= evo_token_is(t, "down") && (call || property);
        if (evo_token_is(t, "constructor") && call) {
            size_t body = at(m, i + 1)->partner + 1;
            if (is(m, body, "{"))
                read_constructor(m, body, found);
        } else if (evo_token_is(t, "name") || evo_token_is(t, "transaction")) {
            size_t value = property ? initializer(m, i) : 0;
            if (call)
                note(found, t, VALUE_COMPUTED, i); /* a getter */
            else if (value && evo_token_is(before, "static") && evo_token_is(t, "name")) {
                fixed = value_at(m, value);
                fixed_at = value;
            } else if (value)
                note(found, t, value_at(m, value), value);
        }
    }
    if (found->name == VALUE_NONE && fixed != VALUE_NONE) {
        found->name = fixed;
        found->name_at = fixed_at;
    }
}

/* ---- the verdict ------------------------------------------------------------------ */

static enum evo_errc refuse_name(const struct module *m, const char *name, int line, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "migration class \"%s\" has no time in its name", name);
    evo_error_detail(err,
                     "TypeORM reads the time of a migration from the last %d characters of its name, which "
                     "must be milliseconds since 1970.",
                     TIME_DIGITS);
    evo_error_hint(err, "Name it like the ones that \"npx typeorm migration:create\" makes: AddUsers%s.",
                   "1735689600000");
    return evo_error_at(err, m->path, line);
}

static enum evo_errc judge_name(const struct module *m, struct evo_typeorm_class *c, struct evo_error *err)
{
    size_t n = strlen(c->name);
    const char *digits = n > TIME_DIGITS ? c->name + n - TIME_DIGITS : c->name;
    /* parseInt() reads what is a number as far as it goes; less than all of it would be another time. */
    if (n < TIME_DIGITS || strspn(digits, "0123456789") != TIME_DIGITS || strspn(digits, "0") == TIME_DIGITS)
        return refuse_name(m, c->name, c->line, err);
    c->version = evo_strdup(digits);
    c->longer = digits > c->name && isdigit((unsigned char)digits[-1]);
    return EVO_OK;
}

static bool ends_in_time(const struct module *m, const struct declared *d)
{
    if (!d->name)
        return false;
    const struct evo_token *t = at(m, d->name);
    size_t digits = 0;
    while (digits < t->len && isdigit((unsigned char)t->text[t->len - 1 - digits]))
        digits++;
    return digits >= TIME_DIGITS;
}

static enum evo_errc refuse(const struct module *m, int line, const char *what, const char *hint,
                            struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" %s", m->path, what);
    if (hint)
        evo_error_hint(err, "%s", hint);
    return evo_error_at(err, m->path, line);
}

/* The one class that is a migration; NULL in *ret where the file has nothing to do with migrations. */
static enum evo_errc choose(const struct module *m, bool expected, const struct declared **ret,
                            struct members *members, struct evo_error *err)
{
    const struct declared *other = NULL;
    for (size_t i = 0; i < m->count; i++) {
        const struct declared *d = &m->items[i];
        if (!d->exported)
            continue;
        struct members found = { 0 };
        size_t body = d->is_class ? body_of(m, d->at) : 0;
        if (d->is_class && body < m->tokens.count)
            read_members(m, body, &found);
        bool migration = d->is_class && (found.up || ends_in_time(m, d));
        if (migration && *ret)
            return refuse(m, at(m, d->at)->line, "exports two migrations",
                          "TypeORM would run both; evo goes by files. Give each a file of its own.", err);
        if (migration) {
            *ret = d;
            *members = found;
        } else if (!other) {
            other = d;
        }
    }
    if (*ret && other)
        return refuse(m, at(m, other->at)->line, "exports more than its migration",
                      "TypeORM takes every exported class and function for a migration. Put it into another "
                      "file, or do not export it.",
                      err);
    if (!*ret && expected)
        return refuse(m, 1, "exports no migration class",
                      "Export one class with up() and down(), as \"npx typeorm migration:create\" writes it.",
                      err);
    return EVO_OK;
}

enum evo_errc evo_typeorm_class_parse(const char *text, size_t n, const char *path, bool expected,
                                      struct evo_typeorm_class *ret, struct evo_error *err)
{
    __attribute__((cleanup(module_auto))) struct module m = { .path = path };
    enum evo_errc rc = evo_tokens_of(EVO_SOURCE_JS, text, n, path, &m.tokens, err);
    if (rc)
        return rc;
    survey(&m);
    const struct declared *d = NULL;
    struct members members = { 0 };
    rc = choose(&m, expected, &d, &members, err);
    if (rc || !d)
        return rc;
    int line = at(&m, d->at)->line;
    if (members.name > VALUE_TEXT)
        return refuse(
            &m, at(&m, members.name_at)->line, "computes the name of its migration",
            "evo reads names without running the file. Write it as a text: name = 'AddUsers1735689600000'.",
            err);
    if (members.name == VALUE_NONE && !d->name)
        return refuse(&m, line, "exports a migration class without a name", NULL, err);
    size_t name = members.name == VALUE_TEXT ? members.name_at : d->name;
    EVO_AUTO(typeorm_class)
    c = { .name = evo_token_text(at(&m, name)),
          .line = at(&m, name)->line,
          .found = true,
          .no_transaction = members.transaction == VALUE_FALSE,
          .has_down = members.down };
    /* An empty property counts as none in JavaScript, too. */
    if (!*c.name && d->name) {
        free(c.name);
        c.name = evo_token_text(at(&m, d->name));
    }
    rc = judge_name(&m, &c, err);
    if (rc)
        return evo_error_migration(err, c.name);
    *ret = c;
    c = (struct evo_typeorm_class){ 0 };
    return EVO_OK;
}
