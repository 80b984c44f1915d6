#include "made.h"

#include "backup/find.h"
#include "backup/list.h"

#define SECOND "20261122T101500Z-"

static void put_backup(struct evo_store *store, const char *database, const char *id, int64_t created_ms)
{
    made_backup(store, "default", database, id, created_ms, NULL);
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

static void test_open_at_takes_the_newest_made_until_then(void **state)
{
    static const struct {
        int64_t at_ms;
        const char *want; /* NULL: none */
    } rows[] = {
        { 1795342499999, NULL },
        { 1795342500000, "20261122T101500Z-000001" },
        { 1795342500399, "20261122T101500Z-000001" },
        { 1795342500400, "20261122T101500Z-900000" },
        { 1795342500500, "20261122T101500Z-100000" },
        { 1795342500999, "20261122T101500Z-100000" },
        { 1795342501000, "20261122T101500Z-100000" },
        { 1795342560000, "20261122T101600Z-000000" },
        { INT64_MAX, "20261122T101600Z-000000" },
    };
    struct evo_error err = EVO_ERROR_INIT;
    put_backup(*state, "then", "20261122T101500Z-000001", 1795342500000);
    put_backup(*state, "then", "20261122T101500Z-900000", 1795342500400);
    put_backup(*state, "then", "20261122T101500Z-100000", 1795342500500);
    put_backup(*state, "then", "20261122T101600Z-000000", 1795342560000);
    assert_ok(evo_store_put(*state, "backups/default/then/20261122T101530Z-000000/toc.dat", "x", 1, 0, &err));
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(backup) b = { 0 };
        enum evo_errc rc = evo_backup_open_at(*state, "default", "then", rows[i].at_ms, &b, &err);
        assert_int_equal(rc, rows[i].want ? EVO_OK : EVO_ERR_NOT_FOUND);
        if (rows[i].want)
            assert_string_equal(b.manifest.id, rows[i].want);
        else
            assert_non_null(strstr(err.message, "made at or before 2026-11-22T10:14:59.999Z"));
    }
}

static void test_open_at_stops_at_a_damaged_one(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(backup) b = { 0 };
    put_backup(*state, "hurt", SECOND "100000", 1795342500100);
    assert_ok(
        evo_store_put(*state, "backups/default/hurt/20261122T101501Z-000000/manifest.json", "x", 1, 0, &err));
    assert_int_equal(evo_backup_open_at(*state, "default", "hurt", 1795342502000, &b, &err),
                     EVO_ERR_INTEGRITY);
    /* It was made later than what is asked for. */
    assert_ok(evo_backup_open_at(*state, "default", "hurt", 1795342500999, &b, &err));
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
        cmocka_unit_test(test_open_at_takes_the_newest_made_until_then),
        cmocka_unit_test(test_open_at_stops_at_a_damaged_one),
        cmocka_unit_test(test_age),
    };
    return cmocka_run_group_tests_name("backup/find", tests, made_store, made_gone);
}
