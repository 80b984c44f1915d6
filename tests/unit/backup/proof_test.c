#include "cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

#include "backup/proof.h"
#include "base/clock.h"
#include "base/file.h"

#define PREFIX "backups/default/shop/20261122T101500Z-3f9a2c"
#define AT     1795342500123 /* 2026-11-22T10:15:00.123Z */

static char folder[] = "/tmp/evo-proof-XXXXXX";

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
    if (evo_store_open(&o, &store, &err))
        return -1;
    *state = store;
    return 0;
}

static int empty_store(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_list) all = { 0 };
    int failed = evo_store_list_prefix(*state, "", true, &all, &err) != EVO_OK;
    for (size_t i = 0; i < all.count; i++)
        failed |= evo_store_remove(*state, all.items[i].key, &err) != EVO_OK;
    evo_store_close(*state);
    return failed;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    EVO_AUTO_STR tmp = evo_path_join(folder, ".evo-tmp");
    (void)rmdir(tmp);
    return rmdir(folder);
}

static void record(struct evo_store *store, enum evo_proof_kind kind, int64_t at_ms, bool ok)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(json) finding = evo_json_object();
    evo_json_set_bool(finding, "ok", ok);
    evo_json_set_int(finding, "objects", 7);
    assert_ok(evo_proof_record(store, PREFIX, kind, at_ms, finding, &err));
}

static void test_record_says_who_when_and_what(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(proof_list) list = { 0 };
    EVO_AUTO_PTR(json) v = NULL;
    record(*state, EVO_PROOF_VERIFY, AT, true);
    assert_ok(evo_proof_list(*state, PREFIX, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].key, PREFIX "/proof/20261122T101500Z-verify.json");
    assert_int_equal(list.items[0].kind, EVO_PROOF_VERIFY);
    assert_int_equal(list.items[0].at_ms, AT / 1000 * 1000);
    assert_ok(evo_proof_load(*state, &list.items[0], &v, &err));
    assert_string_equal(evo_json_get_string(v, "backup", ""), "20261122T101500Z-3f9a2c");
    assert_string_equal(evo_json_get_string(v, "at", ""), "2026-11-22T10:15:00.123Z");
    assert_true(evo_json_get_bool(v, "ok", false));
    assert_int_equal(evo_json_get_int(v, "objects", 0), 7);
}

static void test_record_of_one_second_replaces_nothing(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(proof_list) list = { 0 };
    EVO_AUTO_PTR(json) first = NULL;
    EVO_AUTO_PTR(json) second = NULL;
    record(*state, EVO_PROOF_VERIFY, AT, false);
    record(*state, EVO_PROOF_VERIFY, AT + 500, true);
    assert_ok(evo_proof_list(*state, PREFIX, &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[1].key, PREFIX "/proof/20261122T101501Z-verify.json");
    assert_ok(evo_proof_load(*state, &list.items[0], &first, &err));
    assert_ok(evo_proof_load(*state, &list.items[1], &second, &err));
    assert_false(evo_json_get_bool(first, "ok", true));
    assert_string_equal(evo_json_get_string(second, "at", ""), "2026-11-22T10:15:00.623Z");
}

static void test_record_gives_up_where_every_name_is_taken(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(json) finding = evo_json_object();
    evo_json_set_bool(finding, "ok", true);
    for (int i = 0; i < 11; i++)
        record(*state, EVO_PROOF_DRILL, AT, true);
    assert_int_not_equal(evo_proof_record(*state, PREFIX, EVO_PROOF_DRILL, AT, finding, &err), EVO_OK);
    assert_true(err.exists);
}

static void test_list_passes_over_other_names(void **state)
{
    static const char *const others[] = { "x.json",
                                          "20261122T101500Z-else.json",
                                          "20261122T101500Z-verify.txt",
                                          "2026-11-22T10:15:00Z-verify.json",
                                          "20261322T101500Z-verify.json",
                                          "20261122T101500Z-verify.json/x" };
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(proof_list) list = { 0 };
    for (size_t i = 0; i < EVO_COUNT(others); i++) {
        EVO_AUTO_STR key = evo_asprintf(PREFIX "/proof/%s", others[i]);
        assert_ok(evo_store_put(*state, key, "{}", 2, 0, &err));
    }
    assert_ok(evo_proof_list(*state, PREFIX, &list, &err));
    assert_int_equal(list.count, 0);
}

static void test_verdicts_are_the_newest_of_each_kind(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_verdict v[EVO_PROOF_KINDS];
    assert_ok(evo_proof_verdicts(*state, PREFIX, v, &err));
    assert_int_equal(v[EVO_PROOF_VERIFY].at_ms, -1);
    assert_int_equal(v[EVO_PROOF_DRILL].at_ms, -1);
    record(*state, EVO_PROOF_VERIFY, AT, true);
    record(*state, EVO_PROOF_VERIFY, AT + 86400000, false);
    record(*state, EVO_PROOF_DRILL, AT + 1000, true);
    assert_ok(evo_proof_verdicts(*state, PREFIX, v, &err));
    assert_int_equal(v[EVO_PROOF_VERIFY].at_ms, AT / 1000 * 1000 + 86400000);
    assert_false(v[EVO_PROOF_VERIFY].ok);
    assert_int_equal(v[EVO_PROOF_DRILL].at_ms, AT / 1000 * 1000 + 1000);
    assert_true(v[EVO_PROOF_DRILL].ok);
}

static void test_a_spoilt_proof_says_nothing(void **state)
{
    static const char *const spoilt[] = { "", "{", "{\"kind\": \"drill\", \"ok\": true}",
                                          "{\"kind\": \"verify\", \"ok\": \"yes\"}" };
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_verdict v[EVO_PROOF_KINDS];
    record(*state, EVO_PROOF_VERIFY, AT, true);
    for (size_t i = 0; i < EVO_COUNT(spoilt); i++) {
        struct evo_proof proof = { .kind = EVO_PROOF_VERIFY,
                                   .key = (char *)PREFIX "/proof/20261201T000000Z-verify.json" };
        EVO_AUTO_PTR(json) read = NULL;
        assert_ok(evo_store_put(*state, proof.key, spoilt[i], strlen(spoilt[i]), 0, &err));
        assert_int_equal(evo_proof_load(*state, &proof, &read, &err), EVO_ERR_INTEGRITY);
        assert_ok(evo_proof_verdicts(*state, PREFIX, v, &err));
        assert_int_equal(v[EVO_PROOF_VERIFY].at_ms, AT / 1000 * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_record_says_who_when_and_what, make_store, empty_store),
        cmocka_unit_test_setup_teardown(test_record_of_one_second_replaces_nothing, make_store, empty_store),
        cmocka_unit_test_setup_teardown(test_record_gives_up_where_every_name_is_taken, make_store,
                                        empty_store),
        cmocka_unit_test_setup_teardown(test_list_passes_over_other_names, make_store, empty_store),
        cmocka_unit_test_setup_teardown(test_verdicts_are_the_newest_of_each_kind, make_store, empty_store),
        cmocka_unit_test_setup_teardown(test_a_spoilt_proof_says_nothing, make_store, empty_store),
    };
    return cmocka_run_group_tests_name("backup/proof", tests, make_folder, remove_folder);
}
