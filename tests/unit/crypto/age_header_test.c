#include "cmocka_all.h"

#include "base/encode.h"
#include "crypto/age_header.h"
#include "crypto/age_testing.h"
#include "crypto/hkdf.h"

static const unsigned char file_key[AGE_FILE_KEY] = "YELLOW SUBMARINE";

/* A share and a body by their form; no key opens them. */
#define SHARE  "XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE"
#define BODY   "qRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E"
#define MAC    "HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s"
#define INTRO  "age-encryption.org/v1\n"
#define STANZA "-> X25519 " SHARE "\n" BODY "\n"
#define END    "--- " MAC "\n"
#define FULL   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n" /* 64 columns */

/* The whole text, in pieces. What is left of it is what the header did not take. */
static enum evo_errc read_text(struct evo_age_header *h, const char *text, size_t n, size_t piece,
                               size_t *ret_used, struct evo_error *err)
{
    size_t used = 0, took = 0;
    while (used < n && h->expected != EVO_AGE_HEADER_END) {
        size_t give = n - used < piece ? n - used : piece;
        enum evo_errc rc = evo_age_header_read(h, text + used, give, &took, err);
        if (rc)
            return rc;
        assert_true(took == give || h->expected == EVO_AGE_HEADER_END);
        used += took;
    }
    *ret_used = used;
    return h->expected == EVO_AGE_HEADER_END ? EVO_OK : evo_age_header_cut(h, err);
}

static enum evo_errc read_whole(const char *text, size_t piece, struct evo_error *err)
{
    EVO_AUTO(age_header) h;
    size_t used = 0;
    evo_age_header_init(&h);
    return read_text(&h, text, strlen(text), piece, &used, err);
}

/* Puts stanzas between the first line and what evo_age_header_write() made, under a MAC of the whole. */
static void insert_stanzas(struct evo_strbuf *out, const char *stanzas, const struct evo_strbuf *header)
{
    unsigned char key[32], mac[EVO_SHA256_SIZE];
    size_t end = header->len - strlen(END) + 3;
    evo_strbuf_adds(out, INTRO);
    evo_strbuf_adds(out, stanzas);
    evo_strbuf_add(out, header->buf + strlen(INTRO), end - strlen(INTRO));
    evo_hkdf_sha256(file_key, sizeof(file_key), NULL, 0, "header", 6, key, sizeof(key));
    evo_hmac_sha256(key, sizeof(key), out->buf, out->len, mac);
    evo_strbuf_addch(out, ' ');
    evo_base64_raw(out, mac, sizeof(mac));
    evo_strbuf_addch(out, '\n');
}

static void test_write_gives_one_stanza_a_recipient_and_each_opens_it(void **state)
{
    (void)state;
    const char *texts[] = { spec_recipient, second_recipient, third_recipient };
    static const char *const keys[] = { spec_identity, second_identity };
    for (size_t count = 2; count <= 3; count++) {
        EVO_AUTO_PTR(age_recipients) r = recipients(texts, count);
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        evo_strbuf_adds(&out, "before");
        evo_age_header_write(&out, r, file_key);
        assert_int_equal(out.len, 6 + evo_age_header_size(count));
        for (size_t i = 0; i < EVO_COUNT(keys); i++) {
            EVO_AUTO(age_header) h;
            EVO_AUTO_PTR(age_identities) ids = identities(keys[i]);
            struct evo_error err = EVO_ERROR_INIT;
            unsigned char got[AGE_FILE_KEY];
            size_t used = 0;
            evo_age_header_init(&h);
            assert_int_equal(read_text(&h, out.buf + 6, out.len - 6, 1000, &used, &err), EVO_OK);
            assert_int_equal(h.count, count);
            assert_int_equal(evo_age_header_unwrap(&h, ids, got, &err), EVO_OK);
            assert_memory_equal(got, file_key, sizeof(got));
        }
    }
}

static void test_write_shows_nothing_twice(void **state)
{
    (void)state;
    const char *texts[] = { spec_recipient, second_recipient };
    EVO_AUTO_PTR(age_recipients) r = recipients(texts, 2);
    EVO_AUTO(age_header) a;
    EVO_AUTO(age_header) b;
    struct evo_age_header *both[] = { &a, &b };
    for (size_t i = 0; i < 2; i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        size_t used = 0;
        evo_age_header_init(both[i]);
        evo_age_header_write(&out, r, file_key);
        assert_int_equal(read_text(both[i], out.buf, out.len, 1000, &used, &err), EVO_OK);
    }
    /* A new share for each recipient and each file, though the file key was the same. */
    const unsigned char *shares[] = { a.stanzas[0].share, a.stanzas[1].share, b.stanzas[0].share,
                                      b.stanzas[1].share };
    for (size_t i = 0; i < 4; i++)
        for (size_t k = i + 1; k < 4; k++)
            assert_memory_not_equal(shares[i], shares[k], EVO_X25519_SIZE);
    assert_memory_not_equal(a.stanzas[0].body, b.stanzas[0].body, sizeof(a.stanzas[0].body));
}

