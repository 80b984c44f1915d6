#include "cmocka_all.h"

#include "base/encode.h"
#include "crypto/age_header.h"
#include "crypto/age_testing.h"

/* The n bytes are refused, and what is handed on before that is a beginning of the content. */
static enum evo_errc expect_refused(const char *file, size_t n, const struct evo_strbuf *content,
                                    struct evo_error *err)
{
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    enum evo_errc rc = unseal(&back, spec_ids, file, n, n ? n : 1, err);
    assert_int_not_equal(rc, EVO_OK);
    assert_int_equal(rc, err->code);
    assert_true(back.len <= content->len);
    assert_memory_equal(back.buf, content->buf, back.len);
    return rc;
}

/* Made by age 1.1.1, for the specification's key. */
static void test_read_of_a_file_that_age_wrote(void **state)
{
    (void)state;
    static const char file[] = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBLcmFOR1RXYTZmYjFCN1Nm"
                               "T0trNXoyNWhITVVUM3BoTkRVYURzOXpoUldRCiszNnZjbmx1d01HTEJudzRMaXpL"
                               "cFdqcXBDc0VjeG1iMElDcTBSZzZVdk0KLS0tIE02S1Q0OXlVYVV3QStqb01kMk92"
                               "SmdvK1hsNG5tSVZERFBkTDZnSHNSNG8K3Krh3viBBlwy6F8+RSKtKC4DqokcLOp4"
                               "inR7qN3nWeDo+cOpqpabTkDDMlPq";
    unsigned char raw[256];
    size_t n = 0;
    assert_true(evo_base64_raw_decode(file, strlen(file), raw, sizeof(raw), &n));
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(unseal(&back, spec_ids, raw, n, n, &err), EVO_OK);
    assert_string_equal(back.buf, "sealed by age");
    assert_int_equal(evo_age_sealed_size(spec_to, back.len), n);
}

static void test_one_of_several_identities_opens_the_file(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) keys = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    evo_strbuf_addf(&keys, "%s\n%s\n", second_identity, spec_identity);
    EVO_AUTO_PTR(age_identities) several = identities(keys.buf);
    seal(&file, spec_to, "content", 7, 7);
    assert_int_equal(unseal(&back, several, file.buf, file.len, 100, &err), EVO_OK);
    assert_string_equal(back.buf, "content");
}

static void test_read_of_a_file_for_others_names_the_option(void **state)
{
    (void)state;
    const char *texts[] = { second_recipient };
    EVO_AUTO_PTR(age_recipients) r = recipients(texts, 1);
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    seal(&file, r, "content", 7, 7);
    assert_int_equal(unseal(&back, spec_ids, file.buf, file.len, 100, &err), EVO_ERR_CONFIG);
    assert_string_equal(err.message, "none of the identities given (1) opens the age file");
    assert_non_null(strstr(err.hint, "--identity FILE"));
    assert_int_equal(back.len, 0);
}

static void test_every_changed_bit_is_refused(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    fill(&content, 5);
    seal(&file, spec_to, content.buf, content.len, 5);
    /* The part that says whether an identity fits: changed, it fits none. */
    size_t stanza = (size_t)(strstr(file.buf, "-> X25519 ") - file.buf);
    size_t mac = (size_t)(strstr(file.buf, "--- ") - file.buf);
    size_t fits_none = 0;
    for (size_t i = 0; i < 8 * file.len; i++) {
        struct evo_error err = EVO_ERROR_INIT;
        file.buf[i / 8] ^= (char)(1 << i % 8);
        enum evo_errc rc = expect_refused(file.buf, file.len, &content, &err);
        file.buf[i / 8] ^= (char)(1 << i % 8);
        if (i / 8 >= stanza && i / 8 < mac && rc == EVO_ERR_CONFIG)
            fits_none++;
        else
            assert_int_equal(rc, EVO_ERR_INTEGRITY);
    }
    assert_true(fits_none > 0);
    expect_content(&file, &content, 100);
}

