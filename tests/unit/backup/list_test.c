#include "made.h"

#include "backup/list.h"

#define AT 1795342500000 /* 2026-11-22T10:15:00Z */

static void tweak_much(struct evo_manifest *m)
{
    m->filtered = true;
    m->options = evo_json_object();
    evo_json_set_string(m->options, "table", "orders");
    m->labels = evo_json_object();
    evo_json_set_string(m->labels, "release", "1.2");
    m->fingerprint = evo_strdup("sha256:0123");
}

static void tweak_jobs(struct evo_manifest *m)
{
    tweak_much(m);
    m->jobs = 7;
}

static void test_list_says_what_the_manifest_says(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(backup_list) list = { 0 };
    made_backup(*state, "default", "shop", "20261122T101500Z-000000", AT, tweak_much);
    assert_ok(evo_backup_list(*state, "default", "shop", &list, &err));
    assert_int_equal(list.count, 1);
    const struct evo_backup_item *item = &list.items[0];
    assert_int_equal(item->state, EVO_BACKUP_COMPLETE);
    assert_null(item->problem);
    assert_int_equal(item->created_ms, AT);
    assert_int_equal(item->totals.rows, 5);
    assert_int_equal(item->totals.raw_bytes, 100);
    assert_int_equal(item->totals.stored_bytes, 3);
    assert_string_equal(item->server_version, "15.18");
    assert_string_equal(item->fingerprint, "sha256:0123");
    assert_string_equal(item->selection, "{\"table\":\"orders\"}");
    assert_string_equal(evo_json_get_string(item->labels, "release", ""), "1.2");
    assert_false(item->encrypted);
    assert_int_equal(item->verdicts[EVO_PROOF_VERIFY].at_ms, -1);
}

static void test_selection_is_the_same_whatever_the_jobs(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(backup_list) list = { 0 };
    made_backup(*state, "default", "shop", "20261122T101500Z-000000", AT, tweak_much);
    made_backup(*state, "default", "shop", "20261122T101501Z-000000", AT + 1000, tweak_jobs);
    made_backup(*state, "default", "shop", "20261122T101502Z-000000", AT + 2000, NULL);
    assert_ok(evo_backup_list(*state, "default", "shop", &list, &err));
    assert_int_equal(list.count, 3);
    assert_null(list.items[0].selection);
    assert_string_equal(list.items[1].selection, list.items[2].selection);
}

static void test_list_of_many_is_newest_first_and_whole(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(backup_list) list = { 0 };
    /* More than threads; the environments and databases mixed. */
    for (int i = 0; i < 40; i++) {
        char id[EVO_BACKUP_ID_MAX];
        (void)snprintf(id, sizeof(id), "20261122T1015%02uZ-000000", (unsigned)i % 60);
        made_backup(*state, i % 2 ? "staging" : "default", i % 3 ? "shop" : "a/b", id, AT + i * 1000, NULL);
    }
    assert_ok(evo_backup_list(*state, NULL, NULL, &list, &err));
    assert_int_equal(list.count, 40);
    for (size_t i = 0; i < list.count; i++) {
        int n = 39 - (int)i;
        assert_int_equal(list.items[i].created_ms, AT + (int64_t)n * 1000);
        assert_string_equal(list.items[i].environment, n % 2 ? "staging" : "default");
        assert_string_equal(list.items[i].database, n % 3 ? "shop" : "a/b");
        assert_int_equal(list.items[i].totals.rows, 5);
    }
    assert_ok(evo_backup_list(*state, "staging", "a/b", &list, &err));
    assert_int_equal(list.count, 7);
    assert_ok(evo_backup_list(*state, "nowhere", NULL, &list, &err));
    assert_int_equal(list.count, 0);
}

static void test_list_tells_unfinished_from_unreadable(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(backup_list) list = { 0 };
    assert_ok(evo_store_put(*state, "backups/default/shop/20261122T101500Z-000000/toc.dat", "x", 1, 0, &err));
    assert_ok(
        evo_store_put(*state, "backups/default/shop/20261122T101501Z-000000/manifest.json", "x", 1, 0, &err));
    assert_ok(evo_backup_list(*state, "default", "shop", &list, &err));
    assert_int_equal(list.count, 2);
    assert_int_equal(list.items[0].state, EVO_BACKUP_UNREADABLE);
    assert_non_null(strstr(list.items[0].problem, "manifest of backup"));
    assert_int_equal(list.items[0].created_ms, AT + 1000);
    assert_int_equal(list.items[1].state, EVO_BACKUP_UNFINISHED);
    assert_string_equal(list.items[1].problem, "unfinished");
}

static void test_list_knows_what_was_found_since(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(backup_list) list = { 0 };
    EVO_AUTO_PTR(json) finding = evo_json_object();
    evo_json_set_bool(finding, "ok", true);
    made_backup(*state, "default", "shop", "20261122T101500Z-000000", AT, NULL);
    assert_ok(evo_proof_record(*state, "backups/default/shop/20261122T101500Z-000000", EVO_PROOF_DRILL,
                               AT + 3600000, finding, &err));
    assert_ok(evo_backup_list(*state, "default", "shop", &list, &err));
    assert_int_equal(list.items[0].verdicts[EVO_PROOF_DRILL].at_ms, AT + 3600000);
    assert_true(list.items[0].verdicts[EVO_PROOF_DRILL].ok);
    assert_int_equal(list.items[0].verdicts[EVO_PROOF_VERIFY].at_ms, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_list_says_what_the_manifest_says, made_store, made_gone),
        cmocka_unit_test_setup_teardown(test_selection_is_the_same_whatever_the_jobs, made_store, made_gone),
        cmocka_unit_test_setup_teardown(test_list_of_many_is_newest_first_and_whole, made_store, made_gone),
        cmocka_unit_test_setup_teardown(test_list_tells_unfinished_from_unreadable, made_store, made_gone),
        cmocka_unit_test_setup_teardown(test_list_knows_what_was_found_since, made_store, made_gone),
    };
    return cmocka_run_group_tests_name("backup/list", tests, NULL, NULL);
}
