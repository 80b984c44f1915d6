#include "cmocka_all.h"

#include "migration/baseline.h"

#define MAX 8

struct world {
    struct evo_migration files[MAX];
    struct evo_ledger_row rows[MAX];
    struct evo_state_item items[MAX];
    struct evo_state state;
};

/* A letter a migration, "1" … in order: a applied, e edited, p pending, f failed, m missing. */
static void build(struct world *w, const char *states)
{
    static const char *const names[MAX] = { "1", "2", "3", "4", "5", "6", "7", "8" };
    static const struct {
        char letter;
        enum evo_migration_state state;
    } known[] = { { 'a', EVO_STATE_APPLIED },
                  { 'e', EVO_STATE_EDITED },
                  { 'p', EVO_STATE_PENDING },
                  { 'f', EVO_STATE_FAILED },
                  { 'm', EVO_STATE_MISSING } };
    *w = (struct world){ 0 };
    for (size_t i = 0; states[i]; i++) {
        struct evo_state_item *item = &w->items[i];
        w->files[i] = (struct evo_migration){ .name = (char *)(uintptr_t)names[i], .path = (char *)"x" };
        w->rows[i] =
            (struct evo_ledger_row){ .name = w->files[i].name, .finished_ms = 1, .rolled_back_ms = -1 };
        for (size_t k = 0; k < EVO_COUNT(known); k++)
            if (known[k].letter == states[i])
                item->state = known[k].state;
        item->name = names[i];
        item->file = item->state == EVO_STATE_MISSING ? NULL : &w->files[i];
        item->row = item->state == EVO_STATE_PENDING ? NULL : &w->rows[i];
        w->state.count++;
    }
    w->state.items = w->items;
}

static void test_plan_of_every_ledger(void **state)
{
    (void)state;
    static const struct {
        const char *states, *to, *expected;
        enum evo_errc rc;
        const char *migration;
    } rows[] = {
        { "ppp", "2", "1 2", EVO_OK, NULL },
        { "ppp", "3", "1 2 3", EVO_OK, NULL },
        { "app", "2", "2", EVO_OK, NULL },
        { "eap", "3", "3", EVO_OK, NULL },
        { "aap", "2", "", EVO_OK, NULL },
        { "aap", "1", "", EVO_OK, NULL },
        { "pap", "3", "", EVO_ERR_TARGET_NOT_EMPTY, "2" },
        { "ppa", "1", "", EVO_ERR_TARGET_NOT_EMPTY, "3" },
        { "apm", "2", "", EVO_ERR_TARGET_NOT_EMPTY, "3" },
        { "afp", "3", "", EVO_ERR_FAILED, "2" },
        { "ppp", "9", "", EVO_ERR_NOT_FOUND, NULL },
        { "ppm", "3", "", EVO_ERR_NOT_FOUND, NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct world w;
        struct evo_error err = EVO_ERROR_INIT;
        const struct evo_plan_options options = { .to = rows[i].to, .next_options = " --environment e" };
        EVO_AUTO(plan) plan = { 0 };
        EVO_AUTO(strbuf) found = EVO_STRBUF_INIT;
        build(&w, rows[i].states);
        enum evo_errc rc = evo_baseline_plan(&w.state, &(struct evo_journal){ 0 }, &options, &plan, &err);
        for (size_t k = 0; k < plan.count; k++)
            evo_strbuf_addf(&found, "%s%s", k ? " " : "", plan.items[k].migration->name);
        if (rc != rows[i].rc || strcmp(found.buf, rows[i].expected) != 0 ||
            (rows[i].migration && strcmp(err.migration, rows[i].migration) != 0))
            fail_msg("%s to %s: %d, \"%s\", %s %s", rows[i].states, rows[i].to, rc, found.buf, err.migration,
                     err.message);
        if (rc == EVO_ERR_TARGET_NOT_EMPTY)
            assert_string_equal(err.next, "evo-status --environment e");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_plan_of_every_ledger) };
    return cmocka_run_group_tests_name("migration/baseline", tests, NULL, NULL);
}
