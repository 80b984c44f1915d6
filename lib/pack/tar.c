#include "pack/tar.h"

#include <archive.h>
#include <archive_entry.h>

#include "pack/tar_impl.h"

enum { DEFAULT_BLOCK = 10240 }; /* tar's own, of tapes */

struct evo_tar {
    struct archive *archive;
    struct evo_strbuf *out;
    bool finished;
};

bool evo_tar_path_allowed(const char *path)
{
    if (!path || !*path || strlen(path) > 4096)
        return false;
    for (const char *p = path; p;) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p = p[n] ? p + n + 1 : NULL;
    }
    return true;
}

struct archive *evo_tar_archive_open(archive_write_callback *write, void *ctx, int block)
{
    struct archive *a = archive_write_new();
    EVO_ASSERT(a);
    /* Names are bytes here; pax wants them converted, which libarchive cannot do in the C locale. */
    EVO_ASSERT(archive_write_set_format_gnutar(a) == ARCHIVE_OK);
    EVO_ASSERT(archive_write_set_bytes_per_block(a, block) == ARCHIVE_OK);
    /* No padding to a tape's block behind the end marker. */
    EVO_ASSERT(archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK);
    EVO_ASSERT(archive_write_open(a, ctx, NULL, write, NULL) == ARCHIVE_OK);
    return a;
}

bool evo_tar_archive_header(struct archive *a, const char *path, uint64_t size, int64_t mtime_s,
                            unsigned mode)
{
    struct archive_entry *entry = archive_entry_new();
    EVO_ASSERT(entry);
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, mode);
    if (mtime_s)
        archive_entry_set_mtime(entry, mtime_s, 0);
    /* The header stands before the data: without a size here, libarchive would take none of it. */
    archive_entry_set_size(entry, (la_int64_t)size);
    bool ok = archive_write_header(a, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    return ok;
}

/* Never fails: see evo_tar_archive_open(). The strbuf remembers that it is full. */
static la_ssize_t write_out(struct archive *a, void *ctx, const void *data, size_t n)
{
    (void)a;
    struct evo_tar *tar = ctx;
    if (tar->out)
        evo_strbuf_add(tar->out, data, n);
    return (la_ssize_t)n;
}

static enum evo_errc failed(const struct evo_tar *tar, struct evo_error *err)
{
    if (!evo_strbuf_ok(tar->out))
        return evo_error_set(err, EVO_ERR_INTERNAL, "could not write tar: larger than %zu bytes",
                             tar->out->max ? tar->out->max : EVO_STRBUF_MAX);
    const char *why = archive_error_string(tar->archive);
    return evo_error_set(err, EVO_ERR_INTERNAL, "could not write tar: %s", why ? why : "unknown error");
}

struct evo_tar *evo_tar_new(struct evo_strbuf *out)
{
    struct evo_tar *tar = evo_calloc(1, sizeof(*tar));
    tar->out = out;
    tar->archive = evo_tar_archive_open(write_out, tar, DEFAULT_BLOCK);
    return tar;
}

void evo_tar_free(struct evo_tar *tar)
{
    if (!tar)
        return;
    /* Freeing closes, and closing writes: of a tar that was given up, nowhere. */
    if (!tar->finished)
        tar->out = NULL;
    archive_write_free(tar->archive);
    free(tar);
}

enum evo_errc evo_tar_add(struct evo_tar *tar, const char *path, const void *data, size_t n,
                          struct evo_error *err)
{
    if (!evo_tar_path_allowed(path))
        return evo_error_set(err, EVO_ERR_CONFIG, "cannot put path \"%s\" into a tar", path ? path : "");
    bool ok = evo_tar_archive_header(tar->archive, path, n, 0, 0644) &&
              (n == 0 || archive_write_data(tar->archive, data, n) == (la_ssize_t)n) &&
              archive_write_finish_entry(tar->archive) == ARCHIVE_OK && evo_strbuf_ok(tar->out);
    return ok ? EVO_OK : failed(tar, err);
}

enum evo_errc evo_tar_finish(struct evo_tar *tar, struct evo_error *err)
{
    if (archive_write_close(tar->archive) != ARCHIVE_OK || !evo_strbuf_ok(tar->out))
        return failed(tar, err);
    tar->finished = true;
    return EVO_OK;
}

static enum evo_errc damaged(struct evo_error *err, struct archive *a)
{
    const char *why = archive_error_string(a);
    return evo_error_set(err, EVO_ERR_INTEGRITY, "could not read tar: %s", why ? why : "not a tar");
}

static enum evo_errc read_entry(struct archive *a, struct archive_entry *entry, size_t *left,
                                evo_tar_file *fn, void *ctx, struct evo_error *err)
{
    const char *path = archive_entry_pathname(entry);
    if (archive_entry_filetype(entry) == AE_IFDIR)
        return EVO_OK;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
        !evo_tar_path_allowed(path))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "tar holds \"%s\", which is no plain file inside it",
                             path ? path : "");
    la_int64_t size = archive_entry_size(entry);
    if (size < 0 || (uint64_t)size > *left)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "tar holds more than is allowed, at \"%s\"", path);
    *left -= (size_t)size;
    EVO_AUTO(strbuf) content = EVO_STRBUF_INIT_MAX((size_t)size + 1);
    if (!evo_strbuf_reserve(&content, (size_t)size))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "tar holds more than is allowed, at \"%s\"", path);
    if (size && archive_read_data(a, content.buf, (size_t)size) != (la_ssize_t)size)
        return damaged(err, a);
    return fn(ctx, path, content.buf, (size_t)size, err);
}

static enum evo_errc read_all(struct archive *a, size_t max, evo_tar_file *fn, void *ctx,
                              struct evo_error *err)
{
    size_t left = max;
    for (;;) {
        struct archive_entry *entry = NULL;
        int rc = archive_read_next_header(a, &entry);
        if (rc == ARCHIVE_EOF)
            return EVO_OK;
        if (rc != ARCHIVE_OK)
            return damaged(err, a);
        enum evo_errc entry_rc = read_entry(a, entry, &left, fn, ctx, err);
        if (entry_rc)
            return entry_rc;
    }
}

enum evo_errc evo_tar_read(const void *data, size_t n, size_t max, evo_tar_file *fn, void *ctx,
                           struct evo_error *err)
{
    /* A tar ends with two zero blocks; libarchive takes a missing one for the end as well. */
    static const char zero[1024];
    if (n < sizeof(zero) || n % 512 || memcmp((const char *)data + n - sizeof(zero), zero, sizeof(zero)) != 0)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "could not read tar: it is cut or none at all");
    struct archive *a = archive_read_new();
    EVO_ASSERT(a);
    EVO_ASSERT(archive_read_support_format_tar(a) == ARCHIVE_OK);
    enum evo_errc rc =
        archive_read_open_memory(a, data, n) == ARCHIVE_OK ? read_all(a, max, fn, ctx, err) : damaged(err, a);
    archive_read_free(a);
    return rc;
}
