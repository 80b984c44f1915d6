#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/file.h"
#include "pg/conninfo.h"

/* Nothing of the caller's shell may show: every test sets what it needs. */
static const char *const variables[] = { "PGHOST",           "PGHOSTADDR", "PGPORT",     "PGUSER",
                                         "PGDATABASE",       "PGSERVICE",  "PGPASSWORD", "PGSERVICEFILE",
                                         "PGSSLMODE",        "PGAPPNAME",  "PGOPTIONS",  "PGSSLKEY",
                                         "PGCONNECT_TIMEOUT" };

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(variables); i++)
        (void)unsetenv(variables[i]);
    (void)setenv("PGUSER", "os", 1); /* else it is the user of the machine */
    evo_redact_forget();
    return 0;
}

/* "k=v k=v", sorted, without the user and the database. */
static char *show_keywords(const struct evo_conninfo *c)
{
    EVO_AUTO(strvec) pairs = EVO_STRVEC_INIT;
    for (size_t i = 0; i + 1 < c->keywords.count; i += 2)
        if (!evo_streq(c->keywords.items[i], "user") && !evo_streq(c->keywords.items[i], "dbname"))
            evo_strvec_pushf(&pairs, "%s=%s", c->keywords.items[i], c->keywords.items[i + 1]);
    evo_strvec_sort(&pairs);
    struct evo_strbuf out = EVO_STRBUF_INIT;
    for (size_t i = 0; i < pairs.count; i++)
        evo_strbuf_addf(&out, "%s%s", i ? " " : "", pairs.items[i]);
    return evo_strbuf_detach(&out);
}