static void test_read_passes_over_other_kinds_and_leaves_what_follows(void **state)
{
    (void)state;
    const char *texts[] = { spec_recipient };
    EVO_AUTO_PTR(age_recipients) r = recipients(texts, 1);
    EVO_AUTO_PTR(age_identities) ids = identities(spec_identity);
    EVO_AUTO(strbuf) plain = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_age_header_write(&plain, r, file_key);
    insert_stanzas(&out,
                   "-> x25519 " SHARE "\n" BODY "\n" /* a kind of its own: case counts */
                   "-> !\"#$%&'()*+,-./0123456789:;<=>?@[\\]^_`{|}~ a b\n\n"
                   "-> ssh-ed25519 Jmkbxw " SHARE "\n" FULL FULL "AA\n"
                   "-> grease\n" FULL "\n",
                   &plain);
    size_t header = out.len;
    evo_strbuf_adds(&out, "payload\n--- \n");
    for (size_t piece = 1; piece < 200; piece += 33) {
        EVO_AUTO(age_header) h;
        struct evo_error err = EVO_ERROR_INIT;
        unsigned char got[AGE_FILE_KEY];
        size_t used = 0;
        evo_age_header_init(&h);
        assert_int_equal(read_text(&h, out.buf, out.len, piece, &used, &err), EVO_OK);
        assert_int_equal(used, header);
        assert_int_equal(h.count, 1);
        assert_int_equal(h.others, 4);
        assert_int_equal(evo_age_header_unwrap(&h, ids, got, &err), EVO_OK);
        assert_memory_equal(got, file_key, sizeof(got));
    }
}

static void test_read_takes_the_form_of_the_specification(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(read_whole(INTRO STANZA END, 1, &err), EVO_OK);
    assert_int_equal(read_whole(INTRO STANZA STANZA END, 7, &err), EVO_OK);
    assert_int_equal(read_whole(INTRO "-> scrypt bBjlhJVYZeE4aqUdmtRHfw 15\n" BODY "\n" END, 1000, &err),
                     EVO_OK);
}

