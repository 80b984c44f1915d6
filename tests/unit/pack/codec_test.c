#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "pack/codec.h"

static const enum evo_codec codecs[] = { EVO_CODEC_NONE, EVO_CODEC_GZIP, EVO_CODEC_ZSTD };
static const enum evo_codec packing[] = { EVO_CODEC_GZIP, EVO_CODEC_ZSTD };

static enum evo_errc collect(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    evo_strbuf_add(ctx, data, n);
    return EVO_OK;
}

static enum evo_errc refuse(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)ctx;
    (void)data;
    (void)n;
    return evo_error_set(err, EVO_ERR_DISK, "no room");
}

/* The sizes of what the sink was given: "262144 12 ". */
static enum evo_errc measure(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)data;
    (void)err;
    evo_strbuf_addf(ctx, "%zu ", n);
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

static void write_steps(struct evo_compressor *z, const struct evo_strbuf *raw, size_t step)
{
    struct evo_error err = EVO_ERROR_INIT;
    for (size_t i = 0; i < raw->len; i += step)
        assert_int_equal(
            evo_compressor_write(z, raw->buf + i, raw->len - i < step ? raw->len - i : step, &err), EVO_OK);
}

static void pack(enum evo_codec c, enum evo_codec_level level, struct evo_strbuf *out,
                 const struct evo_strbuf *raw, size_t member, size_t step, uint64_t *members)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(compressor) z = evo_compressor_new(c, level, member, collect, out);
    write_steps(z, raw, step);
    assert_int_equal(evo_compressor_raw_bytes(z), raw->len);
    assert_int_equal(evo_compressor_finish(z, &err), EVO_OK);
    assert_int_equal(evo_compressor_raw_bytes(z), raw->len);
    *members = evo_compressor_members(z);
}

static enum evo_errc unpack(enum evo_codec c, struct evo_strbuf *out, const char *data, size_t n, size_t step,
                            uint64_t *members, struct evo_error *err)
{
    EVO_AUTO_PTR(decompressor) z = evo_decompressor_new(c, collect, out);
    for (size_t i = 0; i < n; i += step) {
        enum evo_errc rc = evo_decompressor_write(z, data + i, n - i < step ? n - i : step, err);
        if (rc)
            return rc;
    }
    *members = evo_decompressor_members(z);
    return evo_decompressor_finish(z, err);
}

static void test_names_and_suffixes_are_those_of_pg_restore(void **state)
{
    (void)state;
    const struct {
        enum evo_codec codec;
        const char *name, *suffix;
    } rows[] = { { EVO_CODEC_NONE, "none", "" },
                 { EVO_CODEC_GZIP, "gzip", ".gz" },
                 { EVO_CODEC_ZSTD, "zstd", ".zst" } };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        enum evo_codec c = EVO_CODEC_NONE;
        assert_string_equal(evo_codec_name(rows[i].codec), rows[i].name);
        assert_string_equal(evo_codec_suffix(rows[i].codec), rows[i].suffix);
        assert_true(evo_codec_parse(rows[i].name, &c));
        assert_int_equal(c, rows[i].codec);
    }
}

static void test_an_unknown_name_is_no_codec(void **state)
{
    (void)state;
    const char *const bad[] = { "", "GZIP", "gz", "lz4", "zstd:3", NULL };
    enum evo_codec c = EVO_CODEC_ZSTD;
    for (size_t i = 0; i < EVO_COUNT(bad); i++)
        assert_false(evo_codec_parse(bad[i], &c));
    assert_int_equal(c, EVO_CODEC_ZSTD);
}

