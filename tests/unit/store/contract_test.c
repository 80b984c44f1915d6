#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/contract.h"

/* The contract over a folder. */
static char folder[] = "/tmp/evo-contract-XXXXXX";

static struct evo_store *contract_open(void)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR url = evo_asprintf("%s/store", folder);
    struct evo_store_options o = { .url = url };
    struct evo_store *store = NULL;
    assert_ok(evo_store_open(&o, &store, &err));
    assert_string_equal(evo_store_url(store), url);
    assert_false(evo_store_is_s3(store));
    return store;
}

static void test_folder_goes_with_its_last_object(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_begin();
    put_text(store, "t/a/b/c", "x");
    put_text(store, "t/a/d", "x");
    assert_ok(evo_store_remove(store, "t/a/b/c", &err));
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, "t/a/", false, &list, &err));
    assert_keys(&list, "t/a/d");
    assert_folders(&list, "");
    assert_ok(evo_store_remove(store, "t/a/d", &err));
    EVO_AUTO_STR path = evo_asprintf("%s/store/t", folder);
    assert_int_not_equal(access(path, F_OK), 0);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

/* What the tests have stored goes by the store itself, so that the folder must be empty now. */
static int tear_down(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    EVO_AUTO_STR root = evo_asprintf("%s/store", folder);
    return (rmdir(root) == 0 || access(root, F_OK) != 0) && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { CONTRACT_TESTS,
                                        cmocka_unit_test(test_folder_goes_with_its_last_object) };
    return cmocka_run_group_tests_name("store contract: folder", tests, set_up, tear_down);
}