static void test_every_changed_byte_is_refused_in_a_file_of_several_chunks(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    fill(&content, 2 * AGE_CHUNK + 100);
    seal(&file, spec_to, content.buf, content.len, content.len);
    for (size_t i = evo_age_header_size(1); i < file.len; i += 997) {
        struct evo_error err = EVO_ERROR_INIT;
        file.buf[i] ^= 0x10;
        assert_int_equal(expect_refused(file.buf, file.len, &content, &err), EVO_ERR_INTEGRITY);
        assert_non_null(strstr(err.message, "is damaged"));
        file.buf[i] ^= 0x10;
    }
    /* In the second chunk: the first was handed on, and the message says so. */
    struct evo_error err = EVO_ERROR_INIT;
    file.buf[evo_age_header_size(1) + AGE_NONCE + AGE_SEALED_CHUNK] ^= 1;
    assert_int_equal(expect_refused(file.buf, file.len, &content, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "the age file is damaged in chunk 2");
    assert_string_equal(err.detail, "The 65536 bytes of content before that are as they were sealed.");
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    fill(&content, 5);
    seal(&file, spec_to, content.buf, content.len, 5);
    for (size_t n = 0; n < file.len; n++) {
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(expect_refused(file.buf, n, &content, &err), EVO_ERR_INTEGRITY);
        assert_non_null(strstr(err.message, "cut"));
    }
}

static void test_a_cut_at_every_place_of_a_chunk_is_refused(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    fill(&content, 3 * AGE_CHUNK);
    seal(&file, spec_to, content.buf, content.len, content.len);
    size_t payload = evo_age_header_size(1) + AGE_NONCE;
    const struct {
        size_t n;
        const char *says;
    } rows[] = {
        { payload, "is cut: its last chunk is missing" },
        { payload + 1, "is cut: its last chunk is missing" },
        { payload + 15, "is cut: its last chunk is missing" },
        { payload + 16, "is damaged or cut in chunk 1" },
        { payload + AGE_SEALED_CHUNK - 1, "is damaged or cut in chunk 1" },
        { payload + AGE_SEALED_CHUNK, "is cut: the chunks at its end are missing" },
        { payload + AGE_SEALED_CHUNK + 1, "is cut: its last chunk is missing" },
        { payload + AGE_SEALED_CHUNK + 16, "is damaged or cut in chunk 2" },
        { payload + 2 * AGE_SEALED_CHUNK, "is cut: the chunks at its end are missing" },
        { payload + 2 * AGE_SEALED_CHUNK + 1, "is cut: its last chunk is missing" },
        { payload + 3 * AGE_SEALED_CHUNK - 1, "is damaged or cut in chunk 3" },
    };
    assert_int_equal(file.len, payload + 3 * AGE_SEALED_CHUNK);
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(expect_refused(file.buf, rows[i].n, &content, &err), EVO_ERR_INTEGRITY);
        if (!strstr(err.message, rows[i].says))
            fail_msg("row %zu: %s", i, err.message);
    }
}

static void test_bytes_behind_the_end_are_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 5, AGE_CHUNK, AGE_CHUNK + 5, 2 * AGE_CHUNK };
    static const size_t more[] = { 1, 16, 17, 1000, AGE_SEALED_CHUNK, 3 * AGE_SEALED_CHUNK };
    for (size_t i = 0; i < EVO_COUNT(sizes); i++)
        for (size_t k = 0; k < EVO_COUNT(more); k++) {
            EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
            EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
            struct evo_error err = EVO_ERROR_INIT;
            fill(&content, sizes[i]);
            seal(&file, spec_to, content.buf, content.len, 70000);
            for (size_t n = 0; n < more[k]; n++)
                evo_strbuf_addch(&file, '\0');
            assert_int_equal(expect_refused(file.buf, file.len, &content, &err), EVO_ERR_INTEGRITY);
            /* Where the last chunk was full, its end is certain. */
            if (sizes[i] && sizes[i] % AGE_CHUNK == 0)
                assert_non_null(strstr(err.message, "goes on behind its end"));
        }
}