static void test_read_refuses_every_other_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "cut: it ends within its header" },
        { "age-enc", "cut: it ends within its header" },
        { INTRO, "cut" },
        { INTRO STANZA, "cut" },
        { INTRO STANZA "--- " MAC, "cut" },
        { "\n", "not an age file" },
        { "PGDMP", "not an age file" },
        { "\x1f\x8b\x08 and so on, for more than the first line has", "not an age file" },
        { " " INTRO STANZA END, "not an age file" },
        { "age-encryption.org/v1\r\n" STANZA END, "another version" },
        { "age-encryption.org/v1 \n" STANZA END, "another version" },
        { "age-encryption.org/v2\n" STANZA END, "another version" },
        { "age-encryption.org/v11\n" STANZA END, "another version" },
        { "age-encryption.org/\n", "another version" },
        { "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "ASCII-armoured" },
        { INTRO END, "line 2 ends it without a recipient" },
        { INTRO "\n" STANZA END, "line 2 begins neither" },
        { INTRO "->X25519 " SHARE "\n" BODY "\n" END, "line 2 begins neither" },
        { INTRO "-- X25519 " SHARE "\n" BODY "\n" END, "line 2 begins neither" },
        { INTRO "-> \n" BODY "\n" END, "line 2 does not name" },
        { INTRO "->  X25519 " SHARE "\n" BODY "\n" END, "line 2 does not name" },
        { INTRO "-> X25519  " SHARE "\n" BODY "\n" END, "line 2 does not name" },
        { INTRO "-> X25519 " SHARE " \n" BODY "\n" END, "line 2 does not name" },
        { INTRO "-> gr\tease\n\n" STANZA END, "line 2 does not name" },
        { INTRO "-> gr\x7f\n\n" STANZA END, "line 2 does not name" },
        { INTRO "-> gr\xc3\xa4se\n\n" STANZA END, "line 2 does not name" },
        { INTRO "-> X25519 " SHARE "\r\n" BODY "\n" END, "line 2 does not name" },
        { INTRO "-> X25519\n" BODY "\n" END, "line 2 is not that of an X25519" },
        { INTRO "-> X25519 " SHARE " more\n" BODY "\n" END, "line 2 is not that of an X25519" },
        { INTRO "-> X25519 " SHARE "=\n" BODY "\n" END, "line 2 is not that of an X25519" },
        { INTRO "-> X25519 " SHARE "A\n" BODY "\n" END, "line 2 is not that of an X25519" },
        { INTRO "-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBF\n" BODY "\n" END,
          "line 2 is not that" },
        { INTRO "-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYA\n" BODY "\n" END,
          "line 2 is not that" },
        { INTRO "-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ_cYBE\n" BODY "\n" END,
          "line 2 is not that" },
        { INTRO "-> X25519 " SHARE "\n" END, "line 3 is not base64" },
        { INTRO "-> X25519 " SHARE "\n\n" END, "line 3 is not the wrapped key" },
        { INTRO "-> X25519 " SHARE "\n" BODY "A\n" END, "line 3 is not the wrapped key" },
        { INTRO "-> X25519 " SHARE "\nqRS0AMjdjPvZ\n" END, "line 3 is not the wrapped key" },
        { INTRO "-> X25519 " SHARE "\n" FULL BODY "\n" END, "line 3 is not the wrapped key" },
        { INTRO "-> X25519 " SHARE "\n" BODY "=\n" END, "line 3 is not base64" },
        { INTRO "-> X25519 " SHARE "\n" BODY "\r\n" END, "line 3 is not base64" },
        { INTRO "-> X25519 " SHARE "\nqRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1F\n" END,
          "line 3 is not base64" },
        { INTRO "-> X25519 " SHARE "\nqRS0AMjdjPvZ\nqRS0\n" END, "line 3 is not the wrapped key" },
        { INTRO "-> grease\nAAAA\nAAAA\n" STANZA END, "line 4 begins neither" },
        { INTRO "-> grease\nAAAAA\n" STANZA END, "line 3 is not base64" },
        { INTRO "-> grease\nAB\n" STANZA END, "line 3 is not base64" },
        { INTRO "-> grease\n" FULL STANZA END, "line 4 is not base64" },
        { INTRO "-> grease\nA" FULL "\n" STANZA END, "line 3 is not base64" },
        { INTRO "-> scrypt bBjlhJVYZeE4aqUdmtRHfw 15\n" BODY "\n" STANZA END, "beside a passphrase" },
        { INTRO STANZA "-> scrypt bBjlhJVYZeE4aqUdmtRHfw 15\n" BODY "\n" END, "beside a passphrase" },
        { INTRO STANZA "---" MAC "\n", "line 4 begins neither" },
        { INTRO STANZA "---  " MAC "\n", "line 4 is not a MAC" },
        { INTRO STANZA "--- " MAC " \n", "line 4 is not a MAC" },
        { INTRO STANZA "--- " MAC "=\n", "line 4 is not a MAC" },
        { INTRO STANZA "--- " MAC "\r\n", "line 4 is not a MAC" },
        { INTRO STANZA "--- \n", "line 4 is not a MAC" },
        { INTRO STANZA "---\n", "line 4 begins neither" },
        { INTRO STANZA "--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75t\n", "line 4 is not a MAC" },
        { INTRO STANZA "--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG7w\n", "line 4 is not a MAC" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        for (size_t piece = 1; piece <= 1000; piece += 333) {
            struct evo_error err = EVO_ERROR_INIT;
            assert_int_equal(read_whole(rows[i].text, piece, &err), EVO_ERR_INTEGRITY);
            if (!strstr(err.message, rows[i].says))
                fail_msg("row %zu, pieces of %zu: %s", i, piece, err.message);
        }
}

static void test_read_refuses_an_endless_header(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) stanzas = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    evo_strbuf_adds(&stanzas, INTRO);
    while (stanzas.len <= EVO_AGE_HEADER_MAX)
        evo_strbuf_adds(&stanzas, STANZA);
    evo_strbuf_adds(&stanzas, END);
    evo_strbuf_adds(&line, INTRO "-> ");
    while (line.len <= EVO_AGE_HEADER_MAX)
        evo_strbuf_addch(&line, 'x');
    for (size_t piece = 1; piece < 1000000; piece *= 999) {
        assert_int_equal(read_whole(stanzas.buf, piece, &err), EVO_ERR_INTEGRITY);
        assert_string_equal(err.message, "header of the age file is longer than 262144 bytes");
        assert_int_equal(read_whole(line.buf, piece, &err), EVO_ERR_INTEGRITY);
        assert_string_equal(err.message, "header of the age file is longer than 262144 bytes");
    }
}

