#include "made.h"

#include "backup/prune.h"
#include "base/cancel.h"

#define DAY    ((int64_t)86400000)
#define AT     1795342500000 /* 2026-11-22T10:15:00Z */
#define NOW    (AT + 10 * DAY)
#define FOLDER "backups/default/shop/"

/* Of one day each, the last is the newest. */
static const char *const ids[] = { "20261122T101500Z-000000", "20261123T101500Z-000000",
                                   "20261124T101500Z-000000", "20261125T101500Z-000000" };

static int four_backups(void **state)
{
    if (made_store(state))
        return -1;
    for (size_t i = 0; i < EVO_COUNT(ids); i++)
        made_backup(*state, "default", "shop", ids[i], AT + (int64_t)i * DAY, NULL);
    made_fail_removal(*state, NULL, 0, EVO_OK);
    return 0;
}

static struct evo_prune_options keep_last(struct evo_store *store, int64_t n)
{
    return (struct evo_prune_options){ .store = store,
                                       .environment = "default",
                                       .database = "shop",
                                       .policy = { .last = n, .within_ms = -1 },
                                       .now_ms = NOW };
}

static enum evo_pruned_fate fate_of(const struct evo_prune_report *report, const char *id)
{
    for (size_t i = 0; i < report->count; i++)
        if (evo_streq(report->items[i].id, id))
            return report->items[i].fate;
    fail_msg("%s is not in the report", id);
    return EVO_PRUNED_LEFT;
}

static size_t objects_of(struct evo_store *store, const char *id)
{
    EVO_AUTO_STR prefix = evo_asprintf(FOLDER "%s/", id);
    return made_count(store, prefix);
}

static void test_prune_removes_what_the_policy_lets_go(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 2);
    assert_ok(evo_prune(&o, &report, &err));
    assert_int_equal(report.count, 4);
    for (size_t i = 0; i < EVO_COUNT(ids); i++) {
        assert_int_equal(fate_of(&report, ids[i]), i < 2 ? EVO_PRUNED_REMOVED : EVO_PRUNED_KEPT);
        assert_int_equal(objects_of(*state, ids[i]), i < 2 ? 0 : 4);
    }
    assert_string_equal(report.items[0].reasons.items[0], "last 2");
    assert_int_equal(report.items[3].stored_bytes, 3);
}

static void test_prune_dry_removes_nothing(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 1);
    o.dry_run = true;
    assert_ok(evo_prune(&o, &report, &err));
    assert_int_equal(fate_of(&report, ids[0]), EVO_PRUNED_REMOVED);
    assert_int_equal(made_count(*state, FOLDER), 16);
}

static void test_prune_without_a_policy_is_refused(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 0);
    assert_int_equal(evo_prune(&o, &report, &err), EVO_ERR_USAGE);
    assert_int_equal(report.count, 0);
    assert_int_equal(made_count(*state, FOLDER), 16);
}

static const char *removed[16];
static size_t removed_count;

static void note_removal(struct evo_store *store, const char *key)
{
    (void)store;
    assert_true(removed_count < EVO_COUNT(removed));
    removed[removed_count++] = evo_strdup(strrchr(key, '/') + 1);
}

static void test_prune_removes_the_manifest_first_and_the_toc_last(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 3);
    made_before_remove = note_removal;
    removed_count = 0;
    assert_ok(evo_prune(&o, &report, &err));
    assert_int_equal(removed_count, 4);
    assert_string_equal(removed[0], EVO_BACKUP_MANIFEST);
    assert_string_equal(removed[3], EVO_BACKUP_TOC);
    for (size_t i = 0; i < removed_count; i++)
        free((char *)removed[i]);
}

static void test_prune_says_that_a_backup_is_as_before(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 1);
    made_fail_removal(*state, EVO_BACKUP_MANIFEST, 2, EVO_ERR_STORE);
    assert_int_equal(evo_prune(&o, &report, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "could not remove 1 of 3 backups"));
    assert_non_null(strstr(err.detail, ids[1]));
    assert_non_null(strstr(err.detail, "complete as before"));
    /* The oldest went first, and the one behind the failure all the same. */
    assert_int_equal(fate_of(&report, ids[0]), EVO_PRUNED_REMOVED);
    assert_int_equal(fate_of(&report, ids[1]), EVO_PRUNED_FAILED);
    assert_int_equal(fate_of(&report, ids[2]), EVO_PRUNED_REMOVED);
    assert_int_equal(objects_of(*state, ids[1]), 4);
}

