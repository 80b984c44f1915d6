#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/file.h"
#include "pg/tools.h"

static void test_major_is_read_from_paths_and_versions(void **state)
{
    static const struct {
        const char *path;
        int major;
    } paths[] = {
        { "/usr/lib/postgresql/15/bin/pg_dump", 15 },     { "/usr/pgsql-17/bin/pg_dump", 17 },
        { "/usr/share/postgresql-common/pg_wrapper", 0 }, { "/opt/postgresql/bin/pg_dump", 0 },
        { "/home/a/postgresql/9.6/bin/pg_dump", 0 },
    };
    static const struct {
        const char *text;
        int major;
    } texts[] = {
        { "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15 },
        { "pg_restore (PostgreSQL) 18beta1\n", 18 },
        { "pg_dump (PostgreSQL) 9.6.24\n", 9 },
        { "pg_dump: something else\n", 0 },
        { "", 0 },
    };
    (void)state;
    for (size_t i = 0; i < EVO_COUNT(paths); i++)
        assert_int_equal(evo_pg_tool_major_of_path(paths[i].path), paths[i].major);
    for (size_t i = 0; i < EVO_COUNT(texts); i++)
        assert_int_equal(evo_pg_tool_major_of_text(texts[i].text), texts[i].major);
}

/* A folder with programs that only know their version. */
struct fixture {
    char folder[32];
};

static void add_program(const struct fixture *f, const char *name, const char *version)
{
    EVO_AUTO_STR path = evo_path_join(f->folder, name);
    EVO_AUTO_STR text = evo_asprintf("#!/bin/sh\necho \"%s (PostgreSQL) %s\"\n", name, version);
    assert_int_equal(evo_file_write(path, text, strlen(text), NULL), EVO_OK);
    assert_int_equal(chmod(path, 0700), 0);
}

static int setup(void **state)
{
    struct fixture *f = evo_calloc(1, sizeof(*f));
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/evo-tools.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    (void)unsetenv("EVO_PG_BINDIR");
    if (evo_dir_list(f->folder, &names, NULL) == EVO_OK) {
        for (size_t i = 0; i < names.count; i++) {
            EVO_AUTO_STR path = evo_path_join(f->folder, names.items[i]);
            (void)unlink(path);
        }
    }
    (void)rmdir(f->folder);
    free(f);
    return 0;
}

static void test_find_takes_the_folder_that_was_named(void **state)
{
    const struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    add_program(f, "pg_dump", "19.1");
    (void)setenv("EVO_PG_BINDIR", f->folder, 1);
    EVO_AUTO_STR path = NULL;
    int major = 0;
    assert_int_equal(evo_pg_tool_find("pg_dump", 15, &path, &major, &err), EVO_OK);
    assert_true(evo_starts_with(path, f->folder));
    assert_int_equal(major, 19);
}

static void test_find_does_not_look_past_the_folder_that_was_named(void **state)
{
    const struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR path = NULL;
    int major = 0;
    add_program(f, "pg_dump", "9.6");
    (void)setenv("EVO_PG_BINDIR", f->folder, 1);
    assert_int_equal(evo_pg_tool_find("pg_dump", 10, &path, &major, &err), EVO_ERR_UNSUPPORTED);
    assert_string_equal(err.message, "no \"pg_dump\" of PostgreSQL 10 or newer was found");
    EVO_AUTO_STR found = evo_asprintf("Found: 9 (\"%s/pg_dump\").", f->folder);
    assert_string_equal(err.detail, found);
    assert_int_equal(evo_pg_tool_find("pg_restore", 10, &path, &major, &err), EVO_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.detail, "EVO_PG_BINDIR is"));
    assert_null(path);
    assert_int_equal(major, 0);
}

/* This machine's own packages: the tests need PostgreSQL anyway. */
static void test_find_looks_into_packages(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR path = NULL;
    int major = 0;
    assert_int_equal(evo_pg_tool_find("pg_dump", 10, &path, &major, &err), EVO_OK);
    assert_true(major >= 10);
    assert_true(evo_is_file(path));
    assert_int_equal(path[0], '/');
}

static void test_find_names_the_package_to_install(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR path = NULL;
    int major;
    assert_int_equal(evo_pg_tool_find("pg_dump", 99, &path, &major, &err), EVO_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.detail, "Found: "));
    assert_non_null(strstr(err.hint, "install postgresql"));
    assert_non_null(strstr(err.hint, "99"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_major_is_read_from_paths_and_versions),
        cmocka_unit_test_setup_teardown(test_find_takes_the_folder_that_was_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find_does_not_look_past_the_folder_that_was_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_find_looks_into_packages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find_names_the_package_to_install, setup, teardown),
    };
    return cmocka_run_group_tests_name("pg/tools", tests, NULL, NULL);
}
