#include "cmocka_all.h"

#include "verify/integrity_impl.h"

#define S(text) (char *)(uintptr_t)(text)
/* A million rows in a hundred megabytes. */
#define LARGE .rows = 1000000, .bytes = (int64_t)100 << 20

static const struct evo_row_item foreign_key = {
    .table = S("public.orders"),
    .object = S("fk"),
    LARGE,
    .part = { S("public.orders"), S("c.user_id"), S("c.user_id IS NOT NULL AND NOT EXISTS (…)"), S("f"),
              S("public.users") },
};
static const struct evo_row_item unique = {
    .table = S("public.users"),
    .object = S("key"),
    LARGE,
    .part = { S("ONLY public.users"), S("a, lower(b)"), S("a IS NOT NULL"),
              S("a = s.evo_k1 AND lower(b) = s.evo_k2"), S("a AS evo_k1, lower(b) AS evo_k2") },
};
static const struct evo_row_item sequence = {
    .table = S("public.t"),
    .object = S("t_id_seq"),
    .part = { S("public.t"), S("id"), S("public.t_id_seq"), S("1"), S("'public.t_id_seq'") },
};

struct texts {
    struct evo_strbuf count, show, say, mend;
};
static void release_texts(struct texts *t)
{
    evo_strbuf_release(&t->count);
    evo_strbuf_release(&t->show);
    evo_strbuf_release(&t->say);
    evo_strbuf_release(&t->mend);
}
#define AUTO_TEXTS __attribute__((cleanup(release_texts))) struct texts

static struct texts texts_of(const char *name, const struct evo_row_item *item, int64_t sample, int64_t n)
{
    const struct evo_row_check *check = &evo_row_checks[evo_integrity_rank(name)];
    const struct evo_integrity_options o = { .sample = sample, .heapallindexed = sample > 0 };
    struct texts t = { EVO_STRBUF_INIT, EVO_STRBUF_INIT, EVO_STRBUF_INIT, EVO_STRBUF_INIT };
    check->count(item, &o, &t.count);
    check->show(item, &o, &t.show);
    check->say(item, n, "more", &t.say);
    if (check->mend)
        check->mend(item, &t.mend);
    return t;
}

static void test_orphans_of_all_rows(void **state)
{
    (void)state;
    AUTO_TEXTS t = texts_of("orphans", &foreign_key, 0, 1);
    assert_string_equal(t.count.buf,
                        "SELECT count(*), NULL, NULL FROM public.orders c WHERE c.user_id IS NOT "
                        "NULL AND NOT EXISTS (…)");
    assert_string_equal(t.show.buf,
                        "SELECT c.* FROM public.orders c WHERE c.user_id IS NOT NULL AND NOT EXISTS (…)");
    assert_string_equal(
        t.say.buf, "1 row of \"public.orders\" refers to no row of \"public.users\" (foreign key \"fk\")");
    assert_string_equal(t.mend.buf, "");
}

static void test_orphans_of_a_sample(void **state)
{
    (void)state;
    AUTO_TEXTS t = texts_of("orphans", &foreign_key, 10000, 2);
    assert_string_equal(t.count.buf,
                        "WITH s AS MATERIALIZED (SELECT c.user_id FROM public.orders c TABLESAMPLE SYSTEM "
                        "(1.000000000)) SELECT (SELECT count(*) FROM s c WHERE c.user_id IS NOT NULL AND NOT "
                        "EXISTS (…)), (SELECT count(*) FROM s), NULL");
    assert_string_equal(
        t.say.buf, "2 rows of \"public.orders\" refer to no row of \"public.users\" (foreign key \"fk\")");
}

