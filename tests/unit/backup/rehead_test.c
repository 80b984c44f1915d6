#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/rehead.h"
#include "backup/toc.h"
#include "base/file.h"

/* pg_dump 15 of one small database, its data behind its table of contents. */
#define ARCHIVE "tests/unit/backup/data/custom.dump"
enum { TOC_SIZE = 4699 };

static enum evo_errc gather(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    evo_strbuf_add(ctx, data, n);
    return EVO_OK;
}

/* In pieces of that size. */
static void through(const struct evo_strbuf *in, size_t piece, struct evo_strbuf *out)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(rehead) r = evo_rehead_new(13, gather, out);
    for (size_t i = 0; i < in->len; i += piece)
        assert_int_equal(evo_rehead_write(r, in->buf + i, in->len - i < piece ? in->len - i : piece, &err),
                         EVO_OK);
    assert_int_equal(evo_rehead_finish(r, &err), EVO_OK);
}

static void test_the_head_is_older_and_the_data_as_it_was(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) in = EVO_STRBUF_INIT;
    assert_int_equal(evo_file_read(ARCHIVE, 1 << 20, &in, &err), EVO_OK);
    /* Larger than what is tried first, so that the head goes on before the end. */
    for (int i = 0; i < 200; i++)
        evo_strbuf_addf(&in, "%01023d", i);
    static const size_t pieces[] = { 1, 1000, 70000, 1 << 20 };
    for (size_t i = 0; i < EVO_COUNT(pieces); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        EVO_AUTO(toc) toc = EVO_TOC_INIT;
        through(&in, pieces[i], &out);
        if (evo_toc_parse(out.buf, out.len, &toc, &err))
            fail_msg("%s", err.message);
        assert_int_equal(toc.minor, 13);
        size_t data = in.len - TOC_SIZE;
        assert_true(out.len > data);
        assert_memory_equal(out.buf + out.len - data, in.buf + TOC_SIZE, data);
    }
}

static void test_a_head_that_does_not_end_is_damage(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) in = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(rehead) r = evo_rehead_new(13, gather, &out);
    assert_int_equal(evo_file_read(ARCHIVE, 1 << 20, &in, &err), EVO_OK);
    assert_int_equal(evo_rehead_write(r, in.buf, TOC_SIZE - 1, &err), EVO_OK);
    assert_int_equal(evo_rehead_finish(r, &err), EVO_ERR_INTEGRITY);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_head_is_older_and_the_data_as_it_was),
        cmocka_unit_test(test_a_head_that_does_not_end_is_damage),
    };
    return cmocka_run_group_tests_name("backup/rehead", tests, NULL, NULL);
}
