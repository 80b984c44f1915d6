#include "cmocka_all.h"

#include "base/strbuf.h"
#include "sql/batch.h"

/* head + "<>" + tail, on one line. */
static char *with_hole(const struct evo_sql_batch *b)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO_STR all = evo_asprintf("%s<>%s", b->head, b->tail);
    for (const char *p = all; *p; p++)
        if (*p != '\n' && *p != ' ')
            evo_strbuf_addch(&out, *p);
        else if (out.len && out.buf[out.len - 1] != ' ')
            evo_strbuf_addch(&out, ' ');
    return evo_strbuf_detach(&out);
}

struct good {
    const char *sql, *table;
    enum evo_sql_batch_kind kind;
    const char *want_table, *alias, *where, *hole;
};

static void check_good(const struct good *g)
{
    EVO_AUTO(sql_batch) b = { 0 };
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_sql_batch_of(g->sql, strlen(g->sql), g->table, &b, &err))
        fail_msg("%s: %s", g->sql, err.message);
    EVO_AUTO_STR hole = with_hole(&b);
    assert_int_equal(b.kind, g->kind);
    assert_string_equal(b.table, g->want_table);
    assert_string_equal(b.alias, g->alias);
    assert_string_equal(b.where ? b.where : "(none)", g->where);
    assert_string_equal(hole, g->hole);
}

