#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "pack/engine.h"

enum { MEMBER = 1 << 20 };

static enum evo_errc collect(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    evo_strbuf_add(ctx, data, n);
    return EVO_OK;
}

/* Text that compresses as COPY output does, or bytes that do not compress. */
static void fill(struct evo_strbuf *sb, size_t n, bool random)
{
    uint64_t x = 88172645463325252ULL;
    while (sb->len < n) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        if (random)
            evo_strbuf_add(sb, &x, sizeof(x));
        else
            evo_strbuf_addf(sb, "%llu\tname %llu\tt\n", (unsigned long long)x % 100000,
                            (unsigned long long)x % 977);
    }
}

/* Members of `member` bytes each; the last one may be smaller, and the only one empty. */
static void pack_by(enum evo_gzip_engine engine, struct evo_strbuf *out, const struct evo_strbuf *raw,
                    enum evo_gzip_level level, size_t member, uint64_t *members)
{
    EVO_AUTO_PTR(gzip) z = evo_gzip_new_by(engine, level, member);
    size_t at = 0;
    *members = 0;
    do {
        size_t n = 0;
        size_t take = raw->len - at < member ? raw->len - at : member;
        const void *packed = evo_gzip_member(z, raw->buf + at, take, &n);
        assert_non_null(packed);
        evo_strbuf_add(out, packed, n);
        at += take;
        ++*members;
    } while (at < raw->len);
}

static void pack(struct evo_strbuf *out, const struct evo_strbuf *raw, size_t member, uint64_t *members)
{
    pack_by(evo_gzip_engine_here(), out, raw, EVO_GZIP_FAST, member, members);
}

static enum evo_errc unpack_by(enum evo_gzip_engine engine, struct evo_strbuf *out, const char *data,
                               size_t n, size_t step, uint64_t *members, struct evo_error *err)
{
    EVO_AUTO_PTR(gunzip) z = evo_gunzip_new_by(engine, collect, out);
    for (size_t i = 0; i < n; i += step) {
        enum evo_errc rc = evo_gunzip_write(z, data + i, n - i < step ? n - i : step, err);
        if (rc)
            return rc;
    }
    *members = evo_gunzip_members(z);
    return evo_gunzip_finish(z, err);
}

static enum evo_errc unpack(struct evo_strbuf *out, const char *data, size_t n, size_t step,
                            uint64_t *members, struct evo_error *err)
{
    return unpack_by(evo_gzip_engine_here(), out, data, n, step, members, err);
}

static const enum evo_gzip_engine engines[] = { EVO_GZIP_BY_ISAL, EVO_GZIP_BY_ZLIB };

static void test_members_come_back_whole(void **state)
{
    (void)state;
    const struct {
        enum evo_gzip_level level;
        bool random;
        size_t size, member, feed;
    } rows[] = {
        { EVO_GZIP_FAST, false, 3000000, MEMBER, 65536 },
        { EVO_GZIP_FAST, true, 3000000, MEMBER, 1000 },
        { EVO_GZIP_FAST, false, 20000, 1024, 1 },
        { EVO_GZIP_FAST, true, 9000, 1024, 3 },
        { EVO_GZIP_BETTER, false, 3000000, MEMBER, 65536 },
        { EVO_GZIP_BETTER, true, 3000000, 65536, 7 },
        { EVO_GZIP_FAST, false, 0, MEMBER, 1 },
        { EVO_GZIP_FAST, false, (size_t)40 << 20, (size_t)16 << 20, 1 << 20 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
        fill(&raw, rows[i].size, rows[i].random);
        /* Written by each of the two, read by each of the two. */
        for (size_t e = 0; e < 4; e++) {
            EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
            EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
            struct evo_error err = EVO_ERROR_INIT;
            uint64_t written = 0;
            uint64_t read = 0;
            pack_by(engines[e / 2], &packed, &raw, rows[i].level, rows[i].member, &written);
            assert_true(written >= raw.len / rows[i].member);
            assert_int_equal(
                unpack_by(engines[e % 2], &back, packed.buf, packed.len, rows[i].feed, &read, &err), EVO_OK);
            assert_int_equal(read, written);
            assert_int_equal(back.len, raw.len);
            assert_memory_equal(back.buf, raw.buf, raw.len);
        }
    }
}

static void test_every_cut_is_an_error_or_a_member_less(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
    uint64_t written = 0;
    fill(&raw, 6000, false);
    pack(&packed, &raw, 2048, &written);
    for (size_t e = 0; e < EVO_COUNT(engines); e++) {
        size_t accepted = 0;
        for (size_t n = 0; n < packed.len; n++) {
            EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
            struct evo_error err = EVO_ERROR_INIT;
            uint64_t members = 0;
            if (unpack_by(engines[e], &back, packed.buf, n, 4096, &members, &err)) {
                assert_int_equal(err.code, EVO_ERR_INTEGRITY);
            } else {
                assert_true(members < written);
                accepted++;
            }
        }
        assert_int_equal(accepted, written - 1);
    }
}

static void test_every_changed_byte_of_the_data_is_found(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
    uint64_t written = 0;
    fill(&raw, 3000, false);
    pack(&packed, &raw, 1024, &written);
    /* Bytes 4 to 9 of a header (time, flags of the compressor, system) mean nothing to the data. */
    for (size_t k = 20; k < 2 * packed.len; k++) {
        EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        uint64_t members = 0;
        size_t i = k / 2;
        char was = packed.buf[i];
        packed.buf[i] = (char)(was ^ 0x55);
        if (!unpack_by(engines[k % 2], &back, packed.buf, packed.len, 4096, &members, &err)) {
            assert_int_equal(back.len, raw.len);
            assert_memory_equal(back.buf, raw.buf, raw.len);
        } else {
            assert_int_equal(err.code, EVO_ERR_INTEGRITY);
        }
        packed.buf[i] = was;
    }
}

static void test_trailing_garbage_is_an_error(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    uint64_t members = 0;
    fill(&raw, 3000, false);
    pack(&packed, &raw, 1024, &members);
    evo_strbuf_adds(&packed, "tail");
    assert_int_equal(unpack(&back, packed.buf, packed.len, 4096, &members, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "gzip member 4 does not begin with a gzip header");
}

static void test_what_is_wrong_with_a_member_is_said(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
    uint64_t members = 0;
    fill(&raw, 900, false);
    pack(&packed, &raw, 1024, &members);
    const struct {
        size_t at;
        const char *message;
    } rows[] = {
        { 2, "gzip member 1 has a damaged header" },
        { packed.len - 5, "gzip member 1 does not match its checksum" },
        { packed.len - 1, "gzip member 1 does not match its checksum" },
    };
    for (size_t i = 0; i < 2 * EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        packed.buf[rows[i / 2].at] ^= 0x10;
        assert_int_equal(unpack_by(engines[i % 2], &back, packed.buf, packed.len, 4096, &members, &err),
                         EVO_ERR_INTEGRITY);
        assert_string_equal(err.message, rows[i / 2].message);
        packed.buf[rows[i / 2].at] ^= 0x10;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_come_back_whole),
        cmocka_unit_test(test_every_cut_is_an_error_or_a_member_less),
        cmocka_unit_test(test_every_changed_byte_of_the_data_is_found),
        cmocka_unit_test(test_trailing_garbage_is_an_error),
        cmocka_unit_test(test_what_is_wrong_with_a_member_is_said),
    };
    return cmocka_run_group_tests_name("pack/gzip", tests, NULL, NULL);
}