static void test_parse_takes_what_people_have(void **state)
{
    static const struct {
        const char *text, *redacted, *password, *keywords;
    } table[] = {
        /* libpq's URLs */
        { "postgresql://app:pw12@db.example.com:5433/shop", "postgresql://app@db.example.com:5433/shop",
          "pw12", "host=db.example.com port=5433" },
        { "postgres://app@db/shop", "postgresql://app@db:5432/shop", NULL, "host=db" },
        { "postgresql://app@db", "postgresql://app@db:5432/app", NULL, "host=db" },
        { "postgresql:///shop", "postgresql://os@/shop", NULL, "" },
        { "postgresql://", "postgresql://os@/os", NULL, "" },
        { "  postgres://app@db/shop\r\n", "postgresql://app@db:5432/shop", NULL, "host=db" },
        { "POSTGRES://app@db/shop", "postgresql://app@db:5432/shop", NULL, "host=db" },
        { "postgresql://app:@db/shop", "postgresql://app@db:5432/shop", NULL, "host=db" },
        { "postgresql://db/shop?user=app&password=pw12&sslmode=require", "postgresql://app@db:5432/shop",
          "pw12", "host=db sslmode=require" },
        { "postgresql://app@db/shop?", "postgresql://app@db:5432/shop", NULL, "host=db" },
        { "postgresql://app@db/shop?&sslmode=require&&", "postgresql://app@db:5432/shop", NULL,
          "host=db sslmode=require" },
        { "postgresql://app@db/shop?ssl=true", "postgresql://app@db:5432/shop", NULL,
          "host=db sslmode=require" },
        { "postgresql://app@db/shop?options=-c%20geqo%3Doff&application_name=me",
          "postgresql://app@db:5432/shop", NULL, "application_name=me host=db options=-c geqo=off" },
        /* percent-encoding */
        { "postgresql://app:a%25b%5Ec%3Fd%26e%23f@db/shop", "postgresql://app@db:5432/shop", "a%b^c?d&e#f",
          "host=db" },
        { "postgresql://app:a%40b%2Fc%3Ad@db/shop", "postgresql://app@db:5432/shop", "a@b/c:d", "host=db" },
        { "postgresql://app:a^b?c&d#e@db/shop", "postgresql://app@db:5432/shop", "a^b?c&d#e", "host=db" },
        { "postgresql://app:a^b?c&d#e@db/shop?schema=x", "postgresql://app@db:5432/shop", "a^b?c&d#e",
          "host=db" },
        { "postgresql://my%20app:pw12@db/my%20shop", "postgresql://my%20app@db:5432/my%20shop", "pw12",
          "host=db" },
        /* hosts */
        { "postgresql://app@[::1]:5433/shop", "postgresql://app@[::1]:5433/shop", NULL,
          "host=::1 port=5433" },
        { "postgresql://app@[2001:db8::1]/shop", "postgresql://app@[2001:db8::1]:5432/shop", NULL,
          "host=2001:db8::1" },
        { "postgresql://app@h1:5433,h2/shop?target_session_attrs=primary",
          "postgresql://app@h1:5433,h2:5432/shop", NULL,
          "host=h1,h2 port=5433, target_session_attrs=primary" },
        { "postgresql://app@h1,h2/shop?port=5433", "postgresql://app@h1:5433,h2:5433/shop", NULL,
          "host=h1,h2 port=5433" },
        { "postgresql://app:pw12@/shop?host=/var/run", "postgresql://app@/shop?host=/var/run", "pw12",
          "host=/var/run" },
        { "postgresql://app@localhost/shop?host=/var/run&port=5433",
          "postgresql://app@/shop?host=/var/run&port=5433", NULL, "host=/var/run port=5433" },
        { "postgresql://app@%2Fvar%2Frun/shop", "postgresql://app@/shop?host=/var/run", NULL,
          "host=/var/run" },
        { "postgresql://app@:5433/shop", "postgresql://app@/shop?port=5433", NULL, "port=5433" },
        { "postgresql:///shop?hostaddr=10.0.0.1", "postgresql://os@10.0.0.1:5432/shop", NULL,
          "hostaddr=10.0.0.1" },
        /* other clients' schemes and parameters */
        { "postgresql+asyncpg://app:pw12@db/shop", "postgresql://app@db:5432/shop", "pw12", "host=db" },
        { "postgres+psycopg2://app@db/shop", "postgresql://app@db:5432/shop", NULL, "host=db" },
        { "pgsql://app:pw12@db/shop?charset=utf8", "postgresql://app@db:5432/shop", "pw12", "host=db" },
        { "postgresql://app:pw12@db:6543/shop?pgbouncer=true&connection_limit=1&pool_timeout=20",
          "postgresql://app@db:6543/shop", "pw12", "host=db port=6543" },
        { "postgresql://app@db/shop?schema=public&socket_timeout=3&statement_cache_size=0&connect_timeout=5",
          "postgresql://app@db:5432/shop", NULL, "connect_timeout=5 host=db" },
        { "postgresql://app@db/shop?sslmode=require&sslaccept=strict&sslcert=ca.pem",
          "postgresql://app@db:5432/shop", NULL, "host=db sslmode=verify-full sslrootcert=ca.pem" },
        { "postgresql://app@db/shop?sslmode=require&sslaccept=accept_invalid_certs",
          "postgresql://app@db:5432/shop", NULL, "host=db sslmode=require" },
        { "postgresql://app@db/shop?sslidentity=client.p12&sslpassword=secret9",
          "postgresql://app@db:5432/shop", NULL, "host=db" },
        { "postgresql://app@db/shop?sslcert=c.pem&sslkey=k.pem&schema=x", "postgresql://app@db:5432/shop",
          NULL, "host=db sslcert=c.pem sslkey=k.pem" },
        { "postgresql://app@db/shop?sslmode=no-verify", "postgresql://app@db:5432/shop", NULL,
          "host=db sslmode=require" },
        { "postgresql+asyncpg://app@db/shop?ssl=verify-full", "postgresql://app@db:5432/shop", NULL,
          "host=db sslmode=verify-full" },
        /* keywords */
        { "host=db port=5433 dbname=shop user=app password=pw12", "postgresql://app@db:5433/shop", "pw12",
          "host=db port=5433" },
        { "host = db dbname = 'my shop' user=app password='it\\'s \\\\ \"x\"'",
          "postgresql://app@db:5432/my%20shop", "it's \\ \"x\"", "host=db" },
        { "host='' dbname=shop password=''", "postgresql://os@/shop", NULL, "" },
        { "dbname=shop application_name='x://y'", "postgresql://os@/shop", NULL, "application_name=x://y" },
        { "", "postgresql://os@/os", NULL, "" },
        { NULL, "postgresql://os@/os", NULL, "" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        (void)clear_environment(state);
        EVO_AUTO(conninfo) c = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        if (evo_conninfo_parse(table[i].text, &c, &err))
            fail_msg("%s: %s: %s", table[i].text, err.message, err.detail);
        assert_string_equal(c.redacted, table[i].redacted);
        assert_int_equal(evo_secret_is_set(&c.password), table[i].password != NULL);
        EVO_AUTO_STR keywords = show_keywords(&c);
        assert_string_equal(keywords, table[i].keywords);
        assert_non_null(c.database);
        assert_string_equal(evo_conninfo_get(&c, "dbname"), c.database);
        if (table[i].password) {
            assert_string_equal(evo_secret_reveal(&c.password), table[i].password);
            assert_true(evo_redact_finds(table[i].password));
            assert_null(strstr(c.redacted, table[i].password));
        }
        const char *text = table[i].text ? table[i].text : "";
        if (evo_conninfo_has_password(text) != (table[i].password || strstr(text, "sslpassword=")))
            fail_msg("%s", text);
    }
}

static void test_parse_finds_the_schema(void **state)
{
    static const struct {
        const char *text, *schema;
    } table[] = {
        { "postgresql://app@db/shop?schema=sales", "sales" },
        { "postgresql://app@db/shop?schema=my%20sales&sslmode=require", "my sales" },
        { "postgresql://app@db/shop?schema=", NULL },
        { "postgresql://app@db/shop?sslmode=disable&search_path=sales_2", "sales_2" },
        { "postgresql://app@db/shop?search_path=a,b&schema=sales", "sales" },
        { "postgresql://app@db/shop", NULL },
        { "host=db", NULL },
    };
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(conninfo) c = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_conninfo_parse(table[i].text, &c, &err), EVO_OK);
        if (table[i].schema)
            assert_string_equal(c.schema, table[i].schema);
        else
            assert_null(c.schema);
    }
}

