#include "store/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/backend.h"
#include "store/local_temporary.h"

#define READ_SIZE         ((size_t)256 << 10)
#define MAKE_FOLDER_TRIES 5

struct local {
    struct evo_store base;
    char *root;
};

static struct local *local_of(struct evo_store *store)
{
    return (struct local *)store;
}

static char *path_of(const struct local *l, const char *key)
{
    return evo_asprintf("%s/%s", l->root, key);
}

/* Errors of the file system, with a hint where the cause is known. */
static enum evo_errc disk_error(struct evo_error *err, int errnum, const char *what, const char *path)
{
    evo_error_errno(err, EVO_ERR_DISK, errnum, "could not %s \"%s\"", what, path);
    if (errnum == ENOSPC || errnum == EDQUOT)
        evo_error_hint(err, "Free space there, or set EVO_STORE to a place that has some: df -h \"%s\"",
                       path);
    else if (errnum == EACCES || errnum == EPERM)
        evo_error_hint(err, "Give this user access: ls -ld \"%s\"", path);
    return EVO_ERR_DISK;
}

/* ---- folders ---- */

/* mkdir -p below the root and up to it, with each new entry synced to disk. */
static enum evo_errc make_folder(const char *path, struct evo_error *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) {
        bool made = errno != EEXIST;
        if (!evo_is_dir(path))
            return evo_error_set(err, EVO_ERR_DISK, "cannot create folder \"%s\": a file of that name exists",
                                 path);
        EVO_AUTO_STR parent = evo_path_dir(path);
        return made ? evo_dir_sync(parent, err) : EVO_OK;
    }
    if (errno != ENOENT)
        return disk_error(err, errno, "create folder", path);
    EVO_AUTO_STR parent = evo_path_dir(path);
    if (evo_streq(parent, path))
        return disk_error(err, ENOENT, "create folder", path);
    enum evo_errc rc = make_folder(parent, err);
    if (rc)
        return rc;
    return mkdir(path, 0700) == 0 || errno == EEXIST ? evo_dir_sync(parent, err)
                                                     : disk_error(err, errno, "create folder", path);
}

/* ---- streams ---- */

struct local_writer {
    struct evo_store_writer base;
    const struct local *store;
    char *path, *tmp;
    unsigned flags;
    int fd;
};

static struct local_writer *writer_of(struct evo_store_writer *w)
{
    return (struct local_writer *)w;
}

static enum evo_errc local_write(struct evo_store_writer *base, const void *data, size_t n,
                                 struct evo_error *err)
{
    struct local_writer *w = writer_of(base);
    const char *p = data;
    /* In pieces, so that a cancel is seen. */
    while (n) {
        size_t piece = n < ((size_t)4 << 20) ? n : (size_t)4 << 20;
        enum evo_errc rc = evo_cancel_check(err);
        if (rc)
            return rc;
        if (!evo_write_all(w->fd, p, piece))
            return disk_error(err, errno, "write file", w->path);
        p += piece;
        n -= piece;
    }
    return EVO_OK;
}

static enum evo_errc local_commit(struct evo_store_writer *base, struct evo_error *err)
{
    struct local_writer *w = writer_of(base);
    if (fsync(w->fd) != 0)
        return disk_error(err, errno, "write file", w->path);
    int fd = w->fd;
    w->fd = -1;
    if (close(fd) != 0) /* network file systems tell a full disk here */
        return disk_error(err, errno, "write file", w->path);
    if (w->flags & EVO_STORE_ONCE) {
        /* link fails where the name exists; rename would replace it. */
        if (link(w->tmp, w->path) != 0) {
            bool exists = errno == EEXIST;
            if (!exists)
                return disk_error(err, errno, "create file", w->path);
            evo_error_set(err, EVO_ERR_STORE, "cannot create \"%s\": it exists already", w->path);
            if (err)
                err->exists = true;
            return EVO_ERR_STORE;
        }
        (void)unlink(w->tmp);
    } else if (rename(w->tmp, w->path) != 0) {
        return disk_error(err, errno, "create file", w->path);
    }
    free(w->tmp);
    w->tmp = NULL;
    EVO_AUTO_STR folder = evo_path_dir(w->path);
    return evo_dir_sync(folder, err);
}

