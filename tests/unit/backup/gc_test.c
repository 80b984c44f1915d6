#include "made.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "backup/gc.h"
#include "base/cancel.h"
#include "base/clock.h"

#define MINUTE ((int64_t)60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WHOLE  "backups/default/shop/20261122T101500Z-000000"
#define HALF   "backups/default/shop/20261123T101500Z-000000"
#define OTHER  "backups/staging/a%2Fb/20261124T101500Z-000000"
#define AT     1795342500000

static int64_t now; /* when the files of a test were made */

/* A whole backup, two halves, and what is no backup at all; all of one moment. */
static int some_of_each(void **state)
{
    static const char *const keys[] = { HALF "/toc.dat",
                                        HALF "/10.dat.gz",
                                        HALF "/proof/20261123T101500Z-verify.json",
                                        OTHER "/toc.dat",
                                        "passports/staging/20261122T101500Z-1.json",
                                        "backups/default/shop/note.txt",
                                        "backups/default/shop/other/file" };
    struct evo_error err = EVO_ERROR_INIT;
    if (made_store(state))
        return -1;
    made_backup(*state, "default", "shop", "20261122T101500Z-000000", AT, NULL);
    for (size_t i = 0; i < EVO_COUNT(keys); i++)
        assert_ok(evo_store_put(*state, keys[i], "xy", 2, 0, &err));
    made_fail_removal(*state, NULL, 0, EVO_OK);
    now = evo_wall_ms();
    return 0;
}

static void set_mtime(const char *key, int64_t ms)
{
    EVO_AUTO_STR path = evo_asprintf("%s/%s", made_folder, key);
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    struct timespec both[2] = { t, t };
    assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
}

static void temporary(const char *key, int64_t ms)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR path = evo_asprintf("%s/%s", made_folder, key);
    assert_ok(evo_file_write(path, "part", 4, &err));
    set_mtime(key, ms);
}

static struct evo_gc_options after(struct evo_store *store, int64_t ms)
{
    return (struct evo_gc_options){ .store = store, .grace_ms = DAY, .now_ms = now + ms };
}

static const struct evo_gc_item *item_of(const struct evo_gc_report *report, const char *key)
{
    for (size_t i = 0; i < report->count; i++)
        if (evo_streq(report->items[i].key, key))
            return &report->items[i];
    fail_msg("%s is not in the report", key);
    return NULL;
}

static void test_gc_removes_old_halves_and_nothing_else(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 400 * DAY);
    size_t before = made_count(*state, "");
    assert_ok(evo_gc(&o, &report, &err));
    assert_int_equal(report.count, 2);
    assert_int_equal(item_of(&report, HALF)->fate, EVO_GC_REMOVED);
    assert_int_equal(item_of(&report, HALF)->kind, EVO_GC_FOLDER);
    assert_int_equal(item_of(&report, HALF)->objects, 3);
    assert_int_equal(item_of(&report, HALF)->bytes, 6);
    assert_true(item_of(&report, HALF)->age_ms >= 400 * DAY);
    assert_int_equal(item_of(&report, OTHER)->fate, EVO_GC_REMOVED);
    assert_int_equal(made_count(*state, ""), before - 4);
    assert_int_equal(made_count(*state, WHOLE "/"), 4);
    assert_int_equal(made_count(*state, "passports/"), 1);
}

static void test_gc_dry_removes_nothing(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 400 * DAY);
    size_t before = made_count(*state, "");
    o.dry_run = true;
    temporary(OTHER "/.evo-tmp-1", now);
    assert_ok(evo_gc(&o, &report, &err));
    assert_int_equal(item_of(&report, HALF)->fate, EVO_GC_REMOVED);
    assert_int_equal(item_of(&report, OTHER "/.evo-tmp-1")->fate, EVO_GC_REMOVED);
    assert_int_equal(made_count(*state, ""), before);
}

