#include "backup/export.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/object.h"
#include "base/cancel.h"
#include "base/file.h"
#include "pack/tar_stream.h"

/* Of a manifest and of a proof: what find.h and proof.h read at most. */
#define SMALL_MAX ((size_t)64 << 20)

enum { MODE = 0600 };

/* ---- where it goes ---------------------------------------------------------- */

struct output {
    const char *file;
    char *tmp; /* NULL: stdout, or none is there any more */
    int fd; /* -1: none */
    uint64_t bytes;
};

static void output_release(struct output *out)
{
    if (out->tmp) {
        if (out->fd >= 0)
            (void)close(out->fd);
        (void)unlink(out->tmp);
    }
    free(out->tmp);
}

static enum evo_errc could_not_write(struct evo_error *err, int errnum, const struct output *out)
{
    evo_error_errno(err, EVO_ERR_DISK, errnum, "could not write \"%s\"",
                    out->tmp ? out->file : "standard output");
    if (errnum == ENOSPC || errnum == EDQUOT)
        evo_error_hint(err, "Free space there, or export to a place that has some.");
    return EVO_ERR_DISK;
}

static enum evo_errc is_there(struct evo_error *err, const char *file)
{
    evo_error_set(err, EVO_ERR_USAGE, "file \"%s\" is there already", file);
    if (err)
        err->exists = true;
    return evo_error_hint(err, "Add --force to replace it.");
}

