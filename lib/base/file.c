#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum evo_errc evo_file_read(const char *path, size_t max, struct evo_strbuf *out, struct evo_error *err)
{
    EVO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return evo_error_errno(err, errno == ENOENT || errno == ENOTDIR ? EVO_ERR_NOT_FOUND : EVO_ERR_DISK,
                               errno, "could not open file \"%s\"", path);
    size_t got = 0;
    for (;;) {
        if (!evo_strbuf_reserve(out, 65536))
            return evo_error_set(err, EVO_ERR_DISK, "cannot read file \"%s\": larger than %zu bytes", path,
                                 max);
        ssize_t n = read(fd, out->buf + out->len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return evo_error_errno(err, EVO_ERR_DISK, errno, "could not read file \"%s\"", path);
        if (n == 0)
            return EVO_OK;
        evo_strbuf_advance(out, (size_t)n);
        got += (size_t)n;
        if (got > max)
            return evo_error_set(err, EVO_ERR_DISK, "cannot read file \"%s\": larger than %zu bytes", path,
                                 max);
    }
}

bool evo_write_all(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return false;
        p += w;
        n -= (size_t)w;
    }
    return true;
}

/* Writes path's temporary sibling, synced. On success *ret_tmp is its name, for the caller to rename or link. */
static enum evo_errc write_temporary(const char *path, const void *data, size_t n, char **ret_tmp,
                                     struct evo_error *err)
{
    EVO_AUTO_STR tmp = evo_asprintf("%s.tmp-XXXXXX", path);
    EVO_AUTO_FD fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0)
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not create file \"%s\"", path);
    if (!evo_write_all(fd, data, n) || fsync(fd) != 0) {
        int saved = errno;
        (void)unlink(tmp);
        return evo_error_errno(err, EVO_ERR_DISK, saved, "could not write file \"%s\"", path);
    }
    *ret_tmp = tmp;
    tmp = NULL;
    return EVO_OK;
}

static enum evo_errc sync_parent(const char *path, struct evo_error *err)
{
    EVO_AUTO_STR dir = evo_path_dir(path);
    return evo_dir_sync(dir, err);
}

enum evo_errc evo_file_write(const char *path, const void *data, size_t n, struct evo_error *err)
{
    EVO_AUTO_STR tmp = NULL;
    enum evo_errc rc = write_temporary(path, data, n, &tmp, err);
    if (rc)
        return rc;
    if (rename(tmp, path) != 0) {
        int saved = errno;
        (void)unlink(tmp);
        return evo_error_errno(err, EVO_ERR_DISK, saved, "could not rename file to \"%s\"", path);
    }
    return sync_parent(path, err);
}

enum evo_errc evo_file_write_once(const char *path, const void *data, size_t n, struct evo_error *err)
{
    EVO_AUTO_STR tmp = NULL;
    enum evo_errc rc = write_temporary(path, data, n, &tmp, err);
    if (rc)
        return rc;
    /* link fails where the name exists; rename would replace it. */
    int linked = link(tmp, path), saved = errno;
    (void)unlink(tmp);
    if (linked != 0) {
        rc = evo_error_errno(err, EVO_ERR_DISK, saved, "could not create file \"%s\"", path);
        if (err)
            err->exists = saved == EEXIST;
        return rc;
    }
    return sync_parent(path, err);
}

enum evo_errc evo_file_append(const char *path, const void *data, size_t n, struct evo_error *err)
{
    EVO_AUTO_FD fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not open file \"%s\"", path);
    if (!evo_write_all(fd, data, n))
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not write file \"%s\"", path);
    return EVO_OK;
}

enum evo_errc evo_dir_make(const char *path, struct evo_error *err)
{
    EVO_AUTO_STR copy = evo_strdup(path);
    for (char *p = copy + (copy[0] == '/');; p++) {
        if (*p && *p != '/')
            continue;
        char c = *p;
        *p = '\0';
        if (*copy && mkdir(copy, 0700) != 0 && errno != EEXIST)
            return evo_error_errno(err, EVO_ERR_DISK, errno, "could not create folder \"%s\"", copy);
        *p = c;
        if (!c)
            break;
    }
    if (!evo_is_dir(path))
        return evo_error_set(err, EVO_ERR_DISK, "cannot create folder \"%s\": a file of that name exists",
                             path);
    return EVO_OK;
}

enum evo_errc evo_dir_sync(const char *path, struct evo_error *err)
{
    EVO_AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems refuse fsync of a folder with EINVAL: there is nothing to be done then. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not sync folder \"%s\"", path);
    return EVO_OK;
}

static void dir_auto(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

enum evo_errc evo_dir_list(const char *path, struct evo_strvec *names, struct evo_error *err)
{
    __attribute__((cleanup(dir_auto))) DIR *dir = opendir(path);
    if (!dir)
        return evo_error_errno(err, errno == ENOENT || errno == ENOTDIR ? EVO_ERR_NOT_FOUND : EVO_ERR_DISK,
                               errno, "could not open folder \"%s\"", path);
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e)
            break;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            evo_strvec_push(names, e->d_name);
    }
    if (errno)
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not read folder \"%s\"", path);
    evo_strvec_sort(names);
    return EVO_OK;
}

bool evo_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool evo_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *evo_path_join(const char *a, const char *b)
{
    if (b[0] == '/' || !a[0] || strcmp(a, ".") == 0)
        return evo_strdup(b);
    return evo_asprintf("%s%s%s", a, a[strlen(a) - 1] == '/' ? "" : "/", b);
}

char *evo_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return evo_strdup(".");
    return slash == path ? evo_strdup("/") : evo_strndup(path, (size_t)(slash - path));
}

const char *evo_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
