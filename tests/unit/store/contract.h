/*
 * contract.h - what every store must do: one suite, run over a folder (contract_test.c) and over a real S3
 * server (tests/server/store/s3_contract_test.c).
 *
 * The includer defines contract_open() of contract_helpers.h and adds CONTRACT_TESTS to its list. Each test clears what is there before it begins.
 */
#ifndef EVO_TEST_CONTRACT_H
#define EVO_TEST_CONTRACT_H

#include "base/cancel.h"
#include "crypto/sha256.h"
#include "store/contract_helpers.h"

static void test_check_of_an_empty_store_is_fine(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store) store = contract_begin();
    assert_ok(evo_store_check(store, &err));
}

static void test_put_then_get_gives_the_same_bytes(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    static const char bytes[] = "a\0b\r\n\xff end";
    assert_ok(evo_store_put(store, "t/bytes", bytes, sizeof(bytes), 0, &err));
    assert_object(store, "t/bytes", bytes, sizeof(bytes));
    assert_ok(evo_store_put(store, "t/empty", NULL, 0, 0, &err));
    assert_object(store, "t/empty", "", 0);
}

static void test_put_replaces_what_was_there(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    put_text(store, "t/x", "first and longer");
    put_text(store, "t/x", "second");
    assert_object(store, "t/x", "second", 6);
}

static void test_put_once_refuses_what_exists(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_store_put(store, "t/once", "one", 3, EVO_STORE_ONCE, &err));
    assert_int_equal(evo_store_put(store, "t/once", "two", 3, EVO_STORE_ONCE, &err), EVO_ERR_STORE);
    assert_true(err.exists);
    assert_non_null(strstr(err.message, "t/once"));
    assert_object(store, "t/once", "one", 3);
}

static void test_get_over_the_limit_is_refused_and_adds_nothing(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    put_text(store, "t/five", "12345");
    evo_strbuf_adds(&out, "kept");
    assert_int_equal(evo_store_get(store, "t/five", 4, &out, &err), EVO_ERR_STORE);
    assert_string_equal(out.buf, "kept");
    assert_ok(evo_store_get(store, "t/five", 5, &out, &err));
    assert_string_equal(out.buf, "kept12345");
}

static void test_missing_object_is_not_found_everywhere(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    assert_missing(store, "t/none");
    assert_int_equal(evo_store_get(store, "t/none", 10, &out, &err), EVO_ERR_NOT_FOUND);
    put_text(store, "t/dir/x", "x");
    assert_missing(store, "t/dir"); /* no object, only a beginning of names */
    assert_missing(store, "t/dir/x/y");
}

static void test_remove_is_fine_with_what_is_missing(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    put_text(store, "t/a/b/c", "x");
    assert_ok(evo_store_remove(store, "t/a/b/c", &err));
    assert_missing(store, "t/a/b/c");
    assert_ok(evo_store_remove(store, "t/a/b/c", &err));
    assert_ok(evo_store_remove(store, "t/never", &err));
    assert_nothing_stored(store);
}

static void test_stat_tells_size_and_time(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_stat st;
    put_text(store, "t/s", "1234567");
    assert_ok(evo_store_stat(store, "t/s", &st, &err));
    assert_int_equal(st.size, 7);
    int64_t age = evo_wall_ms() - st.mtime_ms;
    assert_true(age > -5000 && age < 60000);
}

/* ---- ranges ---- */

static enum evo_errc to_strbuf(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    evo_strbuf_add(ctx, data, n);
    return EVO_OK;
}

static void test_read_gives_the_range_as_far_as_it_reaches(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    static const struct {
        uint64_t offset, length;
        const char *expected;
    } rows[] = {
        { 0, UINT64_MAX, "0123456789" },
        { 0, 10, "0123456789" },
        { 0, 3, "012" },
        { 3, 4, "3456" },
        { 9, 1, "9" },
        { 7, UINT64_MAX, "789" },
        { 7, 100, "789" },
        { 10, 5, "" },
        { 4000, UINT64_MAX, "" },
        { 5, 0, "" },
        { 2, UINT64_MAX - 1, "23456789" },
    };
    put_text(store, "t/r", "0123456789");
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        assert_ok(evo_store_read(store, "t/r", rows[i].offset, rows[i].length, to_strbuf, &out, &err));
        assert_string_equal(out.buf, rows[i].expected);
    }
}

