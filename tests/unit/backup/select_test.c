#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/select.h"
#include "base/file.h"

/* Made from selection.sql beside it. */
#define ARCHIVE "tests/unit/backup/data/selection.dump"

struct fixture {
    struct evo_toc toc;
    struct evo_toc_map map;
    struct evo_strvec tables, schemas, extensions;
    struct evo_selection selection;
};

static int setup(void **state)
{
    struct fixture *f = evo_calloc(1, sizeof(*f));
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT;
    *state = f;
    return evo_file_read(ARCHIVE, 1 << 20, &bytes, &err) ||
           evo_toc_parse(bytes.buf, bytes.len, &f->toc, &err) || evo_toc_map_build(&f->toc, &f->map, &err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    evo_selection_release(&f->selection);
    evo_strvec_release(&f->tables);
    evo_strvec_release(&f->schemas);
    evo_strvec_release(&f->extensions);
    evo_toc_map_release(&f->map);
    evo_toc_release(&f->toc);
    free(f);
    return 0;
}

static struct evo_select_options options_of(struct fixture *f)
{
    return (struct evo_select_options){ .tables = &f->tables,
                                        .schemas = &f->schemas,
                                        .extensions = &f->extensions };
}

static void choose(struct fixture *f, const struct evo_select_options *o)
{
    struct evo_error err = EVO_ERROR_INIT;
    evo_selection_release(&f->selection);
    if (evo_select(&f->toc, &f->map, o, &f->selection, &err))
        fail_msg("%s", err.message);
}

static enum evo_errc refused(struct fixture *f, struct evo_error *err)
{
    const struct evo_select_options o = options_of(f);
    return evo_select(&f->toc, &f->map, &o, &f->selection, err);
}

static size_t find(const struct fixture *f, const char *desc, const char *tag)
{
    size_t i = 0;
    while (i < f->toc.count &&
           !(evo_streq(f->toc.items[i].desc, desc) && evo_streq(f->toc.items[i].tag, tag)))
        i++;
    if (i == f->toc.count)
        fail_msg("no %s %s", desc, tag);
    return i;
}

struct row {
    const char *desc, *tag;
};

static void assert_taken(const struct fixture *f, const struct row *rows, size_t n, bool want)
{
    for (size_t i = 0; i < n; i++)
        if (f->selection.take[find(f, rows[i].desc, rows[i].tag)] != want)
            fail_msg("%s %s: %s", rows[i].desc, rows[i].tag, want ? "not taken" : "taken");
}
#define ASSERT_TAKEN(f, rows)     assert_taken((f), (rows), EVO_COUNT(rows), true)
#define ASSERT_NOT_TAKEN(f, rows) assert_taken((f), (rows), EVO_COUNT(rows), false)

static size_t count_taken(const struct fixture *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->toc.count; i++)
        n += f->selection.take[i];
    return n;
}

static void test_nothing_asked_for_is_everything(void **state)
{
    struct fixture *f = *state;
    const struct evo_select_options o = { 0 };
    choose(f, &o);
    assert_int_equal(count_taken(f), f->toc.count);
    assert_true(f->selection.whole);
    assert_true(f->selection.large_objects);
}

static void test_a_table_brings_its_parts_and_what_they_need(void **state)
{
    struct fixture *f = *state;
    const struct evo_select_options o = options_of(f);
    evo_strvec_push(&f->tables, "s.users");
    choose(f, &o);
    static const struct row parts[] = {
        { "TABLE", "users" },
        { "TABLE DATA", "users" },
        { "DEFAULT", "users id" },
        { "SEQUENCE", "users_id_seq" },
        { "SEQUENCE", "users_number_seq" },
        { "SEQUENCE OWNED BY", "users_id_seq" },
        { "SEQUENCE SET", "users_id_seq" },
        { "CONSTRAINT", "users users_pkey" },
        { "INDEX", "by_mail" },
        { "TRIGGER", "users changed" },
        { "POLICY", "users own" },
        { "ROW SECURITY", "users" },
        { "STATISTICS", "both" },
        { "COMMENT", "TABLE users" },
        { "COMMENT", "COLUMN users.id" },
        { "ACL", "TABLE users" },
    };
    static const struct row needed[] = {
        { "SCHEMA", "s" },
        { "TYPE", "mood" },
        { "DOMAIN", "positive" },
        { "FUNCTION", "one()" },
        { "FUNCTION", "on_change()" },
        { "EXTENSION", "citext" },
        { "SEQUENCE", "free" },
        { "SEQUENCE SET", "free" },
        { "COMMENT", "SCHEMA s" },
    };
    static const struct row others[] = {
        { "TABLE", "orders" },
        { "VIEW", "names" },
        { "MATERIALIZED VIEW", "counted" },
        { "PUBLICATION", "news" },
        { "PUBLICATION TABLE", "news users" },
        { "SCHEMA", "other" },
        { "FK CONSTRAINT", "orders orders_user_id_fkey" },
        { "DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES" },
        { "DATABASE", "sel" },
    };
    ASSERT_TAKEN(f, parts);
    ASSERT_TAKEN(f, needed);
    ASSERT_NOT_TAKEN(f, others);
    for (size_t i = 0; i < EVO_COUNT(parts); i++)
        assert_false(f->selection.needed[find(f, parts[i].desc, parts[i].tag)]);
    for (size_t i = 0; i < EVO_COUNT(needed); i++)
        assert_true(f->selection.needed[find(f, needed[i].desc, needed[i].tag)]);
    assert_int_equal(f->selection.skipped.count, 0);
    assert_false(f->selection.large_objects);
}

