#include "migration/retry.h"

#include <string.h>

#include "base/error.h"

bool evo_retry_after(const struct evo_retry_policy *policy, int64_t failed, uint64_t random,
                     int64_t *ret_wait_ms)
{
    if (failed < 1 || failed > policy->retries)
        return false;
    int64_t step = policy->first_ms;
    for (int64_t i = 1; i < failed && step < policy->max_ms; i++)
        step *= 2;
    if (step > policy->max_ms)
        step = policy->max_ms;
    int64_t half = step / 2;
    *ret_wait_ms = half + (int64_t)(random % (uint64_t)(step - half + 1));
    return true;
}

bool evo_retry_wants(const char *sqlstate)
{
    return strcmp(sqlstate, "55P03") == 0 || strcmp(sqlstate, "40P01") == 0;
}
