#include "json/json.h"

#include <jansson.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/utf8.h"

#include "base/banned.h"

/* A struct evo_json is a json_t under another name: it is never defined, only cast. */
static json_t *in(const struct evo_json *v)
{
    return (json_t *)v;
}

/* What jansson returns NULL for is out of memory or a broken invariant of ours. */
static struct evo_json *out(json_t *v)
{
    EVO_ASSERT(v);
    return (struct evo_json *)v;
}

/* s, or a repaired copy in *fixed where it is not UTF-8. */
static const char *as_utf8(const char *s, struct evo_strbuf *fixed)
{
    size_t n = strlen(s);
    if (evo_utf8_valid(s, n))
        return s;
    while (n) {
        size_t step = n < 4 ? n : 4;
        while (step && !(evo_utf8_valid(s, step) && evo_utf8_length(s, step) == 1))
            step--;
        if (step)
            evo_strbuf_add(fixed, s, step);
        else
            evo_strbuf_adds(fixed, "\xEF\xBF\xBD");
        step = step ? step : 1;
        s += step;
        n -= step;
    }
    return fixed->buf;
}

struct evo_json *evo_json_object(void)
{
    return out(json_object());
}

struct evo_json *evo_json_array(void)
{
    return out(json_array());
}

struct evo_json *evo_json_string_new(const char *s)
{
    if (!s)
        return evo_json_null_new();
    EVO_AUTO(strbuf) fixed = EVO_STRBUF_INIT;
    return out(json_string_nocheck(as_utf8(s, &fixed)));
}

struct evo_json *evo_json_int_new(int64_t v)
{
    return out(json_integer(v));
}

struct evo_json *evo_json_bool_new(bool v)
{
    return out(json_boolean(v));
}

struct evo_json *evo_json_null_new(void)
{
    return out(json_null());
}

struct evo_json *evo_json_ref(struct evo_json *v)
{
    return out(json_incref(in(v)));
}

struct evo_json *evo_json_copy(const struct evo_json *v)
{
    return out(json_deep_copy(in(v)));
}

void evo_json_free(struct evo_json *v)
{
    json_decref(in(v));
}

void evo_json_set(struct evo_json *object, const char *key, struct evo_json *value)
{
    EVO_AUTO(strbuf) fixed = EVO_STRBUF_INIT;
    if (!value)
        value = evo_json_null_new();
    if (json_object_set_new_nocheck(in(object), as_utf8(key, &fixed), in(value)) != 0)
        EVO_BUG("cannot set JSON member \"%s\" of a %s", key, evo_json_type_name(object));
}

void evo_json_set_string(struct evo_json *object, const char *key, const char *value)
{
    evo_json_set(object, key, evo_json_string_new(value));
}

void evo_json_set_int(struct evo_json *object, const char *key, int64_t value)
{
    evo_json_set(object, key, evo_json_int_new(value));
}

void evo_json_set_bool(struct evo_json *object, const char *key, bool value)
{
    evo_json_set(object, key, evo_json_bool_new(value));
}

void evo_json_set_null(struct evo_json *object, const char *key)
{
    evo_json_set(object, key, evo_json_null_new());
}

void evo_json_set_time(struct evo_json *object, const char *key, int64_t wall_ms)
{
    char buf[EVO_TIME_MAX];
    evo_json_set_string(object, key, wall_ms < 0 ? NULL : evo_format_time(wall_ms, buf));
}

void evo_json_remove(struct evo_json *object, const char *key)
{
    (void)json_object_del(in(object), key); /* -1: there was none */
}

void evo_json_append(struct evo_json *array, struct evo_json *value)
{
    if (!value)
        value = evo_json_null_new();
    if (json_array_append_new(in(array), in(value)) != 0)
        EVO_BUG("cannot append to a JSON %s", evo_json_type_name(array));
}

void evo_json_append_string(struct evo_json *array, const char *value)
{
    evo_json_append(array, evo_json_string_new(value));
}

enum evo_json_type evo_json_type_of(const struct evo_json *v)
{
    if (!v)
        return EVO_JSON_NULL;
    switch (json_typeof(in(v))) {
    case JSON_OBJECT:
        return EVO_JSON_OBJECT;
    case JSON_ARRAY:
        return EVO_JSON_ARRAY;
    case JSON_STRING:
        return EVO_JSON_STRING;
    case JSON_INTEGER:
        return EVO_JSON_INT;
    case JSON_REAL:
        return EVO_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return EVO_JSON_BOOL;
    case JSON_NULL:
        break;
    }
    return EVO_JSON_NULL;
}

const char *evo_json_type_name(const struct evo_json *v)
{
    static const char *const name[] = {
        [EVO_JSON_NULL] = "null",     [EVO_JSON_BOOL] = "boolean",  [EVO_JSON_INT] = "integer",
        [EVO_JSON_REAL] = "number",   [EVO_JSON_STRING] = "string", [EVO_JSON_ARRAY] = "array",
        [EVO_JSON_OBJECT] = "object",
    };
    return name[evo_json_type_of(v)];
}