static void test_gc_grace_and_margin(void **state)
{
    static const struct {
        int64_t grace_ms, age_ms;
        enum evo_gc_fate want;
    } rows[] = {
        { DAY, DAY + 15 * MINUTE - 1, EVO_GC_LEFT },
        { DAY, DAY + 15 * MINUTE, EVO_GC_REMOVED },
        { HOUR, HOUR + 15 * MINUTE - 1, EVO_GC_LEFT },
        { 20 * MINUTE, 25 * MINUTE - 1, EVO_GC_LEFT },
        { 20 * MINUTE, 25 * MINUTE, EVO_GC_REMOVED },
        { 0, 0, EVO_GC_REMOVED },
        /* From the future: some clock is wrong. */
        { 0, -1, EVO_GC_LEFT },
        { 0, -DAY, EVO_GC_LEFT },
    };
    struct evo_error err = EVO_ERROR_INIT;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(gc_report) report = { 0 };
        struct evo_gc_options o = {
            .store = *state, .grace_ms = rows[i].grace_ms, .now_ms = now, .dry_run = true
        };
        set_mtime(OTHER "/toc.dat", now - rows[i].age_ms);
        assert_ok(evo_gc(&o, &report, &err));
        const struct evo_gc_item *item = item_of(&report, OTHER);
        assert_int_equal(item->fate, rows[i].want);
        assert_int_equal(item->age_ms, rows[i].age_ms < 0 ? 0 : rows[i].age_ms);
        if (item->fate == EVO_GC_LEFT)
            assert_string_equal(item->why, "younger than the grace time");
    }
}

static void test_gc_leaves_a_folder_for_its_youngest_object(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 2 * DAY);
    set_mtime(HALF "/10.dat.gz", now + DAY + HOUR);
    assert_ok(evo_gc(&o, &report, &err));
    assert_int_equal(item_of(&report, HALF)->fate, EVO_GC_LEFT);
    assert_int_equal(made_count(*state, HALF "/"), 3);
    assert_int_equal(item_of(&report, OTHER)->fate, EVO_GC_REMOVED);
}

static void test_gc_leaves_what_has_a_manifest_of_any_kind(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 400 * DAY);
    o.grace_ms = 0;
    assert_ok(evo_store_put(*state, HALF "/manifest.json", "", 0, 0, &err));
    assert_ok(evo_gc(&o, &report, &err));
    assert_int_equal(made_count(*state, HALF "/"), 4);
    assert_int_equal(report.count, 1);
}

static void test_gc_leaves_what_is_being_made(void **state)
{
    static const struct {
        int64_t mark_age_ms, grace_ms;
        enum evo_gc_fate want;
    } rows[] = {
        { 0, MINUTE, EVO_GC_LEFT },
        { 30 * MINUTE - 1, MINUTE, EVO_GC_LEFT },
        { 30 * MINUTE, MINUTE, EVO_GC_REMOVED },
        { 30 * MINUTE, HOUR, EVO_GC_LEFT }, /* by the grace time, as any object */
        { -DAY, MINUTE, EVO_GC_LEFT }, /* from the future */
        { 0, 0, EVO_GC_REMOVED }, /* who says so knows that nothing runs */
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(gc_report) report = { 0 };
        struct evo_gc_options o = after(*state, 2 * DAY);
        o.grace_ms = rows[i].grace_ms;
        o.dry_run = true;
        assert_ok(evo_store_put(*state, HALF "/" EVO_BACKUP_RUNNING, "x", 1, 0, &err));
        set_mtime(HALF "/" EVO_BACKUP_RUNNING, o.now_ms - rows[i].mark_age_ms);
        temporary(HALF "/.evo-tmp-1", now);
        assert_ok(evo_gc(&o, &report, &err));
        assert_int_equal(item_of(&report, HALF)->fate, rows[i].want);
        assert_int_equal(item_of(&report, HALF "/.evo-tmp-1")->fate, rows[i].want);
        if (rows[i].want == EVO_GC_LEFT && rows[i].grace_ms == MINUTE)
            assert_non_null(strstr(item_of(&report, HALF)->why, EVO_BACKUP_RUNNING));
        /* Another one without a mark is as it was. */
        assert_int_equal(item_of(&report, OTHER)->fate, EVO_GC_REMOVED);
    }
}

