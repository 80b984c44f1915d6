#include "cmocka_all.h"

#include "migration/prisma.h"
#include "sql/split.h"

static void make(struct evo_step *step, struct evo_migration *m, const char *name, const char *sql)
{
    *m = (struct evo_migration){ .name = (char *)(uintptr_t)name, .directives = EVO_DIRECTIVES_INIT };
    *step =
        (struct evo_step){ .migration = m, .text = EVO_STRBUF_INIT, .down_directives = EVO_DIRECTIVES_INIT };
    evo_strbuf_adds(&step->text, sql);
    assert_int_equal(evo_sql_split(sql, strlen(sql), "x.sql", &step->script, NULL), EVO_OK);
    evo_step_decide(step);
}

static void test_differences_of_each_kind_of_file(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *says; /* NULL: nothing */
    } rows[] = {
        { "SELECT 1;", NULL },
        { "CREATE INDEX CONCURRENTLY i ON t (a);", NULL },
        { "BEGIN; SELECT 1; COMMIT;", NULL },
        { "SELECT 1; SELECT 2;", "\"1_a\": all or nothing here; Prisma from 7.4 on" },
        { "SELECT 1; CREATE INDEX CONCURRENTLY i ON t (a);",
          "\"1_a\": statement by statement here; Prisma before 7.4" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_migration m;
        struct evo_step step;
        EVO_AUTO(strvec) found = EVO_STRVEC_INIT;
        make(&step, &m, "1_a", rows[i].sql);
        evo_prisma_differences(&step, 1, &found);
        if (found.count != (rows[i].says ? 1 : 0) ||
            (rows[i].says && !evo_starts_with(found.items[0], rows[i].says)))
            fail_msg("%s: %s", rows[i].sql, found.count ? found.items[0] : "nothing");
        evo_step_release(&step);
    }
}

static void test_differences_name_five_and_count_the_rest(void **state)
{
    (void)state;
    struct evo_migration m[7];
    struct evo_step steps[7];
    EVO_AUTO(strvec) found = EVO_STRVEC_INIT;
    for (size_t i = 0; i < 7; i++)
        make(&steps[i], &m[i], "n", "SELECT 1; SELECT 2;");
    evo_prisma_differences(steps, 7, &found);
    assert_int_equal(found.count, 1);
    assert_non_null(strstr(found.items[0], "\"n\" and 2 more: all or nothing"));
    for (size_t i = 0; i < 7; i++)
        evo_step_release(&steps[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences_of_each_kind_of_file),
        cmocka_unit_test(test_differences_name_five_and_count_the_rest),
    };
    return cmocka_run_group_tests_name("migration/prisma", tests, NULL, NULL);
}