static void test_streams_come_back_whole(void **state)
{
    (void)state;
    const struct {
        bool random;
        size_t size, member, step, feed;
    } rows[] = {
        { false, 3000000, EVO_CODEC_MEMBER, 97, 65536 },
        { true, 3000000, EVO_CODEC_MEMBER, 5000000, 1000 },
        { false, 20000, 1024, 100, 1 },
        { true, 9000, 1024, 33, 3 },
        { true, 3000000, 65536, 70000, 7 },
        { false, 0, EVO_CODEC_MEMBER, 1, 1 },
        { false, 1, EVO_CODEC_MEMBER, 1, 1 },
        { false, (size_t)40 << 20, (size_t)16 << 20, 1 << 20, 1 << 20 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
        fill(&raw, rows[i].size, rows[i].random);
        for (size_t k = 0; k < 2 * EVO_COUNT(codecs); k++) {
            EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
            EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
            struct evo_error err = EVO_ERROR_INIT;
            enum evo_codec c = codecs[k / 2];
            uint64_t written = 99;
            uint64_t read = 0;
            pack(c, k % 2 ? EVO_CODEC_BETTER : EVO_CODEC_FAST, &packed, &raw, rows[i].member, rows[i].step,
                 &written);
            assert_int_equal(unpack(c, &back, packed.buf, packed.len, rows[i].feed, &read, &err), EVO_OK);
            if (c == EVO_CODEC_NONE)
                assert_int_equal(written, 0);
            else
                assert_true(written >= 1 && written >= raw.len / rows[i].member);
            assert_int_equal(read, written);
            assert_int_equal(back.len, raw.len);
            assert_memory_equal(back.buf, raw.buf, raw.len);
        }
    }
}

static void test_a_boundary_of_members_is_a_boundary_of_rows(void **state)
{
    (void)state;
    for (size_t k = 0; k < EVO_COUNT(packing); k++) {
        EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) first = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(compressor)
        z = evo_compressor_new(packing[k], EVO_CODEC_FAST, 1024, collect, &packed);
        char row[400];
        memset(row, 'x', sizeof(row));
        for (int i = 0; i < 3; i++)
            assert_int_equal(evo_compressor_write(z, row, sizeof(row), &err), EVO_OK);
        /* Two rows fit, the third opened a member of its own. */
        assert_int_equal(evo_compressor_members(z), 1);
        EVO_AUTO_PTR(decompressor) u = evo_decompressor_new(packing[k], collect, &first);
        assert_int_equal(evo_decompressor_write(u, packed.buf, packed.len, &err), EVO_OK);
        assert_int_equal(evo_decompressor_members(u), 1);
        assert_int_equal(first.len, 800);
    }
}

static void test_a_row_larger_than_a_member_begins_one(void **state)
{
    (void)state;
    for (size_t k = 0; k < EVO_COUNT(packing); k++) {
        EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(compressor)
        z = evo_compressor_new(packing[k], EVO_CODEC_FAST, 1024, collect, &packed);
        char row[2500];
        memset(row, 'x', sizeof(row));
        assert_int_equal(evo_compressor_write(z, row, 100, &err), EVO_OK);
        assert_int_equal(evo_compressor_write(z, row, sizeof(row), &err), EVO_OK);
        /* 100, 1024, 1024; 452 wait for company */
        assert_int_equal(evo_compressor_members(z), 3);
        assert_int_equal(evo_compressor_write(z, row, 572, &err), EVO_OK);
        assert_int_equal(evo_compressor_members(z), 4);
        assert_int_equal(evo_compressor_finish(z, &err), EVO_OK);
        assert_int_equal(evo_compressor_members(z), 4);
        assert_int_equal(evo_compressor_raw_bytes(z), 3172);
    }
}

static void test_none_gathers_small_rows_and_hands_on_large_ones(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) sizes = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(compressor)
    z = evo_compressor_new(EVO_CODEC_NONE, EVO_CODEC_FAST, EVO_CODEC_MEMBER, measure, &sizes);
    EVO_AUTO_STR row = evo_calloc(1, 3 * EVO_CODEC_BLOCK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(evo_compressor_write(z, row, 100000, &err), EVO_OK);
    assert_string_equal(sizes.buf, "200000 ");
    assert_int_equal(evo_compressor_write(z, row, 3 * EVO_CODEC_BLOCK, &err), EVO_OK);
    assert_string_equal(sizes.buf, "200000 100000 786432 ");
    assert_int_equal(evo_compressor_write(z, row, 7, &err), EVO_OK);
    assert_int_equal(evo_compressor_finish(z, &err), EVO_OK);
    assert_string_equal(sizes.buf, "200000 100000 786432 7 ");
    assert_int_equal(evo_compressor_raw_bytes(z), 300007 + 786432);
}

static void test_every_cut_is_an_error_or_a_member_less(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    fill(&raw, 6000, false);
    for (size_t k = 0; k < EVO_COUNT(packing); k++) {
        EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
        uint64_t written = 0;
        size_t accepted = 0;
        pack(packing[k], EVO_CODEC_FAST, &packed, &raw, 2048, 50, &written);
        for (size_t n = 0; n < packed.len; n++) {
            EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
            struct evo_error err = EVO_ERROR_INIT;
            uint64_t members = 0;
            if (unpack(packing[k], &back, packed.buf, n, 4096, &members, &err)) {
                assert_int_equal(err.code, EVO_ERR_INTEGRITY);
            } else {
                assert_true(members < written);
                accepted++;
            }
        }
        assert_int_equal(accepted, written - 1);
    }
}