static void test_gc_removes_the_mark_of_a_killed_run_with_the_rest(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 2 * DAY);
    assert_ok(evo_store_put(*state, HALF "/" EVO_BACKUP_RUNNING, "x", 1, 0, &err));
    assert_ok(evo_gc(&o, &report, &err));
    assert_int_equal(item_of(&report, HALF)->objects, 4);
    assert_int_equal(made_count(*state, HALF "/"), 0);
}

static void test_gc_uploads_by_their_age(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 2 * DAY);
    temporary(WHOLE "/.evo-tmp-old", now);
    temporary(WHOLE "/.evo-tmp-young", now + 2 * DAY);
    temporary("backups/default/shop/.evo-tmp-stray", now);
    temporary("backups/default/shop/.evo-tmp-new", now + 2 * DAY);
    assert_ok(evo_gc(&o, &report, &err));
    assert_int_equal(item_of(&report, WHOLE "/.evo-tmp-old")->fate, EVO_GC_REMOVED);
    assert_int_equal(item_of(&report, WHOLE "/.evo-tmp-old")->kind, EVO_GC_UPLOAD);
    assert_int_equal(item_of(&report, WHOLE "/.evo-tmp-old")->age_ms, 2 * DAY);
    assert_int_equal(item_of(&report, WHOLE "/.evo-tmp-young")->fate, EVO_GC_LEFT);
    assert_int_equal(item_of(&report, "backups/default/shop/.evo-tmp-stray")->fate, EVO_GC_REMOVED);
    assert_int_equal(item_of(&report, "backups/default/shop/.evo-tmp-new")->fate, EVO_GC_LEFT);
    EVO_AUTO_STR gone = evo_asprintf("%s/" WHOLE "/.evo-tmp-old", made_folder);
    assert_int_not_equal(access(gone, F_OK), 0);
    assert_int_equal(made_count(*state, WHOLE "/"), 4);
}

static void test_gc_a_young_upload_keeps_its_whole_folder(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 2 * DAY);
    temporary(HALF "/.evo-tmp-old", now);
    temporary(HALF "/.evo-tmp-young", now + 2 * DAY);
    assert_ok(evo_gc(&o, &report, &err));
    assert_int_equal(item_of(&report, HALF)->fate, EVO_GC_LEFT);
    assert_non_null(strstr(item_of(&report, HALF)->why, "an upload into it"));
    assert_int_equal(item_of(&report, HALF "/.evo-tmp-old")->fate, EVO_GC_LEFT);
    assert_int_equal(made_count(*state, HALF "/"), 3);
}

static void test_gc_an_upload_without_an_object_goes(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 2 * DAY);
    EVO_AUTO_STR folder = evo_asprintf("%s/backups/default/shop/20261130T000000Z-000000", made_folder);
    assert_ok(evo_dir_make(folder, &err));
    temporary("backups/default/shop/20261130T000000Z-000000/.evo-tmp-1", now);
    assert_ok(evo_gc(&o, &report, &err));
    assert_int_equal(item_of(&report, "backups/default/shop/20261130T000000Z-000000/.evo-tmp-1")->fate,
                     EVO_GC_REMOVED);
    assert_int_not_equal(access(folder, F_OK), 0);
}

/* The second time that HALF is listed, this is there too. */
static const char *appears;
static int listings;

static enum evo_errc list_and_change(struct evo_store *store, const char *prefix, bool flat,
                                     struct evo_store_list *ret, struct evo_error *err)
{
    if (evo_streq(prefix, HALF "/") && ++listings == 2) {
        EVO_AUTO_STR key = evo_asprintf(HALF "/%s", appears);
        assert_int_equal(evo_store_put(store, key, "new", 3, 0, err), EVO_OK);
    }
    return made_real_ops->list(store, prefix, flat, ret, err);
}

