#include "project.h"

#define BOTH "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT -1;\n"

static void test_read_takes_what_goose_takes(void **state)
{
    (void)state;
    tree_put("migrations/00002_two.sql", BOTH);
    tree_put("migrations/10_ten.sql", "-- +goose Up\nSELECT 10;\n");
    tree_put("migrations/00001_one.sql",
             "-- header\n\n-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT -1;\n");
    tree_put("migrations/main.go", "package main");
    tree_put("migrations/00003_three_test.go", "package main");
    tree_put("evo/10_ten/verify_up.sql", "SELECT true;");
    tree_put("evo/10_ten/down.sql", "SELECT -10;");
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", &p);
    static const char *const names[] = { "00001_one", "00002_two", "10_ten" };
    assert_int_equal(p.kind, EVO_LAYOUT_GOOSE);
    assert_names(&p, names, EVO_COUNT(names));
    assert_int_equal(p.warnings.count, 0);
    assert_text(&p.items[0], false, "-- header\n\n-- +goose Up\nSELECT 1;\n");
    assert_text(&p.items[0], true, "\n\n\n\n-- +goose Down\nSELECT -1;\n");
    assert_non_null(p.items[2].companion[EVO_FILE_VERIFY_UP]);
    assert_text(&p.items[2], true, "SELECT -10;");
}

static void test_read_takes_annotations(void **state)
{
    (void)state;
    tree_put("migrations/1_a.sql",
             "--+goose up\n--  +goose statementbegin\nSELECT 1;\n-- +goose StatementEnd\r\n"
             "-- +goose ENVSUB OFF\n-- +goose DOWN\nSELECT 1;\n-- +goose no transaction\n");
    tree_put("migrations/2_b.sql", BOTH);
    EVO_AUTO(project) p = { 0 };
    assert_opens("goose", &p);
    assert_true(p.items[0].directives.no_transaction);
    assert_true(p.items[0].down_no_transaction);
    assert_true(p.items[0].down_in_file);
    assert_false(p.items[1].directives.no_transaction);
    assert_false(p.items[1].down_no_transaction);
}

static void test_read_refuses(void **state)
{
    static const struct refused rows[] = {
        { "migrations/2_b.go", "package main", "is written in Go", 0 },
        { "migrations/b.sql", BOTH, "does not begin with a version", 0 },
        { "migrations/2b.sql", BOTH, "does not begin with a version", 0 },
        { "migrations/000_b.sql", BOTH, "is zero", 0 },
        { "migrations/01_b.sql", BOTH, "have the same version", 0 },
        { "migrations/99999999999999999999_b.sql", BOTH, "too large a number", 0 },
        { "migrations/2_b.sql", "SELECT 1;\n" BOTH, "has SQL above \"-- +goose Up\"", 1 },
        { "migrations/2_b.sql", "-- nothing\n", "has no \"-- +goose Up\" line", 0 },
        { "migrations/2_b.sql", BOTH "-- +goose Up\n", "has a second \"-- +goose Up\"", 5 },
        { "migrations/2_b.sql", BOTH "-- +goose Down\n", "has a second \"-- +goose Down\"", 5 },
        { "migrations/2_b.sql", "-- +goose Down\n", "no \"-- +goose Up\" above it", 1 },
        { "migrations/2_b.sql", "-- +goose StatementBegin\n", "above \"-- +goose Up\"", 1 },
        { "migrations/2_b.sql", BOTH "-- +goose StatementEnd\n", "without \"-- +goose StatementBegin\"", 5 },
        { "migrations/2_b.sql", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n",
          "without \"-- +goose StatementEnd\"", 2 },
        { "migrations/2_b.sql", "-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementBegin\n",
          "a second \"-- +goose StatementBegin\"", 3 },
        { "migrations/2_b.sql", "-- +goose Up\n-- +goose StatementBegin\n-- +goose Down\n",
          "before the statement's", 3 },
        { "migrations/2_b.sql", "-- +goose ENVSUB ON\n" BOTH, "environment variables", 1 },
        { "migrations/2_b.sql", "-- +goose Upp\n", "that goose does not know", 1 },
        { "migrations/2_b.sql", BOTH " -- +goose NO TRANSACTION\n", "that goose does not know", 5 },
        { "migrations/2_b.sql", BOTH "-- see +goose Up\n", "that goose does not know", 5 },
    };
    assert_refused("goose", "migrations/1_a.sql", BOTH, rows, EVO_COUNT(rows), state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tree_test(test_read_takes_what_goose_takes),
        tree_test(test_read_takes_annotations),
        tree_test(test_read_refuses),
    };
    return cmocka_run_group_tests_name("layout/goose", tests, NULL, NULL);
}
