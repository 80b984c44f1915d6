/*
 * Streams into S3: what is in flight, how it ends, what it costs. Against tests/lib/fake_s3.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "fake_s3.h"

static void release(const char *bucket)
{
    EVO_AUTO(strbuf) ignored = EVO_STRBUF_INIT;
    ask("release", bucket, &ignored);
}

static struct evo_store_writer *open_writer(struct evo_store *store, size_t part_size)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_writer *w = NULL;
    assert_ok(evo_store_writer_open(store, "x", part_size, &w, &err));
    return w;
}

/* ---- in flight ---- */

static void test_write_goes_on_while_a_part_is_on_its_way(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("held");
    EVO_AUTO_PTR(store_writer) w = open_writer(store, PART);
    unsigned char *data = sample(2 * PART + 1);
    /* The first part is answered by nobody yet, and the second is taken nevertheless. */
    assert_ok(evo_store_writer_write(w, data, 2 * PART, &err));
    release("held");
    assert_ok(evo_store_writer_write(w, data + 2 * PART, 1, &err));
    assert_ok(evo_store_writer_commit(w, NULL, NULL, &err));
    free(data);
    assert_sample(store, "x", 2 * PART + 1);
    assert_no_upload("held");
}

static void test_stream_within_its_first_part_starts_no_upload(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("small");
    assert_ok(stream_bytes(store, "x", PART, &err));
    assert_int_equal(requests("small", "PUT"), 1);
    assert_int_equal(requests("small", "POST"), 0);
    assert_sample(store, "x", PART);
}