static void test_read_takes_the_longest_header_that_is_written(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_adds(&text, INTRO);
    for (size_t i = 0; i < EVO_AGE_RECIPIENTS_MAX; i++)
        evo_strbuf_adds(&text, STANZA);
    evo_strbuf_adds(&text, END);
    assert_int_equal(text.len, evo_age_header_size(EVO_AGE_RECIPIENTS_MAX));
    assert_int_equal(read_whole(text.buf, 4096, &err), EVO_OK);
}

static enum evo_errc unwrap_text(const char *text, size_t n, const char *keys, struct evo_error *err)
{
    EVO_AUTO(age_header) h;
    EVO_AUTO_PTR(age_identities) ids = identities(keys);
    unsigned char got[AGE_FILE_KEY];
    size_t used = 0;
    evo_age_header_init(&h);
    assert_int_equal(read_text(&h, text, n, n, &used, err), EVO_OK);
    return evo_age_header_unwrap(&h, ids, got, err);
}

static void test_unwrap_tells_whom_the_file_is_for(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *detail, *hint;
    } rows[] = {
        { INTRO STANZA END, "none of the identities given (1) opens the age file",
          "It is sealed for 1 other recipient, 1 of them of age's own kind X25519.", "--identity FILE" },
        { INTRO STANZA "-> ssh-ed25519 Jmkbxw " SHARE "\n" BODY "\n" STANZA END, "none of the identities",
          "It is sealed for 3 other recipients, 2 of them of age's own kind X25519.", "--identity FILE" },
        { INTRO "-> scrypt bBjlhJVYZeE4aqUdmtRHfw 15\n" BODY "\n" END, "is sealed by a passphrase", "",
          "age -d" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(unwrap_text(rows[i].text, strlen(rows[i].text), spec_identity, &err),
                         EVO_ERR_CONFIG);
        assert_non_null(strstr(err.message, rows[i].message));
        assert_non_null(strstr(err.detail, rows[i].detail));
        assert_non_null(strstr(err.hint, rows[i].hint));
    }
}

static void test_unwrap_refuses_a_share_of_low_order(void **state)
{
    (void)state;
    static const char *const shares[] = {
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 0 */
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 1 */
        "4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA", /* order 8 */
    };
    for (size_t i = 0; i < EVO_COUNT(shares); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        evo_strbuf_addf(&text, INTRO "-> X25519 %s\n" BODY "\n" END, shares[i]);
        assert_int_equal(unwrap_text(text.buf, text.len, spec_identity, &err), EVO_ERR_INTEGRITY);
        assert_non_null(strstr(err.message, "low order"));
    }
}

static void test_unwrap_refuses_a_header_that_the_mac_does_not_cover(void **state)
{
    (void)state;
    const char *texts[] = { spec_recipient };
    EVO_AUTO_PTR(age_recipients) r = recipients(texts, 1);
    EVO_AUTO(strbuf) plain = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) added = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    evo_age_header_write(&plain, r, file_key);
    /* One put in, and one renamed. */
    insert_stanzas(&out, "-> grease one\n\n", &plain);
    assert_int_equal(unwrap_text(out.buf, out.len, spec_identity, &err), EVO_OK);
    evo_strbuf_addf(&added, "%.*s-> other\n\n%s", (int)strlen(INTRO), out.buf, out.buf + strlen(INTRO));
    assert_int_equal(unwrap_text(added.buf, added.len, spec_identity, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "header of the age file does not match its MAC");
    out.buf[strlen(INTRO "-> grease o")] = 'N';
    assert_int_equal(unwrap_text(out.buf, out.len, spec_identity, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "header of the age file does not match its MAC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_gives_one_stanza_a_recipient_and_each_opens_it),
        cmocka_unit_test(test_write_shows_nothing_twice),
        cmocka_unit_test(test_read_passes_over_other_kinds_and_leaves_what_follows),
        cmocka_unit_test(test_read_takes_the_form_of_the_specification),
        cmocka_unit_test(test_read_refuses_every_other_form),
        cmocka_unit_test(test_read_refuses_an_endless_header),
        cmocka_unit_test(test_read_takes_the_longest_header_that_is_written),
        cmocka_unit_test(test_unwrap_tells_whom_the_file_is_for),
        cmocka_unit_test(test_unwrap_refuses_a_share_of_low_order),
        cmocka_unit_test(test_unwrap_refuses_a_header_that_the_mac_does_not_cover),
    };
    return cmocka_run_group_tests_name("crypto/age_header", tests, NULL, NULL);
}
