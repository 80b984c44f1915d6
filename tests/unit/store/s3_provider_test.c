#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/s3_provider.h"

static void test_provider_is_told_by_the_host(void **state)
{
    (void)state;
    static const struct {
        const char *host, *name;
    } rows[] = {
        { NULL, "aws" },
        { "s3.eu-central-1.amazonaws.com", "aws" },
        { "bucket.vpce-1.s3.us-east-1.vpce.amazonaws.com:443", "aws" },
        { "s3.cn-north-1.amazonaws.com.cn", "aws" },
        { "0123abcd.r2.cloudflarestorage.com", "r2" },
        { "0123abcd.EU.R2.cloudflarestorage.com", "r2" },
        { "storage.googleapis.com", "gcs" },
        { "evil-storage.googleapis.com", "other" },
        { "s3.fr-par.scw.cloud", "scaleway" },
        { "amazonaws.com.example.org", "other" },
        { "127.0.0.1:8333", "other" },
        { "minio.lan", "other" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        assert_string_equal(evo_s3_provider_find(NULL, rows[i].host)->name, rows[i].name);
        assert_string_equal(evo_s3_provider_find("auto", rows[i].host)->name, rows[i].name);
    }
}

static void test_provider_by_name_wins_over_the_host(void **state)
{
    (void)state;
    static const char *const names[] = { "aws",       "r2",        "gcs",      "ceph", "minio",
                                         "seaweedfs", "versitygw", "scaleway", "other" };
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        assert_string_equal(evo_s3_provider_find(names[i], "storage.googleapis.com")->name, names[i]);
    assert_null(evo_s3_provider_find("azure", NULL));
}

static void test_every_provider_has_a_checksum_for_locked_objects(void **state)
{
    (void)state;
    static const char *const names[] = { "aws",       "r2",        "gcs",      "ceph", "minio",
                                         "seaweedfs", "versitygw", "scaleway", "other" };
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        assert_int_not_equal(evo_s3_provider_find(names[i], NULL)->checksum_locked, EVO_S3_CHECKSUM_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_provider_is_told_by_the_host),
        cmocka_unit_test(test_provider_by_name_wins_over_the_host),
        cmocka_unit_test(test_every_provider_has_a_checksum_for_locked_objects),
    };
    return cmocka_run_group_tests_name("store/s3_provider", tests, NULL, NULL);
}