static void test_a_foreign_key_to_what_is_not_restored_is_named(void **state)
{
    struct fixture *f = *state;
    const struct evo_select_options o = options_of(f);
    evo_strvec_push(&f->tables, "orders");
    choose(f, &o);
    static const struct row taken[] = { { "FK CONSTRAINT", "orders orders_again_fkey" },
                                        { "RULE", "orders kept" } };
    ASSERT_TAKEN(f, taken);
    assert_int_equal(f->selection.skipped.count, 1);
    assert_string_equal(f->selection.skipped.items[0],
                        "FK CONSTRAINT \"s.orders orders_user_id_fkey\": \"s.users\" is not restored");
    evo_strvec_push(&f->tables, "s.users");
    choose(f, &o);
    assert_int_equal(f->selection.skipped.count, 0);
}

static void test_a_partitioned_table_brings_its_partitions(void **state)
{
    struct fixture *f = *state;
    const struct evo_select_options o = options_of(f);
    evo_strvec_push(&f->tables, "events");
    choose(f, &o);
    static const struct row taken[] = { { "TABLE", "events_1" },
                                        { "TABLE ATTACH", "events_1" },
                                        { "TABLE DATA", "events_1" },
                                        { "INDEX ATTACH", "events_1_pkey" } };
    ASSERT_TAKEN(f, taken);
}

static void test_a_partition_alone_is_a_table(void **state)
{
    struct fixture *f = *state;
    const struct evo_select_options o = options_of(f);
    evo_strvec_push(&f->tables, "events_1");
    choose(f, &o);
    static const struct row taken[] = { { "TABLE DATA", "events_1" },
                                        { "CONSTRAINT", "events_1 events_1_pkey" } };
    static const struct row left[] = { { "TABLE ATTACH", "events_1" }, { "INDEX ATTACH", "events_1_pkey" } };
    ASSERT_TAKEN(f, taken);
    ASSERT_NOT_TAKEN(f, left);
    assert_int_equal(f->selection.skipped.count, 2);
    assert_string_equal(f->selection.skipped.items[0],
                        "TABLE ATTACH \"s.events_1\": \"s.events\" is not restored");
}

static void test_a_view_says_what_must_be_there(void **state)
{
    struct fixture *f = *state;
    const struct evo_select_options o = options_of(f);
    evo_strvec_push(&f->tables, "counted");
    choose(f, &o);
    static const struct row taken[] = { { "INDEX", "counted_n" }, { "MATERIALIZED VIEW DATA", "counted" } };
    ASSERT_TAKEN(f, taken);
    assert_int_equal(f->selection.wanting.count, 1);
    assert_string_equal(f->selection.wanting.items[0],
                        "MATERIALIZED VIEW \"s.counted\" needs \"s.users\", which is not restored");
}

static void test_a_schema_brings_what_lies_in_it(void **state)
{
    struct fixture *f = *state;
    const struct evo_select_options o = options_of(f);
    evo_strvec_push(&f->schemas, "other");
    choose(f, &o);
    static const struct row taken[] = { { "SCHEMA", "other" },
                                        { "TABLE", "notes" },
                                        { "CONSTRAINT", "notes notes_pkey" } };
    static const struct row left[] = { { "SCHEMA", "s" }, { "TABLE", "orders" }, { "EXTENSION", "citext" } };
    ASSERT_TAKEN(f, taken);
    ASSERT_NOT_TAKEN(f, left);
    assert_string_equal(f->selection.skipped.items[0],
                        "FK CONSTRAINT \"other.notes notes_order_id_fkey\": \"s.orders\" is not restored");
    evo_strvec_push(&f->schemas, "s");
    choose(f, &o);
    static const struct row both[] = { { "FK CONSTRAINT", "notes notes_order_id_fkey" },
                                       { "FUNCTION", "on_change()" },
                                       { "VIEW", "names" },
                                       { "MATERIALIZED VIEW DATA", "counted" },
                                       { "TABLE ATTACH", "events_1" },
                                       { "EXTENSION", "citext" } };
    ASSERT_TAKEN(f, both);
    assert_int_equal(f->selection.skipped.count, 0);
    assert_false(f->selection.needed[find(f, "TYPE", "mood")]);
    assert_true(f->selection.needed[find(f, "EXTENSION", "citext")]);
}

