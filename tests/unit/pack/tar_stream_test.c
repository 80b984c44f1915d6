#include "cmocka_all.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/process.h"
#include "pack/tar.h"
#include "pack/tar_stream.h"

/* 2023-11-14T22:13:20Z; in the past, since tar complains of others */
#define WHEN 1700000000123

static enum evo_errc collect(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    evo_strbuf_add(ctx, data, n);
    return EVO_OK;
}

static void add(struct evo_tar_stream *tar, const char *path, const char *data, size_t n, size_t step)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(evo_tar_stream_begin(tar, path, n, WHEN, 0640, &err), EVO_OK);
    for (size_t i = 0; i < n; i += step)
        assert_int_equal(evo_tar_stream_write(tar, data + i, n - i < step ? n - i : step, &err), EVO_OK);
    assert_int_equal(evo_tar_stream_end(tar, &err), EVO_OK);
}

static void fill(struct evo_strbuf *sb, size_t n)
{
    while (sb->len < n)
        evo_strbuf_addf(sb, "row %zu\n", sb->len);
}

static const char long_name[] =
    "a-folder-whose-name-is-so-long-that-ustar-could-not-hold-it/"
    "and-a-file-whose-name-is-as-long-as-that-so-that-more-than-a-hundred-bytes-are-there";

static void build(struct evo_strbuf *out, const struct evo_strbuf *big)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(tar_stream) tar = evo_tar_stream_new(collect, out);
    add(tar, "toc.dat", "PGDMP", 5, 2);
    add(tar, "empty", "", 0, 1);
    add(tar, "data/1.dat", big->buf, big->len, 7777);
    add(tar, long_name, "x", 1, 1);
    assert_int_equal(evo_tar_stream_finish(tar, &err), EVO_OK);
}

static enum evo_errc list(void *ctx, const char *path, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    (void)data;
    evo_strbuf_addf(ctx, "%s=%zu;", path, n);
    return EVO_OK;
}

static void test_files_come_back_by_the_reader_of_this_folder(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) big = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) tar = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) seen = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    fill(&big, 1000000);
    build(&tar, &big);
    assert_int_equal(evo_tar_read(tar.buf, tar.len, 2000000, list, &seen, &err), EVO_OK);
    EVO_AUTO_STR want = evo_asprintf("toc.dat=5;empty=0;data/1.dat=%zu;%s=1;", big.len, long_name);
    assert_string_equal(seen.buf, want);
}

/* Runs tar(1) and returns what it printed. */
static void run_tar(char *const *argv, struct evo_strbuf *out)
{
    EVO_AUTO(strbuf) complaints = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    int status = -1;
    struct evo_process_options o = {
        .argv = argv, .in = EVO_FD_NULL, .out = EVO_FD_PIPE, .err = EVO_FD_PIPE
    };
    assert_int_equal(evo_process_run(&o, NULL, out, &complaints, evo_deadline_in(60000), &status, &err),
                     EVO_OK);
    assert_string_equal(complaints.buf, "");
    assert_int_equal(status, 0);
}

static void remove_folder(char *folder)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    char *argv[] = { (char *)"rm", (char *)"-r", folder, NULL };
    run_tar(argv, &out);
}

static void test_gnu_tar_unpacks_it(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) big = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) tar = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) listed = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    char folder[] = "/tmp/evo-tar-XXXXXX";
    assert_non_null(mkdtemp(folder));
    EVO_AUTO_STR file = evo_asprintf("%s/a.tar", folder);
    EVO_AUTO_STR unpacked = evo_asprintf("%s/data/1.dat", folder);
    EVO_AUTO_STR want = evo_asprintf("toc.dat\nempty\ndata/1.dat\n%s\n", long_name);
    fill(&big, 1000000);
    build(&tar, &big);
    assert_int_equal(evo_file_write(file, tar.buf, tar.len, &err), EVO_OK);
    char *tf[] = { (char *)"tar", (char *)"tf", file, NULL };
    run_tar(tf, &listed);
    assert_string_equal(listed.buf, want);
    char *xf[] = { (char *)"tar", (char *)"xpf", file, (char *)"-C", folder, NULL };
    run_tar(xf, &out);
    assert_int_equal(evo_file_read(unpacked, big.len, &back, &err), EVO_OK);
    assert_int_equal(back.len, big.len);
    assert_memory_equal(back.buf, big.buf, big.len);
    struct stat st;
    assert_int_equal(stat(unpacked, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_mtime, WHEN / 1000);
    remove_folder(folder);
}

/* A tar that is mostly holes: what comes in between the first and the last block is zeros, and skipped. */
struct holes {
    int fd;
    uint64_t seen, expected;
};

static enum evo_errc skip_zeros(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct holes *h = ctx;
    bool edge = h->seen == 0 || h->seen + 2 * n > h->expected;
    h->seen += n;
    if (edge ? !evo_write_all(h->fd, data, n) : lseek(h->fd, (off_t)n, SEEK_CUR) < 0)
        return evo_error_set(err, EVO_ERR_DISK, "could not write");
    return EVO_OK;
}

