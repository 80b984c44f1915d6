/*
 * expect.h - what an HTTP answer must be like to count as healthy. Pure: no network.
 *
 * All of it must hold: the status lies in one of the ranges, the body holds a text, and each JSON pointer (RFC 6901)
 * finds its value. A value is compared as text with a JSON string, else as the JSON that it spells: "/up=true" wants
 * true or "true", "/version=1.4.2" wants "1.4.2", "/queue=0" wants 0 or "0".
 */
#ifndef EVO_HEALTH_EXPECT_H
#define EVO_HEALTH_EXPECT_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

#define EVO_HEALTH_RANGES 32

struct evo_health_expect {
    struct {
        int low, high;
    } range[EVO_HEALTH_RANGES];
    size_t ranges;
    char *body; /* NULL: any */
    struct evo_strvec json; /* POINTER, VALUE, POINTER, VALUE … */
};
void evo_health_expect_release(struct evo_health_expect *e);
EVO_DEFINE_AUTO(health_expect);

/* From the options' texts: status "200" or "200-299" (none given: 200-299), body NULL or a text, json
 * "POINTER=VALUE". EVO_ERR_CONFIG names the text that is wrong. */
enum evo_errc evo_health_expect_parse(const struct evo_strvec *status, const char *body,
                                      const struct evo_strvec *json, struct evo_health_expect *ret,
                                      struct evo_error *err) EVO_CHECK;

/* True when the answer is as expected; else appends why not ("status 503, expected 200-299"): the first check that
 * failed. */
bool evo_health_expect_check(const struct evo_health_expect *e, int status, const char *body, size_t n,
                             struct evo_strbuf *why) EVO_CHECK;

#endif
