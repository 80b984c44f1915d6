#include "cmocka_all.h"

#include "promote/check.h"

/* "a b c*": migrations by name, in order; a star gives it other content. */
static void build(const char *text, struct evo_passport *p)
{
    p->environment = evo_strdup("staging");
    while (*text) {
        text += strspn(text, " ");
        size_t n = strcspn(text, " *");
        bool other = text[n] == '*';
        EVO_GROW(p->items, p->count, p->alloc);
        struct evo_passport_migration *m = &p->items[p->count++];
        *m = (struct evo_passport_migration){ .name = evo_strndup(text, n) };
        m->checksum = evo_asprintf("sum-%s%s", m->name, other ? "-other" : "");
        m->hash = evo_asprintf("hash-%s%s", m->name, other ? "-other" : "");
        evo_strvec_pushf(&m->paths, "m/%s/migration.sql", m->name);
        evo_strvec_pushf(&m->hashes, "file-%s%s", m->name, other ? "-other" : "");
        text += n + other;
    }
}

static void test_compare_judges_every_case(void **state)
{
    (void)state;
    static const struct {
        const char *what, *there, *applied, *pending, *expected;
    } rows[] = {
        { "the same next one", "a b c", "a b", "c", "" },
        { "staging is several ahead", "a b c d e", "a", "b c", "" },
        { "nothing is pending", "a b c", "a b", "", "" },
        { "a first deploy", "a b", "", "a b", "" },
        { "a changed file", "a b c", "a b", "c*", "changed:c" },
        { "never seen there", "a b", "a b", "c", "unknown:c" },
        { "another order", "a c b", "a", "b c", "reordered:b reordered:c" },
        { "one left out", "a b c", "a", "c", "reordered:c" },
        { "applied here, not there", "a b c", "a x", "c", "state:x" },
        { "applied here before others", "a b c", "a c", "b", "state:c reordered:b" },
        { "applied here with other content", "a b c", "a b*", "c", "state:b" },
        { "there is nothing there", "", "", "a", "unknown:a" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(passport) there = { 0 }, here = { 0 };
        EVO_AUTO(differences) d = { 0 };
        build(rows[i].there, &there);
        build(rows[i].applied, &here);
        size_t applied = here.count;
        free(here.environment);
        build(rows[i].pending, &here);
        evo_promote_compare(&there, &here, applied, &d);
        EVO_AUTO(strbuf) found = EVO_STRBUF_INIT;
        for (size_t k = 0; k < d.count; k++)
            evo_strbuf_addf(&found, "%s%s:%s", k ? " " : "", evo_difference_name(d.items[k].kind),
                            d.items[k].migration);
        if (strcmp(found.buf, rows[i].expected) != 0)
            fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].what, rows[i].expected, found.buf);
    }
}

static void test_compare_names_the_file_that_differs(void **state)
{
    (void)state;
    EVO_AUTO(passport) there = { 0 }, here = { 0 };
    EVO_AUTO(differences) d = { 0 };
    build("a", &there);
    build("a", &here);
    /* A companion that was added afterwards changes what would be trusted. */
    evo_strvec_push(&here.items[0].paths, "m/a/down.sql");
    evo_strvec_push(&here.items[0].hashes, "new");
    free(here.items[0].hash);
    here.items[0].hash = evo_strdup("hash-with-down");
    evo_promote_compare(&there, &here, 0, &d);
    assert_int_equal(d.count, 1);
    assert_string_equal(d.items[0].file, "m/a/down.sql");
    EVO_AUTO_PTR(json) json = evo_differences_json(&d);
    assert_string_equal(evo_json_get_string(evo_json_at(json, 0), "kind", ""), "changed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare_judges_every_case),
        cmocka_unit_test(test_compare_names_the_file_that_differs),
    };
    return cmocka_run_group_tests_name("promote/check", tests, NULL, NULL);
}
