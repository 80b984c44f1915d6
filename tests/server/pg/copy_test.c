/*
 * COPY in both directions against a real server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "pg/copy.h"
#include "server.h"

struct seen {
    int64_t rows, bytes;
    int64_t stop_at; /* rows; 0: never */
    bool cancel; /* at stop_at: as if a signal had come, instead of an error */
    struct evo_strbuf first;
};

static enum evo_errc see_row(void *ctx, const char *row, size_t n, struct evo_error *err)
{
    struct seen *seen = ctx;
    if (seen->rows == 0)
        evo_strbuf_add(&seen->first, row, n);
    assert_int_equal(row[n - 1], '\n');
    seen->rows++;
    seen->bytes += (int64_t)n;
    if (seen->stop_at != seen->rows)
        return EVO_OK;
    if (!seen->cancel)
        return evo_error_set(err, EVO_ERR_DISK, "no room");
    evo_cancel_request(SIGINT);
    return EVO_OK;
}

static void test_copy_out_hands_over_every_row(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    struct seen seen = { .first = EVO_STRBUF_INIT };
    int64_t rows = -1;
    assert_ok(evo_pg_copy_out(
                  pg,
                  "COPY (SELECT i, repeat('x', 100), E'a\\nb' FROM generate_series(1, 50000) i) TO STDOUT",
                  see_row, &seen, &rows, &err),
              &err);
    assert_int_equal(rows, 50000);
    assert_int_equal(seen.rows, 50000);
    assert_string_equal(seen.first.buf + 102, "\ta\\nb\n");
    evo_strbuf_release(&seen.first);
    EVO_AUTO_STR usable = server_text(pg, "SELECT 1");
    assert_string_equal(usable, "1");
}

struct pieces {
    int64_t count, ends, bytes;
};

static enum evo_errc see_piece(void *ctx, const char *row, size_t n, struct evo_error *err)
{
    struct pieces *p = ctx;
    (void)err;
    assert_true(n > 0 && n <= EVO_PG_COPY_PIECE);
    p->count++;
    p->bytes += (int64_t)n;
    p->ends += row[n - 1] == '\n';
    return EVO_OK;
}

static void test_copy_out_cuts_long_rows(void **state)
{
    /* Bytes of the row with its newline; an exact fit is one piece. */
    static const struct {
        int64_t length, pieces;
    } rows[] = { { EVO_PG_COPY_PIECE - 1, 1 },
                 { EVO_PG_COPY_PIECE, 1 },
                 { EVO_PG_COPY_PIECE + 1, 2 },
                 { 5 * EVO_PG_COPY_PIECE, 5 },
                 { 5 * EVO_PG_COPY_PIECE + 7, 6 } };
    struct evo_error err = EVO_ERROR_INIT;
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct pieces seen = { 0 };
        int64_t count = -1;
        /* Line feeds of the value itself are written as two characters. */
        EVO_AUTO_STR sql =
            evo_asprintf("COPY (SELECT repeat('x', %lld) || E'\\n\\n' FROM generate_series(1, 3)) TO STDOUT",
                         (long long)rows[i].length - 5);
        assert_ok(evo_pg_copy_out(*state, sql, see_piece, &seen, &count, &err), &err);
        assert_int_equal(count, 3);
        assert_int_equal(seen.ends, 3);
        assert_int_equal(seen.count, 3 * rows[i].pieces);
        assert_int_equal(seen.bytes, 3 * rows[i].length);
    }
}

static void test_copy_out_of_nothing_is_zero_rows(void **state)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct seen seen = { .first = EVO_STRBUF_INIT };
    int64_t rows = -1;
    assert_ok(evo_pg_copy_out(*state, "COPY (SELECT 1 WHERE false) TO STDOUT", see_row, &seen, &rows, &err),
              &err);
    assert_int_equal(rows, 0);
    assert_int_equal(seen.rows, 0);
}

static void test_copy_out_reports_a_failure_on_the_way(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    struct seen seen = { .first = EVO_STRBUF_INIT };
    int64_t rows = -1;
    assert_int_equal(
        evo_pg_copy_out(pg, "COPY (SELECT 1 / (30000 - i) FROM generate_series(1, 40000) i) TO STDOUT",
                        see_row, &seen, &rows, &err),
        EVO_ERR_DATABASE);
    assert_string_equal(err.sqlstate, "22012");
    assert_int_equal(rows, -1);
    assert_int_equal(evo_pg_copy_out(pg, "COPY nowhere TO STDOUT", see_row, &seen, NULL, &err),
                     EVO_ERR_DATABASE);
    assert_string_equal(err.sqlstate, "42P01");
    assert_int_equal(evo_pg_copy_out(pg, "SELECT 1", see_row, &seen, NULL, &err), EVO_ERR_INTERNAL);
    evo_strbuf_release(&seen.first);
    EVO_AUTO_STR usable = server_text(pg, "SELECT 1");
    assert_string_equal(usable, "1");
}

