#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/name.h"

static void test_id_is_time_and_six_digits(void **state)
{
    (void)state;
    char one[EVO_BACKUP_ID_MAX];
    char two[EVO_BACKUP_ID_MAX];
    evo_backup_id_make(1795342500123, one);
    for (int i = 0; i < 3 && (i == 0 || strcmp(one, two) == 0); i++) /* 14 bits may be the same once */
        evo_backup_id_make(1795342500123, two);
    assert_memory_equal(one, "20261122T101500Z-", 17);
    assert_true(evo_backup_id_valid(one));
    assert_string_not_equal(one, two);
}

static void test_ids_ascend_with_the_milliseconds(void **state)
{
    (void)state;
    char before[EVO_BACKUP_ID_MAX];
    evo_backup_id_make(1795342500000, before);
    for (int64_t ms = 1795342500001; ms <= 1795342501000; ms++) {
        char id[EVO_BACKUP_ID_MAX];
        evo_backup_id_make(ms, id);
        assert_true(evo_backup_id_valid(id));
        assert_true(strcmp(before, id) < 0);
        memcpy(before, id, sizeof(before));
    }
}

static void test_id_valid(void **state)
{
    (void)state;
    const struct {
        const char *id;
        bool want;
    } rows[] = {
        { "20261122T101500Z-3f9a2c", true },
        { "20261122T101500Z-3f9a2", false },
        { "20261122T101500Z-3f9a2c1", false },
        { "20261122T101500Z-3F9A2C", false },
        { "20261122T101500Z/3f9a2c", false },
        { "2026x122T101500Z-3f9a2c", false },
        { "latest", false },
        { "", false },
        { NULL, false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_int_equal(evo_backup_id_valid(rows[i].id), rows[i].want);
}

static void test_key_encodes_names(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_backup_key(&key, "staging", "my shop/1", "20261122T101500Z-3f9a2c", "toc.dat");
    assert_string_equal(key.buf, "backups/staging/my%20shop%2F1/20261122T101500Z-3f9a2c/toc.dat");
    evo_strbuf_clear(&key);
    evo_backup_key(&key, "staging", NULL, NULL, NULL);
    assert_string_equal(key.buf, "backups/staging");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_is_time_and_six_digits),
        cmocka_unit_test(test_ids_ascend_with_the_milliseconds),
        cmocka_unit_test(test_id_valid),
        cmocka_unit_test(test_key_encodes_names),
    };
    return cmocka_run_group_tests_name("backup/name", tests, NULL, NULL);
}
