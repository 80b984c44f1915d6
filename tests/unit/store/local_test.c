#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "store/store.h"

static char folder[] = "/tmp/evo-local-XXXXXX";

#define assert_ok(call)                  \
    do {                                 \
        if ((call) != EVO_OK)            \
            fail_msg("%s", err.message); \
    } while (0)

static struct evo_store *open_store(const char *url)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store *store = NULL;
    struct evo_store_options o = { .url = url };
    assert_ok(evo_store_open(&o, &store, &err));
    return store;
}

static char *in_folder(const char *name)
{
    return evo_path_join(folder, name);
}

static mode_t mode_of(const char *name)
{
    EVO_AUTO_STR path = in_folder(name);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static size_t entries(const char *name)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO_STR path = in_folder(name);
    enum evo_errc rc = evo_dir_list(path, &names, &err);
    return rc == EVO_ERR_NOT_FOUND ? 0 : names.count;
}

static void test_folders_and_files_are_for_their_owner_alone(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    mode_t before = umask(0);
    EVO_AUTO_STR url = in_folder("store///");
    EVO_AUTO_PTR(store) store = open_store(url);
    EVO_AUTO_PTR(store_writer) w = NULL;
    assert_ok(evo_store_put(store, "a/put", "x", 1, 0, &err));
    assert_ok(evo_store_put(store, "a/once", "x", 1, EVO_STORE_ONCE, &err));
    assert_ok(evo_store_writer_open(store, "a/streamed", 1, &w, &err));
    assert_ok(evo_store_writer_write(w, "x", 1, &err));
    assert_ok(evo_store_writer_commit(w, NULL, NULL, &err));
    (void)umask(before);
    assert_int_equal(mode_of("store"), 0700);
    assert_int_equal(mode_of("store/a"), 0700);
    assert_int_equal(mode_of("store/a/put"), 0600);
    assert_int_equal(mode_of("store/a/once"), 0600);
    assert_int_equal(mode_of("store/a/streamed"), 0600);
    assert_int_equal(entries("store/a"), 3);
    static const char *const keys[] = { "a/put", "a/once", "a/streamed" };
    for (size_t i = 0; i < EVO_COUNT(keys); i++)
        assert_ok(evo_store_remove(store, keys[i], &err));
}

/* As a disk that is full: no file may grow beyond 64 KiB. */
static void test_full_disk_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR url = in_folder("full");
    EVO_AUTO_PTR(store) store = open_store(url);
    struct evo_store_writer *w = NULL;
    char *data = evo_calloc(1, 100000);
    struct rlimit before, limit = { .rlim_cur = 65536 };
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit.rlim_max = before.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum evo_errc put = evo_store_put(store, "a/b", data, 100000, 0, &err);
    enum evo_errc opened = evo_store_writer_open(store, "a/c", 1, &w, &err);
    enum evo_errc written = opened ? opened : evo_store_writer_write(w, data, 100000, &err);
    enum evo_errc committed =
        opened ? opened : evo_store_writer_commit(w, NULL, NULL, &(struct evo_error){ 0 });
    evo_store_writer_free(w);
    (void)setrlimit(RLIMIT_FSIZE, &before);
    (void)signal(SIGXFSZ, handler);
    free(data);
    assert_int_equal(put, EVO_ERR_DISK);
    assert_int_equal(opened, EVO_OK);
    assert_int_equal(written, EVO_ERR_DISK);
    assert_int_equal(committed, EVO_ERR_INTERNAL);
    assert_non_null(strstr(err.message, "full/a/c"));
    assert_int_equal(entries("full"), 0);
}

static void touch(const char *name, int64_t age_s)
{
    EVO_AUTO_STR path = in_folder(name);
    EVO_AUTO_FD fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    struct timespec times[2] = { { .tv_sec = time(NULL) - age_s }, { .tv_sec = time(NULL) - age_s } };
    assert_true(fd >= 0);
    assert_int_equal(futimens(fd, times), 0);
}

