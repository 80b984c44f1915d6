#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/analyze.h"
#include "base/file.h"

/* Made from selection.sql beside it. */
#define ARCHIVE "tests/unit/backup/data/selection.dump"

static void test_tables_roots_and_views_once_each(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    EVO_AUTO(toc_map) map = { 0 };
    EVO_AUTO(manifest) manifest = EVO_MANIFEST_INIT;
    EVO_AUTO(worklist) work = { 0 };
    manifest.codec = evo_strdup("none");
    assert_int_equal(evo_file_read(ARCHIVE, 1 << 20, &bytes, &err), EVO_OK);
    assert_int_equal(evo_toc_parse(bytes.buf, bytes.len, &toc, &err), EVO_OK);
    assert_int_equal(evo_toc_map_build(&toc, &map, &err), EVO_OK);
    bool *take = evo_calloc(toc.count, sizeof(*take));
    for (size_t i = 0; i < toc.count; i++)
        take[i] = !evo_streq(toc.items[i].tag, "orders");
    assert_int_equal(evo_analyze_plan(&toc, &map, take, &manifest, &work, &err), EVO_OK);
    for (size_t i = 0; i < work.count; i++) {
        assert_int_equal(work.items[i].kind, EVO_WORK_ANALYZE);
        evo_strbuf_addf(&got, "%s\n", work.items[i].sql);
    }
    assert_string_equal(got.buf, "ANALYZE \"other\".\"notes\"\nANALYZE \"public\".\"Odd.name\"\n"
                                 "ANALYZE \"s\".\"users\"\nANALYZE \"s\".\"counted\"\n"
                                 "ANALYZE \"s\".\"events\"\n");
    free(take);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_tables_roots_and_views_once_each) };
    return cmocka_run_group_tests_name("backup/analyze", tests, NULL, NULL);
}
