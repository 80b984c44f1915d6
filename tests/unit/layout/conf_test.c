#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layout/conf.h"

#include "base/banned.h"

static void read_text(enum evo_conf_form form, const char *text, struct evo_conf *conf)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_conf_parse(text, form, "file", conf, &err))
        fail_msg("%s (line %d)", err.message, err.line);
}

static void assert_value(const struct evo_conf *conf, const char *key, const char *value, int line)
{
    const struct evo_conf_item *item = evo_conf_find(conf, key);
    assert_non_null(item);
    assert_string_equal(item->value, value);
    assert_int_equal(item->line, line);
}

static void test_parse_properties(void **state)
{
    (void)state;
    EVO_AUTO(conf) conf = { 0 };
    read_text(EVO_CONF_PROPERTIES,
              "# comment\n\nflyway.url = jdbc:x?a=b\r\nflyway.locations=filesystem:a,\\\n  filesystem:b\n"
              "flyway.table=\nflyway.table=t",
              &conf);
    assert_value(&conf, "flyway.url", "jdbc:x?a=b", 3);
    assert_value(&conf, "flyway.locations", "filesystem:a,filesystem:b", 4);
    assert_value(&conf, "flyway.table", "t", 7);
    assert_int_equal(conf.count, 4);
    assert_null(evo_conf_find(&conf, "flyway"));
}

static void test_parse_toml(void **state)
{
    (void)state;
    EVO_AUTO(conf) conf = { 0 };
    read_text(EVO_CONF_TOML,
              "id = \"x\" # comment\n[flyway]\nlocations = [ \"a\", # one\n 'b',\n]\nmixed = true\n"
              "\"initSql\" = \"SELECT \\\"a\\\"\\n\\\\\"\n[environments.dev]\nurl='c:\\d'\nretries = 3 \n"
              "[flyway.\"check\"]\nempty = []\nplugin.deep = 1\n[[many]]\nname = \"last\"\n",
              &conf);
    assert_value(&conf, "id", "x", 1);
    assert_value(&conf, "flyway.locations", "a,b", 3);
    assert_value(&conf, "flyway.mixed", "true", 6);
    assert_value(&conf, "flyway.initSql", "SELECT \"a\"\n\\", 7);
    assert_value(&conf, "environments.dev.url", "c:\\d", 9);
    assert_value(&conf, "environments.dev.retries", "3", 10);
    assert_value(&conf, "flyway.check.empty", "", 12);
    assert_null(evo_conf_value(&conf, "flyway.check.empty"));
    assert_value(&conf, "flyway.check.plugin.deep", "1", 13);
    assert_value(&conf, "many.name", "last", 15);
}

static void test_parse_git(void **state)
{
    (void)state;
    EVO_AUTO(conf) conf = { 0 };
    read_text(EVO_CONF_GIT,
              "\xef\xbb\xbf; comment\n[Core]\n\tengine = pg ; the engine\n\tTop_Dir=a # b\n\tbool\n"
              "[engine \"Pg\"]\n\tclient = \"c ; d\" \n\ttarget = a\\\n b\n[user] name = J\\\"D\n",
              &conf);
    assert_value(&conf, "core.engine", "pg", 3);
    assert_value(&conf, "core.top_dir", "a", 4);
    assert_value(&conf, "core.bool", "true", 5);
    assert_value(&conf, "engine.Pg.client", "c ; d", 7);
    assert_value(&conf, "engine.Pg.target", "a b", 8);
    assert_value(&conf, "user.name", "J\"D", 10);
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const struct {
        enum evo_conf_form form;
        const char *text, *says;
        int line;
    } rows[] = {
        { EVO_CONF_PROPERTIES, "a=b\nnothing\n", "without \"=\"", 2 },
        { EVO_CONF_TOML, "a = \"b\n", "a string without its end", 1 },
        { EVO_CONF_TOML, "a = \"\"\"b\n\"\"\"", "a string of many lines", 1 },
        { EVO_CONF_TOML, "a = \"\\u0041\"", "an escape", 1 },
        { EVO_CONF_TOML, "a = [ 1\n2 ]", "not parted by commas", 2 },
        { EVO_CONF_TOML, "a = [ 1,\n", "a list without its end", 2 },
        { EVO_CONF_TOML, "a = { b = 1 }", "no string, list, number or boolean", 1 },
        { EVO_CONF_TOML, "a =", "no string, list, number or boolean", 1 },
        { EVO_CONF_TOML, "a = \"b\" c", "more on the line", 1 },
        { EVO_CONF_TOML, "\n[a\nb = 1", "no table and no \"key = value\"", 2 },
        { EVO_CONF_TOML, "nothing\n", "no table and no \"key = value\"", 1 },
        { EVO_CONF_GIT, "[a \"b]\n", "a string without its end", 1 },
        { EVO_CONF_GIT, "[a\n", "a section without its end", 1 },
        { EVO_CONF_GIT, "[a]\nb = \"c\n", "a quote without its end", 2 },
        { EVO_CONF_GIT, "[a]\nb = \\x\n", "an escape", 2 },
        { EVO_CONF_GIT, "[a]\n= b\n", "no section and no \"key = value\"", 2 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(conf) conf = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc = evo_conf_parse(rows[i].text, rows[i].form, "file", &conf, &err);
        if (rc != EVO_ERR_CONFIG || !strstr(err.message, rows[i].says))
            fail_msg("row %zu: %d %s", i, (int)rc, err.message);
        assert_int_equal(err.line, rows[i].line);
        assert_string_equal(err.file, "file");
    }
}

static void test_read_of_a_file_that_is_not_there_says_nothing(void **state)
{
    (void)state;
    EVO_AUTO(conf) conf = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_conf_read("/nonexistent/flyway.toml", EVO_CONF_TOML, &conf, &err), EVO_OK);
    assert_int_equal(conf.count, 0);
    assert_int_equal(evo_conf_read("/", EVO_CONF_TOML, &conf, &err), EVO_ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_properties),
        cmocka_unit_test(test_parse_toml),
        cmocka_unit_test(test_parse_git),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_read_of_a_file_that_is_not_there_says_nothing),
    };
    return cmocka_run_group_tests_name("layout/conf", tests, NULL, NULL);
}
