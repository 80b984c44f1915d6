#include "cmocka_all.h"

#include "base/encode.h"
#include "crypto/age_impl.h"
#include "crypto/age_testing.h"

static enum evo_errc parse_one(const char *text, struct evo_error *err)
{
    EVO_AUTO_PTR(age_recipients) r = NULL;
    enum evo_errc rc = evo_age_recipients_parse(&text, 1, &r, err);
    if (rc)
        assert_null(r);
    return rc;
}

static enum evo_errc parse_identity_text(const char *text, struct evo_error *err)
{
    EVO_AUTO_PTR(age_identities) ids = NULL;
    enum evo_errc rc = evo_age_identities_parse(text, strlen(text), "identity file \"key.txt\"", &ids, err);
    if (rc)
        assert_null(ids);
    return rc;
}

static void test_recipients_parse_gives_the_keys_and_counts_each_once(void **state)
{
    (void)state;
    const char *texts[] = { spec_recipient, second_recipient, spec_recipient };
    EVO_AUTO_PTR(age_recipients) r = recipients(texts, 3);
    EVO_AUTO(strbuf) hex = EVO_STRBUF_INIT;
    assert_int_equal(r->count, 2);
    evo_hex(&hex, r->keys[0], sizeof(r->keys[0]));
    assert_string_equal(hex.buf, "132c442be010fbd57e72603328aa76e71fccc1503aae219327d14d9c9993f472");
}

static void test_recipients_parse_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "recipient 1 is not an age recipient" },
        { "key.txt", "recipient 1 is not an age recipient" },
        { " age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", "recipient 1 is not an age" },
        { "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ", "recipient 1 is not an age" },
        { "age1", "recipient 1 (\"age1\") is too short" },
        { "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk",
          "(\"age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk\") does not match its "
          "checksum" },
        { "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj\n", "character" },
        { "age1Zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", "upper and lower case" },
        { "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqar9jk6", "is too short" },
        { "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzhlqeg", "is too long" },
        { "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z", "low order" },
        { "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9", "low order" },
        { "age1pq1qqqqqqqq", "post-quantum" },
        { "age1tag1qgqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq9kr4rj", "hardware key" },
        { "age1yubikey1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqjrljxx", "plugin" },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN",
          "an ssh public key" },
        { "ssh-rsa AAAA", "an ssh public key" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(parse_one(rows[i].text, &err), EVO_ERR_CONFIG);
        if (!strstr(err.message, rows[i].says))
            fail_msg("\"%s\": %s", rows[i].text, err.message);
        assert_non_null(strstr(err.hint, "age-keygen -y FILE"));
    }
}

static void test_recipients_parse_takes_what_begins_like_another_kind(void **state)
{
    (void)state;
    /* "tag" and "pq" may be data as well. */
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(parse_one("age1tagqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqh6zz4k", &err),
                     EVO_OK);
}

static void test_recipients_parse_never_repeats_a_secret(void **state)
{
    (void)state;
    const char *rows[] = {
        spec_identity,
        "age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
        " AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
        "1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
        "age1zvkyg2 AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        const char *texts[] = { spec_recipient, rows[i] };
        EVO_AUTO_PTR(age_recipients) r = NULL;
        assert_int_equal(evo_age_recipients_parse(texts, 2, &r, &err), EVO_ERR_CONFIG);
        assert_null(r);
        assert_non_null(strstr(err.message, "recipient 2 "));
        assert_null(strcasestr(err.message, "gfpyy"));
        assert_null(strcasestr(err.hint, "gfpyy"));
        assert_null(strcasestr(err.detail, "gfpyy"));
        if (i < 2)
            assert_non_null(strstr(err.message, "is a secret key (an identity), not a recipient"));
    }
}

static void test_recipients_parse_refuses_none_and_too_many(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(age_recipients) r = NULL;
    const char *many[EVO_AGE_RECIPIENTS_MAX + 1];
    for (size_t i = 0; i < EVO_COUNT(many); i++)
        many[i] = spec_recipient;
    assert_int_equal(evo_age_recipients_parse(NULL, 0, &r, &err), EVO_ERR_CONFIG);
    assert_int_equal(evo_age_recipients_parse(many, EVO_COUNT(many), &r, &err), EVO_ERR_CONFIG);
    assert_string_equal(err.message, "1001 recipients are given, 1000 are allowed");
    assert_null(r);
}

