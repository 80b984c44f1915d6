/*
 * advisory.h - advisory locks by name: whose a key is.
 *
 * A key of 64 bits stands in pg_locks as its two halves (classid, objid) with objsubid 1; a pair of 32-bit keys with
 * objsubid 2 (https://www.postgresql.org/docs/current/view-pg-locks.html).
 */
#ifndef EVO_LOCKS_ADVISORY_H
#define EVO_LOCKS_ADVISORY_H

#include "pg/conn.h"

/* "Prisma's migration lock", "advisory lock 42", "advisory lock (1, 2)". Pure; the caller frees. */
char *evo_advisory_name(uint32_t classid, uint32_t objid, int objsubid) EVO_CHECK;

struct evo_advisory {
    int64_t pid;
    char *name;
    bool granted; /* else it is waited for */
    bool shared;
};
struct evo_advisories {
    struct evo_advisory *items;
    size_t count, alloc;
};
void evo_advisories_release(struct evo_advisories *a);
EVO_DEFINE_AUTO(advisories);
/* Those of this database, by name and pid. */
enum evo_errc evo_advisories_load(struct evo_pg *pg, struct evo_advisories *ret,
                                  struct evo_error *err) EVO_CHECK;

#endif