static void test_files_of_killed_writers_are_never_listed_and_go_when_stale(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR url = in_folder("stale");
    EVO_AUTO_PTR(store) store = open_store(url);
    assert_ok(evo_store_put(store, "a/x", "x", 1, 0, &err));
    touch("stale/a/.evo-tmp-abcdef", 7200);
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, "", true, &list, &err));
    assert_int_equal(list.count, 1);
    assert_ok(evo_store_remove(store, "a/x", &err));
    assert_int_equal(entries("stale"), 0);

    /* One that somebody may be writing now stays, and its folder, which holds no object. */
    assert_ok(evo_store_put(store, "a/x", "x", 1, 0, &err));
    touch("stale/a/.evo-tmp-abcdef", 60);
    assert_ok(evo_store_remove(store, "a/x", &err));
    assert_int_equal(entries("stale/a"), 1);
    assert_ok(evo_store_list_prefix(store, "", false, &list, &err));
    assert_int_equal(list.count + list.folders.count, 0);
    touch("stale/a/.evo-tmp-abcdef", 7200);
    assert_ok(evo_store_remove(store, "a/x", &err));
    assert_int_equal(entries("stale"), 0);
}

static void test_file_in_the_way_of_a_folder_is_named(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR url = in_folder("way");
    EVO_AUTO_PTR(store) store = open_store(url);
    assert_ok(evo_store_put(store, "a", "x", 1, 0, &err));
    assert_int_equal(evo_store_put(store, "a/b", "x", 1, 0, &err), EVO_ERR_DISK);
    assert_non_null(strstr(err.message, "way/a"));
    assert_int_equal(evo_store_put(store, "a/b/c", "x", 1, 0, &err), EVO_ERR_DISK);
    assert_ok(evo_store_remove(store, "a/b", &err)); /* missing is fine */
    assert_ok(evo_store_remove(store, "a", &err));
    /* And a folder in the way of a file. */
    assert_ok(evo_store_put(store, "d/e", "x", 1, 0, &err));
    assert_int_equal(evo_store_put(store, "d", "x", 1, 0, &err), EVO_ERR_DISK);
    assert_int_equal(evo_store_put(store, "d", "x", 1, EVO_STORE_ONCE, &err), EVO_ERR_STORE);
    assert_true(err.exists);
    assert_ok(evo_store_remove(store, "d", &err));
    assert_ok(evo_store_remove(store, "d/e", &err));
}

static void test_check_looks_at_the_folder_or_at_what_would_hold_it(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR later = in_folder("not/yet/there");
    EVO_AUTO_STR file = in_folder("file");
    EVO_AUTO_STR below = in_folder("file/below");
    assert_ok(evo_file_write(file, "x", 1, &err));
    EVO_AUTO_PTR(store) one = open_store(folder);
    EVO_AUTO_PTR(store) two = open_store(later);
    EVO_AUTO_PTR(store) three = open_store(file);
    EVO_AUTO_PTR(store) four = open_store(below);
    EVO_AUTO_PTR(store) five = open_store("/proc/nowhere/store");
    assert_ok(evo_store_check(one, &err));
    assert_ok(evo_store_check(two, &err));
    assert_int_equal(access(later, F_OK), -1);
    assert_int_equal(evo_store_check(three, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "it is not a folder"));
    assert_int_equal(evo_store_check(four, &err), EVO_ERR_DISK);
    assert_non_null(strstr(err.message, "file/below"));
    assert_int_equal(evo_store_put(five, "a", "x", 1, 0, &err), EVO_ERR_DISK);
    assert_non_null(strstr(err.message, "/proc/nowhere"));
    assert_int_equal(unlink(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = { "store", "full", "stale", "way" };
    for (size_t i = 0; i < EVO_COUNT(names); i++) {
        EVO_AUTO_STR path = in_folder(names[i]);
        (void)rmdir(path);
    }
    return rmdir(folder); /* fails where a test has left something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_and_files_are_for_their_owner_alone),
        cmocka_unit_test(test_full_disk_is_told_and_leaves_nothing),
        cmocka_unit_test(test_files_of_killed_writers_are_never_listed_and_go_when_stale),
        cmocka_unit_test(test_file_in_the_way_of_a_folder_is_named),
        cmocka_unit_test(test_check_looks_at_the_folder_or_at_what_would_hold_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