/* Each holds the word hunter2, which no part of the error may. */
static void test_parse_refuses_without_showing_anything(void **state)
{
    static const struct {
        const char *text, *part;
    } table[] = {
        { "postgresql://app:hunter2%@db/shop", "begins no escape" },
        { "postgresql://app:hunter2%zz@db/shop", "begins no escape" },
        { "postgresql://app:hunter2%00@db/shop", "%00" },
        { "postgresql://app:x@hunter2@db/shop", "not percent-encoded" },
        { "postgresql://app:x/hunter2@db/shop", "not percent-encoded" },
        { "postgresql://app:hunter2?x/y@db/shop", "no \"=\"" },
        { "postgresql://app:hunter2/db", "port" },
        { "postgresql://app:pw@[::1/hunter2", "not closed" },
        { "postgresql://app:hunter2@db/shop?sslmode", "no \"=\"" },
        { "postgresql://app:hunter2@db/shop?hunter2=1", "not one that PostgreSQL knows" },
        { "postgresql://app:hunter2@db/shop?slmode=verify-full", "\"slmode\"" },
        { "postgresql://app:hunter2@db/shop?schema=%zz", "schema" },
        { "postgresql://app:hunter2@db/shop?search_path=a,public", "search_path" },
        { "postgresql://app:hunter2@db/shop?search_path=%22Sales%22", "search_path" },
        { "postgresql://app:hunter2@db/shop?search_path=", "search_path" },
        { "postgresql://app:hunter2@db:99999/shop", "65535" },
        { "\"postgresql://app:hunter2@db/shop\"", "quotes" },
        { "'postgresql://app:hunter2@db/shop'", "quotes" },
        { "password=hunter2 host", "no \"=\"" },
        { "password='hunter2", "quote" },
        { "password=hunter2 hunter=2", "not one that PostgreSQL knows" },
        { "hunter2", "no \"=\"" },
        { ":hunter2://x", "no scheme" },
        { "host=db port=hunter2", "port" },
    };
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(conninfo) c = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_conninfo_parse(table[i].text, &c, &err), EVO_ERR_CONFIG);
        assert_null(c.redacted);
        assert_string_equal(err.message, "the connection string is malformed");
        if (!strstr(err.detail, table[i].part))
            fail_msg("%s: %s", table[i].text, err.detail);
        if (!evo_streq(table[i].part, "not one that PostgreSQL knows") || !strstr(table[i].text, "?hunter2="))
            assert_null(strstr(err.detail, "hunter2"));
        assert_null(strstr(err.hint, "hunter2"));
    }
}

