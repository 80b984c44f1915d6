#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/downgrade.h"

static void add(struct evo_toc *toc, int id, const char *desc, const char *tableam)
{
    EVO_GROW(toc->items, toc->count, toc->alloc);
    toc->items[toc->count++] = (struct evo_toc_entry){ .id = id,
                                                       .section = EVO_TOC_PRE_DATA,
                                                       .desc = evo_strdup(desc),
                                                       .tag = evo_strdup("t"),
                                                       .schema = evo_strdup("s"),
                                                       .tableam = evo_strdup(tableam),
                                                       .relkind = 'r' };
}

static struct evo_toc archive(int minor)
{
    return (
        struct evo_toc){ .major = 1, .minor = minor, .format = EVO_TOC_DIRECTORY, .codec = EVO_CODEC_GZIP };
}

static void test_minor_of_each_pg_restore(void **state)
{
    (void)state;
    const struct {
        int major, want;
    } rows[] = { { 10, 12 }, { 11, 13 }, { 12, 14 }, { 15, 14 },
                 { 16, 15 }, { 17, 16 }, { 18, 16 }, { 30, 16 } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_int_equal(evo_downgrade_minor_of(rows[i].major), rows[i].want);
}

static void test_downgraded_reads_as_what_it_says_it_is(void **state)
{
    (void)state;
    for (int minor = 12; minor <= 15; minor++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(strvec) warnings = EVO_STRVEC_INIT;
        EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT;
        EVO_AUTO(toc) toc = archive(16);
        EVO_AUTO(toc) again = EVO_TOC_INIT;
        add(&toc, 1, "TABLE", "heap");
        add(&toc, 2, "INDEX", NULL);
        assert_int_equal(evo_toc_downgrade(&toc, minor, &warnings, &err), EVO_OK);
        assert_int_equal(evo_toc_format(&toc, EVO_TOC_CUSTOM, &bytes, &err), EVO_OK);
        if (evo_toc_parse(bytes.buf, bytes.len, &again, &err))
            fail_msg("%s", err.message);
        assert_int_equal(again.minor, minor);
        assert_int_equal(again.count, 2);
        assert_int_equal(again.items[0].relkind, 0);
        if (minor >= 14)
            assert_string_equal(again.items[0].tableam, "heap");
        else
            assert_null(again.items[0].tableam);
        assert_int_equal(warnings.count, 0);
    }
}

static void test_what_is_lost_is_named(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) warnings = EVO_STRVEC_INIT;
    EVO_AUTO(toc) toc = archive(16);
    add(&toc, 1, "TABLE", "columnar");
    add(&toc, 2, "STATISTICS DATA", NULL);
    assert_int_equal(evo_toc_downgrade(&toc, 13, &warnings, &err), EVO_OK);
    assert_int_equal(toc.count, 1);
    assert_int_equal(warnings.count, 2);
    assert_string_equal(
        warnings.items[0],
        "TABLE \"s.t\": access method \"columnar\" is not kept in an archive of version 1.13");
    assert_string_equal(warnings.items[1], "1 STATISTICS DATA: not kept in an archive of version 1.13");
}

static void test_an_older_one_stays_as_it_is(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) warnings = EVO_STRVEC_INIT;
    EVO_AUTO(toc) toc = archive(14);
    assert_int_equal(evo_toc_downgrade(&toc, 16, &warnings, &err), EVO_OK);
    assert_int_equal(evo_toc_downgrade(&toc, 14, &warnings, &err), EVO_OK);
    assert_int_equal(toc.minor, 14);
}

static void test_what_cannot_be_said_is_refused(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) warnings = EVO_STRVEC_INIT;
    EVO_AUTO(toc) toc = archive(16);
    assert_int_equal(evo_toc_downgrade(&toc, 11, &warnings, &err), EVO_ERR_UNSUPPORTED);
    static const char *const bad[] = { "16400\nx\n", "\n", "1 2\n" };
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        EVO_AUTO(toc) lo = archive(16);
        add(&lo, 1, "BLOB METADATA", NULL);
        lo.items[0].defn = evo_strdup(bad[i]);
        assert_int_equal(evo_toc_downgrade(&lo, 14, &warnings, &err), EVO_ERR_INTEGRITY);
    }
}

static void depend(struct evo_toc_entry *e, int id)
{
    EVO_GROW(e->deps, e->ndeps, e->deps_alloc);
    e->deps[e->ndeps++] = id;
}

static void test_a_group_of_large_objects_becomes_one_entry_each(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strvec) warnings = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
    EVO_AUTO(toc) toc = archive(16);
    add(&toc, 1, "BLOB METADATA", NULL);
    add(&toc, 2, "ACL", NULL);
    add(&toc, 3, "COMMENT", NULL);
    add(&toc, 4, "BLOBS", NULL);
    toc.items[0].defn = evo_strdup("100\n1001\n");
    toc.items[0].owner = evo_strdup("u");
    free(toc.items[1].tag);
    toc.items[1].tag = evo_strdup("LARGE OBJECTS 100..1001");
    toc.items[1].defn =
        evo_strdup("GRANT SELECT ON LARGE OBJECT 100 TO a;\nGRANT ALL ON LARGE OBJECT 100 TO PUBLIC;\n");
    for (size_t i = 1; i < 4; i++)
        depend(&toc.items[i], 1);
    assert_int_equal(evo_toc_downgrade(&toc, 14, &warnings, &err), EVO_OK);
    for (size_t i = 0; i < toc.count; i++)
        evo_strbuf_addf(&got, "%d %s %s [%s] %d\n", (int)toc.items[i].id, toc.items[i].desc, toc.items[i].tag,
                        toc.items[i].defn ? toc.items[i].defn : "",
                        toc.items[i].ndeps ? (int)toc.items[i].deps[0] : 0);
    assert_string_equal(got.buf,
                        "1 BLOB 100 [SELECT pg_catalog.lo_create('100');\n] 0\n"
                        "5 BLOB 1001 [SELECT pg_catalog.lo_create('1001');\n] 0\n"
                        "2 ACL LARGE OBJECT 100 [GRANT SELECT ON LARGE OBJECT 100 TO a;\nGRANT ALL ON LARGE "
                        "OBJECT 100 TO PUBLIC;\n] 1\n"
                        "6 ACL LARGE OBJECT 1001 [GRANT SELECT ON LARGE OBJECT 1001 TO a;\nGRANT ALL ON "
                        "LARGE OBJECT 1001 TO PUBLIC;\n] 1\n"
                        "3 COMMENT t [] 1\n4 BLOBS t [] 1\n");
    assert_string_equal(toc.items[1].owner, "u");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minor_of_each_pg_restore),
        cmocka_unit_test(test_downgraded_reads_as_what_it_says_it_is),
        cmocka_unit_test(test_what_is_lost_is_named),
        cmocka_unit_test(test_an_older_one_stays_as_it_is),
        cmocka_unit_test(test_what_cannot_be_said_is_refused),
        cmocka_unit_test(test_a_group_of_large_objects_becomes_one_entry_each),
    };
    return cmocka_run_group_tests_name("backup/downgrade", tests, NULL, NULL);
}