static void test_of_plain_statements_puts_the_hole_beside_the_condition(void **state)
{
    (void)state;
    static const struct good table[] = {
        { "UPDATE t SET a = 1 WHERE a IS NULL", NULL, EVO_SQL_UPDATE, "\"t\"", "\"t\"", "a IS NULL",
          "UPDATE t SET a = 1 WHERE (a IS NULL ) AND <>" },
        { "UPDATE t SET a = 1", NULL, EVO_SQL_UPDATE, "\"t\"", "\"t\"", "(none)",
          "UPDATE t SET a = 1 WHERE <>" },
        { "UPDATE s.\"T\" AS x SET a = (SELECT 1 WHERE true) WHERE x.a = 'where' OR b -- c", "s.\"T\"",
          EVO_SQL_UPDATE, "\"s\".\"T\"", "\"x\"", "x.a = 'where' OR b -- c",
          "UPDATE s.\"T\" AS x SET a = (SELECT 1 WHERE true) WHERE (x.a = 'where' OR b -- c ) AND <>" },
        { "DELETE FROM t WHERE a > 1 RETURNING a", NULL, EVO_SQL_DELETE, "\"t\"", "\"t\"", "a > 1",
          "DELETE FROM t WHERE (a > 1 ) AND <> RETURNING a" },
        { "UPDATE t SET a = 1 RETURNING a", "public.t", EVO_SQL_UPDATE, "\"public\".\"t\"", "\"t\"", "(none)",
          "UPDATE t SET a = 1 WHERE <> RETURNING a" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        check_good(&table[i]);
}

static void test_of_a_placeholder_takes_its_place(void **state)
{
    (void)state;
    static const struct good table[] = {
        { "UPDATE t x SET a = u.a FROM u WHERE u.id = x.id AND :batch", NULL, EVO_SQL_UPDATE, "\"t\"",
          "\"x\"", "(none)", "UPDATE t x SET a = u.a FROM u WHERE u.id = x.id AND <>" },
        { "INSERT INTO archive SELECT * FROM t o WHERE :batch ON CONFLICT DO NOTHING", "t", EVO_SQL_INSERT,
          "\"t\"", "\"o\"", "(none)",
          "INSERT INTO archive SELECT * FROM t o WHERE <> ON CONFLICT DO NOTHING" },
        { "INSERT INTO t (id, a) SELECT id, a::text FROM t AS old WHERE :BATCH", "t", EVO_SQL_INSERT, "\"t\"",
          "\"old\"", "(none)", "INSERT INTO t (id, a) SELECT id, a::text FROM t AS old WHERE <>" },
        { "WITH m AS (DELETE FROM t WHERE :batch RETURNING *) INSERT INTO u SELECT * FROM m", "t",
          EVO_SQL_INSERT, "\"t\"", "\"t\"", "(none)",
          "WITH m AS (DELETE FROM t WHERE <> RETURNING *) INSERT INTO u SELECT * FROM m" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        check_good(&table[i]);
}

static void test_of_a_limited_subselect_replaces_the_limit(void **state)
{
    (void)state;
    static const struct good table[] = {
        { "WITH batch AS (SELECT id FROM orders WHERE total IS NULL LIMIT $1 FOR UPDATE SKIP LOCKED)"
          " UPDATE orders o SET total = 0 FROM batch WHERE o.id = batch.id RETURNING o.id",
          NULL, EVO_SQL_UPDATE, "\"orders\"", "\"orders\"", "total IS NULL",
          "WITH batch AS (SELECT id FROM orders WHERE (total IS NULL ) AND <> FOR UPDATE SKIP LOCKED)"
          " UPDATE orders o SET total = 0 FROM batch WHERE o.id = batch.id RETURNING o.id" },
        { "DELETE FROM t WHERE id IN (SELECT x.id FROM t x ORDER BY (x.id) LIMIT $1)", NULL, EVO_SQL_DELETE,
          "\"t\"", "\"x\"", "(none)",
          "DELETE FROM t WHERE id IN (SELECT x.id FROM t x WHERE <> ORDER BY (x.id))" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        check_good(&table[i]);
}

static void test_of_names_the_columns_that_an_update_of_the_table_assigns(void **state)
{
    (void)state;
    static const char same[] = "UPDATE t SET a = 1, (\"B\", c) = (2, 3) WHERE true";
    static const char other[] =
        "UPDATE u SET id = 1 WHERE id IN (SELECT id FROM t WHERE a LIMIT $1 FOR UPDATE)";
    EVO_AUTO(sql_batch) b = { 0 };
    EVO_AUTO(sql_batch) c = { 0 };
    assert_int_equal(evo_sql_batch_of(same, strlen(same), NULL, &b, NULL), EVO_OK);
    assert_int_equal(b.columns.count, 3);
    assert_string_equal(b.columns.items[1], "B");
    assert_int_equal(evo_sql_batch_of(other, strlen(other), NULL, &c, NULL), EVO_OK);
    assert_int_equal(c.columns.count, 0);
}

static void test_of_any_other_form_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *table, *message;
        int line;
    } table[] = {
        { "SELECT 1", NULL, "the statement is no UPDATE, DELETE or INSERT", 1 },
        { "UPDATE t SET", NULL, "the statement is not understood", 1 },
        { "INSERT INTO u SELECT * FROM t", "t", "an INSERT has to say where the batch goes", 1 },
        { "INSERT INTO u SELECT * FROM t WHERE :batch", NULL,
          "whose rows the batches are made of has to be said: table=NAME", 1 },
        { "UPDATE t SET a = u.a FROM u WHERE t.id = u.id", NULL,
          "a statement over several tables has to say where the batch goes", 1 },
        { "WITH x AS (SELECT 1) UPDATE t SET a = 1", NULL,
          "a statement over several tables has to say where the batch goes", 1 },
        { "DELETE FROM t WHERE CURRENT OF c", NULL, "WHERE CURRENT OF cannot be cut into batches", 1 },
        { "UPDATE t SET a = 1\nWHERE :batch AND\n:batch", NULL, ":batch stands twice", 3 },
        { "UPDATE t SET a = $1", NULL, "the only parameter that has a value is the $1 of one LIMIT $1", 1 },
        { "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t LIMIT $2)", NULL,
          "the only parameter that has a value is the $1 of one LIMIT $1", 1 },
        { "UPDATE t SET a = 1 WHERE id IN\n(SELECT id FROM t, u LIMIT $1)", NULL,
          "LIMIT $1 has to stand in a plain sub-select of one table", 2 },
        { "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t GROUP BY id LIMIT $1)", NULL,
          "LIMIT $1 has to stand in a plain sub-select of one table", 1 },
        { "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t FOR UPDATE LIMIT $1)", NULL,
          "FOR UPDATE has to stand behind LIMIT $1", 1 },
        { "UPDATE t SET a = 1 WHERE :batch AND id IN (SELECT id FROM t LIMIT $1)", NULL,
          ":batch and LIMIT $1 exclude each other", 1 },
        { "UPDATE t SET a = 1", "u", "the statement changes another table than the one named", 1 },
        { "INSERT INTO u SELECT * FROM t WHERE :batch", "x", "the statement does not name the table", 1 },
        { "INSERT INTO u SELECT a.* FROM t a, t b WHERE :batch", "t",
          "the statement names the table more than once: whose rows :batch means is not clear", 1 },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO(sql_batch) b = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_sql_batch_of(table[i].sql, strlen(table[i].sql), table[i].table, &b, &err),
                         EVO_ERR_CONFIG);
        assert_string_equal(err.message, table[i].message);
        assert_int_equal(err.line, table[i].line);
        assert_true(err.hint[0]);
    }
}

static void test_table_name_quotes_and_refuses_what_is_more_than_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } table[] = {
        { "orders", "\"orders\"" },     { "Shop.Orders", "\"shop\".\"orders\"" },
        { "\"a\"\"b\"", "\"a\"\"b\"" }, { "a; DROP TABLE b", NULL },
        { "a ORDER BY 1", NULL },       { "", NULL },
        { "a LIMIT 1", NULL },          { "a FOR UPDATE", NULL },
        { "(SELECT 1)", NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        EVO_AUTO_STR name = evo_sql_table_name(table[i].text);
        assert_string_equal(name ? name : "(none)", table[i].want ? table[i].want : "(none)");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_plain_statements_puts_the_hole_beside_the_condition),
        cmocka_unit_test(test_of_a_placeholder_takes_its_place),
        cmocka_unit_test(test_of_a_limited_subselect_replaces_the_limit),
        cmocka_unit_test(test_of_names_the_columns_that_an_update_of_the_table_assigns),
        cmocka_unit_test(test_of_any_other_form_is_refused_with_its_line),
        cmocka_unit_test(test_table_name_quotes_and_refuses_what_is_more_than_a_name),
    };
    return cmocka_run_group_tests_name("sql/batch", tests, NULL, NULL);
}