static enum evo_errc open_output(const struct evo_export_options *o, struct output *out,
                                 struct evo_error *err)
{
    struct stat st;
    if (evo_streq(o->file, "-")) {
        out->fd = STDOUT_FILENO;
        return EVO_OK;
    }
    /* Looked at again at the end; this spares reading it all for nothing. */
    if (lstat(o->file, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return evo_error_set(err, EVO_ERR_USAGE, "cannot write \"%s\": it is a folder", o->file);
        if (!o->force)
            return is_there(err, o->file);
    }
    out->file = o->file;
    out->tmp = evo_asprintf("%s.evo-XXXXXX", o->file);
    out->fd = mkostemp(out->tmp, O_CLOEXEC);
    if (out->fd >= 0)
        return EVO_OK;
    enum evo_errc rc =
        evo_error_errno(err, EVO_ERR_DISK, errno, "could not create a file beside \"%s\"", o->file);
    free(out->tmp);
    out->tmp = NULL;
    return rc;
}

/* A reader that does not read must not keep a cancel from being seen: no more than a pipe takes at once. */
static enum evo_errc write_pipe(struct output *out, const char *data, size_t n, struct evo_error *err)
{
    while (n) {
        struct pollfd fds[] = { { .fd = out->fd, .events = POLLOUT },
                                { .fd = evo_cancel_fd(), .events = POLLIN } };
        if (poll(fds, EVO_COUNT(fds), -1) < 0 && errno != EINTR)
            return could_not_write(err, errno, out);
        enum evo_errc rc = evo_cancel_check(err);
        if (rc)
            return rc;
        if (!fds[0].revents)
            continue;
        ssize_t written = write(out->fd, data, n < PIPE_BUF ? n : PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return could_not_write(err, errno, out);
        data += written > 0 ? written : 0;
        n -= written > 0 ? (size_t)written : 0;
    }
    return EVO_OK;
}

static enum evo_errc write_output(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct output *out = ctx;
    enum evo_errc rc = evo_cancel_check(err);
    if (rc)
        return rc;
    if (out->tmp && !evo_write_all(out->fd, data, n))
        return could_not_write(err, errno, out);
    out->bytes += n;
    return out->tmp ? EVO_OK : write_pipe(out, data, n, err);
}

static enum evo_errc finish_output(const struct evo_export_options *o, struct output *out,
                                   struct evo_error *err)
{
    if (!out->tmp)
        return EVO_OK;
    int fd = out->fd;
    bool synced = fsync(fd) == 0;
    int errnum = errno;
    out->fd = -1;
    if (close(fd) != 0 && synced) {
        errnum = errno;
        synced = false;
    }
    if (!synced)
        return could_not_write(err, errnum, out);
    if ((o->force ? rename(out->tmp, out->file) : link(out->tmp, out->file)) != 0)
        return errno == EEXIST ? is_there(err, out->file) : could_not_write(err, errno, out);
    /* Of a link the temporary name is left to remove. */
    if (!o->force)
        (void)unlink(out->tmp);
    free(out->tmp);
    out->tmp = NULL;
    EVO_AUTO_STR folder = evo_path_dir(out->file);
    return evo_dir_sync(folder, err);
}

/* ---- what goes in ----------------------------------------------------------- */

static enum evo_errc add_data(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    return evo_tar_stream_write(ctx, data, n, err);
}

static enum evo_errc add_object(const struct evo_export_options *o, struct evo_tar_stream *tar,
                                const struct evo_backup_object *object, struct evo_error *err)
{
    const struct evo_manifest *m = &o->backup->manifest;
    struct evo_object_source from = evo_object_source(o->store, o->backup);
    EVO_AUTO_STR path = evo_asprintf("%s/%s", m->id, object->name);
    enum evo_errc rc = evo_tar_stream_begin(tar, path, object->size, m->finished_ms, MODE, err);
    if (!rc)
        rc = evo_object_read_stored(&from, object, add_data, tar, err);
    return rc ? rc : evo_tar_stream_end(tar, err);
}

static enum evo_errc add_small(const struct evo_export_options *o, struct evo_tar_stream *tar,
                               const char *name, const struct evo_strbuf *text, struct evo_error *err)
{
    const struct evo_manifest *m = &o->backup->manifest;
    EVO_AUTO_STR path = evo_asprintf("%s/%s", m->id, name);
    enum evo_errc rc = evo_tar_stream_begin(tar, path, text->len, m->finished_ms, MODE, err);
    if (!rc)
        rc = evo_tar_stream_write(tar, text->buf, text->len, err);
    return rc ? rc : evo_tar_stream_end(tar, err);
}

static enum evo_errc add_proofs(const struct evo_export_options *o, struct evo_tar_stream *tar,
                                struct evo_error *err)
{
    EVO_AUTO(store_list) list = { 0 };
    EVO_AUTO_STR under = evo_asprintf("%s/" EVO_BACKUP_PROOF, o->backup->prefix);
    enum evo_errc rc = evo_store_list_prefix(o->store, under, true, &list, err);
    for (size_t i = 0; !rc && i < list.count; i++) {
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(SMALL_MAX);
        rc = evo_store_get(o->store, list.items[i].key, SMALL_MAX, &text, err);
        if (!rc)
            rc = add_small(o, tar, list.items[i].key + strlen(o->backup->prefix) + 1, &text, err);
    }
    return rc;
}

/* As it is stored: what was parsed would be the same, but not byte for byte. */
static enum evo_errc add_manifest(const struct evo_export_options *o, struct evo_tar_stream *tar,
                                  struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(SMALL_MAX);
    EVO_AUTO(manifest) again = EVO_MANIFEST_INIT;
    EVO_AUTO_STR key = evo_asprintf("%s/" EVO_BACKUP_MANIFEST, o->backup->prefix);
    EVO_AUTO_STR what = evo_asprintf("manifest of backup \"%s\"", o->backup->manifest.id);
    enum evo_errc rc = evo_store_get(o->store, key, SMALL_MAX, &text, err);
    if (!rc)
        rc = evo_manifest_parse(text.buf, text.len, what, &again, err);
    return rc ? rc : add_small(o, tar, EVO_BACKUP_MANIFEST, &text, err);
}

static enum evo_errc add_all(const struct evo_export_options *o, struct output *out, struct evo_error *err)
{
    EVO_AUTO_PTR(tar_stream) tar = evo_tar_stream_new(write_output, out);
    const struct evo_manifest *m = &o->backup->manifest;
    struct evo_progress p = { .what = "export",
                              .bytes_total = evo_manifest_totals(m).stored_bytes,
                              .items_total = m->count,
                              .item = "objects" };
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < m->count; i++) {
        p.current = m->objects[i].name;
        evo_task_progress(o->task, &p);
        rc = add_object(o, tar, &m->objects[i], err);
        p.items++;
        p.bytes += m->objects[i].size;
    }
    if (!rc)
        rc = add_proofs(o, tar, err);
    if (!rc)
        rc = add_manifest(o, tar, err);
    if (!rc)
        rc = evo_tar_stream_finish(tar, err);
    if (!rc)
        evo_task_progress(o->task, &p);
    return rc;
}

enum evo_errc evo_backup_export(const struct evo_export_options *o, uint64_t *ret_bytes,
                                struct evo_error *err)
{
    struct output out = { .fd = -1 };
    enum evo_errc rc = open_output(o, &out, err);
    if (!rc)
        rc = add_all(o, &out, err);
    if (!rc)
        rc = finish_output(o, &out, err);
    if (!rc)
        *ret_bytes = out.bytes;
    output_release(&out);
    return rc;
}
