#include "cmocka_all.h"

#include "migration/atomic.h"
#include "sql/split.h"

static void make(struct evo_step *step, struct evo_migration *m, const char *name, const char *sql)
{
    *m = (struct evo_migration){ .name = (char *)(uintptr_t)name, .directives = EVO_DIRECTIVES_INIT };
    *step = (struct evo_step){ .migration = m,
                               .text = EVO_STRBUF_INIT,
                               .path = evo_strdup("x.sql"),
                               .down_directives = EVO_DIRECTIVES_INIT };
    evo_strbuf_adds(&step->text, sql);
    m->directives.no_transaction = strstr(sql, "evo:no-transaction") != NULL;
    assert_int_equal(evo_sql_split(sql, strlen(sql), "x.sql", &step->script, NULL), EVO_OK);
    evo_step_decide(step);
}

static void test_check_gives_each_reason(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *reason; /* NULL: it can */
        bool resume;
    } rows[] = {
        { "CREATE TABLE t (id int);", NULL, false },
        { "", NULL, false },
        { "CREATE TABLE t (id int);\nVACUUM t;", "holds a statement that cannot run in one (line 2: VACUUM",
          false },
        { "BEGIN; SELECT 1; COMMIT;", "begins or ends transactions itself (line 1: BEGIN", false },
        { "-- evo:no-transaction\nSELECT 1;", "says itself", false },
        { "SELECT 1;", "was begun by an earlier run", true },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_migration m[2];
        struct evo_step steps[2];
        struct evo_error err = EVO_ERROR_INIT;
        make(&steps[0], &m[0], "1_a", "SELECT 1;");
        make(&steps[1], &m[1], "2_b", rows[i].sql);
        steps[1].resume = rows[i].resume;
        enum evo_errc rc = evo_atomic_check(EVO_LAYOUT_SQL, steps, 2, " --environment e", &err);
        if (rc != (rows[i].reason ? EVO_ERR_USAGE : EVO_OK))
            fail_msg("row %zu: %d %s", i, rc, err.message);
        if (rows[i].reason) {
            assert_non_null(strstr(err.detail, rows[i].reason));
            assert_string_equal(err.migration, "2_b");
            assert_string_equal(err.next, "evo-migrate up --environment e");
            assert_int_equal(err.schema_clean, EVO_YES);
        }
        evo_step_release(&steps[0]);
        evo_step_release(&steps[1]);
    }
}

static void test_check_counts_those_it_does_not_name(void **state)
{
    (void)state;
    struct evo_migration m[7];
    struct evo_step steps[7];
    struct evo_error err = EVO_ERROR_INIT;
    for (size_t i = 0; i < 7; i++)
        make(&steps[i], &m[i], "n", "VACUUM;");
    assert_int_equal(evo_atomic_check(EVO_LAYOUT_SQL, steps, 7, "", &err), EVO_ERR_USAGE);
    assert_non_null(strstr(err.message, "cannot apply 7 migrations"));
    assert_non_null(strstr(err.message, "and 2 more"));
    for (size_t i = 0; i < 7; i++)
        evo_step_release(&steps[i]);
}

static void test_check_refuses_what_another_tool_runs(void **state)
{
    (void)state;
    struct evo_migration m;
    struct evo_step step;
    struct evo_error err = EVO_ERROR_INIT;
    make(&step, &m, "1_a", "SELECT 1;");
    assert_int_equal(evo_atomic_check(EVO_LAYOUT_ALEMBIC, &step, 1, "", &err), EVO_ERR_USAGE);
    assert_non_null(strstr(err.message, "layout \"alembic\""));
    assert_int_equal(evo_atomic_check(EVO_LAYOUT_ALEMBIC, NULL, 0, "", &err), EVO_OK);
    evo_step_release(&step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_gives_each_reason),
        cmocka_unit_test(test_check_counts_those_it_does_not_name),
        cmocka_unit_test(test_check_refuses_what_another_tool_runs),
    };
    return cmocka_run_group_tests_name("migration/atomic", tests, NULL, NULL);
}
