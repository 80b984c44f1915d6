#include "tree.h"

#include "layout/state.h"

/* Rows of a ledger for a test: times in ms, -1 for NULL. */
struct row {
    const char *name;
    int64_t started, finished, rolled_back;
    const char *checksum; /* NULL: of "SELECT 1;" */
};

static const char checksum_of_select_1[] = "17db4fd369edb9244b9f91d9aeed145c3d04ad8ba6e95d06247f07a63527d11a";

static struct evo_ledger make_ledger(enum evo_layout_kind kind, const struct row *rows, size_t count)
{
    struct evo_ledger l = { .kind = kind, .exists = true };
    for (size_t i = 0; i < count; i++) {
        EVO_GROW(l.items, l.count, l.alloc);
        l.items[l.count++] = (struct evo_ledger_row){
            .name = evo_strdup(rows[i].name),
            .checksum = evo_strdup(rows[i].checksum ? rows[i].checksum : checksum_of_select_1),
            .started_ms = rows[i].started,
            .finished_ms = rows[i].finished,
            .rolled_back_ms = rows[i].rolled_back,
        };
    }
    return l;
}

static void free_ledger(struct evo_ledger *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->items[i].name);
        free(l->items[i].checksum);
    }
    free(l->items);
}

/* The state as text: "name:state[+rolled_back][+behind] …", then what stands in reverse order of application. */
static char *describe(const struct evo_state *s)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (size_t i = 0; i < s->count; i++)
        evo_strbuf_addf(&out, "%s:%s%s%s ", s->items[i].name, evo_state_name(s->items[i].state),
                        s->items[i].was_rolled_back ? "+rolled_back" : "",
                        s->items[i].behind ? "+behind" : "");
    const struct evo_state_item **reverse;
    size_t count;
    evo_state_applied_reverse(s, &reverse, &count);
    evo_strbuf_adds(&out, "<");
    for (size_t i = 0; i < count; i++)
        evo_strbuf_addf(&out, " %s", reverse[i]->name);
    free(reverse);
    return evo_strbuf_detach(&out);
}

static void test_state_of_prisma(void **state)
{
    (void)state;
    static const char other[] = "0000000000000000000000000000000000000000000000000000000000000000";
    const struct {
        const char *what;
        struct row rows[6];
        const char *expected; /* of files a, b, c */
        const char *last;
    } cases[] = {
        { "nothing applied", { { 0 } }, "a:pending b:pending c:pending <", NULL },
        { "all applied",
          { { "a", 1, 2, -1, NULL }, { "b", 3, 4, -1, NULL }, { "c", 5, 6, -1, NULL } },
          "a:applied b:applied c:applied < c b a",
          "c" },
        { "failed",
          { { "a", 1, 2, -1, NULL }, { "b", 3, -1, -1, NULL } },
          "a:applied b:failed c:pending < a",
          "a" },
        { "rolled back",
          { { "a", 1, 2, -1, NULL }, { "b", 3, 4, 5, NULL } },
          "a:applied b:pending+rolled_back c:pending < a",
          "a" },
        { "failed, rolled back, applied again",
          { { "a", 1, 2, -1, NULL }, { "b", 3, -1, 4, NULL }, { "b", 5, 6, -1, NULL } },
          "a:applied b:applied c:pending < b a",
          "b" },
        { "applied, and a failed row beside it",
          { { "a", 1, 2, -1, NULL }, { "a", 3, -1, -1, NULL } },
          "a:failed b:pending c:pending <",
          NULL },
        { "edited", { { "a", 1, 2, -1, other } }, "a:edited b:pending c:pending < a", "a" },
        { "edited once, then applied as it is",
          { { "a", 1, 2, 3, other }, { "a", 4, 5, -1, NULL } },
          "a:applied b:pending c:pending < a",
          "a" },
        { "missing: squashed",
          { { "0_old", 1, 2, -1, NULL }, { "a", 3, 3, -1, NULL } },
          "a:applied b:pending c:pending 0_old:missing < a 0_old",
          "a" },
        { "gone and rolled back says nothing",
          { { "0_old", 1, 2, 3, NULL }, { "a", 4, 5, -1, NULL } },
          "a:applied b:pending c:pending < a",
          "a" },
        { "gone and failed",
          { { "0_old", 1, -1, -1, NULL } },
          "a:pending b:pending c:pending 0_old:failed <",
          NULL },
        { "gone, twice in the ledger",
          { { "0_old", 1, 2, 3, NULL }, { "0_old", 4, 5, -1, NULL } },
          "a:pending b:pending c:pending 0_old:missing < 0_old",
          "0_old" },
        { "behind", { { "c", 1, 2, -1, NULL } }, "a:pending+behind b:pending+behind c:applied < c", "c" },
        { "not behind what is missing only",
          { { "z", 1, 2, -1, NULL } },
          "a:pending b:pending c:pending z:missing < z",
          "z" },
        { "applied out of order",
          { { "c", 1, 2, -1, NULL }, { "a", 3, 4, -1, NULL } },
          "a:applied b:pending+behind c:applied < a c",
          "a" },
        { "all in one millisecond, rows in any order",
          { { "c", 1, 1, -1, NULL }, { "a", 1, 1, -1, NULL }, { "b", 1, 1, -1, NULL } },
          "a:applied b:applied c:applied < c b a",
          "c" },
    };
    tree_put("prisma/migrations/a/migration.sql", "SELECT 1;");
    tree_put("prisma/migrations/b/migration.sql", "SELECT 1;");
    tree_put("prisma/migrations/c/migration.sql", "SELECT 1;");
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    assert_int_equal(evo_project_open(tree, "prisma", NULL, &p, &err), EVO_OK);
    assert_string_equal(p.items[0].checksum, checksum_of_select_1);
    for (size_t i = 0; i < EVO_COUNT(cases); i++) {
        size_t count = 0;
        while (count < EVO_COUNT(cases[i].rows) && cases[i].rows[count].name)
            count++;
        struct evo_ledger l = make_ledger(EVO_LAYOUT_PRISMA, cases[i].rows, count);
        EVO_AUTO(state) s = { 0 };
        assert_int_equal(evo_state_of(&p, &l, &s, &err), EVO_OK);
        EVO_AUTO_STR text = describe(&s);
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].what, text);
        if (!evo_streq(s.last_applied, cases[i].last))
            fail_msg("%s: last applied %s", cases[i].what, s.last_applied);
        free_ledger(&l);
    }
}

