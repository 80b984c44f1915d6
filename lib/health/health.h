/*
 * health.h - watch several targets at once until each has its verdict.
 *
 * Each target has a thread of its own, so one that hangs does not hold up the others; what a target's answers mean is
 * decided in state.h, one attempt is made in probe.h.
 *
 *	struct evo_health h = { .policy = { 60000, 2000, 5000, 1 } };
 *	rc = evo_health_target_http(url, &expect, evo_health_add(&h), err);
 *	rc = evo_health_run(&h, cmd->task, err);
 *	evo_json_set(data, "probes", evo_health_json(&h));
 */
#ifndef EVO_HEALTH_HEALTH_H
#define EVO_HEALTH_HEALTH_H

#include "base/task.h"
#include "health/probe.h"
#include "health/state.h"
#include "json/json.h"

/* At most so many targets. */
#define EVO_HEALTH_TARGETS 64

/* A target and what came of it. */
struct evo_health_watch {
    struct evo_health_target target;
    struct evo_health_state state;
    enum evo_health_verdict verdict;
    struct evo_health_attempt last; /* the latest attempt */
};

struct evo_health {
    struct evo_health_policy policy;
    struct evo_health_watch *items;
    size_t count, alloc;
};
void evo_health_release(struct evo_health *h);
EVO_DEFINE_AUTO(health);

/* A new target, to be filled by one of the evo_health_target_… functions. Valid until the next add. */
struct evo_health_target *evo_health_add(struct evo_health *h);
/* Until all have a verdict. EVO_ERR_UNHEALTHY names the first target that is not healthy, and why; EVO_ERR_CANCELLED
 * leaves targets without a verdict inconclusive. The results are in h->items in every case. */
enum evo_errc evo_health_run(struct evo_health *h, struct evo_task *task, struct evo_error *err) EVO_CHECK;
/* The `probes` of the contract. */
struct evo_json *evo_health_json(const struct evo_health *h) EVO_CHECK;

#endif
