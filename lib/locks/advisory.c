#include "locks/advisory.h"

#include <inttypes.h>

#include "pg/lock.h"

static const struct {
    int64_t key;
    const char *name;
} known[] = {
    { EVO_LOCK_MIGRATION, "evo's migration lock" }, { EVO_LOCK_RUN, "evo's run lock" },
    { EVO_LOCK_PRISMA, "Prisma's migration lock" }, { 75474063, "Sqitch's lock" },
    { 7241865325823964, "node-pg-migrate's lock" }, { 4727445306447283, "graphile-migrate's lock" },
};

char *evo_advisory_name(uint32_t classid, uint32_t objid, int objsubid)
{
    if (objsubid != 1)
        return evo_asprintf("advisory lock (%" PRId32 ", %" PRId32 ")", (int32_t)classid, (int32_t)objid);
    int64_t key = (int64_t)((uint64_t)classid << 32 | objid);
    for (size_t i = 0; i < EVO_COUNT(known); i++)
        if (known[i].key == key)
            return evo_strdup(known[i].name);
    return evo_asprintf("advisory lock %" PRId64, key);
}

void evo_advisories_release(struct evo_advisories *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++)
        free(a->items[i].name);
    free(a->items);
    *a = (struct evo_advisories){ 0 };
}

enum evo_errc evo_advisories_load(struct evo_pg *pg, struct evo_advisories *ret, struct evo_error *err)
{
    EVO_AUTO(advisories) all = { 0 };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(
        pg,
        "SELECT l.pid, l.classid, l.objid, l.objsubid, l.granted, l.mode = 'ShareLock'"
        " FROM pg_catalog.pg_lock_status() l WHERE l.locktype = 'advisory' AND l.pid IS NOT NULL"
        " AND l.pid <> pg_catalog.pg_backend_pid() AND l.database = (SELECT d.oid FROM "
        "pg_catalog.pg_database d"
        " WHERE d.datname = pg_catalog.current_database()) ORDER BY 2, 3, 4, 5 DESC, 1 LIMIT 1000",
        0, NULL, &r, err);
    if (rc)
        return evo_error_prefix(err, "could not look at the advisory locks");
    for (int row = 0; row < evo_pg_rows(r); row++) {
        EVO_GROW(all.items, all.count, all.alloc);
        all.items[all.count++] = (struct evo_advisory){
            .pid = evo_pg_value_int(r, row, 0, 0),
            .name = evo_advisory_name((uint32_t)evo_pg_value_int(r, row, 1, 0),
                                      (uint32_t)evo_pg_value_int(r, row, 2, 0),
                                      (int)evo_pg_value_int(r, row, 3, 0)),
            .granted = evo_pg_value_bool(r, row, 4),
            .shared = evo_pg_value_bool(r, row, 5),
        };
    }
    *ret = all;
    all = (struct evo_advisories){ 0 };
    return EVO_OK;
}
