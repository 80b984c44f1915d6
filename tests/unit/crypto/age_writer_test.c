#include "cmocka_all.h"

#include "crypto/age_header.h"
#include "crypto/age_testing.h"
#include "crypto/random.h"

static void test_content_of_every_size_comes_back(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0,      1,      15,     16,     17,     65519,  65520,
                                    65535,  65536,  65537,  65552,  65553,  131071, 131072,
                                    131073, 196608, 200000, 327680, 1000000 };
    static const size_t pieces[] = { 13, 1000, 65535, 65536, 65537, 65552, 70000, 131072, 1 << 20 };
    for (size_t i = 0; i < EVO_COUNT(sizes); i++) {
        EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
        fill(&content, sizes[i]);
        for (size_t k = 0; k < EVO_COUNT(pieces); k++) {
            EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
            seal(&file, spec_to, content.buf, content.len, pieces[k]);
            assert_int_equal(file.len, evo_age_sealed_size(spec_to, content.len));
            expect_content(&file, &content, pieces[k]);
            expect_content(&file, &content, pieces[EVO_COUNT(pieces) - 1 - k]);
        }
    }
}

static void test_content_comes_back_byte_by_byte(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 131072 };
    for (size_t i = 0; i < EVO_COUNT(sizes); i++) {
        EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
        fill(&content, sizes[i]);
        seal(&file, spec_to, content.buf, content.len, 1);
        expect_content(&file, &content, 1);
    }
}

static void test_content_comes_back_in_uneven_pieces(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    fill(&content, 700000);
    for (int round = 0; round < 20; round++) {
        EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
        EVO_AUTO_PTR(age_writer) w = evo_age_writer_new(spec_to, collect, &file);
        EVO_AUTO_PTR(age_reader) r = evo_age_reader_new(spec_ids, collect, &back);
        struct evo_error err = EVO_ERROR_INIT;
        for (size_t at = 0, n; at < content.len; at += n) {
            n = evo_random_below(200000); /* none at all, too */
            n = n < content.len - at ? n : content.len - at;
            assert_int_equal(evo_age_write(w, content.buf + at, n, &err), EVO_OK);
        }
        assert_int_equal(evo_age_finish(w, &err), EVO_OK);
        for (size_t at = 0, n; at < file.len; at += n) {
            n = evo_random_below(200000);
            n = n < file.len - at ? n : file.len - at;
            assert_int_equal(evo_age_read(r, file.buf + at, n, &err), EVO_OK);
        }
        assert_int_equal(evo_age_read_finish(r, &err), EVO_OK);
        assert_int_equal(back.len, content.len);
        assert_memory_equal(back.buf, content.buf, content.len);
    }
}

/* More than 256 chunks: the counter's second byte. */
static void test_content_of_many_chunks_comes_back(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    fill(&content, (size_t)258 * AGE_CHUNK + 1);
    seal(&file, spec_to, content.buf, content.len, 1 << 20);
    assert_int_equal(file.len, evo_age_sealed_size(spec_to, content.len));
    expect_content(&file, &content, 1 << 20);
}

static void test_each_of_several_recipients_opens_the_file(void **state)
{
    (void)state;
    const char *texts[] = { third_recipient, second_recipient, spec_recipient };
    const char *keys[] = { spec_identity, second_identity };
    EVO_AUTO_PTR(age_recipients) r = recipients(texts, 3);
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    seal(&file, r, "content", 7, 7);
    assert_int_equal(file.len, evo_age_sealed_size(r, 7));
    for (size_t i = 0; i < EVO_COUNT(keys); i++) {
        EVO_AUTO_PTR(age_identities) one = identities(keys[i]);
        EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(unseal(&back, one, file.buf, file.len, 100, &err), EVO_OK);
        assert_string_equal(back.buf, "content");
    }
}

static void test_the_same_content_is_sealed_anew_each_time(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) a = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) b = EVO_STRBUF_INIT;
    size_t header = evo_age_header_size(1);
    seal(&a, spec_to, "content", 7, 7);
    seal(&b, spec_to, "content", 7, 7);
    assert_memory_not_equal(a.buf + header, b.buf + header, AGE_NONCE);
    assert_memory_not_equal(a.buf + header + AGE_NONCE, b.buf + header + AGE_NONCE, 7);
}

static enum evo_errc write_all_of(struct evo_age_writer *w, const struct evo_strbuf *content,
                                  struct evo_error *err)
{
    enum evo_errc rc = evo_age_write(w, content->buf, content->len, err);
    return rc ? rc : evo_age_finish(w, err);
}

static void test_write_hands_on_the_error_of_the_sink_and_takes_nothing_more(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    fill(&content, AGE_CHUNK + 1);
    /* The header, the first chunk, and the last one. */
    for (int at = 1; at <= 4; at++) {
        struct failing f = { .fails_at = at };
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(age_writer) w = evo_age_writer_new(spec_to, fail_nth, &f);
        enum evo_errc rc = write_all_of(w, &content, &err);
        if (at == 4) {
            assert_int_equal(rc, EVO_OK);
            continue;
        }
        assert_int_equal(rc, EVO_ERR_DISK);
        assert_string_equal(err.message, "no room");
        assert_int_equal(f.calls, at);
        if (at == 3)
            continue; /* that was finish() */
        assert_int_equal(evo_age_write(w, "x", 1, &err), EVO_ERR_INTERNAL);
        assert_int_equal(evo_age_finish(w, &err), EVO_ERR_INTERNAL);
        assert_int_equal(f.calls, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content_of_every_size_comes_back),
        cmocka_unit_test(test_content_comes_back_byte_by_byte),
        cmocka_unit_test(test_content_comes_back_in_uneven_pieces),
        cmocka_unit_test(test_content_of_many_chunks_comes_back),
        cmocka_unit_test(test_each_of_several_recipients_opens_the_file),
        cmocka_unit_test(test_the_same_content_is_sealed_anew_each_time),
        cmocka_unit_test(test_write_hands_on_the_error_of_the_sink_and_takes_nothing_more),
    };
    return cmocka_run_group_tests_name("crypto/age_writer", tests, make_keys, drop_keys);
}
