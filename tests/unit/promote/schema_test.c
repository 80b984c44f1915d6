#include "cmocka_all.h"

#include "promote/schema.h"

/* "a:1 b:2 c": migrations, each with the fingerprint behind it, in order. */
static void build(const char *text, const char *version, const char *initial, const char *after,
                  struct evo_passport *p)
{
    p->format = version ? evo_strdup(EVO_CATALOG_FORMAT) : NULL;
    p->server_version = evo_strdup(version);
    p->initial = evo_strdup(initial);
    p->after = evo_strdup(after);
    EVO_AUTO(strvec) words = EVO_STRVEC_INIT;
    evo_strvec_split(&words, text);
    for (size_t i = 0; i < words.count; i++) {
        size_t n = strcspn(words.items[i], ":");
        EVO_GROW(p->items, p->count, p->alloc);
        p->items[p->count++] = (struct evo_passport_migration){
            .name = evo_strndup(words.items[i], n),
            .fingerprint = words.items[i][n] ? evo_strdup(words.items[i] + n + 1) : NULL
        };
    }
}

static void test_judge_schema_of_every_case(void **state)
{
    (void)state;
    static const struct {
        const char *what, *there, *version, *initial, *after, *here;
        const char *fingerprint;
        enum evo_schema_verdict verdict;
        const char *ret_there;
    } rows[] = {
        { "the last state", "a:1,b:2", "15.18", NULL, "2", "a,b", "2", EVO_SCHEMA_EQUAL, "2" },
        { "staging is ahead", "a:1,b:2,c:3", "15.18", NULL, "3", "a", "1", EVO_SCHEMA_EQUAL, "1" },
        { "not what it was at this point", "a:1,b:2", "15.18", NULL, "2", "a", "2", EVO_SCHEMA_DIFFERENT,
          "1" },
        { "changed by hand here", "a:1", "15.18", NULL, "1", "a", "x", EVO_SCHEMA_DIFFERENT, "1" },
        { "changed by hand there and here alike", "a:1", "15.18", NULL, "x", "a", "x", EVO_SCHEMA_EQUAL,
          "x" },
        { "never recorded", "a,b", "15.18", NULL, "2", "a", "1", EVO_SCHEMA_UNKNOWN, NULL },
        { "nothing applied here", "a:1", "15.18", "0", "1", "", "0", EVO_SCHEMA_EQUAL, "0" },
        { "not empty here", "a:1", "15.18", "0", "1", "", "9", EVO_SCHEMA_DIFFERENT, "0" },
        { "the beginning was not recorded", "a:1", "15.18", NULL, "1", "", "0", EVO_SCHEMA_UNKNOWN, NULL },
        { "another major version", "a:1", "16.4", NULL, "1", "a", "x", EVO_SCHEMA_OTHER_SERVER, NULL },
        { "a passport without fingerprints", "a:1", NULL, NULL, NULL, "a", "x", EVO_SCHEMA_UNKNOWN, NULL },
        { "fewer there", "a:1", "15.18", NULL, "1", "a,b", "1", EVO_SCHEMA_UNKNOWN, NULL },
        { "others there", "a:1,c:2", "15.18", NULL, "2", "a,b", "2", EVO_SCHEMA_UNKNOWN, NULL },
        { "applied in another order", "b:1,a:2", "15.18", NULL, "2", "a,b", "2", EVO_SCHEMA_EQUAL, "2" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(passport) there = { 0 }, here = { 0 };
        const char *found = "unset";
        build(rows[i].there, rows[i].version, rows[i].initial, rows[i].after, &there);
        build(rows[i].here, NULL, NULL, NULL, &here);
        enum evo_schema_verdict verdict =
            evo_promote_judge_schema(&there, 1, &here, here.count, rows[i].fingerprint, 150003, &found);
        if (verdict != rows[i].verdict ||
            !evo_streq(found ? found : "", rows[i].ret_there ? rows[i].ret_there : ""))
            fail_msg("%s: %s, %s", rows[i].what, evo_schema_verdict_name(verdict), found ? found : "none");
    }
}

static void test_judge_schema_asks_every_passport(void **state)
{
    (void)state;
    struct evo_passport both[2] = { { 0 }, { 0 } };
    EVO_AUTO(passport) here = { 0 };
    const char *there = NULL;
    build("a:9,b:2", "15.18", NULL, "2", &both[0]);
    build("a:1", "15.18", NULL, "1", &both[1]);
    build("a", NULL, NULL, NULL, &here);
    assert_int_equal(evo_promote_judge_schema(both, 2, &here, 1, "1", 150003, &there), EVO_SCHEMA_EQUAL);
    /* of what is nowhere, the newest is what to compare with */
    assert_int_equal(evo_promote_judge_schema(both, 2, &here, 1, "5", 150003, &there), EVO_SCHEMA_DIFFERENT);
    assert_string_equal(there, "9");
    assert_int_equal(evo_promote_judge_schema(NULL, 0, &here, 1, "5", 150003, &there), EVO_SCHEMA_UNKNOWN);
    evo_passport_release(&both[0]);
    evo_passport_release(&both[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_schema_of_every_case),
        cmocka_unit_test(test_judge_schema_asks_every_passport),
    };
    return cmocka_run_group_tests_name("promote/schema", tests, NULL, NULL);
}
