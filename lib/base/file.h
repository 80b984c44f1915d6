/*
 * file.h - files: read with a limit, write so that nobody ever sees half of one.
 *
 * Writing is: temporary name beside the target, fsync, rename, fsync the folder.
 * Every descriptor is close-on-exec. Modes: files 0600, folders 0700.
 */
#ifndef EVO_BASE_FILE_H
#define EVO_BASE_FILE_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

/* Appends the whole file to out. Over `max` bytes, or missing, is an error (EVO_ERR_NOT_FOUND for ENOENT). */
enum evo_errc evo_file_read(const char *path, size_t max, struct evo_strbuf *out,
                            struct evo_error *err) EVO_CHECK;
/* Replaces (or makes) the file atomically. EVO_ERR_DISK on failure; the temporary file is removed. */
enum evo_errc evo_file_write(const char *path, const void *data, size_t n, struct evo_error *err) EVO_CHECK;
/* As evo_file_write, but an existing file is an error with err->exists (link(2), no race). */
enum evo_errc evo_file_write_once(const char *path, const void *data, size_t n,
                                  struct evo_error *err) EVO_CHECK;
/* Appends in one write(2) (O_APPEND): for GITHUB_OUTPUT and the like. */
enum evo_errc evo_file_append(const char *path, const void *data, size_t n, struct evo_error *err) EVO_CHECK;
/* mkdir -p with mode 0700. */
enum evo_errc evo_dir_make(const char *path, struct evo_error *err) EVO_CHECK;
/* fsync of a folder. */
enum evo_errc evo_dir_sync(const char *path, struct evo_error *err) EVO_CHECK;
/* Names in a folder but . and .., in byte order. EVO_ERR_NOT_FOUND where there is none. */
enum evo_errc evo_dir_list(const char *path, struct evo_strvec *names, struct evo_error *err) EVO_CHECK;
/* Writes all n bytes, over EINTR and short writes. False: errno. */
bool evo_write_all(int fd, const void *data, size_t n);

bool evo_is_file(const char *path);
bool evo_is_dir(const char *path);
/* "a/b" of "a" and "b"; an absolute b stands alone; "" and "." as a leave b. The caller frees. */
char *evo_path_join(const char *a, const char *b) EVO_CHECK;
/* What stands before the last '/', "." where there is none. The caller frees. */
char *evo_path_dir(const char *path) EVO_CHECK;
/* Points into path: what stands behind the last '/'. */
const char *evo_path_base(const char *path);

#endif
