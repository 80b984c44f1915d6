#include "made.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "backup/running.h"
#include "base/cancel.h"
#include "base/clock.h"

#define FOLDER "backups/default/shop/20261122T101500Z-000000"
#define ID     "20261122T101500Z-000000"
#define MARK   FOLDER "/" EVO_BACKUP_RUNNING
#define FAR    ((int64_t)3600 * 1000)

static struct evo_strbuf heard; /* under the log's own lock: one thread of its own at a time */

static void hear(void *ctx, enum evo_level level, const char *message)
{
    (void)ctx;
    if (level == EVO_LOG_WARN)
        evo_strbuf_addf(&heard, "%s\n", message);
}

static int64_t mtime_of_mark(struct evo_store *store)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_stat st;
    return evo_store_stat(store, MARK, &st, &err) ? -1 : st.mtime_ms;
}

static void make_old(void)
{
    EVO_AUTO_STR path = evo_asprintf("%s/" MARK, made_folder);
    struct timespec both[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
}

/* Polls for what the thread does. */
static bool becomes(bool (*what)(struct evo_store *store), struct evo_store *store)
{
    struct evo_deadline until = evo_deadline_in(10000);
    while (!what(store)) {
        struct timespec tick = { .tv_nsec = 2000000 };
        if (evo_deadline_passed(until))
            return false;
        (void)nanosleep(&tick, NULL);
    }
    return true;
}

static bool is_new(struct evo_store *store)
{
    return mtime_of_mark(store) > 1000;
}

static void test_begin_puts_a_mark_that_says_what_it_is(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    struct evo_running *r = NULL;
    assert_ok(evo_running_begin(*state, FOLDER, ID, FAR, NULL, &r, &err));
    assert_ok(evo_store_get(*state, MARK, 4096, &text, &err));
    assert_non_null(strstr(text.buf, "making backup " ID " here"));
    assert_non_null(strstr(text.buf, "Without manifest.json this folder is no backup"));
    evo_running_end(r, true);
    assert_int_equal(made_count(*state, ""), 0);
}

static void test_mark_is_written_anew(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_running *r = NULL;
    assert_ok(evo_running_begin(*state, FOLDER, ID, 10, NULL, &r, &err));
    for (int i = 0; i < 3; i++) {
        make_old();
        assert_true(becomes(is_new, *state));
    }
    evo_running_end(r, false);
    assert_int_equal(made_count(*state, ""), 1);
    make_old();
    assert_false(is_new(*state));
}

static void test_end_does_not_wait_for_the_next_renewal(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_running *r = NULL;
    int64_t began = evo_clock_ms();
    assert_ok(evo_running_begin(*state, FOLDER, ID, FAR, NULL, &r, &err));
    evo_running_end(r, false);
    assert_true(evo_clock_ms() - began < 5000);
    evo_running_end(NULL, true);
}

static int puts_to_fail;
static int puts_seen;

static enum evo_errc fail_puts(struct evo_store *store, const char *key, const void *data, size_t n,
                               unsigned flags, struct evo_error *err)
{
    assert_int_equal(flags, EVO_STORE_PASSING);
    if (puts_seen++ > 0 && puts_to_fail-- > 0)
        return evo_error_set(err, EVO_ERR_NETWORK, "no way to \"%s\"", key);
    return made_real_ops->put(store, key, data, n, flags, err);
}

static void test_a_renewal_that_fails_is_told_once_and_tried_again(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_task task = { .log = hear };
    struct evo_running *r = NULL;
    evo_strbuf_init(&heard, 4096);
    made_fail_removal(*state, NULL, 0, EVO_OK);
    made_ops.put = fail_puts;
    puts_to_fail = 3;
    puts_seen = 0;
    assert_ok(evo_running_begin(*state, FOLDER, ID, 10, &task, &r, &err));
    make_old();
    assert_true(becomes(is_new, *state));
    evo_running_end(r, true);
    assert_non_null(strstr(heard.buf, "could not be renewed"));
    assert_null(strstr(strstr(heard.buf, "could not be renewed") + 1, "could not be renewed"));
    evo_strbuf_release(&heard);
}

static enum evo_errc refuse_put(struct evo_store *store, const char *key, const void *data, size_t n,
                                unsigned flags, struct evo_error *err)
{
    (void)store, (void)data, (void)n, (void)flags;
    return evo_error_set(err, EVO_ERR_STORE, "may not write \"%s\"", key);
}

static void test_begin_fails_where_nothing_can_be_written(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_running *r = NULL;
    made_fail_removal(*state, NULL, 0, EVO_OK);
    made_ops.put = refuse_put;
    assert_int_equal(evo_running_begin(*state, FOLDER, ID, FAR, NULL, &r, &err), EVO_ERR_STORE);
    assert_null(r);
}

static void test_a_mark_that_may_not_be_removed_stays(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_running *r = NULL;
    made_fail_removal(*state, EVO_BACKUP_RUNNING, 0, EVO_ERR_STORE);
    assert_ok(evo_running_begin(*state, FOLDER, ID, FAR, NULL, &r, &err));
    evo_running_end(r, true);
    assert_int_equal(made_removals, 1);
    assert_int_equal(made_count(*state, ""), 1);
}

static void test_nothing_is_renewed_behind_a_cancel(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_running *r = NULL;
    made_fail_removal(*state, NULL, 0, EVO_OK);
    made_ops.put = fail_puts;
    puts_to_fail = puts_seen = 0;
    assert_ok(evo_running_begin(*state, FOLDER, ID, FAR, NULL, &r, &err));
    evo_cancel_request(15);
    evo_running_end(r, false);
    evo_cancel_acknowledge();
    assert_int_equal(puts_seen, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, made_store, made_gone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_begin_puts_a_mark_that_says_what_it_is),
        TEST(test_mark_is_written_anew),
        TEST(test_end_does_not_wait_for_the_next_renewal),
        TEST(test_a_renewal_that_fails_is_told_once_and_tried_again),
        TEST(test_begin_fails_where_nothing_can_be_written),
        TEST(test_a_mark_that_may_not_be_removed_stays),
        TEST(test_nothing_is_renewed_behind_a_cancel),
    };
    return cmocka_run_group_tests_name("backup/running", tests, NULL, NULL);
}
