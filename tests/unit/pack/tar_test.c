#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pack/tar.h"

static void build(struct evo_strbuf *out)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(tar) tar = evo_tar_new(out);
    assert_int_equal(evo_tar_add(tar, "20260101000000_init/migration.sql", "CREATE TABLE a ();\n", 19, &err),
                     0);
    assert_int_equal(evo_tar_add(tar, "m/na\xc3\xafve name.sql", "", 0, &err), EVO_OK);
    assert_int_equal(evo_tar_add(tar, "b\\c", "x\0y", 3, &err), EVO_OK);
    assert_int_equal(evo_tar_finish(tar, &err), EVO_OK);
}

static enum evo_errc list(void *ctx, const char *path, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    (void)data;
    evo_strbuf_addf(ctx, "%s=%zu;", path, n);
    return EVO_OK;
}

static void test_files_come_back_in_order(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) tar = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) seen = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    build(&tar);
    assert_int_equal(evo_tar_read(tar.buf, tar.len, 1000, list, &seen, &err), EVO_OK);
    assert_string_equal(seen.buf, "20260101000000_init/migration.sql=19;m/na\xc3\xafve name.sql=0;b\\c=3;");
}

static void test_the_same_files_give_the_same_bytes(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) one = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) two = EVO_STRBUF_INIT;
    build(&one);
    build(&two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.buf, two.buf, one.len);
}

static void test_a_path_that_leaves_the_tar_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = { "", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/" };
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(tar) tar = evo_tar_new(&out);
        assert_int_equal(evo_tar_add(tar, bad[i], "x", 1, &err), EVO_ERR_CONFIG);
    }
}

static void test_a_cut_tar_is_refused(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) tar = EVO_STRBUF_INIT;
    build(&tar);
    for (size_t n = 0; n < tar.len; n += 256) {
        EVO_AUTO(strbuf) seen = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_tar_read(tar.buf, n, 1000, list, &seen, &err), EVO_ERR_INTEGRITY);
    }
}

static void test_more_than_the_limit_is_refused(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) tar = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) seen = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    build(&tar);
    assert_int_equal(evo_tar_read(tar.buf, tar.len, 21, list, &seen, &err), EVO_ERR_INTEGRITY);
    assert_int_equal(evo_tar_read(tar.buf, tar.len, 22, list, &seen, &err), EVO_OK);
}

static void test_a_full_buffer_is_an_error(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT_MAX(600);
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(tar) tar = evo_tar_new(&out);
    enum evo_errc rc = evo_tar_add(tar, "a", "x", 1, &err);
    if (!rc)
        rc = evo_tar_finish(tar, &err);
    assert_int_equal(rc, EVO_ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_come_back_in_order),
        cmocka_unit_test(test_the_same_files_give_the_same_bytes),
        cmocka_unit_test(test_a_path_that_leaves_the_tar_is_refused),
        cmocka_unit_test(test_a_cut_tar_is_refused),
        cmocka_unit_test(test_more_than_the_limit_is_refused),
        cmocka_unit_test(test_a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests_name("pack/tar", tests, NULL, NULL);
}