static void local_writer_free(struct evo_store_writer *base)
{
    struct local_writer *w = writer_of(base);
    if (w->fd >= 0)
        (void)close(w->fd);
    if (w->tmp) {
        (void)unlink(w->tmp);
        evo_local_remove_empty(w->store->root, w->path);
    }
    free(w->tmp);
    free(w->path);
    free(w);
}

/* No thread and no parts: write(2) copies into the page cache, and the kernel writes while the caller goes on. */
static const struct evo_store_writer_ops local_writer_ops = { .write = local_write,
                                                              .commit = local_commit,
                                                              .free = local_writer_free };

static enum evo_errc open_writer(struct local *l, const char *key, unsigned flags, struct local_writer **ret,
                                 struct evo_error *err)
{
    EVO_AUTO_STR path = path_of(l, key);
    EVO_AUTO_STR folder = evo_path_dir(path);
    /* Another thread or process may remove the folder, empty again, between two mkdir or before open. */
    for (int i = 0;; i++) {
        errno = 0;
        enum evo_errc rc = make_folder(folder, err);
        if (rc && errno == ENOENT && i < MAKE_FOLDER_TRIES)
            continue;
        if (rc)
            return rc;
        EVO_AUTO_STR tmp = evo_asprintf("%s/%sXXXXXX", folder, EVO_LOCAL_TEMPORARY);
        int fd = mkostemp(tmp, O_CLOEXEC); /* mode 0600 */
        if (fd < 0 && errno == ENOENT && i < MAKE_FOLDER_TRIES)
            continue;
        if (fd < 0)
            return disk_error(err, errno, "create file", path);
        struct local_writer *w = evo_calloc(1, sizeof(*w));
        w->base.ops = &local_writer_ops;
        w->store = l;
        w->flags = flags;
        w->fd = fd;
        w->path = path;
        w->tmp = tmp;
        path = NULL;
        tmp = NULL;
        *ret = w;
        return EVO_OK;
    }
}

static enum evo_errc local_writer_open(struct evo_store *store, const char *key, size_t part_size,
                                       struct evo_store_writer **ret, struct evo_error *err)
{
    (void)part_size; /* nothing is gathered: the kernel does */
    struct local_writer *w = NULL;
    enum evo_errc rc = open_writer(local_of(store), key, 0, &w, err);
    if (!rc)
        *ret = &w->base;
    return rc;
}

/* ---- objects ---- */

static enum evo_errc local_put(struct evo_store *store, const char *key, const void *data, size_t n,
                               unsigned flags, struct evo_error *err)
{
    struct local_writer *w = NULL;
    enum evo_errc rc = open_writer(local_of(store), key, flags, &w, err);
    if (rc)
        return rc;
    rc = local_write(&w->base, data, n, err);
    if (!rc)
        rc = local_commit(&w->base, err);
    local_writer_free(&w->base);
    return rc;
}

/* Opens the object's file. Anything but a regular file is no object. */
static enum evo_errc open_object(struct local *l, const char *key, int *ret_fd, struct stat *st,
                                 struct evo_error *err)
{
    EVO_AUTO_STR path = path_of(l, key);
    memset(st, 0, sizeof(*st));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ENXIO)
        return disk_error(err, errno, "open file", path);
    if (fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode)) {
        *ret_fd = fd;
        return EVO_OK;
    }
    if (fd >= 0)
        (void)close(fd);
    evo_error_set(err, EVO_ERR_NOT_FOUND, "\"%s\" does not exist", path);
    return EVO_ERR_NOT_FOUND;
}

