#include "cmocka_all.h"

#include "base/secret.h"

static int forget(void **state)
{
    (void)state;
    evo_redact_forget();
    return 0;
}

static char *redacted(const char *text)
{
    struct evo_strbuf out = EVO_STRBUF_INIT;
    evo_redact(&out, text);
    return evo_strbuf_detach(&out);
}

static void test_redact_replaces_every_form_of_a_secret(void **state)
{
    (void)state;
    evo_redact_add("p@ss\"w/rd");
    static const char *const forms[] = { "raw p@ss\"w/rd end", "url p%40ss%22w%2Frd end",
                                         "json p@ss\\\"w/rd end", "b64 cEBzcyJ3L3Jk end" };
    for (size_t i = 0; i < EVO_COUNT(forms); i++) {
        EVO_AUTO_STR text = redacted(forms[i]);
        assert_non_null(strstr(text, "*** end"));
        assert_true(evo_redact_finds(forms[i]));
    }
    assert_false(evo_redact_finds("nothing here"));
}

static void test_redact_leaves_short_values_alone(void **state)
{
    (void)state;
    evo_redact_add("abc");
    EVO_AUTO_STR text = redacted("abcabc");
    assert_string_equal(text, "abcabc");
}

static void test_redact_connection_finds_the_password(void **state)
{
    (void)state;
    static const struct {
        const char *text, *password;
    } rows[] = {
        { "postgresql://u:canary1@h/db", "canary1" },
        { "postgresql://u:can%40ary@h:5432/db?schema=x", "can@ary" },
        { "postgresql://u:with@at-sign@h/db", "with@at-sign" },
        { "postgresql://u:with/slash@h/db", "with/slash" },
        { "postgresql://h/db?user=u&password=canary2&x=1", "canary2" },
        { "postgresql://h/db?sslpassword=canary5", "canary5" },
        { "host=h password=canary3 user=u", "canary3" },
        { "host=h password = 'can\\'ary 4'", "can'ary 4" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        evo_redact_forget();
        assert_true(evo_redact_connection(rows[i].text));
        assert_true(evo_redact_finds(rows[i].password));
    }
}

static void test_redact_connection_without_a_password_finds_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "postgresql://u@h:5432/db", "postgresql:///db?host=/tmp", "host=h user=u",
        "postgresql://u:@h/db",     "postgresql://[::1]:5432/db", "",
        "host=h passwordx=1"
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_false(evo_redact_connection(rows[i]));
}

static void test_secret_is_revealed_only_while_set(void **state)
{
    (void)state;
    EVO_AUTO(secret) secret = EVO_SECRET_INIT;
    assert_false(evo_secret_is_set(&secret));
    assert_string_equal(evo_secret_reveal(&secret), "");
    evo_secret_set(&secret, "canary");
    assert_string_equal(evo_secret_reveal(&secret), "canary");
    evo_secret_set(&secret, NULL);
    assert_false(evo_secret_is_set(&secret));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_redact_replaces_every_form_of_a_secret, forget),
        cmocka_unit_test_teardown(test_redact_leaves_short_values_alone, forget),
        cmocka_unit_test_teardown(test_redact_connection_finds_the_password, forget),
        cmocka_unit_test_teardown(test_redact_connection_without_a_password_finds_none, forget),
        cmocka_unit_test(test_secret_is_revealed_only_while_set),
    };
    return cmocka_run_group_tests_name("base/secret", tests, NULL, NULL);
}
