#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "backup/find.h"
#include "base/file.h"

static char folder[] = "/tmp/evo-find-XXXXXX";

#define SECOND "20261122T101500Z-"

#define assert_ok(call)                  \
    do {                                 \
        if ((call) != EVO_OK)            \
            fail_msg("%s", err.message); \
    } while (0)

static int make_store(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store *store = NULL;
    struct evo_store_options o = { .url = folder };
    if (!mkdtemp(folder) || evo_store_open(&o, &store, &err))
        return -1;
    *state = store;
    return 0;
}

static int remove_store(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_list) all = { 0 };
    int failed = evo_store_list_prefix(*state, "backups/", true, &all, &err) != EVO_OK;
    for (size_t i = 0; i < all.count; i++)
        failed |= evo_store_remove(*state, all.items[i].key, &err) != EVO_OK;
    evo_store_close(*state);
    EVO_AUTO_STR tmp = evo_path_join(folder, ".evo-tmp");
    (void)rmdir(tmp);
    return failed || rmdir(folder) ? -1 : 0;
}

static void put_backup(struct evo_store *store, const char *database, const char *id, int64_t created_ms)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    (void)snprintf(m.id, sizeof(m.id), "%s", id);
    m.created_ms = created_ms;
    m.finished_ms = created_ms + 1;
    m.evo_version = evo_strdup("1.0.0");
    m.environment = evo_strdup("default");
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
    struct evo_backup_object *toc = evo_manifest_add(&m, EVO_OBJECT_TOC, EVO_BACKUP_TOC);
    (void)evo_sha256_hex("y", 1, toc->sha256);
    EVO_AUTO_PTR(json) v = evo_manifest_json(&m);
    evo_json_format(v, EVO_JSON_INDENT, &text);
    evo_backup_key(&key, m.environment, m.database, m.id, EVO_BACKUP_MANIFEST);
    assert_ok(evo_store_put(store, key.buf, text.buf, text.len, 0, &err));
}

/* Made in this order within one second; the digits behind it say otherwise. */
static const char *const in_order[] = { SECOND "ffffff", SECOND "0a0000", SECOND "900000", SECOND "000001",
                                        SECOND "500000" };

static void test_backups_of_one_second_are_in_the_order_of_making(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(backup_list) list = { 0 };
    EVO_AUTO(backup) latest = { 0 };
    put_backup(*state, "shop", "20261122T101459Z-ffffff", 1795342499900);
    for (size_t i = 0; i < EVO_COUNT(in_order); i++)
        put_backup(*state, "shop", in_order[i], 1795342500100 + (int64_t)i);
    assert_ok(evo_backup_list(*state, "default", "shop", &list, &err));
    assert_int_equal(list.count, EVO_COUNT(in_order) + 1);
    for (size_t i = 0; i < EVO_COUNT(in_order); i++)
        assert_string_equal(list.items[EVO_COUNT(in_order) - 1 - i].id, in_order[i]);
    assert_ok(evo_backup_open(*state, "default", "shop", "latest", &latest, &err));
    assert_string_equal(latest.manifest.id, in_order[EVO_COUNT(in_order) - 1]);
}

static void test_unfinished_ones_are_named_and_never_the_latest(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) ids = EVO_STRVEC_INIT;
    EVO_AUTO(backup) latest = { 0 };
    put_backup(*state, "half", SECOND "100000", 1795342500100);
    assert_ok(evo_store_put(*state, "backups/default/half/" SECOND "200000/toc.dat", "x", 1, 0, &err));
    assert_ok(evo_store_put(*state, "backups/default/half/20261122T101501Z-000000/toc.dat", "x", 1, 0, &err));
    assert_ok(evo_backup_unfinished(*state, "default", "half", &ids, &err));
    assert_int_equal(ids.count, 2);
    assert_string_equal(ids.items[0], SECOND "200000");
    assert_string_equal(ids.items[1], "20261122T101501Z-000000");
    assert_ok(evo_backup_open(*state, "default", "half", "latest", &latest, &err));
    assert_string_equal(latest.manifest.id, SECOND "100000");
}

static void test_latest_of_nobody_names_the_databases(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(backup) b = { 0 };
    put_backup(*state, "books", SECOND "100000", 1795342500100);
    assert_int_equal(evo_backup_open(*state, "default", NULL, "latest", &b, &err), EVO_ERR_USAGE);
    assert_non_null(strstr(err.hint, "--backup-of NAME"));
    assert_non_null(strstr(err.hint, "\"books\""));
    assert_int_equal(evo_backup_open(*state, "staging", NULL, "latest", &b, &err), EVO_ERR_USAGE);
    assert_non_null(strstr(err.hint, "environment \"staging\" holds no backups"));
    assert_int_equal(evo_backup_open(*state, "staging", "books", "latest", &b, &err), EVO_ERR_NOT_FOUND);
    assert_non_null(strstr(err.hint, "list --all --environment staging"));
}

static void test_age(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *want;
    } rows[] = {
        { -5, "0 s ago" },     { 59, "59 s ago" },       { 60, "1 min ago" },           { 7200, "2 h ago" },
        { 90000, "25 h ago" }, { 172800, "2 days ago" }, { 86400 * 40, "40 days ago" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        char age[EVO_HUMAN_MAX];
        assert_string_equal(evo_backup_age(1795342500000, 1795342500000 + rows[i].seconds * 1000, age),
                            rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backups_of_one_second_are_in_the_order_of_making),
        cmocka_unit_test(test_unfinished_ones_are_named_and_never_the_latest),
        cmocka_unit_test(test_latest_of_nobody_names_the_databases),
        cmocka_unit_test(test_age),
    };
    return cmocka_run_group_tests_name("backup/find", tests, make_store, remove_store);
}