static enum evo_errc refuse(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)data;
    *(size_t *)ctx += n;
    return evo_error_set(err, EVO_ERR_INTEGRITY, "the sink has seen enough");
}

static void test_read_ends_with_the_error_of_the_sink(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    size_t seen = 0;
    put_text(store, "t/r", "0123456789");
    assert_int_equal(evo_store_read(store, "t/r", 0, UINT64_MAX, refuse, &seen, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "the sink has seen enough");
    assert_true(seen > 0);
}

/* ---- names ---- */

static void test_names_with_special_characters_come_back_as_they_were(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    static const char *const names[] = {
        "t/a b",   "t/a+b",   "t/a%b",   "t/a%20b", "t/caf\xc3\xa9", "t/f(1)",  "t/it's",  "t/star*",
        "t/a=b&c", "t/q?x#y", "t/x@y:z", "t/~-_.!", "t/\"q\"",       "t/<tag>", "t/$HOME", "t/semi;comma,",
    };
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        put_text(store, names[i], names[i]);
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        assert_object(store, names[i], names[i], strlen(names[i]));
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, "t/", true, &list, &err));
    assert_int_equal(list.count, EVO_COUNT(names));
    for (size_t i = 0; i < EVO_COUNT(names); i++) {
        bool found = false;
        for (size_t j = 0; j < list.count; j++)
            found = found || evo_streq(list.items[j].key, names[i]);
        if (!found)
            fail_msg("\"%s\" is not listed", names[i]);
        assert_ok(evo_store_remove(store, names[i], &err));
    }
}

static void test_names_that_no_object_can_have_are_refused(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    char too_long[256];
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    const char *names[] = { "",     "/",      "/etc/passwd", "a/",     "a//b",      "..",
                            "../x", "a/../b", "a/..",        ".",      "./a",       "a/./b",
                            "a\nb", "a\x7f",  "a\xff",       too_long, ".evo-tmp-x" };
    for (size_t i = 0; i < EVO_COUNT(names); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        struct evo_store_stat st;
        struct evo_store_writer *w = NULL;
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        assert_int_equal(evo_store_put(store, names[i], "x", 1, 0, &err), EVO_ERR_USAGE);
        assert_int_equal(evo_store_get(store, names[i], 1, &out, &err), EVO_ERR_USAGE);
        assert_int_equal(evo_store_stat(store, names[i], &st, &err), EVO_ERR_USAGE);
        assert_int_equal(evo_store_remove(store, names[i], &err), EVO_ERR_USAGE);
        assert_int_equal(evo_store_writer_open(store, names[i], PART_SIZE, &w, &err), EVO_ERR_USAGE);
        assert_null(w);
    }
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_list) list = { 0 };
    assert_int_equal(evo_store_list_prefix(store, "../", true, &list, &err), EVO_ERR_USAGE);
    assert_int_equal(evo_store_list_prefix(store, "/", true, &list, &err), EVO_ERR_USAGE);
}

/* ---- listings ---- */

static void assert_keys(const struct evo_store_list *list, const char *expected)
{
    EVO_AUTO(strbuf) keys = EVO_STRBUF_INIT;
    for (size_t i = 0; i < list->count; i++)
        evo_strbuf_addf(&keys, "%s%s", i ? " " : "", list->items[i].key);
    assert_string_equal(keys.buf, expected);
}

static void assert_folders(const struct evo_store_list *list, const char *expected)
{
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    for (size_t i = 0; i < list->folders.count; i++)
        evo_strbuf_addf(&names, "%s%s", i ? " " : "", list->folders.items[i]);
    assert_string_equal(names.buf, expected);
}

