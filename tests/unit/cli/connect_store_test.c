#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/connect.h"

static enum evo_errc open_with(const struct evo_shared *shared, struct evo_error *err)
{
    struct evo_cmd cmd = { .shared = shared };
    EVO_AUTO_PTR(store) store = NULL;
    return evo_cmd_store(&cmd, &store, err);
}

/* Each option arrives: a value that the store refuses is refused by the option's name. */
static void test_every_option_reaches_the_store(void **state)
{
    (void)state;
    static char url[] = "s3://shop/x", bad[] = "b@d", kms[] = "aws:kms", lock[] = "governance",
                file[] = "/nonexistent";
    static char *tags[] = { bad };
    static const struct {
        struct evo_shared shared;
        const char *says;
    } rows[] = {
        { { .store = url, .s3_endpoint = bad }, "S3 endpoint" },
        { { .store = url, .s3_region = bad }, "region" },
        { { .store = url, .s3_addressing = bad }, "addressing" },
        { { .store = url, .s3_profile_of = bad }, "--s3-profile-of" },
        { { .store = url, .s3_ca_bundle = file }, "/nonexistent" },
        { { .store = url, .s3_checksum = bad }, "--s3-checksum" },
        { { .store = url, .s3_storage_class = bad }, "--s3-storage-class" },
        { { .store = url, .s3_sse = bad }, "--s3-sse" },
        { { .store = url, .s3_sse_kms_key_id = bad }, "--s3-sse-kms-key-id" },
        { { .store = url, .s3_object_lock = lock }, "--s3-object-lock-days is not set" },
        { { .store = url, .s3_object_lock_days = 3 }, "--s3-object-lock is not set" },
        { { .store = url, .s3_tags = { .items = tags, .count = 1 } }, "--s3-tag" },
        { { .store = NULL }, "no store is configured" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(open_with(&rows[i].shared, &err), EVO_ERR_CONFIG);
        if (!strstr(err.message, rows[i].says))
            fail_msg("row %zu: %s", i, err.message);
    }
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_shared good = {
        .store = url, .s3_sse = kms, .s3_object_lock = lock, .s3_object_lock_days = 3
    };
    assert_int_equal(open_with(&good, &err), EVO_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_option_reaches_the_store) };
    return cmocka_run_group_tests_name("cli/connect_store", tests, NULL, NULL);
}