static void test_a_schema_says_where_tables_are_looked_for(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    evo_strvec_push(&f->schemas, "other");
    evo_strvec_push(&f->tables, "users");
    assert_int_equal(refused(f, &err), EVO_ERR_NOT_FOUND);
    evo_strvec_push(&f->schemas, "s");
    const struct evo_select_options o = options_of(f);
    choose(f, &o);
    static const struct row left[] = { { "TABLE", "notes" }, { "TABLE", "orders" } };
    ASSERT_NOT_TAKEN(f, left);
}

static void test_names_quoted_and_odd(void **state)
{
    struct fixture *f = *state;
    const struct evo_select_options o = options_of(f);
    evo_strvec_push(&f->tables, "public.\"Odd.name\"");
    choose(f, &o);
    static const struct row taken[] = { { "TABLE", "Odd.name" } };
    ASSERT_TAKEN(f, taken);
    static const char *const bad[] = { "", ".", "a.", "a.b.c", "\"open", "a\"b\"" };
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        evo_strvec_clear(&f->tables);
        evo_strvec_push(&f->tables, bad[i]);
        assert_int_equal(refused(f, &err), EVO_ERR_USAGE);
    }
}

static void test_an_unknown_name_is_refused_with_the_nearest(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *name, *hint;
        bool schema;
    } rows[] = { { "user", "Did you mean \"users\"?", false },
                 { "s.ordrs", "Did you mean \"s.orders\"?", false },
                 { "zzzzzzzzzzzz", "", false },
                 { "othr", "Did you mean \"other\"?", true } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        evo_strvec_clear(&f->tables);
        evo_strvec_clear(&f->schemas);
        evo_strvec_push(rows[i].schema ? &f->schemas : &f->tables, rows[i].name);
        assert_int_equal(refused(f, &err), EVO_ERR_NOT_FOUND);
        assert_string_equal(err.hint, rows[i].hint);
        assert_non_null(strstr(err.message, rows[i].name));
    }
}

static void test_rows_alone_and_schema_alone(void **state)
{
    struct fixture *f = *state;
    struct evo_select_options o = { .data_only = true };
    static const struct row data[] = { { "TABLE DATA", "users" },
                                       { "SEQUENCE SET", "free" },
                                       { "MATERIALIZED VIEW DATA", "counted" } };
    static const struct row schema[] = { { "TABLE", "users" },
                                         { "COMMENT", "TABLE users" },
                                         { "INDEX", "by_mail" } };
    static const struct row settings[] = { { "ENCODING", "ENCODING" }, { "SEARCHPATH", "SEARCHPATH" } };
    choose(f, &o);
    ASSERT_TAKEN(f, data);
    ASSERT_NOT_TAKEN(f, schema);
    ASSERT_TAKEN(f, settings);
    assert_true(f->selection.large_objects);
    o = (struct evo_select_options){ .schema_only = true };
    choose(f, &o);
    ASSERT_TAKEN(f, schema);
    ASSERT_NOT_TAKEN(f, data);
    ASSERT_TAKEN(f, settings);
    assert_false(f->selection.large_objects);
}

static void test_without_privileges_what_needs_a_superuser_and_what_needs_that_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct evo_select_options o = options_of(f);
    o.no_privileged = true;
    choose(f, &o);
    static const struct row left[] = { { "PUBLICATION", "everything" },
                                       { "DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES" },
                                       { "EXTENSION", "citext" },
                                       { "COMMENT", "EXTENSION citext" },
                                       { "TABLE", "users" },
                                       { "TABLE DATA", "users" },
                                       { "VIEW", "names" } };
    static const struct row taken[] = { { "PUBLICATION", "news" },
                                        { "TABLE", "orders" },
                                        { "FUNCTION", "one()" } };
    ASSERT_NOT_TAKEN(f, left);
    ASSERT_TAKEN(f, taken);
    assert_string_equal(f->selection.skipped.items[0],
                        "EXTENSION \"citext\": the extension is neither trusted nor there");
    evo_strvec_push(&f->extensions, "citext");
    choose(f, &o);
    ASSERT_NOT_TAKEN(f, ((const struct row[]){ { "COMMENT", "EXTENSION citext" } }));
    ASSERT_TAKEN(f, ((const struct row[]){ { "EXTENSION", "citext" }, { "TABLE DATA", "users" } }));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_asked_for_is_everything),
        TEST(test_a_table_brings_its_parts_and_what_they_need),
        TEST(test_a_foreign_key_to_what_is_not_restored_is_named),
        TEST(test_a_partitioned_table_brings_its_partitions),
        TEST(test_a_partition_alone_is_a_table),
        TEST(test_a_view_says_what_must_be_there),
        TEST(test_a_schema_brings_what_lies_in_it),
        TEST(test_a_schema_says_where_tables_are_looked_for),
        TEST(test_names_quoted_and_odd),
        TEST(test_an_unknown_name_is_refused_with_the_nearest),
        TEST(test_rows_alone_and_schema_alone),
        TEST(test_without_privileges_what_needs_a_superuser_and_what_needs_that_is_left_out),
    };
    return cmocka_run_group_tests_name("backup/select", tests, NULL, NULL);
}