static void test_state_counts(void **state)
{
    (void)state;
    tree_put("prisma/migrations/a/migration.sql", "SELECT 1;");
    tree_put("prisma/migrations/b/migration.sql", "SELECT 2;");
    tree_put("prisma/migrations/c/migration.sql", "SELECT 1;");
    tree_put("prisma/migrations/d/migration.sql", "SELECT 1;");
    const struct row rows[] = {
        { "a", 1, 2, -1, NULL }, { "b", 3, 4, -1, NULL }, { "c", 5, -1, -1, NULL }, { "x", 1, 2, -1, NULL }
    };
    struct evo_ledger l = make_ledger(EVO_LAYOUT_PRISMA, rows, EVO_COUNT(rows));
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    EVO_AUTO(state) s = { 0 };
    assert_int_equal(evo_project_open(tree, "prisma", NULL, &p, &err), EVO_OK);
    assert_int_equal(evo_state_of(&p, &l, &s, &err), EVO_OK);
    assert_int_equal(s.count, 5);
    assert_int_equal(s.applied, 2);
    assert_int_equal(s.edited, 1);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.pending, 1);
    assert_int_equal(s.missing, 1);
    free_ledger(&l);
}

static void test_state_of_a_checkout_with_other_line_ends_is_not_edited(void **state)
{
    (void)state;
    tree_put("prisma/migrations/a/migration.sql", "\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n");
    struct evo_error err = EVO_ERROR_INIT;
    char checksum[EVO_SHA256_HEX];
    evo_sha256_hex("SELECT 1;\nSELECT 2;\n", 20, checksum);
    const struct row rows[] = { { "a", 1, 2, -1, checksum } };
    struct evo_ledger l = make_ledger(EVO_LAYOUT_PRISMA, rows, 1);
    EVO_AUTO(project) p = { 0 };
    EVO_AUTO(state) s = { 0 };
    assert_int_equal(evo_project_open(tree, "prisma", NULL, &p, &err), EVO_OK);
    assert_int_equal(evo_state_of(&p, &l, &s, &err), EVO_OK);
    assert_int_equal(s.items[0].state, EVO_STATE_APPLIED);
    assert_int_equal(s.edited, 0);
    free_ledger(&l);
}

static void test_state_of_sql_goes_by_the_order_of_rows(void **state)
{
    (void)state;
    tree_put("migrations/1_a.up.sql", "SELECT 1;");
    tree_put("migrations/2_b.up.sql", "SELECT 1;");
    /* The clock went back between the two. */
    const struct row rows[] = { { "1_a", 100, 101, -1, NULL }, { "2_b", 50, 51, -1, NULL } };
    struct evo_ledger l = make_ledger(EVO_LAYOUT_SQL, rows, EVO_COUNT(rows));
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    EVO_AUTO(state) s = { 0 };
    assert_int_equal(evo_project_open(tree, "sql", NULL, &p, &err), EVO_OK);
    assert_int_equal(evo_state_of(&p, &l, &s, &err), EVO_OK);
    EVO_AUTO_STR text = describe(&s);
    assert_string_equal(text, "1_a:applied 2_b:applied < 2_b 1_a");
    free_ledger(&l);
}

static void test_state_leaves_what_stays_out_of_the_order(void **state)
{
    (void)state;
    tree_put("sql/V1__a.sql", "SELECT 1;");
    tree_put("sql/V2__b.sql", "SELECT 1;");
    tree_put("sql/V3__c.sql", "SELECT 1;");
    tree_put("sql/R__d.sql", "SELECT 1;");
    const struct row rows[] = { { "V1__a", 1, 1, -1, NULL },
                                { "R__d", 2, 2, -1, NULL },
                                { "V2__b", 3, 3, -1, "7" } };
    struct evo_ledger l = make_ledger(EVO_LAYOUT_FLYWAY, rows, EVO_COUNT(rows));
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) p = { 0 };
    EVO_AUTO(state) s = { 0 };
    l.items[1].stays = true;
    assert_int_equal(evo_project_open(tree, "auto", NULL, &p, &err), EVO_OK);
    free(l.items[0].checksum);
    l.items[0].checksum = evo_strdup(p.items[0].own_checksum);
    free(l.items[1].checksum);
    l.items[1].checksum = evo_strdup(p.items[3].own_checksum);
    assert_int_equal(evo_state_of(&p, &l, &s, &err), EVO_OK);
    EVO_AUTO_STR text = describe(&s);
    assert_string_equal(text, "V1__a:applied V2__b:edited V3__c:pending R__d:applied < V2__b V1__a");
    free_ledger(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tree_test(test_state_of_prisma),
        tree_test(test_state_counts),
        tree_test(test_state_of_a_checkout_with_other_line_ends_is_not_edited),
        tree_test(test_state_of_sql_goes_by_the_order_of_rows),
        tree_test(test_state_leaves_what_stays_out_of_the_order),
    };
    return cmocka_run_group_tests_name("layout/state", tests, NULL, NULL);
}
