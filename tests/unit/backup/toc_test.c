#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/toc.h"
#include "base/file.h"

/* pg_dump 15 of one small database in both formats, in the same second; the custom one with its data behind it. */
#define CUSTOM    "tests/unit/backup/data/custom.dump"
#define DIRECTORY "tests/unit/backup/data/directory.toc"
enum { CUSTOM_TOC_SIZE = 4699 };

static void load(const char *path, struct evo_strbuf *out)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_file_read(path, 1 << 20, out, &err), EVO_OK);
}

static void parse(const struct evo_strbuf *bytes, struct evo_toc *toc)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_toc_parse(bytes->buf, bytes->len, toc, &err))
        fail_msg("%s", err.message);
}

static void format(const struct evo_toc *toc, enum evo_toc_format how, struct evo_strbuf *out)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_toc_format(toc, how, out, &err), EVO_OK);
}

static void assert_same_bytes(const struct evo_strbuf *got, const char *want, size_t n)
{
    assert_int_equal(got->len, n);
    assert_memory_equal(got->buf, want, n);
}

static void test_each_format_round_trips(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) custom = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) directory = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO(toc) one = EVO_TOC_INIT;
    EVO_AUTO(toc) two = EVO_TOC_INIT;
    load(CUSTOM, &custom);
    parse(&custom, &one);
    format(&one, EVO_TOC_CUSTOM, &out);
    assert_same_bytes(&out, custom.buf, CUSTOM_TOC_SIZE);
    evo_strbuf_clear(&out);
    load(DIRECTORY, &directory);
    parse(&directory, &two);
    format(&two, EVO_TOC_DIRECTORY, &out);
    assert_same_bytes(&out, directory.buf, directory.len);
}

static void test_custom_becomes_what_pg_dump_writes_as_directory(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) custom = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) directory = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    load(CUSTOM, &custom);
    load(DIRECTORY, &directory);
    parse(&custom, &toc);
    evo_toc_name_files(&toc);
    toc.codec = EVO_CODEC_GZIP;
    format(&toc, EVO_TOC_DIRECTORY, &out);
    assert_same_bytes(&out, directory.buf, directory.len);
}

static bool not_large_object(const struct evo_toc_entry *e)
{
    return !evo_toc_is_large_object(e);
}

static void test_large_objects_leave_no_trace(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) custom = EVO_STRBUF_INIT;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    load(CUSTOM, &custom);
    parse(&custom, &toc);
    size_t before = toc.count;
    evo_toc_filter(&toc, not_large_object);
    /* BLOB, BLOBS, comment, privileges */
    assert_int_equal(toc.count, before - 4);
    for (size_t i = 0; i < toc.count; i++)
        assert_null(strstr(toc.items[i].tag ? toc.items[i].tag : "", "4711"));
}

static void test_is_large_object_of_every_version(void **state)
{
    (void)state;
    const struct {
        const char *desc, *tag, *schema;
        bool want;
    } rows[] = {
        { "BLOB", "4711", NULL, true },
        { "BLOBS", "BLOBS", NULL, true },
        { "BLOBS", "4711..4713", NULL, true },
        { "BLOB METADATA", "4711..4713", NULL, true },
        { "COMMENT", "LARGE OBJECT 4711", NULL, true },
        { "ACL", "LARGE OBJECTS 4711..4713", NULL, true },
        { "SECURITY LABEL", "LARGE OBJECT 4711", "", true },
        { "COMMENT", "TABLE \"LARGE OBJECT 1\"", "public", false },
        { "ACL", "LARGE OBJECT 1", "public", false },
        { "TABLE DATA", "BLOB", "public", false },
        { "ACL", "SCHEMA public", NULL, false },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_toc_entry e = { .desc = (char *)(uintptr_t)rows[i].desc,
                                   .tag = (char *)(uintptr_t)rows[i].tag,
                                   .schema = (char *)(uintptr_t)rows[i].schema };
        assert_int_equal(evo_toc_is_large_object(&e), rows[i].want);
    }
}

static void test_every_archive_version_round_trips(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) custom = EVO_STRBUF_INIT;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    load(CUSTOM, &custom);
    parse(&custom, &toc);
    evo_toc_name_files(&toc);
    for (int minor = 12; minor <= 16; minor++) {
        EVO_AUTO(strbuf) one = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) two = EVO_STRBUF_INIT;
        EVO_AUTO(toc) again = EVO_TOC_INIT;
        toc.minor = minor;
        toc.codec = minor % 2 ? EVO_CODEC_GZIP : EVO_CODEC_NONE;
        format(&toc, EVO_TOC_DIRECTORY, &one);
        parse(&one, &again);
        assert_int_equal(again.minor, minor);
        assert_int_equal(again.codec, minor % 2 ? EVO_CODEC_GZIP : EVO_CODEC_NONE);
        assert_int_equal(again.count, toc.count);
        format(&again, EVO_TOC_DIRECTORY, &two);
        assert_same_bytes(&two, one.buf, one.len);
    }
}

static void test_a_newer_version_is_unsupported(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    load(DIRECTORY, &bytes);
    bytes.buf[6] = 17;
    assert_int_equal(evo_toc_parse(bytes.buf, bytes.len, &toc, &err), EVO_ERR_UNSUPPORTED);
    assert_string_equal(err.message, "cannot read an archive of version 1.17 (1.12 to 1.16 are known)");
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT;
    load(DIRECTORY, &bytes);
    for (size_t n = 0; n < bytes.len; n++) {
        EVO_AUTO(toc) toc = EVO_TOC_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_toc_parse(bytes.buf, n, &toc, &err), EVO_ERR_INTEGRITY);
    }
    evo_strbuf_addch(&bytes, 'x');
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_toc_parse(bytes.buf, bytes.len, &toc, &err), EVO_ERR_INTEGRITY);
}