static void test_gc_leaves_what_changes_while_it_looks(void **state)
{
    /* An object more, a manifest, one that is written anew. */
    static const char *const rows[] = { "11.dat.gz", "manifest.json", "toc.dat" };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(gc_report) report = { 0 };
        struct evo_gc_options o = after(*state, 2 * DAY);
        appears = rows[i];
        listings = 0;
        made_ops.list = list_and_change;
        size_t before = made_count(*state, HALF "/");
        listings = 0;
        assert_ok(evo_gc(&o, &report, &err));
        assert_int_equal(listings, 2);
        assert_int_equal(item_of(&report, HALF)->fate, EVO_GC_LEFT);
        assert_string_equal(item_of(&report, HALF)->why, "it changed while it was looked at");
        assert_true(made_count(*state, HALF "/") >= before);
        assert_ok(made_real_ops->remove(*state, HALF "/manifest.json", &err));
    }
}

static void test_gc_tells_what_could_not_be_removed_and_goes_on(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 2 * DAY);
    made_fail_removal(*state, "-verify.json", 0, EVO_ERR_STORE);
    assert_int_equal(evo_gc(&o, &report, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "(1 failure)"));
    const struct evo_gc_item *folder = item_of(&report, HALF);
    assert_int_equal(folder->fate, EVO_GC_FAILED);
    assert_non_null(strstr(folder->why, "1 of its 3 objects was removed"));
    assert_int_equal(item_of(&report, HALF "/10.dat.gz")->kind, EVO_GC_OBJECT);
    assert_int_equal(item_of(&report, OTHER)->fate, EVO_GC_REMOVED);
    assert_int_equal(made_count(*state, HALF "/"), 2);
}

static enum evo_errc refuse_abort(struct evo_store *store, const struct evo_store_upload *u,
                                  struct evo_error *err)
{
    (void)store;
    return evo_error_set(err, EVO_ERR_NETWORK, "could not abort \"%s\"", u->key);
}

static void test_gc_tells_which_upload_stays(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 2 * DAY);
    made_ops.abort_upload = refuse_abort;
    temporary(WHOLE "/.evo-tmp-old", now);
    assert_int_equal(evo_gc(&o, &report, &err), EVO_ERR_NETWORK);
    assert_int_equal(item_of(&report, WHOLE "/.evo-tmp-old")->fate, EVO_GC_FAILED);
    assert_int_equal(item_of(&report, HALF)->fate, EVO_GC_REMOVED);
}

static void cancel(struct evo_store *store, const char *key)
{
    (void)store;
    (void)key;
    evo_cancel_request(15);
}

static void test_gc_cancelled_tells_what_went(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(gc_report) report = { 0 };
    struct evo_gc_options o = after(*state, 2 * DAY);
    made_before_remove = cancel;
    enum evo_errc rc = evo_gc(&o, &report, &err);
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_int_equal(item_of(&report, HALF)->fate, EVO_GC_FAILED);
    assert_int_equal(made_count(*state, HALF "/"), 2);
    assert_int_equal(made_count(*state, OTHER "/"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, some_of_each, made_gone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gc_removes_old_halves_and_nothing_else),
        TEST(test_gc_dry_removes_nothing),
        TEST(test_gc_grace_and_margin),
        TEST(test_gc_leaves_a_folder_for_its_youngest_object),
        TEST(test_gc_leaves_what_has_a_manifest_of_any_kind),
        TEST(test_gc_leaves_what_is_being_made),
        TEST(test_gc_removes_the_mark_of_a_killed_run_with_the_rest),
        TEST(test_gc_uploads_by_their_age),
        TEST(test_gc_a_young_upload_keeps_its_whole_folder),
        TEST(test_gc_an_upload_without_an_object_goes),
        TEST(test_gc_leaves_what_changes_while_it_looks),
        TEST(test_gc_tells_what_could_not_be_removed_and_goes_on),
        TEST(test_gc_tells_which_upload_stays),
        TEST(test_gc_cancelled_tells_what_went),
    };
    return cmocka_run_group_tests_name("backup/gc", tests, NULL, NULL);
}
