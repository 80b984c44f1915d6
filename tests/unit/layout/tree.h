/* A folder of files for one test: made empty by tree_setup, removed by tree_teardown; tree is its path. */
#ifndef TESTS_LAYOUT_TREE_H
#define TESTS_LAYOUT_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"

static char tree[64];

static inline int tree_setup(void **state)
{
    (void)state;
    (void)snprintf(tree, sizeof(tree), "/tmp/evo-layout-XXXXXX");
    return mkdtemp(tree) ? 0 : -1;
}

static inline int tree_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline int tree_teardown(void **state)
{
    (void)state;
    return nftw(tree, tree_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void tree_put_bytes(const char *path, const void *data, size_t n)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR full = evo_path_join(tree, path);
    EVO_AUTO_STR dir = evo_path_dir(full);
    assert_int_equal(evo_dir_make(dir, &err), EVO_OK);
    assert_int_equal(evo_file_write(full, data, n, &err), EVO_OK);
}

static inline void tree_put(const char *path, const char *text)
{
    tree_put_bytes(path, text, strlen(text));
}

static inline void tree_mkdir(const char *path)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR full = evo_path_join(tree, path);
    assert_int_equal(evo_dir_make(full, &err), EVO_OK);
}

#define tree_test(f) cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)

#endif
