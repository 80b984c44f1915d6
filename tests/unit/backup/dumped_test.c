#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/dumped.h"

static void test_identifier_quoted_and_not(void **state)
{
    (void)state;
    const struct {
        const char *text, *want, *rest;
    } rows[] = { { "a_1.b", "a_1", ".b" },
                 { "\"A \"\"b\"\" ä\" (", "A \"b\" ä", " (" },
                 { "\"\"\"\"", "\"", "" } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR got = NULL;
        const char *rest = evo_dumped_identifier(rows[i].text, &got);
        assert_non_null(rest);
        assert_string_equal(got, rows[i].want);
        assert_string_equal(rest, rows[i].rest);
    }
    static const char *const bad[] = { "", "A", "\"open", "\"open\"\"", "." };
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        char *got = NULL;
        assert_null(evo_dumped_identifier(bad[i], &got));
        assert_null(got);
    }
}

static void test_copy_target(void **state)
{
    (void)state;
    EVO_AUTO_STR schema = NULL;
    EVO_AUTO_STR table = NULL;
    assert_true(evo_dumped_copy_target("COPY \"S.x\".\"T\"\"\" (a, b) FROM stdin;\n", &schema, &table));
    assert_string_equal(schema, "S.x");
    assert_string_equal(table, "T\"");
    static const char *const bad[] = { "COPY t (a) FROM stdin;\n", "INSERT INTO a.b", "COPY a.", "" };
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        char *s = NULL;
        char *t = NULL;
        assert_false(evo_dumped_copy_target(bad[i], &s, &t));
    }
}

static void test_copy_frozen(void **state)
{
    (void)state;
    EVO_AUTO_STR got = evo_dumped_copy_frozen("COPY a.b (\"x FROM stdin;\n\", y) FROM stdin;\n");
    assert_string_equal(got, "COPY a.b (\"x FROM stdin;\n\", y) FROM stdin WITH (FREEZE);\n");
    assert_null(evo_dumped_copy_frozen("COPY a.b (x) TO stdout;\n"));
    assert_null(evo_dumped_copy_frozen(NULL));
}

static void test_plain_index_is_one_statement(void **state)
{
    (void)state;
    assert_true(evo_dumped_is_plain_index("CREATE INDEX i ON a.t USING btree (x);\n"));
    assert_true(evo_dumped_is_plain_index("CREATE UNIQUE INDEX i ON a.t USING btree (x);\n\n\n"));
    static const char *const other[] = {
        "CREATE INDEX i ON a.t USING btree (x);\n\nALTER TABLE a.t CLUSTER ON i;\n",
        "CREATE INDEX i ON a.t USING btree (((x + 1)));\nALTER INDEX a.i ALTER COLUMN 1 SET STATISTICS "
        "500;\n",
        "ALTER TABLE ONLY a.t\n    ADD CONSTRAINT k PRIMARY KEY (x);\n",
        "CREATE INDEX i ON a.t USING btree (x)",
        /* a doubt is no plain one */
        "CREATE INDEX i ON a.t USING btree (x) WHERE (y <> ';\n');\n",
        NULL,
    };
    for (size_t i = 0; i < EVO_COUNT(other); i++)
        assert_false(evo_dumped_is_plain_index(other[i]));
}

#define HEAD "ALTER TABLE ONLY a.\"T\"\n    ADD CONSTRAINT k "

static void test_split_constraint(void **state)
{
    (void)state;
    const struct {
        const char *defn, *index, *constraint;
    } rows[] = {
        { HEAD "PRIMARY KEY (id, \"b), (\");\n",
          "CREATE UNIQUE INDEX k ON a.\"T\" USING btree (id, \"b), (\");\n",
          "ALTER TABLE ONLY a.\"T\" ADD CONSTRAINT k PRIMARY KEY USING INDEX k;\n" },
        { HEAD "UNIQUE NULLS NOT DISTINCT (id) INCLUDE (d) WITH (fillfactor='70') DEFERRABLE INITIALLY "
               "DEFERRED;\n",
          "CREATE UNIQUE INDEX k ON a.\"T\" USING btree (id) INCLUDE (d) NULLS NOT DISTINCT WITH "
          "(fillfactor='70');\n",
          "ALTER TABLE ONLY a.\"T\" ADD CONSTRAINT k UNIQUE USING INDEX k DEFERRABLE INITIALLY DEFERRED;\n" },
        { HEAD "UNIQUE (y);\n\nALTER TABLE ONLY a.\"T\" REPLICA IDENTITY USING INDEX k;\n",
          "CREATE UNIQUE INDEX k ON a.\"T\" USING btree (y);\n",
          "ALTER TABLE ONLY a.\"T\" ADD CONSTRAINT k UNIQUE USING INDEX k;\n\nALTER TABLE ONLY a.\"T\" "
          "REPLICA IDENTITY "
          "USING INDEX k;\n" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR index = NULL;
        EVO_AUTO_STR constraint = NULL;
        assert_true(evo_dumped_split_constraint(rows[i].defn, &index, &constraint));
        assert_string_equal(index, rows[i].index);
        assert_string_equal(constraint, rows[i].constraint);
    }
}

static void test_split_leaves_other_constraints_whole(void **state)
{
    (void)state;
    static const char *const other[] = {
        HEAD "EXCLUDE USING gist (a WITH =);\n",
        HEAD "PRIMARY KEY (id, valid_at WITHOUT OVERLAPS);\n",
        HEAD "FOREIGN KEY (id) REFERENCES a.u(id);\n",
        HEAD "CHECK ((id > 0)) NOT VALID;\n",
        HEAD "UNIQUE (id) USING INDEX TABLESPACE \"x\";\n",
        HEAD "PRIMARY KEY ();\n",
        HEAD "PRIMARY KEY (id",
        "ALTER TABLE ONLY t\n    ADD CONSTRAINT k PRIMARY KEY (id);\n",
        "",
    };
    for (size_t i = 0; i < EVO_COUNT(other); i++) {
        char *index = NULL;
        char *constraint = NULL;
        assert_false(evo_dumped_split_constraint(other[i], &index, &constraint));
        assert_null(index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identifier_quoted_and_not),
        cmocka_unit_test(test_copy_target),
        cmocka_unit_test(test_copy_frozen),
        cmocka_unit_test(test_plain_index_is_one_statement),
        cmocka_unit_test(test_split_constraint),
        cmocka_unit_test(test_split_leaves_other_constraints_whole),
    };
    return cmocka_run_group_tests_name("backup/dumped", tests, NULL, NULL);
}
