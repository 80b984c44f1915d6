#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg/internal.h"

/* What libpq 15 gave, at its verbose level, for failures that a test cannot have at will. */
static void test_connect_error_reads_libpqs_text(void **state)
{
    static const struct {
        const char *text;
        bool needs_password;
        enum evo_errc code;
        bool retryable;
        const char *sqlstate, *message, *hint;
    } table[] = {
        { "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  57P03: the database system is "
          "starting "
          "up\nLOCATION:  ProcessStartupPacket, postmaster.c:2401\n",
          false, EVO_ERR_CONNECT, true, "57P03", "the database system is starting up",
          "pg_isready -d \"postgresql://" },
        { "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  53300: sorry, too many clients "
          "already\n"
          "LOCATION:  ProcArrayAdd, procarray.c:359\n",
          false, EVO_ERR_CONNECT, true, "53300", "sorry, too many clients already", "pg_stat_activity" },
        { "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  42501: permission denied for "
          "database "
          "\"shop\"\nDETAIL:  User does not have CONNECT privilege.\nLOCATION:  CheckMyDatabase, "
          "postinit.c:383\n",
          false, EVO_ERR_PERMISSION, false, "42501", "permission denied for database \"shop\"",
          "GRANT CONNECT ON DATABASE \"shop\" TO \"app\"" },
        { "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28000: no pg_hba.conf entry for "
          "host "
          "\"10.0.0.9\", user \"app\", database \"shop\", no encryption\nLOCATION:  ClientAuthentication, "
          "auth.c:536\n",
          false, EVO_ERR_CONNECT, false, "28000",
          "no pg_hba.conf entry for host \"10.0.0.9\", user \"app\", database \"shop\", no encryption",
          "psql " },
        /* a server that speaks German; libpq that does */
        { "connection to server at \"127.0.0.1\", port 5432 failed: SCHWERWIEGEND:  28P01: "
          "Passwort-Authentifizierung "
          "f\xC3\xBCr Benutzer \xC2\xBB"
          "app\xC2\xAB fehlgeschlagen\n",
          false, EVO_ERR_CONNECT, false, "28P01",
          "Passwort-Authentifizierung f\xC3\xBCr Benutzer \xC2\xBB"
          "app\xC2\xAB fehlgeschlagen",
          "DATABASE_URL" },
        /* first with TLS, then without: the last attempt is the answer */
        { "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication "
          "failed for "
          "user \"app\"\nLOCATION:  auth_failed, auth.c:338\nconnection to server at \"127.0.0.1\", port "
          "5432 failed: "
          "FATAL:  28000: no pg_hba.conf entry\nLOCATION:  ClientAuthentication, auth.c:536\n",
          false, EVO_ERR_CONNECT, false, "28000", "no pg_hba.conf entry", "psql " },
        { "could not translate host name \"db.invalid\" to address: Name or service not known\n", false,
          EVO_ERR_CONNECT, true, "",
          "could not translate host name \"db.invalid\" to address: Name or service not known",
          "getent hosts db.example" },
        { "connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection timed out\n\tIs the "
          "server running "
          "on that host and accepting TCP/IP connections?\n",
          false, EVO_ERR_CONNECT, true, "", "Connection timed out", "pg_isready" },
        { "connection to server at \"db\" (10.0.0.1), port 5432 failed: fe_sendauth: no password supplied\n",
          true, EVO_ERR_CONNECT, false, "", "no password supplied", "PGPASSWORD" },
        { "connection to server at \"db\" (10.0.0.1), port 5432 failed: SSL error: certificate verify "
          "failed\n",
          false, EVO_ERR_CONNECT, false, "", "SSL error: certificate verify failed", "sslrootcert" },
        { "connection to server at \"db\" (10.0.0.1), port 80 failed: received invalid response to SSL "
          "negotiation: H\n",
          false, EVO_ERR_CONNECT, false, "", "received invalid response to SSL negotiation: H",
          "pg_isready" },
        { "connection to server at \"db\" (10.0.0.1), port 6543 failed: FATAL:  3D000: no such database: "
          "shop\n",
          false, EVO_ERR_CONNECT, false, "3D000", "no such database: shop", "psql --list" },
        { "connection to server at \"db\", port 5432 failed: FATAL:  XX000: Tenant or user not found\n",
          false, EVO_ERR_CONNECT, false, "XX000", "Tenant or user not found", "psql " },
        { "", false, EVO_ERR_CONNECT, true, "", "", "pg_isready" },
    };
    (void)state;
    EVO_AUTO(conninfo) info = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_conninfo_parse("postgresql://app:canary9@db.example/shop", &info, &err), EVO_OK);
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        assert_int_equal(evo_pg_connect_error(table[i].text, table[i].needs_password, &info, &err),
                         table[i].code);
        EVO_AUTO_STR message = evo_asprintf(
            "could not connect to \"postgresql://app@db.example:5432/shop\": %s", table[i].message);
        assert_string_equal(err.message, message);
        assert_string_equal(err.sqlstate, table[i].sqlstate);
        assert_int_equal(err.retryable, table[i].retryable);
        if (!strstr(err.hint, table[i].hint))
            fail_msg("%s: %s", err.message, err.hint);
        assert_null(strstr(err.hint, "canary9"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_error_reads_libpqs_text),
    };
    return cmocka_run_group_tests_name("pg/error", tests, NULL, NULL);
}