static void test_two_files_in_a_row_are_refused(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    fill(&content, AGE_CHUNK);
    seal(&file, spec_to, content.buf, content.len, content.len);
    seal(&file, spec_to, content.buf, content.len, content.len);
    assert_int_equal(expect_refused(file.buf, file.len, &content, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "the age file goes on behind its end");
}

static void test_chunks_in_another_order_are_refused(void **state)
{
    (void)state;
    static const unsigned orders[][3] = { { 1, 0, 2 }, { 0, 2, 1 }, { 0, 0, 2 }, { 0, 1, 1 }, { 2, 1, 0 } };
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    fill(&content, 3 * AGE_CHUNK);
    seal(&file, spec_to, content.buf, content.len, content.len);
    size_t payload = evo_age_header_size(1) + AGE_NONCE;
    for (size_t i = 0; i < EVO_COUNT(orders); i++) {
        EVO_AUTO(strbuf) other = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        evo_strbuf_add(&other, file.buf, payload);
        for (size_t k = 0; k < 3; k++)
            evo_strbuf_add(&other, file.buf + payload + orders[i][k] * AGE_SEALED_CHUNK, AGE_SEALED_CHUNK);
        assert_int_equal(expect_refused(other.buf, other.len, &content, &err), EVO_ERR_INTEGRITY);
    }
}

/* A file whose chunks are as given: lengths, and which is marked as the last one. */
static void seal_chunks(struct evo_strbuf *file, const struct evo_strbuf *content, const size_t *lengths,
                        size_t count, size_t last)
{
    unsigned char file_key[AGE_FILE_KEY] = { 7 }, salt[AGE_NONCE] = { 8 }, sealed[AGE_SEALED_CHUNK];
    unsigned char nonce[EVO_CHACHAPOLY_NONCE];
    EVO_AUTO_PTR(chachapoly) payload = evo_age_payload(file_key, salt);
    evo_age_header_write(file, spec_to, file_key);
    evo_strbuf_add(file, salt, sizeof(salt));
    for (size_t i = 0, at = 0; i < count; at += lengths[i++]) {
        evo_age_chunk_nonce(i, i == last, nonce);
        evo_chachapoly_seal(payload, nonce, content->buf + at, lengths[i], sealed);
        evo_strbuf_add(file, sealed, lengths[i] + EVO_CHACHAPOLY_TAG);
    }
}

static void test_chunks_are_taken_only_as_the_specification_has_them(void **state)
{
    (void)state;
    static const struct {
        size_t lengths[3], count, last;
        const char *says; /* NULL: taken */
    } rows[] = {
        { { AGE_CHUNK, AGE_CHUNK, 10 }, 3, 2, NULL },
        { { AGE_CHUNK, AGE_CHUNK }, 2, 1, NULL },
        { { 0 }, 1, 0, NULL },
        { { AGE_CHUNK, 0 }, 2, 1, "has an empty chunk at its end" },
        { { AGE_CHUNK, AGE_CHUNK, 0 }, 3, 2, "has an empty chunk at its end" },
        { { AGE_CHUNK, 10, 10 }, 3, 2, "is damaged or cut in chunk 2" }, /* a short one before the last */
        { { AGE_CHUNK, AGE_CHUNK, 10 }, 3, 3, "is cut: the chunks at its end are missing" }, /* no last one */
        { { AGE_CHUNK, AGE_CHUNK, 10 }, 3, 1, "goes on behind its end" },
        { { 0 }, 0, 0, "is cut: its last chunk is missing" },
    };
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    fill(&content, 3 * AGE_CHUNK);
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        seal_chunks(&file, &content, rows[i].lengths, rows[i].count, rows[i].last);
        enum evo_errc rc = unseal(&back, spec_ids, file.buf, file.len, 50000, &err);
        assert_int_equal(rc, rows[i].says ? EVO_ERR_INTEGRITY : EVO_OK);
        if (rows[i].says && !strstr(err.message, rows[i].says))
            fail_msg("row %zu: %s", i, err.message);
        assert_memory_equal(back.buf, content.buf, back.len);
    }
}

static void test_read_hands_on_the_error_of_the_sink_and_takes_nothing_more(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) file = EVO_STRBUF_INIT;
    fill(&content, 2 * AGE_CHUNK + 1);
    seal(&file, spec_to, content.buf, content.len, content.len);
    for (int at = 1; at <= 3; at++) {
        struct failing f = { .fails_at = at };
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(age_reader) r = evo_age_reader_new(spec_ids, fail_nth, &f);
        enum evo_errc rc = evo_age_read(r, file.buf, file.len, &err);
        if (at == 3) {
            assert_int_equal(rc, EVO_OK);
            assert_int_equal(evo_age_read_finish(r, &err), EVO_ERR_DISK);
            continue;
        }
        assert_int_equal(rc, EVO_ERR_DISK);
        assert_string_equal(err.message, "no room");
        assert_int_equal(evo_age_read(r, "x", 1, &err), EVO_ERR_INTERNAL);
        assert_int_equal(evo_age_read_finish(r, &err), EVO_ERR_INTERNAL);
        assert_int_equal(f.calls, at);
    }
}

static void test_read_takes_nothing_after_damage(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(age_reader) r = evo_age_reader_new(spec_ids, collect, &back);
    assert_int_equal(evo_age_read(r, "PGDMP\n", 6, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "not an age file");
    assert_int_equal(evo_age_read(r, "x", 1, &err), EVO_ERR_INTERNAL);
    assert_int_equal(evo_age_read_finish(r, &err), EVO_ERR_INTERNAL);
    assert_int_equal(back.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_of_a_file_that_age_wrote),
        cmocka_unit_test(test_one_of_several_identities_opens_the_file),
        cmocka_unit_test(test_read_of_a_file_for_others_names_the_option),
        cmocka_unit_test(test_every_changed_bit_is_refused),
        cmocka_unit_test(test_every_changed_byte_is_refused_in_a_file_of_several_chunks),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_a_cut_at_every_place_of_a_chunk_is_refused),
        cmocka_unit_test(test_bytes_behind_the_end_are_refused),
        cmocka_unit_test(test_two_files_in_a_row_are_refused),
        cmocka_unit_test(test_chunks_in_another_order_are_refused),
        cmocka_unit_test(test_chunks_are_taken_only_as_the_specification_has_them),
        cmocka_unit_test(test_read_hands_on_the_error_of_the_sink_and_takes_nothing_more),
        cmocka_unit_test(test_read_takes_nothing_after_damage),
    };
    return cmocka_run_group_tests_name("crypto/age_reader", tests, make_keys, drop_keys);
}