static void test_parse_names_a_foreign_scheme(void **state)
{
    static const struct {
        const char *text, *scheme, *hint;
    } table[] = {
        { "mysql://root:hunter2@db/shop", "\"mysql\"", "postgresql://" },
        { "prisma+postgres://accelerate/?api_key=hunter2", "\"prisma+postgres\"", "DIRECT_URL" },
        { "postgresqlx://app:hunter2@db/shop", "\"postgresqlx\"", "postgresql://" },
        { "postgresql+://app:hunter2@db/shop", "\"postgresql+\"", "postgresql://" },
    };
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(conninfo) c = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_conninfo_parse(table[i].text, &c, &err), EVO_ERR_CONFIG);
        assert_non_null(strstr(err.message, table[i].scheme));
        assert_non_null(strstr(err.hint, table[i].hint));
        assert_null(strstr(err.message, "hunter2"));
    }
}

static void test_parse_refuses_more_than_the_limit(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_adds(&text, "postgresql://app@db/");
    while (text.len <= EVO_CONNINFO_MAX)
        evo_strbuf_addch(&text, 'x');
    EVO_AUTO(conninfo) c = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_conninfo_parse(text.buf, &c, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "longer than"));
}

static void test_parse_fills_in_what_libpq_would(void **state)
{
    (void)state;
    (void)setenv("PGHOST", "envhost", 1);
    (void)setenv("PGPORT", "5444", 1);
    (void)setenv("PGDATABASE", "envdb", 1);
    (void)setenv("PGPASSWORD", "env-secret", 1);
    (void)setenv("PGSSLMODE", "require", 1);
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) all = { 0 };
    assert_int_equal(evo_conninfo_parse(NULL, &all, &err), EVO_OK);
    assert_string_equal(all.redacted, "postgresql://os@envhost:5444/envdb");
    assert_string_equal(evo_secret_reveal(&all.password), "env-secret");
    assert_true(evo_redact_finds("x env-secret y"));
    assert_string_equal(evo_conninfo_get(&all, "sslmode"), "require");
    EVO_AUTO(conninfo) some = { 0 };
    assert_int_equal(evo_conninfo_parse("postgresql://app:own-secret@db/shop?sslmode=disable", &some, &err),
                     EVO_OK);
    assert_string_equal(some.redacted, "postgresql://app@db:5444/shop");
    assert_string_equal(evo_secret_reveal(&some.password), "own-secret");
    assert_string_equal(evo_conninfo_get(&some, "sslmode"), "disable");
}

static void test_parse_reads_a_service_as_libpq_does(void **state)
{
    (void)state;
    char folder[] = "/tmp/evo-conninfo.XXXXXX";
    assert_non_null(mkdtemp(folder));
    EVO_AUTO_STR file = evo_path_join(folder, "services");
    static const char services[] = "[one]\nhost=one.example\ndbname=onedb\nport=5001\n";
    assert_int_equal(evo_file_write(file, services, strlen(services), NULL), EVO_OK);
    (void)setenv("PGSERVICEFILE", file, 1);
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) c = { 0 };
    enum evo_errc rc = evo_conninfo_parse("service=one dbname=other", &c, &err);
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    if (!rc)
        evo_conninfo_environment(&c, &env);
    (void)unlink(file);
    (void)rmdir(folder);
    assert_int_equal(rc, EVO_OK);
    assert_string_equal(c.redacted, "postgresql://os@one.example:5001/other");
    assert_null(getenv("PGSERVICE"));
    /* The variable would win over PGDATABASE. */
    assert_true(evo_strvec_contains(&env, "PGSERVICE"));
    assert_false(evo_strvec_contains(&env, "PGSERVICE=one"));
    assert_true(evo_strvec_contains(&env, "PGHOST=one.example"));
    assert_true(evo_strvec_contains(&env, "PGDATABASE=other"));
}