/* What a thousand million rows take at the very least. */
enum { ALL_ROWS_MS = 60000 };

static void test_copy_out_ends_with_the_error_of_the_sink(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    struct seen seen = { .stop_at = 10, .first = EVO_STRBUF_INIT };
    int64_t began = evo_clock_ms();
    assert_int_equal(evo_pg_copy_out(pg, "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT", see_row,
                                     &seen, NULL, &err),
                     EVO_ERR_DISK);
    assert_string_equal(err.message, "no room");
    assert_int_equal(seen.rows, 10);
    assert_true(evo_clock_ms() - began < ALL_ROWS_MS / 10);
    evo_strbuf_release(&seen.first);
    EVO_AUTO_STR usable = server_text(pg, "SELECT 1");
    assert_string_equal(usable, "1");
}

static void test_copy_out_is_cancelled_while_rows_come(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    struct seen seen = { .stop_at = 1000, .cancel = true, .first = EVO_STRBUF_INIT };
    int64_t began = evo_clock_ms();
    enum evo_errc rc = evo_pg_copy_out(pg, "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT", see_row,
                                       &seen, NULL, &err);
    evo_cancel_acknowledge();
    evo_strbuf_release(&seen.first);
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_true(evo_clock_ms() - began < ALL_ROWS_MS / 10);
    EVO_AUTO_STR usable = server_text(pg, "SELECT 1");
    assert_string_equal(usable, "1");
}

static void make_table(struct evo_pg *pg)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_pg_exec(pg, "CREATE TEMP TABLE loaded (i int PRIMARY KEY, t text)", &err), &err);
}

static void test_copy_in_loads_blocks_cut_anywhere(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    make_table(pg);
    EVO_AUTO(strbuf) data = EVO_STRBUF_INIT;
    for (int i = 0; i < 40000; i++)
        evo_strbuf_addf(&data, "%d\tsome text of row %d\n", i, i);
    static const size_t blocks[] = { 7, 65536, 1 << 20 };
    for (size_t b = 0; b < EVO_COUNT(blocks); b++) {
        int64_t rows = -1;
        assert_ok(evo_pg_exec(pg, "TRUNCATE loaded", &err), &err);
        assert_ok(evo_pg_copy_begin(pg, "COPY loaded FROM STDIN", &err), &err);
        for (size_t at = 0; at < data.len; at += blocks[b])
            assert_ok(evo_pg_copy_write(pg, data.buf + at,
                                        data.len - at < blocks[b] ? data.len - at : blocks[b], &err),
                      &err);
        assert_ok(evo_pg_copy_end(pg, &rows, &err), &err);
        assert_int_equal(rows, 40000);
    }
    EVO_AUTO_STR last = server_text(pg, "SELECT t FROM loaded WHERE i = 39999");
    assert_string_equal(last, "some text of row 39999");
}

static void test_copy_in_says_what_was_wrong_with_a_row(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    make_table(pg);
    assert_ok(evo_pg_copy_begin(pg, "COPY loaded FROM STDIN", &err), &err);
    assert_ok(evo_pg_copy_write(pg, "1\ta\nx\tb\n", 8, &err), &err);
    assert_int_equal(evo_pg_copy_end(pg, NULL, &err), EVO_ERR_DATABASE);
    assert_string_equal(err.sqlstate, "22P02");
    assert_non_null(strstr(err.detail, "COPY loaded, line 2, column i"));
    EVO_AUTO_STR count = server_text(pg, "SELECT count(*) FROM loaded");
    assert_string_equal(count, "0");
    assert_int_equal(evo_pg_copy_begin(pg, "COPY nowhere FROM STDIN", &err), EVO_ERR_DATABASE);
    assert_int_equal(evo_pg_copy_begin(pg, "COPY loaded TO STDOUT", &err), EVO_ERR_INTERNAL);
}

static void test_copy_in_survives_an_error_in_front_of_much_data(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    make_table(pg);
    EVO_AUTO(strbuf) block = EVO_STRBUF_INIT;
    while (block.len < 1 << 20)
        evo_strbuf_adds(&block, "not a number\tx\n");
    assert_ok(evo_pg_copy_begin(pg, "COPY loaded FROM STDIN", &err), &err);
    enum evo_errc rc = EVO_OK;
    for (int i = 0; i < 16 && !rc; i++)
        rc = evo_pg_copy_write(pg, block.buf, block.len, &err);
    if (!rc)
        rc = evo_pg_copy_end(pg, NULL, &err);
    assert_int_equal(rc, EVO_ERR_DATABASE);
    assert_string_equal(err.sqlstate, "22P02");
    EVO_AUTO_STR usable = server_text(pg, "SELECT 1");
    assert_string_equal(usable, "1");
}

