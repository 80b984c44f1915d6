#include "backup/remove.h"

#include "base/parallel.h"

enum {
    THREADS = 8, /* with the calling one */
    PER_THREAD = 8 /* for fewer none is started */
};

struct removal {
    struct evo_store *store;
    const struct evo_store_entry *entries;
    bool (*chosen)(const struct evo_store_entry *entry);
    bool *removed; /* each by the thread that took it */
};

static enum evo_errc remove_one(void *ctx, size_t i, struct evo_error *err)
{
    struct removal *r = ctx;
    if (r->chosen && !r->chosen(&r->entries[i]))
        return EVO_OK;
    enum evo_errc rc = evo_store_remove(r->store, r->entries[i].key, err);
    r->removed[i] = !rc;
    return rc;
}

enum evo_errc evo_remove_objects(struct evo_store *store, const struct evo_store_entry *entries, size_t count,
                                 bool (*chosen)(const struct evo_store_entry *entry), bool *ret_removed,
                                 struct evo_error *err)
{
    struct removal r = { .store = store, .entries = entries, .chosen = chosen, .removed = ret_removed };
    size_t threads = count / PER_THREAD + 1;
    for (size_t i = 0; i < count; i++)
        ret_removed[i] = false;
    return evo_parallel(count, threads < THREADS ? (int)threads : THREADS, remove_one, &r, err);
}
