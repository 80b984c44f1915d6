#include "cmocka_all.h"

#include <sys/stat.h>

#include "base/file.h"

static char dir[] = "/tmp/evo-file-test-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static void remove_tree(const char *path)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    if (evo_is_dir(path) && evo_dir_list(path, &names, NULL) == EVO_OK) {
        for (size_t i = 0; i < names.count; i++) {
            EVO_AUTO_STR inner = evo_path_join(path, names.items[i]);
            remove_tree(inner);
        }
    }
    (void)remove(path);
}

static int drop_dir(void **state)
{
    (void)state;
    remove_tree(dir);
    return 0;
}

static void test_write_replaces_whole_and_leaves_no_temporary(void **state)
{
    (void)state;
    EVO_AUTO_STR path = evo_path_join(dir, "a");
    struct evo_error err;
    assert_int_equal(evo_file_write(path, "one", 3, &err), EVO_OK);
    assert_int_equal(evo_file_write(path, "second", 6, &err), EVO_OK);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    assert_int_equal(evo_file_read(path, 100, &text, &err), EVO_OK);
    assert_string_equal(text.buf, "second");
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    assert_int_equal(evo_dir_list(dir, &names, &err), EVO_OK);
    assert_int_equal(names.count, 1);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_write_once_refuses_an_existing_file(void **state)
{
    (void)state;
    EVO_AUTO_STR path = evo_path_join(dir, "once");
    struct evo_error err;
    assert_int_equal(evo_file_write_once(path, "first", 5, &err), EVO_OK);
    assert_int_equal(evo_file_write_once(path, "other", 5, &err), EVO_ERR_DISK);
    assert_true(err.exists);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    assert_int_equal(evo_file_read(path, 100, &text, &err), EVO_OK);
    assert_string_equal(text.buf, "first");
}

static void test_read_of_a_missing_or_too_large_file_names_it(void **state)
{
    (void)state;
    EVO_AUTO_STR path = evo_path_join(dir, "large");
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    struct evo_error err;
    assert_int_equal(evo_file_read("/nonexistent/file", 10, &text, &err), EVO_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nonexistent/file"));
    assert_int_equal(evo_file_write(path, "0123456789x", 11, &err), EVO_OK);
    assert_int_equal(evo_file_read(path, 10, &text, &err), EVO_ERR_DISK);
    assert_non_null(strstr(err.message, "larger than 10 bytes"));
}

static void test_write_to_a_full_device_is_a_disk_error(void **state)
{
    (void)state;
    struct evo_error err;
    assert_int_equal(evo_file_append("/dev/full", "x", 1, &err), EVO_ERR_DISK);
    assert_int_equal(evo_errc_exit(err.code), 4);
}

static void test_dir_make_makes_parents_and_refuses_a_file_in_the_way(void **state)
{
    (void)state;
    EVO_AUTO_STR deep = evo_path_join(dir, "x/y/z");
    EVO_AUTO_STR blocked = evo_path_join(dir, "a/under");
    struct evo_error err;
    assert_int_equal(evo_dir_make(deep, &err), EVO_OK);
    assert_int_equal(evo_dir_make(deep, &err), EVO_OK);
    assert_true(evo_is_dir(deep));
    assert_int_equal(evo_dir_make(blocked, &err), EVO_ERR_DISK);
}

static void test_paths_join_and_split(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *joined;
    } rows[] = {
        { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "a", "/b", "/b" }, { ".", "b", "b" }, { "", "b", "b" }
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR joined = evo_path_join(rows[i].a, rows[i].b);
        assert_string_equal(joined, rows[i].joined);
    }
    EVO_AUTO_STR none = evo_path_dir("file");
    EVO_AUTO_STR root = evo_path_dir("/file");
    EVO_AUTO_STR some = evo_path_dir("a/b/c");
    assert_string_equal(none, ".");
    assert_string_equal(root, "/");
    assert_string_equal(some, "a/b");
    assert_string_equal(evo_path_base("a/b/c"), "c");
    assert_string_equal(evo_path_base("c"), "c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_replaces_whole_and_leaves_no_temporary),
        cmocka_unit_test(test_write_once_refuses_an_existing_file),
        cmocka_unit_test(test_read_of_a_missing_or_too_large_file_names_it),
        cmocka_unit_test(test_write_to_a_full_device_is_a_disk_error),
        cmocka_unit_test(test_dir_make_makes_parents_and_refuses_a_file_in_the_way),
        cmocka_unit_test(test_paths_join_and_split),
    };
    return cmocka_run_group_tests_name("base/file", tests, make_dir, drop_dir);
}