static void test_duplicates_of_all_rows(void **state)
{
    (void)state;
    AUTO_TEXTS t = texts_of("duplicates", &unique, 0, 1);
    assert_string_equal(
        t.count.buf, "SELECT count(*), NULL, NULL FROM (SELECT a, lower(b) FROM ONLY public.users c WHERE a "
                     "IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1) g");
    assert_string_equal(
        t.show.buf, "SELECT a, lower(b), count(*), array_agg(c.ctid) AS rows FROM (SELECT ctid, * FROM ONLY "
                    "public.users OFFSET 0) c WHERE a IS NOT NULL GROUP BY a, lower(b) HAVING count(*) > 1");
    assert_string_equal(t.say.buf, "1 value of (a, lower(b)) stands in more than one row of \"public.users\" "
                                   "(unique index \"key\")");
}

/* Equal rows lie apart: a sample is looked for in the whole table. */
static void test_duplicates_of_a_sample(void **state)
{
    (void)state;
    struct evo_row_item item = unique;
    item.part[2] = NULL;
    AUTO_TEXTS t = texts_of("duplicates", &item, 10000, 2);
    assert_string_equal(
        t.count.buf,
        "WITH s AS MATERIALIZED (SELECT a AS evo_k1, lower(b) AS evo_k2 FROM ONLY public.users c "
        "TABLESAMPLE SYSTEM (1.000000000)) SELECT (SELECT count(*) FROM (SELECT a, lower(b) FROM "
        "ONLY public.users c WHERE EXISTS (SELECT FROM s WHERE a = s.evo_k1 AND lower(b) = "
        "s.evo_k2) GROUP BY 1, 2 HAVING count(*) > 1) g), (SELECT count(*) FROM s), NULL");
}

static void test_sequences_up_and_down(void **state)
{
    (void)state;
    AUTO_TEXTS t = texts_of("sequences", &sequence, 0, 1);
    assert_string_equal(
        t.count.buf, "SELECT (CASE WHEN s.is_called THEN s.last_value + (1)::numeric ELSE s.last_value END "
                     "<= m.reached)::int, NULL, format('it stands at %s, the column has reached %s', "
                     "s.last_value, m.reached) FROM public.t_id_seq s, (SELECT max(c.id)::numeric AS reached "
                     "FROM public.t c) m");
    assert_string_equal(t.say.buf, "sequence \"t_id_seq\" is behind column id of \"public.t\": more");
    assert_string_equal(t.mend.buf,
                        "SELECT setval('public.t_id_seq', (SELECT max(id) FROM public.t)::bigint)");
    struct evo_row_item down = sequence;
    down.part[3] = S("-5");
    AUTO_TEXTS d = texts_of("sequences", &down, 0, 1);
    assert_non_null(strstr(d.count.buf, "(-5)::numeric ELSE s.last_value END >= m.reached"));
    assert_string_equal(d.show.buf, "SELECT s.last_value, s.is_called, (SELECT min(c.id) FROM public.t c) AS "
                                    "reached FROM public.t_id_seq s");
}

static void test_structure_with_and_without_the_rows(void **state)
{
    (void)state;
    const struct evo_row_item index = { .table = S("public.t"),
                                        .object = S("i"),
                                        .part = { S("public.i"), S("ext"), S("'public.i'") } };
    AUTO_TEXTS t = texts_of("index-structure", &index, 0, -1);
    AUTO_TEXTS all = texts_of("index-structure", &index, 1, -1);
    assert_string_equal(t.show.buf, "SELECT ext.bt_index_check('public.i'::regclass, false)");
    assert_string_equal(all.show.buf, "SELECT ext.bt_index_check('public.i'::regclass, true)");
    assert_string_equal(t.say.buf, "index \"i\" of \"public.t\" is damaged: more");
    assert_string_equal(t.mend.buf, "REINDEX INDEX CONCURRENTLY public.i");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orphans_of_all_rows),
        cmocka_unit_test(test_orphans_of_a_sample),
        cmocka_unit_test(test_duplicates_of_all_rows),
        cmocka_unit_test(test_duplicates_of_a_sample),
        cmocka_unit_test(test_sequences_up_and_down),
        cmocka_unit_test(test_structure_with_and_without_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