static void test_list_of_nothing_is_empty_and_leaves_the_error_alone(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    for (int flat = 0; flat < 2; flat++) {
        EVO_AUTO(store_list) list = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_store_list_prefix(store, "t/nowhere/at/all/", flat, &list, &err), EVO_OK);
        assert_int_equal(list.count + list.folders.count, 0);
        assert_int_equal(err.code, EVO_OK);
    }
}

static void test_list_is_in_byte_order_and_by_prefix(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    static const char *const keys[] = { "l/m/b/2",  "l/m/a/y",      "l/m/a!", "l/m/B",
                                        "l/m/b/10", "l/m/b/1/deep", "l/n/x" };
    for (size_t i = 0; i < EVO_COUNT(keys); i++)
        put_text(store, keys[i], keys[i]);

    static const struct {
        const char *prefix;
        bool flat;
        const char *keys, *folders;
    } rows[] = {
        { "l/", true, "l/m/B l/m/a! l/m/a/y l/m/b/1/deep l/m/b/10 l/m/b/2 l/n/x", "" },
        { "l/", false, "", "m/ n/" },
        { "l/m/", true, "l/m/B l/m/a! l/m/a/y l/m/b/1/deep l/m/b/10 l/m/b/2", "" },
        { "l/m/", false, "l/m/B l/m/a!", "a/ b/" },
        { "l/m/b/", false, "l/m/b/10 l/m/b/2", "1/" },
        { "l/m/b/1", true, "l/m/b/1/deep l/m/b/10", "" },
        { "l/m/b/1", false, "l/m/b/10", "1/" },
        { "l/m/a", false, "l/m/a!", "a/" },
        { "l/m", false, "", "m/" },
        { "l/m/none/", true, "", "" },
        { "x", false, "", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(store_list) list = { 0 };
        assert_ok(evo_store_list_prefix(store, rows[i].prefix, rows[i].flat, &list, &err));
        assert_keys(&list, rows[i].keys);
        assert_folders(&list, rows[i].folders);
    }
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, "l/m/b/10", true, &list, &err));
    assert_int_equal(list.items[0].size, strlen("l/m/b/10"));
    assert_true(evo_wall_ms() - list.items[0].mtime_ms < 60000);
}

/* ---- streams ---- */

/* Bytes that differ everywhere, so that a swapped or repeated part shows. */
static void fill(unsigned char *p, size_t n, uint64_t at)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t x = (at + i) * 0x9e3779b97f4a7c15u;
        p[i] = (unsigned char)(x >> 56);
    }
}

struct checker {
    uint64_t at;
    bool equal;
};

static enum evo_errc check_filled(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    struct checker *c = ctx;
    unsigned char *expected = evo_malloc(n);
    fill(expected, n, c->at);
    c->equal = c->equal && memcmp(expected, data, n) == 0;
    c->at += n;
    free(expected);
    return EVO_OK;
}

/* Writes n bytes in pieces of piece, and commits. */
static void stream(struct evo_store *store, const char *key, size_t n, size_t piece)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store_writer) w = NULL;
    EVO_AUTO_PTR(sha256) h = evo_sha256_new();
    assert_ok(evo_store_writer_open(store, key, PART_SIZE, &w, &err));
    unsigned char *buf = evo_malloc(piece);
    for (size_t at = 0; at < n;) {
        size_t m = n - at < piece ? n - at : piece;
        fill(buf, m, at);
        evo_sha256_update(h, buf, m);
        assert_ok(evo_store_writer_write(w, buf, m, &err));
        at += m;
    }
    free(buf);
    char hex[65], expected[65];
    unsigned char digest[EVO_SHA256_SIZE];
    uint64_t size = 0;
    assert_ok(evo_store_writer_commit(w, hex, &size, &err));
    evo_sha256_final(h, digest);
    assert_string_equal(hex, evo_sha256_format(digest, expected));
    assert_int_equal(size, n);
}