static void test_prune_says_what_is_left_of_half_a_backup(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 3);
    made_fail_removal(*state, EVO_BACKUP_INSTRUCTIONS, 1, EVO_ERR_DISK);
    assert_int_equal(evo_prune(&o, &report, &err), EVO_ERR_DISK);
    assert_non_null(strstr(err.detail, "2 of its other objects are left"));
    assert_non_null(strstr(err.hint, "evo-backup gc"));
    assert_int_equal(fate_of(&report, ids[0]), EVO_PRUNED_FAILED);
    assert_false(report.items[3].complete);
    EVO_AUTO(backup_list) list = { 0 };
    assert_ok(evo_backup_list(*state, "default", "shop", &list, &err));
    assert_int_equal(list.items[3].state, EVO_BACKUP_UNFINISHED);
}

static void remove_really(struct evo_store *store, const char *key)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_ends_with(key, EVO_BACKUP_MANIFEST))
        assert_ok(made_real_ops->remove(store, key, &err));
}

static void test_prune_believes_the_store_where_an_answer_got_lost(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 3);
    made_fail_removal(*state, EVO_BACKUP_MANIFEST, 0, EVO_ERR_NETWORK);
    made_before_remove = remove_really;
    assert_ok(evo_prune(&o, &report, &err));
    assert_int_equal(objects_of(*state, ids[0]), 0);
}

static void cancel(struct evo_store *store, const char *key)
{
    (void)store;
    if (evo_ends_with(key, EVO_BACKUP_MANIFEST))
        evo_cancel_request(15);
}

static void test_prune_cancelled_says_what_is_half_done_and_what_was_not_come_to(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 1);
    made_before_remove = cancel;
    enum evo_errc rc = evo_prune(&o, &report, &err);
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_int_equal(fate_of(&report, ids[0]), EVO_PRUNED_FAILED);
    assert_int_equal(fate_of(&report, ids[1]), EVO_PRUNED_LEFT);
    assert_non_null(strstr(err.detail, "no backup any more"));
    assert_non_null(strstr(err.detail, "2 not come to"));
    assert_int_equal(objects_of(*state, ids[1]), 4);
    assert_int_equal(objects_of(*state, ids[0]), 3);
}

static void test_prune_does_not_rely_on_a_newest_one_that_is_damaged(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 1);
    /* The newest lacks a table, and the one before is cut. */
    assert_ok(evo_store_remove(*state, FOLDER "20261125T101500Z-000000/10.dat.gz", &err));
    assert_ok(evo_store_put(*state, FOLDER "20261124T101500Z-000000/10.dat.gz", "", 0, 0, &err));
    assert_ok(evo_prune(&o, &report, &err));
    assert_string_equal(report.items[0].reasons.items[0], "found damaged");
    assert_string_equal(report.items[1].reasons.items[0], "found damaged");
    assert_string_equal(report.items[2].reasons.items[0], "last 1");
    assert_int_equal(fate_of(&report, ids[0]), EVO_PRUNED_REMOVED);
}

static void test_prune_leaves_what_verify_found_damaged(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    EVO_AUTO_PTR(json) finding = evo_json_object();
    struct evo_prune_options o = keep_last(*state, 1);
    evo_json_set_bool(finding, "ok", false);
    assert_ok(
        evo_proof_record(*state, FOLDER "20261125T101500Z-000000", EVO_PROOF_VERIFY, NOW, finding, &err));
    assert_ok(evo_prune(&o, &report, &err));
    assert_int_equal(fate_of(&report, ids[3]), EVO_PRUNED_KEPT);
    assert_int_equal(fate_of(&report, ids[2]), EVO_PRUNED_KEPT);
    assert_int_equal(fate_of(&report, ids[1]), EVO_PRUNED_REMOVED);
}