static void test_a_file_beyond_8_gib_has_its_size_and_gnu_tar_finds_what_follows(void **state)
{
    (void)state;
    static const char zeros[1 << 20];
    const uint64_t size = ((uint64_t)9 << 30) + 5;
    EVO_AUTO(strbuf) listed = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    struct stat st;
    char folder[] = "/tmp/evo-tar-XXXXXX";
    assert_non_null(mkdtemp(folder));
    EVO_AUTO_STR file = evo_asprintf("%s/a.tar", folder);
    struct holes h = { .fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600), .expected = size };
    assert_true(h.fd >= 0);
    EVO_AUTO_PTR(tar_stream) tar = evo_tar_stream_new(skip_zeros, &h);
    assert_int_equal(evo_tar_stream_begin(tar, "big", size, WHEN, 0600, &err), EVO_OK);
    for (uint64_t done = 0; done < size; done += sizeof(zeros))
        assert_int_equal(
            evo_tar_stream_write(tar, zeros,
                                 size - done < sizeof(zeros) ? (size_t)(size - done) : sizeof(zeros), &err),
            EVO_OK);
    assert_int_equal(evo_tar_stream_end(tar, &err), EVO_OK);
    add(tar, "behind", "here", 4, 4);
    assert_int_equal(evo_tar_stream_finish(tar, &err), EVO_OK);
    /* Two headers, the file to the next 512 bytes, the other one, and the end. */
    assert_int_equal(h.seen, 512 + (size + 507) + 512 + 512 + 1024);
    assert_int_equal(fstat(h.fd, &st), 0);
    assert_int_equal(st.st_size, h.seen);
    unsigned char field[12] = { 0 };
    assert_int_equal(pread(h.fd, field, sizeof(field), 124), sizeof(field));
    assert_int_equal(field[0], 0x80); /* base 256 */
    uint64_t told = 0;
    for (size_t i = 4; i < sizeof(field); i++)
        told = told << 8 | field[i];
    assert_int_equal(told, size);
    assert_int_equal(close(h.fd), 0);
    char *tf[] = { (char *)"tar", (char *)"--utc", (char *)"--numeric-owner", (char *)"-tvf", file, NULL };
    run_tar(tf, &listed);
    assert_string_equal(listed.buf, "-rw------- 0/0      9663676421 2023-11-14 22:13 big\n"
                                    "-rw-r----- 0/0               4 2023-11-14 22:13 behind\n");
    remove_folder(folder);
}

static void test_a_body_that_is_too_short_or_too_long_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t announced, written;
        const char *message;
    } rows[] = {
        { 5, 4, "\"a\" has 4 bytes instead of 5" },
        { 5, 0, "\"a\" has 0 bytes instead of 5" },
        { 5, 6, "\"a\" has more than the 5 bytes it should have" },
        { 0, 1, "\"a\" has more than the 0 bytes it should have" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(tar_stream) tar = evo_tar_stream_new(collect, &out);
        assert_int_equal(evo_tar_stream_begin(tar, "a", rows[i].announced, WHEN, 0600, &err), EVO_OK);
        enum evo_errc rc = evo_tar_stream_write(tar, "123456", rows[i].written, &err);
        if (!rc)
            rc = evo_tar_stream_end(tar, &err);
        assert_int_equal(rc, EVO_ERR_INTEGRITY);
        assert_string_equal(err.message, rows[i].message);
        /* Nothing is taken any more, and there is no end of an archive that nobody should read. */
        struct evo_error again = EVO_ERROR_INIT;
        assert_int_equal(evo_tar_stream_finish(tar, &again), EVO_ERR_INTEGRITY);
        assert_string_equal(again.message, rows[i].message);
        assert_int_equal(out.len, 0);
    }
}

static void test_a_path_that_leaves_the_tar_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = { "", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", NULL };
    for (size_t i = 0; i < EVO_COUNT(bad); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO_PTR(tar_stream) tar = evo_tar_stream_new(collect, &out);
        assert_int_equal(evo_tar_stream_begin(tar, bad[i], 1, WHEN, 0600, &err), EVO_ERR_CONFIG);
    }
}

static enum evo_errc refuse_after(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    size_t *left = ctx;
    (void)data;
    if (*left < n)
        return evo_error_set(err, EVO_ERR_DISK, "no room");
    *left -= n;
    return EVO_OK;
}

static void test_a_sinks_error_is_returned_and_nothing_follows(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) big = EVO_STRBUF_INIT;
    fill(&big, 1000000);
    /* At the first block, at the second, at the last. */
    for (size_t room = 0; room < 900000; room += 262144) {
        struct evo_error err = EVO_ERROR_INIT;
        size_t left = room;
        EVO_AUTO_PTR(tar_stream) tar = evo_tar_stream_new(refuse_after, &left);
        enum evo_errc rc = evo_tar_stream_begin(tar, "a", big.len, WHEN, 0600, &err);
        if (!rc)
            rc = evo_tar_stream_write(tar, big.buf, big.len, &err);
        if (!rc)
            rc = evo_tar_stream_end(tar, &err);
        if (!rc)
            rc = evo_tar_stream_finish(tar, &err);
        assert_int_equal(rc, EVO_ERR_DISK);
        assert_string_equal(err.message, "no room");
        assert_int_equal(evo_tar_stream_write(tar, "x", 1, &err), EVO_ERR_DISK);
    }
}

static void test_what_is_given_up_writes_nothing_more(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_tar_stream *tar = evo_tar_stream_new(collect, &out);
    assert_int_equal(evo_tar_stream_begin(tar, "a", 1000, WHEN, 0600, &err), EVO_OK);
    assert_int_equal(evo_tar_stream_write(tar, "x", 1, &err), EVO_OK);
    evo_tar_stream_free(tar);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_come_back_by_the_reader_of_this_folder),
        cmocka_unit_test(test_gnu_tar_unpacks_it),
        cmocka_unit_test(test_a_file_beyond_8_gib_has_its_size_and_gnu_tar_finds_what_follows),
        cmocka_unit_test(test_a_body_that_is_too_short_or_too_long_is_refused),
        cmocka_unit_test(test_a_path_that_leaves_the_tar_is_refused),
        cmocka_unit_test(test_a_sinks_error_is_returned_and_nothing_follows),
        cmocka_unit_test(test_what_is_given_up_writes_nothing_more),
    };
    return cmocka_run_group_tests_name("pack/tar_stream", tests, NULL, NULL);
}