static enum evo_errc local_read(struct evo_store *store, const char *key, uint64_t offset, uint64_t length,
                                evo_store_sink *sink, void *ctx, struct evo_error *err)
{
    EVO_AUTO_FD fd = -1;
    struct stat st = { 0 };
    enum evo_errc rc = open_object(local_of(store), key, &fd, &st, err);
    if (rc || offset >= (uint64_t)st.st_size)
        return rc;
    uint64_t left = (uint64_t)st.st_size - offset;
    if (left > length)
        left = length;
    EVO_AUTO_STR buf = evo_malloc(READ_SIZE);
    while (left) {
        rc = evo_cancel_check(err);
        if (rc)
            return rc;
        ssize_t n = pread(fd, buf, left < READ_SIZE ? (size_t)left : READ_SIZE, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        EVO_AUTO_STR path = n <= 0 ? path_of(local_of(store), key) : NULL;
        if (n < 0)
            return disk_error(err, errno, "read file", path);
        if (n == 0)
            return evo_error_set(err, EVO_ERR_DISK, "could not read file \"%s\": it became shorter", path);
        rc = sink(ctx, buf, (size_t)n, err);
        if (rc)
            return rc;
        offset += (uint64_t)n;
        left -= (uint64_t)n;
    }
    return EVO_OK;
}

static int64_t mtime_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static enum evo_errc local_stat(struct evo_store *store, const char *key, struct evo_store_stat *ret,
                                struct evo_error *err)
{
    EVO_AUTO_FD fd = -1;
    struct stat st = { 0 };
    enum evo_errc rc = open_object(local_of(store), key, &fd, &st, err);
    if (!rc)
        *ret = (struct evo_store_stat){ .size = (uint64_t)st.st_size,
                                        .mtime_ms = mtime_of(&st),
                                        .locked_until_ms = -1 };
    return rc;
}

static enum evo_errc local_remove(struct evo_store *store, const char *key, struct evo_error *err)
{
    struct local *l = local_of(store);
    EVO_AUTO_STR path = path_of(l, key);
    /* EISDIR and EPERM: a folder, and so no object. */
    if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR && !evo_is_dir(path))
        return disk_error(err, errno, "remove file", path);
    evo_local_remove_empty(l->root, path);
    return EVO_OK;
}

/* ---- listing ---- */

struct walk {
    struct local *store;
    const char *prefix;
    bool flat;
    struct evo_store_list *list;
};

enum kind { KIND_NONE, KIND_FILE, KIND_FOLDER };

static enum kind kind_of(const char *path, struct stat *st)
{
    if (stat(path, st) != 0)
        return KIND_NONE; /* removed while we looked, or a dangling link */
    return S_ISREG(st->st_mode) ? KIND_FILE : S_ISDIR(st->st_mode) ? KIND_FOLDER : KIND_NONE;
}

static bool holds_object(const char *folder)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_dir_list(folder, &names, &ignored))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        EVO_AUTO_STR path = evo_path_join(folder, names.items[i]);
        struct stat st;
        enum kind kind = evo_local_is_temporary(names.items[i]) ? KIND_NONE : kind_of(path, &st);
        if (kind == KIND_FILE || (kind == KIND_FOLDER && holds_object(path)))
            return true;
    }
    return false;
}

/* `folder` is "" or a key with a "/" at its end. */
static enum evo_errc walk_folder(const struct walk *w, const char *folder, struct evo_error *err)
{
    EVO_AUTO_STR path = evo_asprintf("%s/%s", w->store->root, folder);
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    struct evo_error failed = EVO_ERROR_INIT; /* err is written on failure only, and nothing there is none */
    enum evo_errc rc = evo_dir_list(path, &names, &failed);
    if (rc == EVO_ERR_NOT_FOUND)
        return EVO_OK;
    if (rc && err)
        *err = failed;
    if (rc)
        return rc;
    for (size_t i = 0; i < names.count && !rc; i++) {
        EVO_AUTO_STR key = evo_asprintf("%s%s", folder, names.items[i]);
        EVO_AUTO_STR file = path_of(w->store, key);
        struct stat st;
        /* Names that no key can have are somebody else's. */
        if (!evo_store_key_valid(key))
            continue;
        enum kind kind = kind_of(file, &st);
        EVO_AUTO_STR inside = evo_asprintf("%s/", key);
        bool below = evo_starts_with(key, w->prefix);
        if (kind == KIND_FILE && below)
            evo_store_list_add(w->list, key, (uint64_t)st.st_size, mtime_of(&st));
        if (kind != KIND_FOLDER || (!below && !evo_starts_with(inside, w->prefix)))
            continue;
        if (w->flat)
            rc = walk_folder(w, inside, err);
        else if (holds_object(file))
            evo_strvec_pushf(&w->list->folders, "%s/", names.items[i]);
    }
    return rc;
}

