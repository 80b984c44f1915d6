#include "health/expect.h"

#include "base/parse.h"
#include "base/utf8.h"
#include "json/json.h"

#include "base/banned.h"

#define SHOWN_MAX 120 /* bytes of a value from outside that a message shows */

void evo_health_expect_release(struct evo_health_expect *e)
{
    if (!e)
        return;
    free(e->body);
    evo_strvec_release(&e->json);
    memset(e, 0, sizeof(*e));
}

static bool parse_status(const char *s, size_t n, int *ret)
{
    uint64_t v;
    if (n != 3 || !evo_parse_digits(s, n, &v) || v < 100 || v > 599)
        return false;
    *ret = (int)v;
    return true;
}

static bool parse_range(const char *text, int *low, int *high)
{
    const char *dash = strchr(text, '-');
    size_t n = dash ? (size_t)(dash - text) : strlen(text);
    if (!parse_status(text, n, low))
        return false;
    *high = *low;
    return !dash || (parse_status(dash + 1, strlen(dash + 1), high) && *low <= *high);
}

static enum evo_errc parse_ranges(const struct evo_strvec *status, struct evo_health_expect *e,
                                  struct evo_error *err)
{
    if (!status->count) {
        e->range[0].low = 200;
        e->range[0].high = 299;
        e->ranges = 1;
    }
    for (size_t i = 0; i < status->count; i++) {
        if (e->ranges == EVO_HEALTH_RANGES)
            return evo_error_set(err, EVO_ERR_CONFIG, "more than %d expected statuses", EVO_HEALTH_RANGES);
        if (!parse_range(status->items[i], &e->range[e->ranges].low, &e->range[e->ranges].high)) {
            (void)evo_error_set(err, EVO_ERR_CONFIG, "invalid expected status \"%.50s\"", status->items[i]);
            return evo_error_hint(err, "Write statuses and ranges: --expect-status 200-299,304");
        }
        e->ranges++;
    }
    return EVO_OK;
}

static enum evo_errc parse_json(const struct evo_strvec *json, struct evo_health_expect *e,
                                struct evo_error *err)
{
    for (size_t i = 0; i < json->count; i++) {
        const char *equals = strchr(json->items[i], '=');
        if (!equals || (equals != json->items[i] && json->items[i][0] != '/')) {
            (void)evo_error_set(err, EVO_ERR_CONFIG, "invalid JSON expectation \"%.100s\"", json->items[i]);
            return evo_error_hint(err, "Write a JSON pointer and its value: --expect-json /status=ok");
        }
        evo_strvec_push_owned(&e->json, evo_strndup(json->items[i], (size_t)(equals - json->items[i])));
        (void)evo_strvec_push(&e->json, equals + 1);
    }
    return EVO_OK;
}

enum evo_errc evo_health_expect_parse(const struct evo_strvec *status, const char *body,
                                      const struct evo_strvec *json, struct evo_health_expect *ret,
                                      struct evo_error *err)
{
    EVO_AUTO(health_expect) e = { .body = evo_strdup(body) };
    enum evo_errc rc = parse_ranges(status, &e, err);
    if (!rc)
        rc = parse_json(json, &e, err);
    if (rc)
        return rc;
    *ret = e;
    memset(&e, 0, sizeof(e));
    return EVO_OK;
}

static bool check_status(const struct evo_health_expect *e, int status, struct evo_strbuf *why)
{
    for (size_t i = 0; i < e->ranges; i++)
        if (status >= e->range[i].low && status <= e->range[i].high)
            return true;
    evo_strbuf_addf(why, "status %d, expected ", status);
    for (size_t i = 0; i < e->ranges; i++) {
        evo_strbuf_addf(why, "%s%d", i ? "," : "", e->range[i].low);
        if (e->range[i].high != e->range[i].low)
            evo_strbuf_addf(why, "-%d", e->range[i].high);
    }
    return false;
}

static bool check_body(const struct evo_health_expect *e, const char *body, size_t n, struct evo_strbuf *why)
{
    if (!e->body || memmem(body, n, e->body, strlen(e->body)))
        return true;
    evo_strbuf_addf(why, "body does not hold \"%s\"", e->body);
    return false;
}

/* Values from outside are shown short. */
static void add_shown(struct evo_strbuf *why, const char *text)
{
    size_t n = strlen(text), keep = evo_utf8_cut(text, n, SHOWN_MAX);
    evo_strbuf_add(why, text, keep);
    if (keep < n)
        evo_strbuf_adds(why, "...");
}

static bool is_value(const struct evo_json *found, const char *expected)
{
    if (evo_json_type_of(found) == EVO_JSON_STRING)
        return evo_streq(evo_json_string(found, ""), expected);
    EVO_AUTO_PTR(json) v = NULL;
    return !evo_json_parse(expected, strlen(expected), "value", EVO_ERR_CONFIG, &v, NULL) &&
           evo_json_equal(found, v);
}

static bool check_json(const struct evo_health_expect *e, const char *body, size_t n, struct evo_strbuf *why)
{
    if (!e->json.count)
        return true;
    EVO_AUTO_PTR(json) v = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_json_parse(body, n, "body", EVO_ERR_UNHEALTHY, &v, &err)) {
        evo_strbuf_adds(why, err.message);
        return false;
    }
    for (size_t i = 0; i + 1 < e->json.count; i += 2) {
        const char *pointer = e->json.items[i], *expected = e->json.items[i + 1];
        const struct evo_json *found = evo_json_pointer(v, pointer);
        if (found && is_value(found, expected))
            continue;
        evo_strbuf_addf(why, "JSON pointer \"%s\" ", pointer);
        if (found) {
            EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
            evo_json_format(found, EVO_JSON_COMPACT, &text);
            evo_strbuf_adds(why, "is ");
            add_shown(why, text.buf);
        } else {
            evo_strbuf_adds(why, "finds nothing");
        }
        evo_strbuf_addf(why, ", expected \"%s\"", expected);
        return false;
    }
    return true;
}

bool evo_health_expect_check(const struct evo_health_expect *e, int status, const char *body, size_t n,
                             struct evo_strbuf *why)
{
    return check_status(e, status, why) && check_body(e, body, n, why) && check_json(e, body, n, why);
}