/* Any byte may be anything: it parses or is refused, and nothing is read or kept that should not be. */
static void test_damaged_bytes_do_no_harm(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT;
    static const unsigned char values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    load(DIRECTORY, &bytes);
    size_t refused = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char was = bytes.buf[i];
        for (size_t v = 0; v < EVO_COUNT(values); v++) {
            EVO_AUTO(toc) toc = EVO_TOC_INIT;
            EVO_AUTO(strbuf) again = EVO_STRBUF_INIT;
            struct evo_error err = EVO_ERROR_INIT;
            bytes.buf[i] = (char)values[v];
            if (evo_toc_parse(bytes.buf, bytes.len, &toc, &err)) {
                refused++;
                assert_true(err.code == EVO_ERR_INTEGRITY || err.code == EVO_ERR_UNSUPPORTED);
            } else {
                assert_int_equal(evo_toc_format(&toc, EVO_TOC_DIRECTORY, &again, &err), EVO_OK);
            }
        }
        bytes.buf[i] = was;
    }
    assert_true(refused > bytes.len);
}

/* A pipe gives what it has: here a byte at a time. */
static enum evo_errc drip(void *ctx, void *buf, size_t size, size_t *ret_n, struct evo_error *err)
{
    (void)size;
    (void)err;
    const char **p = ctx;
    memcpy(buf, (*p)++, 1);
    *ret_n = 1;
    return EVO_OK;
}

static enum evo_errc gush(void *ctx, void *buf, size_t size, size_t *ret_n, struct evo_error *err)
{
    (void)err;
    struct evo_strbuf *left = ctx;
    size_t n = left->len < size ? left->len : size;
    memcpy(buf, left->buf, n);
    evo_strbuf_clear(left);
    *ret_n = n;
    return EVO_OK;
}

static void test_read_takes_no_more_than_it_needs(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) custom = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) rest = EVO_STRBUF_INIT;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    EVO_AUTO(toc) again = EVO_TOC_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    load(CUSTOM, &custom);
    const char *p = custom.buf;
    assert_int_equal(evo_toc_read(drip, &p, &toc, NULL, &err), EVO_OK);
    assert_int_equal(p - custom.buf, CUSTOM_TOC_SIZE);
    EVO_AUTO(strbuf) left = EVO_STRBUF_INIT;
    evo_strbuf_add(&left, custom.buf, custom.len);
    assert_int_equal(evo_toc_read(gush, &left, &again, &rest, &err), EVO_OK);
    assert_same_bytes(&rest, custom.buf + CUSTOM_TOC_SIZE, custom.len - CUSTOM_TOC_SIZE);
}

static void test_copy_columns(void **state)
{
    (void)state;
    const struct {
        const char *copy, *want; /* NULL: refused */
    } rows[] = {
        { "COPY public.a (id, b) FROM stdin;\n", "(id, b)" },
        { "COPY public.a (id, \"b \"\"(\") FROM stdin;\n", "(id, \"b \"\"(\")" },
        { "COPY \"Odd \"\"S (\".\"t )\" (\"x) FROM stdin;\", b) FROM stdin;\n", "(\"x) FROM stdin;\", b)" },
        { "COPY public.\"none\"  FROM stdin;\n", "" },
        { "COPY public.a FROM stdin;\n", "" },
        { "COPY public.a (id FROM stdin;\n", NULL },
        { "COPY public.a (id) TO stdout;\n", NULL },
        { "COPY public.a (id) FROM stdin;", NULL },
        { "COPY", NULL },
        { "", NULL },
        { NULL, NULL },
        { "COPY \"public", NULL },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR got = NULL;
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc = evo_toc_copy_columns(rows[i].copy, &got, &err);
        assert_int_equal(rc, rows[i].want ? EVO_OK : EVO_ERR_UNSUPPORTED);
        if (rows[i].want)
            assert_string_equal(got, rows[i].want);
    }
}

static void test_encoding(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    load(DIRECTORY, &bytes);
    parse(&bytes, &toc);
    EVO_AUTO_STR encoding = evo_toc_encoding(&toc);
    assert_string_equal(encoding, "UTF8");
    EVO_AUTO_STR options = evo_toc_database_options(&toc);
    assert_string_equal(
        options, "WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8'");
    assert_string_equal(toc.database, "fix");
    assert_true(evo_starts_with(toc.server_version, "15."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_format_round_trips),
        cmocka_unit_test(test_custom_becomes_what_pg_dump_writes_as_directory),
        cmocka_unit_test(test_large_objects_leave_no_trace),
        cmocka_unit_test(test_is_large_object_of_every_version),
        cmocka_unit_test(test_every_archive_version_round_trips),
        cmocka_unit_test(test_a_newer_version_is_unsupported),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_damaged_bytes_do_no_harm),
        cmocka_unit_test(test_read_takes_no_more_than_it_needs),
        cmocka_unit_test(test_copy_columns),
        cmocka_unit_test(test_encoding),
    };
    return cmocka_run_group_tests_name("backup/toc", tests, NULL, NULL);
}