static void test_no_flipped_bit_gives_other_data(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    fill(&raw, 1500, false);
    for (size_t k = 0; k < EVO_COUNT(packing); k++) {
        EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
        uint64_t written = 0;
        size_t refused = 0;
        pack(packing[k], EVO_CODEC_FAST, &packed, &raw, 1024, 50, &written);
        for (size_t bit = 0; bit < 8 * packed.len; bit++) {
            EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
            struct evo_error err = EVO_ERROR_INIT;
            uint64_t members = 0;
            packed.buf[bit / 8] ^= (char)(1 << bit % 8);
            if (!unpack(packing[k], &back, packed.buf, packed.len, 4096, &members, &err)) {
                /* gzip's time and system, and what a zstd header does not use */
                assert_int_equal(back.len, raw.len);
                assert_memory_equal(back.buf, raw.buf, raw.len);
            } else {
                assert_int_equal(err.code, EVO_ERR_INTEGRITY);
                refused++;
            }
            packed.buf[bit / 8] ^= (char)(1 << bit % 8);
        }
        assert_true(refused > 7 * packed.len);
    }
}

static void test_what_is_wrong_with_a_stream_is_said(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    fill(&raw, 3000, false);
    const struct {
        enum evo_codec codec;
        int cut; /* bytes taken off, or put on when negative */
        size_t flip; /* this byte from the end, 0: none */
        const char *message;
    } rows[] = {
        { EVO_CODEC_GZIP, -4, 0, "gzip member 4 does not begin with a gzip header" },
        { EVO_CODEC_ZSTD, -4, 0, "zstd frame 4 does not begin with a zstd header" },
        { EVO_CODEC_GZIP, 1, 0, "gzip member 3 is cut" },
        { EVO_CODEC_ZSTD, 1, 0, "zstd frame 3 is cut" },
        { EVO_CODEC_GZIP, 0, 8, "gzip member 3 does not match its checksum" },
        { EVO_CODEC_ZSTD, 0, 1, "zstd frame 3 does not match its checksum" },
        { EVO_CODEC_GZIP, 1 << 20, 0, "gzip member 1 is missing" },
        { EVO_CODEC_ZSTD, 1 << 20, 0, "zstd frame 1 is missing" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        uint64_t members = 0;
        pack(rows[i].codec, EVO_CODEC_FAST, &packed, &raw, 1024, 50, &members);
        if (rows[i].flip)
            packed.buf[packed.len - rows[i].flip] ^= 1;
        if (rows[i].cut < 0)
            evo_strbuf_add(&packed, "tail", (size_t)-rows[i].cut);
        else
            evo_strbuf_truncate(
                &packed, packed.len - ((size_t)rows[i].cut < packed.len ? (size_t)rows[i].cut : packed.len));
        assert_int_equal(unpack(rows[i].codec, &back, packed.buf, packed.len, 4096, &members, &err),
                         EVO_ERR_INTEGRITY);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void test_a_frame_that_asks_for_much_memory_is_refused(void **state)
{
    (void)state;
    /* A header without content size, with a window of 128 MiB; then an empty last block. */
    static const unsigned char frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00 };
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    uint64_t members = 0;
    assert_int_equal(
        unpack(EVO_CODEC_ZSTD, &back, (const char *)frame, sizeof(frame), sizeof(frame), &members, &err),
        EVO_ERR_INTEGRITY);
    assert_non_null(strstr(err.message, "needs more memory"));
}

static void test_a_skippable_frame_is_refused(void **state)
{
    (void)state;
    static const unsigned char frame[] = { 0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x' };
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    uint64_t members = 0;
    assert_int_equal(
        unpack(EVO_CODEC_ZSTD, &back, (const char *)frame, sizeof(frame), sizeof(frame), &members, &err),
        EVO_ERR_INTEGRITY);
}

static void test_a_sinks_error_is_returned(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    fill(&raw, 2 * EVO_CODEC_BLOCK, false);
    for (size_t k = 0; k < EVO_COUNT(codecs); k++) {
        EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        uint64_t members = 0;
        EVO_AUTO_PTR(compressor) z = evo_compressor_new(codecs[k], EVO_CODEC_FAST, 1024, refuse, NULL);
        assert_int_equal(evo_compressor_write(z, raw.buf, raw.len, &err), EVO_ERR_DISK);
        pack(codecs[k], EVO_CODEC_FAST, &packed, &raw, 1024, 50, &members);
        EVO_AUTO_PTR(decompressor) u = evo_decompressor_new(codecs[k], refuse, NULL);
        assert_int_equal(evo_decompressor_write(u, packed.buf, packed.len, &err), EVO_ERR_DISK);
        if (codecs[k] == EVO_CODEC_NONE)
            continue;
        assert_int_equal(evo_decompressor_write(u, packed.buf, packed.len, &err), EVO_ERR_INTEGRITY);
        assert_int_equal(evo_decompressor_finish(u, &err), EVO_ERR_INTEGRITY);
    }
}

static void test_reset_begins_a_new_stream(void **state)
{
    (void)state;
    for (size_t k = 0; k < EVO_COUNT(codecs); k++) {
        EVO_AUTO(strbuf) one = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) two = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        uint64_t members = 0;
        EVO_AUTO_PTR(compressor) z = evo_compressor_new(codecs[k], EVO_CODEC_FAST, 1024, collect, &one);
        assert_int_equal(evo_compressor_write(z, "left behind", 11, &err), EVO_OK);
        evo_compressor_reset(z, &two);
        assert_int_equal(evo_compressor_raw_bytes(z), 0);
        assert_int_equal(evo_compressor_write(z, "abc", 3, &err), EVO_OK);
        assert_int_equal(evo_compressor_finish(z, &err), EVO_OK);
        assert_int_equal(evo_compressor_raw_bytes(z), 3);
        assert_int_equal(one.len, 0);
        assert_int_equal(unpack(codecs[k], &back, two.buf, two.len, 1, &members, &err), EVO_OK);
        assert_string_equal(back.buf, "abc");
    }
}

/* What the stock program makes of a file of several members. */
static void test_stock_programs_read_every_member(void **state)
{
    (void)state;
    const struct {
        enum evo_codec codec;
        const char *program;
    } rows[] = { { EVO_CODEC_GZIP, "gzip" }, { EVO_CODEC_ZSTD, "zstd" } };
    EVO_AUTO(strbuf) raw = EVO_STRBUF_INIT;
    fill(&raw, 300000, false);
    for (size_t k = 0; k < 2 * EVO_COUNT(rows); k++) {
        EVO_AUTO(strbuf) packed = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        EVO_AUTO(strbuf) complaints = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        uint64_t members = 0;
        int status = -1;
        char folder[] = "/tmp/evo-codec-XXXXXX";
        assert_non_null(mkdtemp(folder));
        EVO_AUTO_STR file = evo_asprintf("%s/rows%s", folder, evo_codec_suffix(rows[k / 2].codec));
        pack(rows[k / 2].codec, k % 2 ? EVO_CODEC_BETTER : EVO_CODEC_FAST, &packed, &raw, 65536, 97,
             &members);
        assert_int_equal(members, 5);
        assert_int_equal(evo_file_write(file, packed.buf, packed.len, &err), EVO_OK);
        char *argv[] = { (char *)(uintptr_t)rows[k / 2].program, (char *)"-dc", file, NULL };
        struct evo_process_options o = {
            .argv = argv, .in = EVO_FD_NULL, .out = EVO_FD_PIPE, .err = EVO_FD_PIPE
        };
        assert_int_equal(evo_process_run(&o, NULL, &out, &complaints, evo_deadline_in(60000), &status, &err),
                         EVO_OK);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(rmdir(folder), 0);
        assert_string_equal(complaints.buf, "");
        assert_int_equal(status, 0);
        assert_int_equal(out.len, raw.len);
        assert_memory_equal(out.buf, raw.buf, raw.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_suffixes_are_those_of_pg_restore),
        cmocka_unit_test(test_an_unknown_name_is_no_codec),
        cmocka_unit_test(test_streams_come_back_whole),
        cmocka_unit_test(test_a_boundary_of_members_is_a_boundary_of_rows),
        cmocka_unit_test(test_a_row_larger_than_a_member_begins_one),
        cmocka_unit_test(test_none_gathers_small_rows_and_hands_on_large_ones),
        cmocka_unit_test(test_every_cut_is_an_error_or_a_member_less),
        cmocka_unit_test(test_no_flipped_bit_gives_other_data),
        cmocka_unit_test(test_what_is_wrong_with_a_stream_is_said),
        cmocka_unit_test(test_a_frame_that_asks_for_much_memory_is_refused),
        cmocka_unit_test(test_a_skippable_frame_is_refused),
        cmocka_unit_test(test_a_sinks_error_is_returned),
        cmocka_unit_test(test_reset_begins_a_new_stream),
        cmocka_unit_test(test_stock_programs_read_every_member),
    };
    return cmocka_run_group_tests_name("pack/codec", tests, NULL, NULL);
}
