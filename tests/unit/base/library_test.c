#include "cmocka_all.h"

#include "base/library.h"

struct functions {
    void *(*first)(void);
    void *(*second)(void);
};

static void test_load_fills_the_functions_in_the_order_of_the_names(void **state)
{
    (void)state;
    struct {
        const char *(*version)(void);
        int (*compress_bound)(void);
    } z = { NULL, NULL };
    static const char *const names[] = { "zlibVersion", "compressBound" };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_library_load("libz.so.1", "zlib1g", names, 2, &z, sizeof(z), &err), EVO_OK);
    assert_true(z.version()[0] == '1');
    assert_non_null(z.compress_bound);
}

static void test_load_of_a_library_that_is_not_there_names_the_package(void **state)
{
    (void)state;
    struct functions f = { NULL, NULL };
    static const char *const names[] = { "a", "b" };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_library_load("libevo-none.so.1", "libnone1", names, 2, &f, sizeof(f), &err),
                     EVO_ERR_UNSUPPORTED);
    assert_string_equal(err.message, "could not load \"libevo-none.so.1\"");
    assert_non_null(strstr(err.detail, "cannot open shared object file"));
    assert_string_equal(err.hint, "apt-get install libnone1");
}

static void test_load_of_a_library_that_lacks_a_function_changes_nothing(void **state)
{
    (void)state;
    struct functions f = { NULL, NULL };
    static const char *const names[] = { "zlibVersion", "evo_none" };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_library_load("libz.so.1", "zlib1g", names, 2, &f, sizeof(f), &err),
                     EVO_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.detail, "evo_none"));
    assert_null(f.first);
    assert_null(f.second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_fills_the_functions_in_the_order_of_the_names),
        cmocka_unit_test(test_load_of_a_library_that_is_not_there_names_the_package),
        cmocka_unit_test(test_load_of_a_library_that_lacks_a_function_changes_nothing),
    };
    return cmocka_run_group_tests_name("base/library", tests, NULL, NULL);
}
