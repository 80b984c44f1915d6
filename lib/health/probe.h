/*
 * probe.h - one attempt at one target: over HTTP, TCP, or with the database.
 *
 * A failure of whatever class is the attempt's result, not an error: only a cancel is one.
 */
#ifndef EVO_HEALTH_PROBE_H
#define EVO_HEALTH_PROBE_H

#include "health/expect.h"
#include "http/http.h"
#include "pg/conninfo.h"

enum evo_health_kind { EVO_HEALTH_HTTP, EVO_HEALTH_TCP, EVO_HEALTH_DB };

struct evo_health_target {
    enum evo_health_kind kind;
    char *name; /* fit for messages: no user, no query */
    char *url; /* HTTP: as given; TCP: "http://HOST:PORT", of which only host and port are used */
    const struct evo_conninfo *info; /* DB; borrowed */
    const struct evo_health_expect *expect; /* HTTP; borrowed */
};
void evo_health_target_release(struct evo_health_target *t);

/* From the options' texts; EVO_ERR_CONFIG for what is no http(s) URL, holds a password, or is no HOST:PORT. */
enum evo_errc evo_health_target_http(const char *url, const struct evo_health_expect *expect,
                                     struct evo_health_target *ret, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_health_target_tcp(const char *address, struct evo_health_target *ret,
                                    struct evo_error *err) EVO_CHECK;
void evo_health_target_db(const struct evo_conninfo *info, struct evo_health_target *ret);

struct evo_health_attempt {
    bool passed;
    int64_t latency_ms;
    struct evo_strbuf message; /* what came back, or which check failed and why */
};
/* The message is replaced. The only error is EVO_ERR_CANCELLED. */
enum evo_errc evo_health_attempt(const struct evo_health_target *t, struct evo_http *http, int64_t timeout_ms,
                                 struct evo_health_attempt *ret, struct evo_error *err) EVO_CHECK;

#endif
