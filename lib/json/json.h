/*
 * json.h - JSON values (RFC 8259), over jansson. The only folder that includes jansson.
 *
 * A struct evo_json is one value, reference-counted. Builders that take a value
 * ("…_set", "…_append") take it over; getters lend ("borrowed", NULL where there is
 * none). Object keys keep their order. Strings are UTF-8: bytes that are not are
 * replaced by U+FFFD when a string is made, so building never fails.
 *
 *	EVO_AUTO_PTR(json) data = evo_json_object();
 *	evo_json_set_string(data, "name", name);          // NULL becomes null
 *	evo_json_set(data, "applied", evo_json_array());
 */
#ifndef EVO_JSON_JSON_H
#define EVO_JSON_JSON_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct evo_json;

struct evo_json *evo_json_object(void) EVO_CHECK;
struct evo_json *evo_json_array(void) EVO_CHECK;
struct evo_json *evo_json_string_new(const char *s) EVO_CHECK; /* NULL: null */
struct evo_json *evo_json_int_new(int64_t v) EVO_CHECK;
struct evo_json *evo_json_bool_new(bool v) EVO_CHECK;
struct evo_json *evo_json_null_new(void) EVO_CHECK;
struct evo_json *evo_json_ref(struct evo_json *v) EVO_CHECK; /* one more owner of the same value */
struct evo_json *evo_json_copy(const struct evo_json *v) EVO_CHECK; /* deep */
void evo_json_free(struct evo_json *v); /* one owner less */
EVO_DEFINE_AUTO_PTR(json, evo_json_free);

/* Into an object; an existing key is replaced. */
void evo_json_set(struct evo_json *object, const char *key, struct evo_json *value);
void evo_json_set_string(struct evo_json *object, const char *key, const char *value); /* NULL: null */
void evo_json_set_int(struct evo_json *object, const char *key, int64_t value);
void evo_json_set_bool(struct evo_json *object, const char *key, bool value);
void evo_json_set_null(struct evo_json *object, const char *key);
void evo_json_set_time(struct evo_json *object, const char *key, int64_t wall_ms); /* < 0: null */
void evo_json_remove(struct evo_json *object, const char *key);
/* To an array. */
void evo_json_append(struct evo_json *array, struct evo_json *value);
void evo_json_append_string(struct evo_json *array, const char *value);

enum evo_json_type {
    EVO_JSON_NULL,
    EVO_JSON_BOOL,
    EVO_JSON_INT,
    EVO_JSON_REAL,
    EVO_JSON_STRING,
    EVO_JSON_ARRAY,
    EVO_JSON_OBJECT
};
enum evo_json_type evo_json_type_of(const struct evo_json *v); /* NULL: EVO_JSON_NULL */
/* "object", "string" …: for messages. */
const char *evo_json_type_name(const struct evo_json *v);

/* Borrowed; NULL for a missing key or when `object` is no object (NULL included). */
struct evo_json *evo_json_get(const struct evo_json *object, const char *key);
/* The value's text; `fallback` when it is no string. Borrowed. */
const char *evo_json_string(const struct evo_json *v, const char *fallback);
const char *evo_json_get_string(const struct evo_json *object, const char *key, const char *fallback);
int64_t evo_json_get_int(const struct evo_json *object, const char *key, int64_t fallback);
bool evo_json_get_bool(const struct evo_json *object, const char *key, bool fallback);
int64_t evo_json_int(const struct evo_json *v, int64_t fallback);
bool evo_json_bool(const struct evo_json *v, bool fallback);
/* Array length (0 for anything else) and element (borrowed). */
size_t evo_json_count(const struct evo_json *array);
struct evo_json *evo_json_at(const struct evo_json *array, size_t i);
/* Calls fn for each member in order, until it returns false. */
void evo_json_each(const struct evo_json *object,
                   bool (*fn)(void *ctx, const char *key, struct evo_json *value), void *ctx);
bool evo_json_equal(const struct evo_json *a, const struct evo_json *b);
/* RFC 6901 ("/a/0/b"); "" is v itself. Borrowed, NULL where nothing is there. */
struct evo_json *evo_json_pointer(const struct evo_json *v, const char *pointer);

/* Parses exactly one value. Duplicate keys are refused. On failure err->line and err->column are set and the code is
 * `code`; `what` names the text ("evo.json"). */
enum evo_errc evo_json_parse(const char *text, size_t n, const char *what, enum evo_errc code,
                             struct evo_json **ret, struct evo_error *err) EVO_CHECK;

enum evo_json_style { EVO_JSON_COMPACT, EVO_JSON_INDENT /* two spaces */ };
/* Appends the text, without a final newline. */
void evo_json_format(const struct evo_json *v, enum evo_json_style style, struct evo_strbuf *out);

#endif