static void test_stream_of_any_length_is_read_back_whole(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    static const struct {
        size_t n, piece;
    } rows[] = {
        { 0, 1 },
        { 1, 1 },
        { PART_SIZE, PART_SIZE },
        { PART_SIZE + 1, 100000 },
        { 2 * PART_SIZE, PART_SIZE / 2 },
        { 2 * PART_SIZE + 12345, 3 * PART_SIZE },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        stream(store, "t/stream", rows[i].n, rows[i].piece);
        struct checker c = { .equal = true };
        assert_ok(evo_store_read(store, "t/stream", 0, UINT64_MAX, check_filled, &c, &err));
        assert_true(c.equal);
        assert_int_equal(c.at, rows[i].n);
    }
    /* A range across the border of two parts. */
    struct checker c = { .at = PART_SIZE - 7, .equal = true };
    assert_ok(evo_store_read(store, "t/stream", PART_SIZE - 7, 1000, check_filled, &c, &err));
    assert_true(c.equal);
    assert_int_equal(c.at, PART_SIZE - 7 + 1000);
}

static void test_stream_without_commit_leaves_nothing(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    unsigned char *buf = evo_calloc(1, PART_SIZE);
    for (size_t parts = 0; parts <= 2; parts++) {
        EVO_AUTO_PTR(store_writer) w = NULL;
        assert_ok(evo_store_writer_open(store, "t/aborted", PART_SIZE, &w, &err));
        for (size_t i = 0; i < parts; i++)
            assert_ok(evo_store_writer_write(w, buf, PART_SIZE, &err));
        assert_ok(evo_store_writer_write(w, buf, 10, &err));
        assert_missing(store, "t/aborted");
    }
    free(buf);
    assert_missing(store, "t/aborted");
    assert_nothing_stored(store);
}

static void test_stream_takes_nothing_after_its_commit(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store_writer) w = NULL;
    assert_ok(evo_store_writer_open(store, "t/done", PART_SIZE, &w, &err));
    assert_ok(evo_store_writer_write(w, "abc", 3, &err));
    assert_ok(evo_store_writer_commit(w, NULL, NULL, &err));
    assert_int_equal(evo_store_writer_write(w, "d", 1, &err), EVO_ERR_INTERNAL);
    assert_int_equal(evo_store_writer_commit(w, NULL, NULL, &err), EVO_ERR_INTERNAL);
    assert_object(store, "t/done", "abc", 3);
}

static void test_stream_ends_on_a_cancel_and_leaves_nothing(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    unsigned char *buf = evo_calloc(3, PART_SIZE);
    struct evo_store_writer *w = NULL;
    assert_ok(evo_store_writer_open(store, "t/cancelled", PART_SIZE, &w, &err));
    assert_ok(evo_store_writer_write(w, buf, 2 * PART_SIZE, &err));
    evo_cancel_request(15);
    enum evo_errc rc = evo_store_writer_write(w, buf, 3 * PART_SIZE, &err);
    int64_t before = evo_clock_ms();
    evo_store_writer_free(w); /* with the cancel still standing */
    int64_t took = evo_clock_ms() - before;
    evo_cancel_acknowledge();
    free(buf);
    assert_int_equal(rc, EVO_ERR_CANCELLED);
    assert_true(took < 3000);
    assert_missing(store, "t/cancelled");
}

static void test_room_of_a_stream_becomes_less_by_what_was_written(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store_writer) w = NULL;
    assert_ok(evo_store_writer_open(store, "t/room", PART_SIZE, &w, &err));
    uint64_t before = evo_store_writer_room(w);
    assert_ok(evo_store_writer_write(w, "12345", 5, &err));
    uint64_t after = evo_store_writer_room(w);
    if (evo_store_is_s3(store))
        assert_true(before - after == 5 && before <= (uint64_t)10000 * PART_SIZE);
    else
        assert_true(before == UINT64_MAX && after == UINT64_MAX);
}

/* ---- what killed runs left ---- */