/* Bytes in use; 0 where another allocator is in place (a sanitizer's), which makes the test below pass. */
static size_t memory(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void test_writer_holds_what_it_has_and_at_most_two_parts(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    const size_t part = (size_t)32 << 20, slack = (size_t)4 << 20;
    EVO_AUTO_PTR(store) store = open_bucket("memory");
    unsigned char *data = sample(part);
    size_t before = memory();
    EVO_AUTO_PTR(store_writer) w = open_writer(store, part);
    assert_ok(evo_store_writer_write(w, data, 100000, &err));
    assert_true(memory() <= before + 1000000);
    for (int i = 0; i < 4; i++) {
        assert_ok(evo_store_writer_write(w, data, part, &err));
        assert_true(memory() <= before + 2 * part + slack);
    }
    free(data);
}

/* ---- what goes wrong in the thread ---- */

static void test_failure_of_a_part_is_returned_by_a_later_write(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("part-denied");
    EVO_AUTO_PTR(store_writer) w = open_writer(store, PART);
    unsigned char *data = sample(4 * PART + 1);
    enum evo_errc rc = evo_store_writer_write(w, data, 4 * PART + 1, &err);
    free(data);
    assert_int_equal(rc, EVO_ERR_STORE);
    assert_string_equal(err.message, "access to \"p/x\" in bucket \"part-denied\" was denied");
    assert_int_equal(evo_store_writer_commit(w, NULL, NULL, &err), EVO_ERR_INTERNAL);
    evo_store_writer_free(w);
    w = NULL;
    assert_no_upload("part-denied");
    assert_gone(store, "x");
}

static void test_failure_of_the_last_part_handed_over_is_returned_by_the_commit(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("part-denied");
    assert_int_equal(stream_bytes(store, "x", 2 * PART + 1, &err), EVO_ERR_STORE);
    assert_non_null(strstr(err.message, "was denied"));
    assert_no_upload("part-denied");
    assert_gone(store, "x");
}

/* ---- freeing ---- */

static void test_free_waits_for_a_part_two_seconds_then_ends_it_and_aborts(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("held-for-ever");
    struct evo_store_writer *w = open_writer(store, PART);
    unsigned char *data = sample(2 * PART);
    assert_ok(evo_store_writer_write(w, data, 2 * PART, &err));
    free(data);
    int64_t before = evo_clock_ms();
    evo_store_writer_free(w);
    assert_in_range(evo_clock_ms() - before, 1900, 10000);
    assert_no_upload("held-for-ever");
    release("held-for-ever");
    assert_gone(store, "x");
}

static void test_cancel_ends_the_part_on_its_way(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("held-cancelled");
    struct evo_store_writer *w = open_writer(store, PART);
    unsigned char *data = sample(4 * PART);
    assert_ok(evo_store_writer_write(w, data, 2 * PART, &err));
    evo_cancel_request(15);
    int64_t before = evo_clock_ms();
    enum evo_errc rc = evo_store_writer_write(w, data, 1, &err);
    evo_store_writer_free(w);
    int64_t took = evo_clock_ms() - before;
    evo_cancel_acknowledge();
    free(data);
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_in_range(took, 0, 1900);
    assert_no_upload("held-cancelled");
    release("held-cancelled");
}

static void test_abort_is_repeated_while_the_upload_lives(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("parts-stay");
    struct evo_store_writer *w = NULL;
    unsigned char *data = sample(3 * PART);
    assert_ok(evo_store_writer_open(store, "x", PART, &w, &err));
    assert_ok(evo_store_writer_write(w, data, 2 * PART, &err));
    evo_store_writer_free(w);
    free(data);
    assert_no_upload("parts-stay");
    assert_int_equal(requests("parts-stay", "DELETE"), 2);
}

static void test_abort_that_gets_no_answer_is_given_up_after_two_seconds(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("abort-stalls");
    struct evo_store_writer *w = NULL;
    unsigned char *data = sample(2 * PART);
    assert_ok(evo_store_writer_open(store, "x", PART, &w, &err));
    assert_ok(evo_store_writer_write(w, data, 2 * PART, &err));
    free(data);
    int64_t before = evo_clock_ms();
    evo_store_writer_free(w);
    assert_in_range(evo_clock_ms() - before, 1900, 10000);
    /* The person is told how to end it by hand. */
    assert_non_null(
        strstr(said.buf, "aws s3api abort-multipart-upload --bucket abort-stalls --key 'p/x' --upload-id"));
}

/* ---- how much fits ---- */

static void test_room_is_what_the_parts_left_hold(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("room");
    EVO_AUTO_PTR(store_writer) w = open_writer(store, PART);
    unsigned char *data = sample(PART + 10);
    assert_true(evo_store_writer_room(w) == (uint64_t)10000 * PART);
    assert_ok(evo_store_writer_write(w, data, PART + 10, &err));
    assert_true(evo_store_writer_room(w) == (uint64_t)9999 * PART - 10);
    EVO_AUTO_PTR(store_writer) large = open_writer(store, (size_t)1 << 30);
    assert_true(evo_store_writer_room(large) == (uint64_t)5 << 40);
    free(data);
}

static void test_object_is_filled_to_its_last_byte_and_no_further(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = open_bucket("full");
    evo_s3_of(store)->client.parts_max = 2;
    assert_ok(stream_bytes(store, "x", 2 * PART, &err));
    assert_sample(store, "x", 2 * PART);

    EVO_AUTO_PTR(store_writer) w = open_writer(store, PART);
    unsigned char *data = sample(2 * PART);
    assert_ok(evo_store_writer_write(w, data, 2 * PART - 1, &err));
    assert_int_equal(evo_store_writer_room(w), 1);
    enum evo_errc rc = evo_store_writer_write(w, data, 2, &err);
    free(data);
    assert_int_equal(rc, EVO_ERR_STORE);
    assert_string_equal(err.message, "cannot write \"p/x\": an object of the store holds at most 10.0 MiB");
    assert_non_null(strstr(err.detail, "at most 2 parts, and these are of 5.0 MiB"));
    assert_non_null(strstr(err.hint, "larger parts"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_goes_on_while_a_part_is_on_its_way),
        cmocka_unit_test(test_stream_within_its_first_part_starts_no_upload),
        cmocka_unit_test(test_writer_holds_what_it_has_and_at_most_two_parts),
        cmocka_unit_test(test_failure_of_a_part_is_returned_by_a_later_write),
        cmocka_unit_test(test_failure_of_the_last_part_handed_over_is_returned_by_the_commit),
        cmocka_unit_test(test_free_waits_for_a_part_two_seconds_then_ends_it_and_aborts),
        cmocka_unit_test(test_cancel_ends_the_part_on_its_way),
        cmocka_unit_test(test_abort_is_repeated_while_the_upload_lives),
        cmocka_unit_test(test_abort_that_gets_no_answer_is_given_up_after_two_seconds),
        cmocka_unit_test(test_room_is_what_the_parts_left_hold),
        cmocka_unit_test(test_object_is_filled_to_its_last_byte_and_no_further),
    };
    return cmocka_run_group_tests_name("store/s3_multipart", tests, fake_s3_start, fake_s3_stop);
}