static void test_parse_does_not_redact_a_password_that_is_the_user(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) c = { 0 };
    assert_int_equal(evo_conninfo_parse("postgresql://postgres:postgres@db/shop", &c, &err), EVO_OK);
    assert_string_equal(evo_secret_reveal(&c.password), "postgres");
    assert_false(evo_redact_finds(c.redacted));
}

static void test_has_password_errs_on_the_safe_side(void **state)
{
    static const struct {
        const char *text;
        bool has;
    } table[] = {
        { "postgresql://app:hunter2%@db/shop", true },
        { "postgresql://app:x@hunter2@db/shop", true },
        { "postgresql://app@db/shop?password=x", true },
        { "postgresql://app@db/shop?sslpassword=x", true },
        { "postgresql://app@db/shop?nonsense=x", false },
        { "postgresql://app@db/shop?schema=public", false },
        { "password=", false },
        { "password=x", true },
        { "password='x", true },
        { "mysql://a:b@c", true },
        { "host=db user=app", false },
        { "", false },
    };
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        if (evo_conninfo_has_password(table[i].text) != table[i].has)
            fail_msg("%s", table[i].text);
}

static void test_set_database_changes_the_name_everywhere(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) c = { 0 };
    EVO_AUTO(conninfo) copy = { 0 };
    assert_int_equal(evo_conninfo_parse("postgresql://app:pw12@db/shop?schema=s", &c, &err), EVO_OK);
    evo_conninfo_copy(&copy, &c);
    evo_conninfo_set_database(&copy, "other db");
    assert_string_equal(copy.database, "other db");
    assert_string_equal(evo_conninfo_get(&copy, "dbname"), "other db");
    assert_string_equal(copy.redacted, "postgresql://app@db:5432/other%20db");
    assert_string_equal(evo_secret_reveal(&copy.password), "pw12");
    assert_string_equal(copy.schema, "s");
    assert_string_equal(c.redacted, "postgresql://app@db:5432/shop");
    evo_conninfo_set_database(&copy, copy.database);
    assert_string_equal(copy.database, "other db");
}

static void test_environment_holds_what_a_child_needs(void **state)
{
    static const char *const wanted[] = { "PGSERVICE",         "PGHOST=db",           "PGPORT=5433",
                                          "PGUSER=app",        "PGDATABASE=shop",     "PGPASSWORD=pw 12",
                                          "PGSSLMODE=require", "PGCONNECT_TIMEOUT=5", "PGAPPNAME=me" };
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(conninfo) c = { 0 };
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    assert_int_equal(
        evo_conninfo_parse("postgresql://app:pw%2012@db:5433/shop?sslmode=require&connect_timeout=5&"
                           "application_name=me&keepalives_idle=9&pgbouncer=true",
                           &c, &err),
        EVO_OK);
    evo_conninfo_environment(&c, &env);
    assert_int_equal(env.count, EVO_COUNT(wanted));
    for (size_t i = 0; i < EVO_COUNT(wanted); i++)
        if (!evo_strvec_contains(&env, wanted[i]))
            fail_msg("%s is missing", wanted[i]);
    evo_conninfo_environment_wipe(&env);
    assert_int_equal(env.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_parse_takes_what_people_have, clear_environment),
        cmocka_unit_test_setup(test_parse_finds_the_schema, clear_environment),
        cmocka_unit_test_setup(test_parse_refuses_without_showing_anything, clear_environment),
        cmocka_unit_test_setup(test_parse_names_a_foreign_scheme, clear_environment),
        cmocka_unit_test_setup(test_parse_refuses_more_than_the_limit, clear_environment),
        cmocka_unit_test_setup(test_parse_fills_in_what_libpq_would, clear_environment),
        cmocka_unit_test_setup(test_parse_reads_a_service_as_libpq_does, clear_environment),
        cmocka_unit_test_setup(test_parse_does_not_redact_a_password_that_is_the_user, clear_environment),
        cmocka_unit_test_setup(test_has_password_errs_on_the_safe_side, clear_environment),
        cmocka_unit_test_setup(test_set_database_changes_the_name_everywhere, clear_environment),
        cmocka_unit_test_setup(test_environment_holds_what_a_child_needs, clear_environment),
    };
    return cmocka_run_group_tests_name("pg/conninfo", tests, NULL, NULL);
}