static void test_unfinished_upload_is_listed_below_its_folder_until_it_is_aborted(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store_writer) w = NULL;
    unsigned char *buf = evo_calloc(3, PART_SIZE);
    assert_int_equal(uploads_below(store, ""), 0);
    assert_ok(evo_store_writer_open(store, "t/u/v/x", PART_SIZE, &w, &err));
    /* The third part waits until the first one has arrived. */
    assert_ok(evo_store_writer_write(w, buf, 3 * PART_SIZE, &err));
    free(buf);
    assert_int_equal(uploads_below(store, ""), 1);
    assert_int_equal(uploads_below(store, "t/u/"), 1);
    assert_int_equal(uploads_below(store, "t/other/"), 0);

    EVO_AUTO(store_uploads) found = { 0 };
    assert_ok(evo_store_list_uploads(store, "t/u/v/", &found, &err));
    assert_int_equal(found.count, 1);
    assert_true(evo_starts_with(found.items[0].key, "t/u/v/"));
    int64_t age = evo_wall_ms() - found.items[0].started_ms;
    assert_true(age > -5000 && age < 60000);
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, "", true, &list, &err)); /* it is no object */
    assert_int_equal(list.count, 0);

    assert_ok(evo_store_abort_upload(store, &found.items[0], &err));
    assert_int_equal(uploads_below(store, ""), 0);
    assert_ok(evo_store_abort_upload(store, &found.items[0], &err));
    /* Whoever was still at work on it fails. */
    assert_int_not_equal(evo_store_writer_commit(w, NULL, NULL, &err), EVO_OK);
    evo_store_writer_free(w);
    w = NULL;
    assert_missing(store, "t/u/v/x");
    assert_int_equal(uploads_below(store, ""), 0);
}

static void test_committed_object_is_no_upload(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    stream(store, "t/done", PART_SIZE + 1, PART_SIZE);
    put_text(store, "t/small", "x");
    assert_int_equal(uploads_below(store, ""), 0);
}

static void test_uploads_of_what_is_no_folder_and_keys_that_are_none_are_refused(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_uploads) found = { 0 };
    static const char *const prefixes[] = { "t", "../", "/", "t//" };
    for (size_t i = 0; i < EVO_COUNT(prefixes); i++)
        assert_int_equal(evo_store_list_uploads(store, prefixes[i], &found, &err), EVO_ERR_USAGE);
    char *const keys[] = { (char[]){ "../x" }, (char[]){ "t/../.evo-tmp-x" }, (char[]){ "" } };
    put_text(store, "t/kept", "x");
    for (size_t i = 0; i < EVO_COUNT(keys); i++) {
        struct evo_store_upload u = { .key = keys[i], .id = keys[i] };
        assert_int_equal(evo_store_abort_upload(store, &u, &err), EVO_ERR_USAGE);
    }
    assert_object(store, "t/kept", "x", 1);
}

/* ---- threads ---- */

struct worker {
    struct evo_store *store;
    int number, failures;
};

static void *work(void *ctx)
{
    struct worker *w = ctx;
    for (int i = 0; i < 8; i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_STR key = evo_asprintf("t/w%d/%d", w->number, i);
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        if (evo_store_put(w->store, key, key, strlen(key), 0, &err) ||
            evo_store_get(w->store, key, 100, &out, &err) || !evo_streq(out.buf, key) ||
            evo_store_remove(w->store, key, &err)) {
            print_error("%s: \"%s\", %s %s\n", key, out.buf, err.message, err.detail);
            w->failures++;
        }
    }
    return NULL;
}

static void test_store_is_used_by_several_threads(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct worker workers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){ .store = store, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failures, 0);
    }
}

static void *write_stream(void *ctx)
{
    struct worker *w = ctx;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(store_writer) writer = NULL;
    EVO_AUTO_STR key = evo_asprintf("t/s%d", w->number);
    unsigned char *buf = evo_malloc(PART_SIZE);
    enum evo_errc rc = evo_store_writer_open(w->store, key, PART_SIZE, &writer, &err);
    for (uint64_t part = 0; part < 3 && !rc; part++) {
        fill(buf, PART_SIZE, part * PART_SIZE);
        rc = evo_store_writer_write(writer, buf, PART_SIZE, &err);
    }
    free(buf);
    if (!rc)
        rc = evo_store_writer_commit(writer, NULL, NULL, &err);
    w->failures = rc != EVO_OK;
    return NULL;
}