static void test_copy_abort_loads_nothing(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    make_table(pg);
    evo_pg_copy_abort(pg, "nothing runs");
    assert_ok(evo_pg_copy_begin(pg, "COPY loaded FROM STDIN", &err), &err);
    assert_ok(evo_pg_copy_write(pg, "1\ta\n", 4, &err), &err);
    evo_cancel_request(SIGTERM); /* clean-up works behind a cancel */
    evo_pg_copy_abort(pg, "the archive ended early");
    evo_cancel_acknowledge();
    EVO_AUTO_STR count = server_text(pg, "SELECT count(*) FROM loaded");
    assert_string_equal(count, "0");
}

static void test_copy_in_is_cancelled_between_blocks(void **state)
{
    struct evo_pg *pg = *state;
    struct evo_error err = EVO_ERROR_INIT;
    make_table(pg);
    EVO_AUTO(strbuf) block = EVO_STRBUF_INIT;
    for (int i = 0; block.len < 1 << 19; i++)
        evo_strbuf_addf(&block, "%d\tx\n", i);
    assert_ok(evo_pg_copy_begin(pg, "COPY loaded FROM STDIN", &err), &err);
    evo_cancel_request(SIGTERM);
    enum evo_errc rc = evo_pg_copy_write(pg, block.buf, block.len, &err);
    evo_cancel_acknowledge();
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    EVO_AUTO_STR count = server_text(pg, "SELECT count(*) FROM loaded");
    assert_string_equal(count, "0");
}

static void test_close_ends_a_copy_that_runs(void **state)
{
    struct evo_pg *admin = *state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_pg *pg = server_open(NULL);
    make_table(pg);
    EVO_AUTO_STR sql =
        evo_asprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", evo_pg_backend_pid(pg));
    assert_ok(evo_pg_copy_begin(pg, "COPY loaded FROM STDIN", &err), &err);
    EVO_AUTO_STR before = server_text(admin, sql);
    assert_string_equal(before, "1");
    evo_pg_close(pg);
    struct evo_deadline deadline = evo_deadline_in(5000);
    bool gone = false;
    while (!gone && !evo_deadline_passed(deadline)) {
        EVO_AUTO_STR left = server_text(admin, sql);
        gone = evo_streq(left, "0");
    }
    assert_true(gone);
}

static void test_copy_in_to_a_session_that_ended_is_lost(void **state)
{
    struct evo_pg *admin = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pg = server_open(NULL);
    make_table(pg);
    EVO_AUTO(strbuf) block = EVO_STRBUF_INIT;
    for (int i = 0; block.len < 1 << 20; i++)
        evo_strbuf_addf(&block, "%d\tx\n", i);
    assert_ok(evo_pg_copy_begin(pg, "COPY loaded FROM STDIN", &err), &err);
    assert_ok(evo_pg_execf(admin, &err, "SELECT pg_terminate_backend(%d, 5000)", evo_pg_backend_pid(pg)),
              &err);
    enum evo_errc rc = evo_pg_copy_write(pg, block.buf, block.len, &err);
    if (!rc)
        rc = evo_pg_copy_end(pg, NULL, &err);
    assert_int_equal(rc, EVO_ERR_CONNECT);
    assert_non_null(strstr(err.message, "was lost"));
    assert_false(evo_pg_alive(pg));
}

#define WITH_SESSION(test) cmocka_unit_test_setup_teardown(test, server_setup, server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SESSION(test_copy_out_hands_over_every_row),
        WITH_SESSION(test_copy_out_cuts_long_rows),
        WITH_SESSION(test_copy_out_of_nothing_is_zero_rows),
        WITH_SESSION(test_copy_out_reports_a_failure_on_the_way),
        WITH_SESSION(test_copy_out_ends_with_the_error_of_the_sink),
        WITH_SESSION(test_copy_out_is_cancelled_while_rows_come),
        WITH_SESSION(test_copy_in_loads_blocks_cut_anywhere),
        WITH_SESSION(test_copy_in_says_what_was_wrong_with_a_row),
        WITH_SESSION(test_copy_in_survives_an_error_in_front_of_much_data),
        WITH_SESSION(test_copy_abort_loads_nothing),
        WITH_SESSION(test_copy_in_is_cancelled_between_blocks),
        WITH_SESSION(test_copy_in_to_a_session_that_ended_is_lost),
        WITH_SESSION(test_close_ends_a_copy_that_runs),
    };
    return cmocka_run_group_tests_name("pg/copy", tests, server_begin, NULL);
}
