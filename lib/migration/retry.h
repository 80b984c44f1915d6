/*
 * retry.h - how long to wait before a migration tries for its locks again.
 *
 * A statement that did not get its lock within lock_timeout (55P03) or was chosen as a deadlock's victim (40P01) has
 * left nothing behind: its transaction is rolled back and the whole of it tried again. The waits grow, and are spread
 * at random over the upper half of each step, so that two runs do not meet again and again. Pure.
 */
#ifndef EVO_MIGRATION_RETRY_H
#define EVO_MIGRATION_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct evo_retry_policy {
    int64_t retries; /* tries after the first one */
    int64_t first_ms; /* the first wait at most */
    int64_t max_ms; /* any wait at most */
};
#define EVO_RETRY_POLICY(n)                                  \
    {                                                        \
        .retries = (n), .first_ms = 250, .max_ms = 15 * 1000 \
    }

/* After the `failed`-th failed try (1-based): false where the policy is used up, else true and the wait in ms, between
 * half of the step and the whole of it as `random` (any value) says. */
bool evo_retry_after(const struct evo_retry_policy *policy, int64_t failed, uint64_t random,
                     int64_t *ret_wait_ms);

/* Whether an SQLSTATE says "did not get the lock, nothing happened". */
bool evo_retry_wants(const char *sqlstate);

#endif