static void test_streams_are_written_by_several_threads(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct evo_error err = EVO_ERROR_INIT;
    struct worker workers[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        workers[i] = (struct worker){ .store = store, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, write_stream, &workers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failures, 0);
    }
    for (int i = 0; i < 3; i++) {
        EVO_AUTO_STR key = evo_asprintf("t/s%d", i);
        struct checker c = { .equal = true };
        assert_ok(evo_store_read(store, key, 0, UINT64_MAX, check_filled, &c, &err));
        assert_true(c.equal && c.at == 3 * PART_SIZE);
    }
}

static void *write_once(void *ctx)
{
    struct worker *w = ctx;
    struct evo_error err = EVO_ERROR_INIT;
    char text[32];
    (void)snprintf(text, sizeof(text), "writer %d", w->number);
    if (evo_store_put(w->store, "t/race", text, strlen(text), EVO_STORE_ONCE, &err))
        w->failures = err.exists ? 1 : 100;
    return NULL;
}

static void test_put_once_by_many_has_one_winner(void **state)
{
    (void)state;
    EVO_AUTO_PTR(store) store = contract_begin();
    struct worker workers[6];
    pthread_t threads[6];
    int losers = 0, winner = -1;
    for (int i = 0; i < 6; i++) {
        workers[i] = (struct worker){ .store = store, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, write_once, &workers[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        (void)pthread_join(threads[i], NULL);
        losers += workers[i].failures;
        if (!workers[i].failures)
            winner = workers[i].number;
    }
    assert_int_equal(losers, 5);
    char text[32];
    (void)snprintf(text, sizeof(text), "writer %d", winner);
    assert_object(store, "t/race", text, strlen(text));
}

/* clang-format off */
#define CONTRACT_TESTS                                                              \
    cmocka_unit_test(test_check_of_an_empty_store_is_fine),                         \
    cmocka_unit_test(test_put_then_get_gives_the_same_bytes),                       \
    cmocka_unit_test(test_put_replaces_what_was_there),                             \
    cmocka_unit_test(test_put_once_refuses_what_exists),                            \
    cmocka_unit_test(test_get_over_the_limit_is_refused_and_adds_nothing),          \
    cmocka_unit_test(test_missing_object_is_not_found_everywhere),                  \
    cmocka_unit_test(test_remove_is_fine_with_what_is_missing),                     \
    cmocka_unit_test(test_stat_tells_size_and_time),                                \
    cmocka_unit_test(test_read_gives_the_range_as_far_as_it_reaches),               \
    cmocka_unit_test(test_read_ends_with_the_error_of_the_sink),                    \
    cmocka_unit_test(test_names_with_special_characters_come_back_as_they_were),    \
    cmocka_unit_test(test_names_that_no_object_can_have_are_refused),               \
    cmocka_unit_test(test_list_of_nothing_is_empty_and_leaves_the_error_alone),     \
    cmocka_unit_test(test_list_is_in_byte_order_and_by_prefix),                     \
    cmocka_unit_test(test_stream_of_any_length_is_read_back_whole),                 \
    cmocka_unit_test(test_stream_without_commit_leaves_nothing),                    \
    cmocka_unit_test(test_stream_takes_nothing_after_its_commit),                   \
    cmocka_unit_test(test_stream_ends_on_a_cancel_and_leaves_nothing),              \
    cmocka_unit_test(test_room_of_a_stream_becomes_less_by_what_was_written),       \
    cmocka_unit_test(test_unfinished_upload_is_listed_below_its_folder_until_it_is_aborted), \
    cmocka_unit_test(test_committed_object_is_no_upload),                           \
    cmocka_unit_test(test_uploads_of_what_is_no_folder_and_keys_that_are_none_are_refused), \
    cmocka_unit_test(test_store_is_used_by_several_threads),                        \
    cmocka_unit_test(test_streams_are_written_by_several_threads),                  \
    cmocka_unit_test(test_put_once_by_many_has_one_winner)
/* clang-format on */

#endif