struct evo_json *evo_json_get(const struct evo_json *object, const char *key)
{
    return (struct evo_json *)json_object_get(in(object), key);
}

const char *evo_json_string(const struct evo_json *v, const char *fallback)
{
    return json_is_string(in(v)) ? json_string_value(in(v)) : fallback;
}

int64_t evo_json_int(const struct evo_json *v, int64_t fallback)
{
    return json_is_integer(in(v)) ? json_integer_value(in(v)) : fallback;
}

bool evo_json_bool(const struct evo_json *v, bool fallback)
{
    return json_is_boolean(in(v)) ? json_is_true(in(v)) : fallback;
}

const char *evo_json_get_string(const struct evo_json *object, const char *key, const char *fallback)
{
    return evo_json_string(evo_json_get(object, key), fallback);
}

int64_t evo_json_get_int(const struct evo_json *object, const char *key, int64_t fallback)
{
    return evo_json_int(evo_json_get(object, key), fallback);
}

bool evo_json_get_bool(const struct evo_json *object, const char *key, bool fallback)
{
    return evo_json_bool(evo_json_get(object, key), fallback);
}

size_t evo_json_count(const struct evo_json *array)
{
    return json_array_size(in(array));
}

struct evo_json *evo_json_at(const struct evo_json *array, size_t i)
{
    return (struct evo_json *)json_array_get(in(array), i);
}

void evo_json_each(const struct evo_json *object,
                   bool (*fn)(void *ctx, const char *key, struct evo_json *value), void *ctx)
{
    const char *key;
    json_t *value;
    json_object_foreach(in(object), key, value)
    {
        if (!fn(ctx, key, (struct evo_json *)value))
            return;
    }
}

bool evo_json_equal(const struct evo_json *a, const struct evo_json *b)
{
    return json_equal(in(a), in(b)) != 0;
}

/* One reference token, decoded; false for an escape that is none (RFC 6901 section 3). */
static bool pointer_token(const char *s, size_t n, struct evo_strbuf *token)
{
    evo_strbuf_clear(token);
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '~') {
            evo_strbuf_addch(token, s[i]);
            continue;
        }
        if (++i == n || (s[i] != '0' && s[i] != '1'))
            return false;
        evo_strbuf_addch(token, s[i] == '0' ? '~' : '/');
    }
    return true;
}

static struct evo_json *pointer_step(const struct evo_json *v, const char *token)
{
    if (evo_json_type_of(v) == EVO_JSON_OBJECT)
        return evo_json_get(v, token);
    uint64_t i;
    bool leading_zero = token[0] == '0' && token[1];
    if (evo_json_type_of(v) != EVO_JSON_ARRAY || leading_zero || !evo_parse_digits(token, strlen(token), &i))
        return NULL;
    return i < evo_json_count(v) ? evo_json_at(v, (size_t)i) : NULL;
}

struct evo_json *evo_json_pointer(const struct evo_json *v, const char *pointer)
{
    EVO_AUTO(strbuf) token = EVO_STRBUF_INIT;
    while (v && *pointer) {
        if (*pointer++ != '/')
            return NULL;
        size_t n = strcspn(pointer, "/");
        if (!pointer_token(pointer, n, &token))
            return NULL;
        v = pointer_step(v, token.buf);
        pointer += n;
    }
    return (struct evo_json *)v;
}

enum evo_errc evo_json_parse(const char *text, size_t n, const char *what, enum evo_errc code,
                             struct evo_json **ret, struct evo_error *err)
{
    json_error_t e;
    json_t *v = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (v) {
        *ret = out(v);
        return EVO_OK;
    }
    /* jansson quotes the text it stumbled over, which may be anything, a secret too; only a doubled key is worth
     * its name. */
    char *near = strstr(e.text, " near ");
    if (near && json_error_code(&e) != json_error_duplicate_key)
        *near = '\0';
    /* An error at the very beginning has line 0 or -1 in some of jansson's paths. */
    int line = e.line > 0 ? e.line : 1, column = e.column > 0 ? e.column : 1;
    (void)evo_error_set(err, code, "%s is not valid JSON at line %d, column %d: %s", what, line, column,
                        e.text);
    if (err) {
        err->line = line;
        err->column = column;
    }
    return code;
}

static int add_to_strbuf(const char *text, size_t n, void *ctx)
{
    evo_strbuf_add(ctx, text, n);
    return 0;
}

void evo_json_format(const struct evo_json *v, enum evo_json_style style, struct evo_strbuf *out)
{
    size_t flags = JSON_ENCODE_ANY | (style == EVO_JSON_INDENT ? JSON_INDENT(2) : JSON_COMPACT);
    EVO_AUTO_PTR(json) none = v ? NULL : evo_json_null_new();
    if (json_dump_callback(in(v ? v : none), add_to_strbuf, out, flags) != 0)
        EVO_BUG("cannot format a JSON %s", evo_json_type_name(v));
}