static enum evo_errc stat_locked(struct evo_store *store, const char *key, struct evo_store_stat *ret,
                                 struct evo_error *err)
{
    enum evo_errc rc = made_real_ops->stat(store, key, ret, err);
    if (!rc && strstr(key, ids[0]))
        ret->locked_until_ms = NOW + DAY;
    if (!rc && strstr(key, ids[1]))
        ret->legal_hold = true;
    return rc;
}

static void test_prune_leaves_what_is_locked(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 1);
    made_ops.stat = stat_locked;
    assert_ok(evo_prune(&o, &report, &err));
    assert_string_equal(report.items[3].reasons.items[0], "locked until 2026-12-03T10:15:00.000Z");
    assert_string_equal(report.items[2].reasons.items[0], "legal hold");
    assert_int_equal(fate_of(&report, ids[2]), EVO_PRUNED_REMOVED);
    o.now_ms += DAY;
    evo_prune_report_release(&report);
    assert_ok(evo_prune(&o, &report, &err));
    assert_int_equal(fate_of(&report, ids[0]), EVO_PRUNED_REMOVED);
}

/* So many that several threads remove them. */
static void add_many(struct evo_store *store)
{
    struct evo_error err = EVO_ERROR_INIT;
    for (int i = 0; i < 200; i++) {
        EVO_AUTO_STR key = evo_asprintf(FOLDER "%s/%d.dat.gz", ids[0], 100 + i);
        assert_ok(evo_store_put(store, key, "x", 1, 0, &err));
    }
}

static void test_prune_of_many_objects(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 3);
    add_many(*state);
    assert_ok(evo_prune(&o, &report, &err));
    assert_int_equal(objects_of(*state, ids[0]), 0);
}

static void test_prune_of_many_objects_counts_what_is_left(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 3);
    add_many(*state);
    made_fail_removal(*state, "/150.dat.gz", 0, EVO_ERR_STORE);
    assert_int_equal(evo_prune(&o, &report, &err), EVO_ERR_STORE);
    EVO_AUTO_STR left = evo_asprintf("%zu of its other objects are left", objects_of(*state, ids[0]));
    assert_non_null(strstr(err.detail, left));
    EVO_AUTO_STR toc = evo_asprintf(FOLDER "%s/toc.dat", ids[0]);
    assert_int_equal(made_count(*state, toc), 1);
}

static void test_prune_of_each_database_by_itself(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(prune_report) report = { 0 };
    struct evo_prune_options o = keep_last(*state, 1);
    made_backup(*state, "default", "books", ids[0], AT, NULL);
    made_backup(*state, "staging", "shop", ids[0], AT, NULL);
    o.database = NULL;
    assert_ok(evo_prune(&o, &report, &err));
    assert_int_equal(report.count, 5);
    assert_int_equal(made_count(*state, "backups/default/books/"), 4);
    assert_int_equal(made_count(*state, "backups/default/shop/"), 4);
    assert_int_equal(made_count(*state, "backups/staging/shop/"), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, four_backups, made_gone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_prune_removes_what_the_policy_lets_go),
        TEST(test_prune_dry_removes_nothing),
        TEST(test_prune_without_a_policy_is_refused),
        TEST(test_prune_removes_the_manifest_first_and_the_toc_last),
        TEST(test_prune_says_that_a_backup_is_as_before),
        TEST(test_prune_says_what_is_left_of_half_a_backup),
        TEST(test_prune_believes_the_store_where_an_answer_got_lost),
        TEST(test_prune_cancelled_says_what_is_half_done_and_what_was_not_come_to),
        TEST(test_prune_does_not_rely_on_a_newest_one_that_is_damaged),
        TEST(test_prune_leaves_what_verify_found_damaged),
        TEST(test_prune_leaves_what_is_locked),
        TEST(test_prune_of_many_objects),
        TEST(test_prune_of_many_objects_counts_what_is_left),
        TEST(test_prune_of_each_database_by_itself),
    };
    return cmocka_run_group_tests_name("backup/prune", tests, NULL, NULL);
}
