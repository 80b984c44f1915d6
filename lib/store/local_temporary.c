#include "store/local_temporary.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/local.h"

#define STALE_MS ((int64_t)60 * 60 * 1000)

bool evo_local_is_temporary(const char *name)
{
    return evo_starts_with(name, EVO_LOCAL_TEMPORARY);
}

/* Removes what killed processes left in a folder that holds nothing else. */
static bool remove_stale(const char *folder)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_dir_list(folder, &names, &ignored))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        EVO_AUTO_STR path = evo_path_join(folder, names.items[i]);
        struct stat st;
        if (!evo_local_is_temporary(names.items[i]) || lstat(path, &st) != 0 ||
            evo_wall_ms() - (int64_t)st.st_mtim.tv_sec * 1000 < STALE_MS)
            return false;
    }
    for (size_t i = 0; i < names.count; i++) {
        EVO_AUTO_STR path = evo_path_join(folder, names.items[i]);
        (void)unlink(path);
    }
    return names.count > 0;
}

void evo_local_remove_empty(const char *root, const char *path)
{
    EVO_AUTO_STR folder = evo_path_dir(path);
    while (strlen(folder) > strlen(root)) {
        if (rmdir(folder) != 0) {
            if (errno != ENOENT && (!remove_stale(folder) || rmdir(folder) != 0))
                return;
        }
        char *up = evo_path_dir(folder);
        free(folder);
        folder = up;
    }
}

/* `folder` is "" or a key with a "/" at its end. */
enum evo_errc evo_local_find_temporary(const char *root, const char *folder, struct evo_store_uploads *ret,
                                       struct evo_error *err)
{
    EVO_AUTO_STR path = evo_asprintf("%s/%s", root, folder);
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    struct evo_error failed = EVO_ERROR_INIT; /* err is written on failure only, and nothing there is none */
    enum evo_errc rc = evo_dir_list(path, &names, &failed);
    if (rc == EVO_ERR_NOT_FOUND)
        return EVO_OK;
    if (rc && err)
        *err = failed;
    for (size_t i = 0; i < names.count && !rc; i++) {
        EVO_AUTO_STR key = evo_asprintf("%s%s", folder, names.items[i]);
        EVO_AUTO_STR file = evo_asprintf("%s/%s", root, key);
        struct stat st;
        if (lstat(file, &st) != 0)
            continue; /* finished or removed while we looked */
        if (evo_local_is_temporary(names.items[i])) {
            if (S_ISREG(st.st_mode))
                evo_store_uploads_add(ret, key, names.items[i],
                                      (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000);
        } else if (evo_store_key_valid(key) && evo_is_dir(file)) {
            EVO_AUTO_STR inside = evo_asprintf("%s/", key);
            rc = evo_local_find_temporary(root, inside, ret, err);
        }
    }
    return rc;
}