static enum evo_errc local_list(struct evo_store *store, const char *prefix, bool flat,
                                struct evo_store_list *ret, struct evo_error *err)
{
    struct walk w = { .store = local_of(store), .prefix = prefix, .flat = flat, .list = ret };
    EVO_AUTO_STR folder = evo_strndup(prefix, evo_store_prefix_folder(prefix));
    return walk_folder(&w, folder, err);
}

/* ---- what killed processes left ---- */

static enum evo_errc local_list_uploads(struct evo_store *store, const char *prefix,
                                        struct evo_store_uploads *ret, struct evo_error *err)
{
    return evo_local_find_temporary(local_of(store)->root, prefix, ret, err);
}

static enum evo_errc local_abort_upload(struct evo_store *store, const struct evo_store_upload *u,
                                        struct evo_error *err)
{
    const char *name = evo_path_base(u->key);
    EVO_AUTO_STR folder = evo_strndup(u->key, name == u->key ? 0 : (size_t)(name - u->key) - 1);
    if (!evo_local_is_temporary(name) || (*folder && !evo_store_key_valid(folder)))
        return evo_error_set(err, EVO_ERR_USAGE, "cannot remove \"%s\": not a temporary file of the store",
                             u->key);
    EVO_AUTO_STR path = path_of(local_of(store), u->key);
    if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
        return disk_error(err, errno, "remove file", path);
    evo_local_remove_empty(local_of(store)->root, path);
    return EVO_OK;
}

/* ---- open, check, close ---- */

static enum evo_errc local_check(struct evo_store *store, struct evo_error *err)
{
    struct local *l = local_of(store);
    struct stat st;
    if (stat(l->root, &st) == 0) {
        if (!S_ISDIR(st.st_mode)) {
            evo_error_set(err, EVO_ERR_STORE, "cannot use \"%s\" as a store: it is not a folder", l->root);
            return evo_error_hint(err, "Set EVO_STORE or --store to a folder.");
        }
        return access(l->root, R_OK | W_OK | X_OK) == 0 ? EVO_OK
                                                        : disk_error(err, errno, "use folder", l->root);
    }
    if (errno != ENOENT)
        return disk_error(err, errno, "use folder", l->root);
    /* It will be made: the nearest folder that exists decides. */
    EVO_AUTO_STR parent = evo_path_dir(l->root);
    while (!evo_is_dir(parent)) {
        if (access(parent, F_OK) == 0)
            return disk_error(err, ENOTDIR, "create folder", l->root);
        char *up = evo_path_dir(parent);
        if (evo_streq(up, parent)) {
            free(up);
            break;
        }
        free(parent);
        parent = up;
    }
    return access(parent, W_OK | X_OK) == 0 ? EVO_OK : disk_error(err, errno, "create folder", l->root);
}

static void local_close(struct evo_store *store)
{
    struct local *l = local_of(store);
    free(l->root);
    free(l->base.url);
    free(l);
}

static const struct evo_store_ops local_ops = {
    .close = local_close,
    .check = local_check,
    .put = local_put,
    .read = local_read,
    .stat = local_stat,
    .remove = local_remove,
    .list = local_list,
    .list_uploads = local_list_uploads,
    .abort_upload = local_abort_upload,
    .writer_open = local_writer_open,
};

enum evo_errc evo_local_open(const struct evo_store_options *o, struct evo_store **ret, struct evo_error *err)
{
    (void)err;
    struct local *l = evo_calloc(1, sizeof(*l));
    l->base.ops = &local_ops;
    l->base.url = evo_strdup(o->url);
    l->base.task = o->task;
    l->root = evo_strdup(o->url);
    for (size_t n = strlen(l->root); n > 1 && l->root[n - 1] == '/'; n--)
        l->root[n - 1] = '\0';
    *ret = &l->base;
    return EVO_OK;
}
