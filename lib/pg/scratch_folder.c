#include "pg/scratch_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#define OWNER "owner.pid"
/* Between making a folder and marking it a moment passes; one that was never marked is old. */
#define UNMARKED_S 3600
/* What an immediate shutdown may take. */
#define SERVER_END_MS 2000

/* ---- making and removing ---------------------------------------------------- */

static enum evo_errc mark(struct evo_scratch_folder *f, struct evo_error *err)
{
    EVO_AUTO_STR path = evo_path_join(f->path, OWNER);
    EVO_AUTO_STR pid = evo_asprintf("%d\n", (int)getpid());
    f->lock = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock < 0 || flock(f->lock, LOCK_EX | LOCK_NB) != 0 || !evo_write_all(f->lock, pid, strlen(pid)))
        return evo_error_errno(err, EVO_ERR_DISK, errno, "could not write file \"%s\"", path);
    return EVO_OK;
}

enum evo_errc evo_scratch_folder_make(const char *parent, uid_t uid, gid_t gid,
                                      struct evo_scratch_folder *ret, struct evo_error *err)
{
    struct evo_scratch_folder f = EVO_SCRATCH_FOLDER_INIT;
    char *path = evo_path_join(parent, EVO_SCRATCH_PREFIX "XXXXXX");
    if (!mkdtemp(path)) {
        int errnum = errno;
        free(path);
        return evo_error_errno(err, EVO_ERR_DISK, errnum, "could not make a folder in \"%s\"", parent);
    }
    f.path = path;
    enum evo_errc rc = mark(&f, err);
    /* Last: from here on it is the server's. */
    if (!rc && uid != geteuid() && chown(path, uid, gid) != 0)
        rc = evo_error_errno(err, EVO_ERR_DISK, errno, "could not give folder \"%s\" to another user", path);
    if (rc) {
        evo_scratch_folder_remove(&f);
        return rc;
    }
    *ret = f;
    return EVO_OK;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)where;
    /* What cannot be removed stays, and so do the folders above it: the next sweep tries again. */
    (void)(kind == FTW_DP || kind == FTW_DNR ? rmdir(path) : unlink(path));
    return 0;
}

void evo_scratch_folder_remove(struct evo_scratch_folder *f)
{
    if (f->path)
        (void)nftw(f->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (f->lock >= 0)
        (void)close(f->lock);
    free(f->path);
    *f = (struct evo_scratch_folder)EVO_SCRATCH_FOLDER_INIT;
}

/* ---- what dead owners left -------------------------------------------------- */

/* The process that the server's own pid file names, if it is a server in this very folder; 0: none. */
static pid_t server_of(const char *folder)
{
    EVO_AUTO_STR data = evo_path_join(folder, "data");
    EVO_AUTO_STR file = evo_path_join(data, "postmaster.pid");
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    uint64_t pid = 0;
    if (evo_file_read(file, 4096, &text, NULL) ||
        !evo_parse_digits(text.buf, strspn(text.buf, "0123456789"), &pid) || pid < 2 || pid > INT32_MAX)
        return 0;
    EVO_AUTO_STR link = evo_asprintf("/proc/%d/cwd", (int)pid);
    char cwd[4096];
    ssize_t n = readlink(link, cwd, sizeof(cwd) - 1);
    if (n < 0)
        return 0;
    cwd[n] = '\0';
    return evo_streq(cwd, data) ? (pid_t)pid : 0;
}

static bool end_server(const char *folder)
{
    struct evo_deadline deadline = evo_deadline_in(SERVER_END_MS);
    pid_t pid = server_of(folder);
    if (pid)
        (void)kill(pid, SIGQUIT);
    while (pid && server_of(folder) == pid && !evo_deadline_passed(deadline))
        (void)usleep(10000);
    return !pid || server_of(folder) != pid;
}

/* Takes the lock of a folder whose owner is dead. False: it lives, or it is none of ours. */
static bool take_over(const char *path, uid_t uid, struct evo_scratch_folder *f)
{
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != uid)
        return false;
    EVO_AUTO_STR owner = evo_path_join(path, OWNER);
    f->lock = open(owner, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (f->lock < 0)
        return errno == ENOENT && evo_wall_ms() / 1000 - st.st_mtime > UNMARKED_S;
    if (flock(f->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    (void)close(f->lock);
    f->lock = -1;
    return false;
}

int evo_scratch_sweep(const char *parent, uid_t uid)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    int removed = 0;
    if (evo_dir_list(parent, &names, NULL))
        return 0;
    for (size_t i = 0; i < names.count; i++) {
        if (!evo_starts_with(names.items[i], EVO_SCRATCH_PREFIX))
            continue;
        struct evo_scratch_folder f = EVO_SCRATCH_FOLDER_INIT;
        EVO_AUTO_STR path = evo_path_join(parent, names.items[i]);
        if (!take_over(path, uid, &f))
            continue;
        if (end_server(path)) {
            f.path = evo_strdup(path);
            removed++;
        }
        evo_scratch_folder_remove(&f);
    }
    return removed;
}
