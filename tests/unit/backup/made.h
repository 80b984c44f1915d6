/* For tests of backups: a store in a folder of its own for each test, and backups in it that were never made. */
#ifndef EVO_TESTS_BACKUP_MADE_H
#define EVO_TESTS_BACKUP_MADE_H

#include "cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

#include "backup/manifest.h"
#include "base/file.h"
#include "store/backend.h"

#define assert_ok(call)                  \
    do {                                 \
        if ((call) != EVO_OK)            \
            fail_msg("%s", err.message); \
    } while (0)

static char made_folder[64];

/* Setup and teardown of a test; *state is the store. */
static EVO_UNUSED int made_store(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store *store = NULL;
    struct evo_store_options o = { .url = made_folder };
    (void)snprintf(made_folder, sizeof(made_folder), "/tmp/evo-made-XXXXXX");
    if (!mkdtemp(made_folder) || evo_store_open(&o, &store, &err))
        return -1;
    *state = store;
    return 0;
}

static void made_remove_tree(const char *path)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_dir_list(path, &names, &ignored))
        return;
    for (size_t i = 0; i < names.count; i++) {
        EVO_AUTO_STR below = evo_path_join(path, names.items[i]);
        if (unlink(below) != 0)
            made_remove_tree(below);
    }
    (void)rmdir(path);
}

static EVO_UNUSED int made_gone(void **state)
{
    evo_store_close(*state);
    made_remove_tree(made_folder);
    return access(made_folder, F_OK) == 0 ? -1 : 0;
}

/* A backup of one table of `rows` rows; only the manifest is true. `tweak` may change it before it is written. */
typedef void made_tweak(struct evo_manifest *m);
static EVO_UNUSED void made_backup(struct evo_store *store, const char *environment, const char *database,
                                   const char *id, int64_t created_ms, made_tweak *tweak)
{
    static const char *const objects[] = { EVO_BACKUP_TOC, EVO_BACKUP_INSTRUCTIONS, "10.dat.gz" };
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    (void)snprintf(m.id, sizeof(m.id), "%s", id);
    m.created_ms = created_ms;
    m.finished_ms = created_ms + 1;
    m.evo_version = evo_strdup("1.0.0");
    m.environment = evo_strdup(environment);
    m.database = evo_strdup(database);
    m.server_version = evo_strdup("15.18");
    m.server_version_num = 150018;
    m.encoding = evo_strdup("UTF8");
    m.collate = evo_strdup("C");
    m.ctype = evo_strdup("C");
    m.snapshot = evo_strdup("00000003-0000001B-1");
    m.pg_dump_version = evo_strdup("15.18");
    m.archive_version = evo_strdup("1.14");
    m.compress = evo_strdup("fast");
    m.codec = evo_strdup("gzip");
    m.jobs = 2;
    for (size_t i = 0; i < EVO_COUNT(objects); i++) {
        struct evo_backup_object *o = evo_manifest_add(&m,
                                                       i == 0   ? EVO_OBJECT_TOC
                                                       : i == 1 ? EVO_OBJECT_INSTRUCTIONS
                                                                : EVO_OBJECT_TABLE,
                                                       objects[i]);
        EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
        (void)evo_sha256_hex("x", 1, o->sha256);
        o->size = 1;
        if (i == 2) {
            o->schema = evo_strdup("public");
            o->table = evo_strdup("orders");
            o->dump_id = 10;
            o->part = 1;
            o->rows = 5;
            o->raw_bytes = 100;
            o->members = 1;
        }
        evo_backup_key(&key, environment, database, id, objects[i]);
        assert_ok(evo_store_put(store, key.buf, "x", 1, 0, &err));
    }
    if (tweak)
        tweak(&m);
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(json) v = evo_manifest_json(&m);
    evo_json_format(v, EVO_JSON_INDENT, &text);
    evo_backup_key(&key, environment, database, id, EVO_BACKUP_MANIFEST);
    assert_ok(evo_store_put(store, key.buf, text.buf, text.len, 0, &err));
}

/* ---- removals that fail ---- */

static struct evo_store_ops made_ops;
static const struct evo_store_ops *made_real_ops;
static const char *made_suffix;
static int made_fail_at, made_removals;
static enum evo_errc made_fail_code;
/* Called before each removal, where set. */
static EVO_UNUSED void (*made_before_remove)(struct evo_store *store, const char *key);

static EVO_UNUSED enum evo_errc made_remove(struct evo_store *store, const char *key, struct evo_error *err)
{
    if (made_before_remove)
        made_before_remove(store, key);
    if (made_suffix && evo_ends_with(key, made_suffix) && (++made_removals == made_fail_at || !made_fail_at))
        return evo_error_set(err, made_fail_code, "could not remove \"%s\": on purpose", key);
    return made_real_ops->remove(store, key, err);
}

/* From now on the n-th removal of a key that ends so fails (n 0: each does; suffix NULL: none). */
static EVO_UNUSED void made_fail_removal(struct evo_store *store, const char *suffix, int n,
                                         enum evo_errc code)
{
    if (store->ops != &made_ops) {
        made_real_ops = store->ops;
        made_ops = *store->ops;
        made_ops.remove = made_remove;
        store->ops = &made_ops;
    }
    made_suffix = suffix;
    made_fail_at = n;
    made_removals = 0;
    made_fail_code = code;
    made_before_remove = NULL;
}

/* How many objects there are under a prefix. */
static EVO_UNUSED size_t made_count(struct evo_store *store, const char *prefix)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, prefix, true, &list, &err));
    return list.count;
}

#endif
