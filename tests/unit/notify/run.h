/* run.h - run directories in memory, for tests: as little of an envelope as a test needs. */
#ifndef EVO_TEST_NOTIFY_RUN_H
#define EVO_TEST_NOTIFY_RUN_H

#include "result/rundir.h"

#define OK(data) "\"ok\":true,\"exit\":0,\"data\":" data ",\"error\":null"
#define FAILED(status, data, reason, more)                                                \
    "\"ok\":false,\"exit\":" #status ",\"data\":" data ",\"error\":{\"reason\":\"" reason \
    "\",\"message\":\"it broke\",\"hint\":null" more "}"

/* `second` of the minute it started in; `rest` is OK() or FAILED(). */
static inline void add(struct evo_rundir *run, const char *command, const char *second, int elapsed_ms,
                       const char *rest)
{
    EVO_AUTO_STR text =
        evo_asprintf("{\"schema\":1,\"command\":\"%s\",\"version\":\"1.0.0\",\"environment\":\"staging\","
                     "\"started_at\":\"2026-11-22T10:15:%s.000Z\",\"elapsed_ms\":%d,%s}",
                     command, second, elapsed_ms, rest);
    struct evo_error err = EVO_ERROR_INIT;
    EVO_GROW(run->items, run->count, run->alloc);
    if (evo_envelope_parse(text, strlen(text), "test", &run->items[run->count], &err))
        fail_msg("%s", err.message);
    run->count++;
}

#endif