static void test_identities_parse_takes_what_age_keygen_writes(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_addf(&text, "# created: 2026-11-26T04:37:34Z\n# public key: %s\n%s\n", spec_recipient,
                    spec_identity);
    /* Lines of another system, and none at the end. */
    evo_strbuf_addf(&text, "\r\n\t \n  %s \r\n#\n%s", second_identity, spec_identity);
    EVO_AUTO_PTR(age_identities) ids = identities(text.buf);
    const char *texts[] = { spec_recipient, second_recipient };
    EVO_AUTO_PTR(age_recipients) r = recipients(texts, 2);
    assert_int_equal(ids->count, 3);
    assert_memory_equal(ids->keys[0].recipient, r->keys[0], EVO_X25519_SIZE);
    assert_memory_equal(ids->keys[1].recipient, r->keys[1], EVO_X25519_SIZE);
    for (size_t i = 0; i < EVO_X25519_SIZE; i++)
        assert_int_equal(ids->keys[0].secret[i], 0x42);
}

static void test_identities_parse_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "identity file \"key.txt\" holds no identity" },
        { "# public key: age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj\n\n",
          "holds no identity" },
        { "\n\nGFPYYSJZ\n", "identity file \"key.txt\": line 3 is not an age identity" },
        { "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\nGFPYYSJZ",
          "line 2 is not an" },
        { "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEZ",
          "line 1 does not match its" },
        { "AGE-SECRET-KEY-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
          "upper and lower case" },
        { "age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
          "is not an age identity" },
        { "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ6J6TAE", "is too short" },
        { "AGE-SECRET-KEY-PQ-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQAE0WQE", "post-quantum" },
        { "AGE-PLUGIN-YUBIKEY-1QQQQQQQQQQQQQQQQQQQQ6WQJHZ", "is a plugin's identity" },
        { "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n",
          "begins an ssh or other PEM key" },
        { "-----BEGIN RSA PRIVATE KEY-----\n", "begins an ssh or other PEM key" },
        { "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "begins a passphrase-protected identity" },
        { "age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw 15\n",
          "begins a passphrase-protected identity" },
        { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH", "is an ssh public key" },
        { "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", "is a recipient" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(parse_identity_text(rows[i].text, &err), EVO_ERR_CONFIG);
        if (!strstr(err.message, rows[i].says))
            fail_msg("\"%s\": %s", rows[i].text, err.message);
        assert_null(strcasestr(err.message, "gfpyy"));
        assert_non_null(strstr(err.hint, "age"));
        assert_null(strcasestr(err.hint, "gfpyy"));
    }
}

static void test_identities_parse_refuses_bytes_behind_a_nul_and_too_many(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(age_identities) ids = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    evo_strbuf_addf(&text, "%s%c\n", spec_identity, 0);
    assert_int_equal(evo_age_identities_parse(text.buf, text.len, "key", &ids, &err), EVO_ERR_CONFIG);
    evo_strbuf_clear(&text);
    for (size_t i = 0; i <= EVO_AGE_IDENTITIES_MAX; i++)
        evo_strbuf_addf(&text, "%s\n", spec_identity);
    assert_int_equal(evo_age_identities_parse(text.buf, text.len, "key", &ids, &err), EVO_ERR_CONFIG);
    assert_string_equal(err.message, "key: more than 100 identities");
    assert_null(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipients_parse_gives_the_keys_and_counts_each_once),
        cmocka_unit_test(test_recipients_parse_says_what_is_wrong),
        cmocka_unit_test(test_recipients_parse_takes_what_begins_like_another_kind),
        cmocka_unit_test(test_recipients_parse_never_repeats_a_secret),
        cmocka_unit_test(test_recipients_parse_refuses_none_and_too_many),
        cmocka_unit_test(test_identities_parse_takes_what_age_keygen_writes),
        cmocka_unit_test(test_identities_parse_says_what_is_wrong),
        cmocka_unit_test(test_identities_parse_refuses_bytes_behind_a_nul_and_too_many),
    };
    return cmocka_run_group_tests_name("crypto/age_keys", tests, NULL, NULL);
}
