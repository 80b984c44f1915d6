#include "pack/tar_stream.h"

#include "pack/tar_impl.h"

enum { BLOCK_SIZE = 256 * 1024 };

struct evo_tar_stream {
    struct archive *archive;
    evo_pack_sink *sink; /* NULL: what libarchive still writes goes nowhere */
    void *ctx;
    struct evo_error error; /* of the sink, or of what was refused: the first one */
    char *path; /* of the file on its way; NULL: none */
    uint64_t size, left;
};

/* Takes all of it also when the sink does not: see evo_tar_archive_open(). */
static la_ssize_t write_out(struct archive *a, void *ctx, const void *data, size_t n)
{
    (void)a;
    struct evo_tar_stream *tar = ctx;
    struct evo_error error = EVO_ERROR_INIT;
    enum evo_errc rc = tar->sink && !tar->error.code ? tar->sink(tar->ctx, data, n, &error) : EVO_OK;
    if (rc) {
        tar->error = error;
        tar->error.code = rc;
    }
    return (la_ssize_t)n;
}

struct evo_tar_stream *evo_tar_stream_new(evo_pack_sink *sink, void *ctx)
{
    struct evo_tar_stream *tar = evo_calloc(1, sizeof(*tar));
    tar->sink = sink;
    tar->ctx = ctx;
    tar->archive = evo_tar_archive_open(write_out, tar, BLOCK_SIZE);
    return tar;
}

void evo_tar_stream_free(struct evo_tar_stream *tar)
{
    if (!tar)
        return;
    /* Freeing closes, and closing writes. */
    tar->sink = NULL;
    archive_write_free(tar->archive);
    free(tar->path);
    free(tar);
}

/* The first error, again and again. */
static enum evo_errc failed(const struct evo_tar_stream *tar, struct evo_error *err)
{
    if (err)
        *err = tar->error;
    return tar->error.code;
}

/* What libarchive said to the last call, if not the sink's own error. */
static enum evo_errc outcome(struct evo_tar_stream *tar, bool ok, struct evo_error *err)
{
    const char *why = archive_error_string(tar->archive);
    if (!ok && !tar->error.code)
        (void)evo_error_set(&tar->error, EVO_ERR_INTERNAL, "could not write tar: %s",
                            why ? why : "unknown error");
    return failed(tar, err);
}

enum evo_errc evo_tar_stream_begin(struct evo_tar_stream *tar, const char *path, uint64_t size,
                                   int64_t mtime_ms, unsigned mode, struct evo_error *err)
{
    EVO_ASSERT(!tar->path && size <= INT64_MAX);
    if (tar->error.code)
        return failed(tar, err);
    if (!evo_tar_path_allowed(path)) {
        (void)evo_error_set(&tar->error, EVO_ERR_CONFIG, "cannot put path \"%s\" into a tar",
                            path ? path : "");
        return failed(tar, err);
    }
    bool ok = evo_tar_archive_header(tar->archive, path, size, mtime_ms / 1000, mode);
    tar->path = evo_strdup(path);
    tar->size = tar->left = size;
    return outcome(tar, ok, err);
}

enum evo_errc evo_tar_stream_write(struct evo_tar_stream *tar, const void *data, size_t n,
                                   struct evo_error *err)
{
    if (tar->error.code)
        return failed(tar, err);
    EVO_ASSERT(tar->path);
    if (n > tar->left) {
        (void)evo_error_set(&tar->error, EVO_ERR_INTEGRITY,
                            "\"%s\" has more than the %llu bytes it should have", tar->path,
                            (unsigned long long)tar->size);
        return failed(tar, err);
    }
    tar->left -= n;
    return outcome(tar, !n || archive_write_data(tar->archive, data, n) == (la_ssize_t)n, err);
}

enum evo_errc evo_tar_stream_end(struct evo_tar_stream *tar, struct evo_error *err)
{
    if (tar->error.code)
        return failed(tar, err);
    EVO_ASSERT(tar->path);
    /* libarchive would fill it up with zeros. */
    if (tar->left) {
        (void)evo_error_set(&tar->error, EVO_ERR_INTEGRITY, "\"%s\" has %llu bytes instead of %llu",
                            tar->path, (unsigned long long)(tar->size - tar->left),
                            (unsigned long long)tar->size);
        return failed(tar, err);
    }
    free(tar->path);
    tar->path = NULL;
    return outcome(tar, archive_write_finish_entry(tar->archive) == ARCHIVE_OK, err);
}

enum evo_errc evo_tar_stream_finish(struct evo_tar_stream *tar, struct evo_error *err)
{
    if (tar->error.code)
        return failed(tar, err);
    EVO_ASSERT(!tar->path);
    return outcome(tar, archive_write_close(tar->archive) == ARCHIVE_OK, err);
}
