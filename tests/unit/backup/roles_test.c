#include "cmocka_all.h"

#include "backup/roles.h"

static void test_roles_are_found_where_they_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *desc, *defn, *expected; /* separated by "|" */
    } table[] = {
        { "ACL", "GRANT SELECT ON TABLE public.t TO app;\n", "app" },
        { "ACL",
          "REVOKE ALL ON TABLE public.\"to\" FROM PUBLIC;\nGRANT ALL ON TABLE public.\"to\" TO a,\n  b;\n",
          "a|b" },
        { "ACL", "GRANT SELECT(x),UPDATE(x) ON TABLE public.t TO \"Odd \"\"Role\"\"\", x;",
          "Odd \"Role\"|x" },
        { "ACL", "GRANT SELECT ON TABLE public.t TO GROUP team WITH GRANT OPTION;", "team" },
        { "ACL",
          "SET SESSION AUTHORIZATION boss;\nGRANT SELECT ON TABLE t TO app;\nRESET SESSION AUTHORIZATION;\n",
          "boss|app" },
        { "ACL", "GRANT SELECT ON TABLE t TO app;GRANT INSERT ON TABLE t TO app;", "app" },
        { "DEFAULT ACL",
          "ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES  TO reader;",
          "maker|reader" },
        { "POLICY", "CREATE POLICY own ON public.t FOR SELECT TO app, \"Ops\" USING ((who SIMILAR TO 'x'));",
          "app|Ops" },
        { "POLICY", "CREATE POLICY own ON public.t USING ((CURRENT_USER = who));", "" },
        { "POLICY", "CREATE POLICY own ON public.t TO app WITH CHECK ((a ~ 'b'::text));", "app" },
        { "USER MAPPING", "CREATE USER MAPPING FOR app SERVER far OPTIONS (\n    password 'for x'\n);",
          "app" },
        { "USER MAPPING", "CREATE USER MAPPING FOR PUBLIC SERVER far;", "" },
        /* of other objects nothing is said of roles that a drill would need */
        { "FUNCTION", "CREATE FUNCTION f() AS $$ GRANT x TO y $$", "" },
        { "ACL", NULL, "" },
        /* text that ends in the middle */
        { "ACL", "GRANT SELECT ON TABLE t TO ", "" },
        { "ACL", "GRANT SELECT ON TABLE t TO GROUP", "" },
        { "ACL", "GRANT SELECT ON TABLE t TO \"open", "open" },
        { "ACL", "", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO_STR desc = evo_strdup(table[i].desc);
        EVO_AUTO_STR defn = evo_strdup(table[i].defn);
        struct evo_toc_entry entry = { .desc = desc, .defn = defn };
        const struct evo_toc toc = { .items = &entry, .count = 1 };
        EVO_AUTO(strvec) roles = EVO_STRVEC_INIT;
        EVO_AUTO(strbuf) found = EVO_STRBUF_INIT;
        evo_toc_roles(&toc, NULL, &roles);
        for (size_t r = 0; r < roles.count; r++)
            evo_strbuf_addf(&found, "%s%s", r ? "|" : "", roles.items[r]);
        assert_string_equal(found.buf, table[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_roles_are_found_where_they_are_named) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
