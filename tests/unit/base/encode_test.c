#include "cmocka_all.h"

#include "base/encode.h"

/* The examples of RFC 4648, section 10. */
static const struct {
    const char *raw, *base64;
} published[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
};

static void test_base64_of_the_published_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(published); i++) {
        EVO_AUTO(strbuf) padded = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
        evo_base64(&padded, published[i].raw, strlen(published[i].raw));
        assert_string_equal(padded.buf, published[i].base64);
        /* What stands before it, an "=" too, stays. */
        evo_strbuf_adds(&raw, "=");
        evo_base64_raw(&raw, published[i].raw, strlen(published[i].raw));
        assert_int_equal(raw.len, 1 + strcspn(published[i].base64, "="));
        assert_memory_equal(raw.buf + 1, published[i].base64, raw.len - 1);
    }
}

static void test_base64_raw_decode_gives_back_every_byte(void **state)
{
    (void)state;
    unsigned char all[256], back[256];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)(i * 167);
    for (size_t n = 0; n <= sizeof(all); n++) {
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        size_t len = 9999;
        evo_base64_raw(&text, all, n);
        assert_true(evo_base64_raw_decode(text.buf, text.len, back, n, &len));
        assert_int_equal(len, n);
        assert_memory_equal(back, all, n);
        if (n)
            assert_false(evo_base64_raw_decode(text.buf, text.len, back, n - 1, &len));
    }
}

static void test_base64_raw_decode_refuses_what_is_not_canonical(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "A",    "AAAAA", /* no whole byte */
        "Zh",   "Zm9vYh", "Zm9", /* bits behind the last byte */
        "Zg==", "Zm8=",   "Zm9v\n", " Zm9v", "Zm-_", "Zm\xc3v", /* characters */
    };
    for (size_t i = 0; i < EVO_COUNT(texts); i++) {
        unsigned char out[16];
        size_t len = 9999;
        assert_false(evo_base64_raw_decode(texts[i], strlen(texts[i]), out, sizeof(out), &len));
        assert_int_equal(len, 9999);
    }
    unsigned char out[16];
    size_t len;
    assert_false(evo_base64_raw_decode("AA\0A", 4, out, sizeof(out), &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_of_the_published_examples),
        cmocka_unit_test(test_base64_raw_decode_gives_back_every_byte),
        cmocka_unit_test(test_base64_raw_decode_refuses_what_is_not_canonical),
    };
    return cmocka_run_group_tests_name("base/encode", tests, NULL, NULL);
}
