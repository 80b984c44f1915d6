/*
 * Scratch clusters, made of this machine's server programs. What is left behind is looked for in a parent folder of the
 * test's own.
 * seconds: 12
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "pg/scratch.h"
#include "server.h"

struct fixture {
    char parent[32];
};

static int setup(void **state)
{
    struct fixture *f = evo_calloc(1, sizeof(*f));
    (void)snprintf(f->parent, sizeof(f->parent), "/tmp/evo-parent.XXXXXX");
    assert_non_null(mkdtemp(f->parent));
    assert_int_equal(chmod(f->parent, 01777), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    evo_cancel_acknowledge();
    (void)unsetenv("EVO_PG_BINDIR");
    (void)unsetenv("TMPDIR");
    EVO_AUTO_STR remove = evo_asprintf("%s", f->parent);
    int rc = rmdir(remove); /* empty: nothing was left */
    free(f);
    return rc;
}

static size_t count_entries(const char *folder)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    assert_int_equal(evo_dir_list(folder, &names, NULL), EVO_OK);
    return names.count;
}

static struct evo_scratch *start(const struct evo_scratch_options *o)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_scratch *s = NULL;
    assert_ok(evo_scratch_start(o, &s, &err), &err);
    return s;
}

/* The server's process, as its own file says. */
static pid_t server_pid(const char *parent)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    uint64_t pid = 0;
    assert_int_equal(evo_dir_list(parent, &names, NULL), EVO_OK);
    assert_int_equal(names.count, 1);
    EVO_AUTO_STR path = evo_asprintf("%s/%s/data/postmaster.pid", parent, names.items[0]);
    assert_int_equal(evo_file_read(path, 4096, &text, NULL), EVO_OK);
    assert_true(evo_parse_digits(text.buf, strspn(text.buf, "0123456789"), &pid));
    return (pid_t)pid;
}

static bool process_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* ---- tests ------------------------------------------------------------------ */

static void test_start_answers_and_stop_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(scratch) s = start(&(struct evo_scratch_options){ .major = 13, .parent = f->parent });
    const struct evo_conninfo *info = evo_scratch_conninfo(s);
    assert_string_equal(info->database, "postgres");
    assert_true(evo_starts_with(evo_conninfo_get(info, "host"), f->parent));
    struct stat st;
    assert_int_equal(stat(evo_conninfo_get(info, "host"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    EVO_AUTO_PTR(pg) pg = NULL;
    assert_ok(evo_pg_open(info, NULL, &pg, &err), &err);
    assert_int_equal(evo_pg_version(pg) / 10000, evo_scratch_major(s));
    EVO_AUTO_STR answer = server_text(
        pg, "SELECT concat_ws(' ', current_setting('is_superuser'), current_setting('listen_addresses'), "
            "current_setting('fsync'), pg_encoding_to_char(encoding), datcollate, inet_server_addr()) FROM "
            "pg_database "
            "WHERE datname = 'template0'");
    assert_string_equal(answer, "on  off UTF8 C");
    evo_pg_close(pg);
    pg = NULL;
    pid_t pid = server_pid(f->parent);
    assert_false(process_gone(pid));
    evo_scratch_stop(s);
    s = NULL;
    assert_true(process_gone(pid));
    assert_int_equal(count_entries(f->parent), 0);
}

static void test_stop_waits_for_no_session(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_scratch *s = start(&(struct evo_scratch_options){ .parent = f->parent });
    EVO_AUTO_PTR(pg) pg = NULL;
    assert_ok(evo_pg_open(evo_scratch_conninfo(s), NULL, &pg, &err), &err);
    assert_ok(evo_pg_exec(pg, "BEGIN; CREATE TABLE t AS SELECT generate_series(1, 100000)", &err), &err);
    int64_t began = evo_clock_ms();
    evo_scratch_stop(s);
    assert_true(evo_clock_ms() - began < 5000);
    assert_int_equal(evo_pg_exec(pg, "SELECT 1", &err), EVO_ERR_CONNECT);
    evo_scratch_stop(NULL);
}

static void test_two_at_once_do_not_know_of_each_other(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(setenv("TMPDIR", f->parent, 1), 0);
    EVO_AUTO_PTR(scratch) a = start(&(struct evo_scratch_options){ .encoding = "SQL_ASCII" });
    EVO_AUTO_PTR(scratch)
    b = start(&(struct evo_scratch_options){ .collate = "C.UTF-8", .ctype = "C.UTF-8" });
    assert_int_equal(count_entries(f->parent), 2);
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(pg) pga = NULL;
    EVO_AUTO_PTR(pg) pgb = NULL;
    assert_ok(evo_pg_open(evo_scratch_conninfo(a), NULL, &pga, &err), &err);
    assert_ok(evo_pg_open(evo_scratch_conninfo(b), NULL, &pgb, &err), &err);
    static const char sql[] = "SELECT pg_encoding_to_char(encoding) || datctype FROM pg_database LIMIT 1";
    EVO_AUTO_STR in_a = server_text(pga, sql);
    EVO_AUTO_STR in_b = server_text(pgb, sql);
    assert_string_equal(in_a, "SQL_ASCIIC");
    assert_string_equal(in_b, "UTF8C.UTF-8");
}

static void test_a_long_path_has_its_socket_elsewhere(void **state)
{
    struct fixture *f = *state;
    EVO_AUTO_STR parent = evo_asprintf("%s/%080d", f->parent, 0);
    assert_int_equal(mkdir(parent, 01777), 0);
    assert_int_equal(chmod(parent, 01777), 0);
    struct evo_scratch *s = start(&(struct evo_scratch_options){ .parent = parent });
    EVO_AUTO_STR socket = evo_strdup(evo_conninfo_get(evo_scratch_conninfo(s), "host"));
    assert_true(evo_starts_with(socket, "/tmp/evo-scratch."));
    assert_int_equal(count_entries(parent), 1);
    evo_scratch_stop(s);
    assert_int_equal(count_entries(parent), 0);
    assert_int_equal(access(socket, F_OK), -1);
    assert_int_equal(rmdir(parent), 0);
}

/* What is restored may run programs: they must not find the caller's secrets. */
static void test_the_server_does_not_see_the_callers_environment(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(setenv("EVO_TEST_SECRET", "canary", 1), 0);
    EVO_AUTO_PTR(scratch) s = start(&(struct evo_scratch_options){ .parent = f->parent });
    assert_int_equal(unsetenv("EVO_TEST_SECRET"), 0);
    EVO_AUTO_PTR(pg) pg = NULL;
    assert_ok(evo_pg_open(evo_scratch_conninfo(s), NULL, &pg, &err), &err);
    assert_ok(evo_pg_exec(pg, "CREATE TABLE e (line text); COPY e FROM PROGRAM 'env'", &err), &err);
    EVO_AUTO_STR found =
        server_text(pg, "SELECT count(*) FROM e WHERE line LIKE '%canary%' OR line LIKE 'HOME=%'");
    assert_string_equal(found, "0");
}

/* Starts a scratch cluster in a process of its own, which then waits to be killed. */
static pid_t start_in_child(const char *parent, bool let_go)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct evo_scratch *s = NULL;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool ok = !evo_scratch_start(&(struct evo_scratch_options){ .parent = parent }, &s, NULL);
        for (int fd = 3; let_go && fd < 256; fd++)
            if (fd != ready[1])
                (void)close(fd);
        if (write(ready[1], ok ? "y" : "n", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_true(pid > 0);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    assert_int_equal(byte, 'y');
    return pid;
}

static void test_kill_9_ends_the_server_and_the_next_start_removes_the_folder(void **state)
{
    struct fixture *f = *state;
    pid_t owner = start_in_child(f->parent, false);
    pid_t server = server_pid(f->parent);
    /* One that lives is left alone. */
    struct evo_scratch *other = start(&(struct evo_scratch_options){ .parent = f->parent });
    assert_int_equal(count_entries(f->parent), 2);
    evo_scratch_stop(other);
    assert_false(process_gone(server));

    assert_int_equal(kill(owner, SIGKILL), 0);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    struct evo_deadline deadline = evo_deadline_in(8000);
    while (!process_gone(server) && !evo_deadline_passed(deadline))
        (void)usleep(20000);
    assert_true(process_gone(server));
    assert_int_equal(count_entries(f->parent), 1);

    EVO_AUTO_PTR(scratch) next = start(&(struct evo_scratch_options){ .parent = f->parent });
    assert_int_equal(count_entries(f->parent), 1);
    assert_true(server_pid(f->parent) != server);
}

/* The lock goes with its owner; a server may need longer. Here the owner only lets go of the lock. */
static void test_a_server_that_outlived_its_owner_is_ended(void **state)
{
    struct fixture *f = *state;
    pid_t owner = start_in_child(f->parent, true);
    pid_t server = server_pid(f->parent);
    EVO_AUTO_PTR(scratch) next = start(&(struct evo_scratch_options){ .parent = f->parent });
    assert_int_equal(count_entries(f->parent), 1);
    /* A zombie until its parent, the owner, is gone. */
    assert_int_equal(kill(owner, SIGKILL), 0);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    struct evo_deadline deadline = evo_deadline_in(5000);
    while (!process_gone(server) && !evo_deadline_passed(deadline))
        (void)usleep(10000);
    assert_true(process_gone(server));
}

static void test_folders_of_others_are_left_alone(void **state)
{
    struct fixture *f = *state;
    EVO_AUTO_STR file = evo_path_join(f->parent, "evo-scratch.a_file");
    EVO_AUTO_STR link = evo_path_join(f->parent, "evo-scratch.a_link");
    EVO_AUTO_STR young = evo_path_join(f->parent, "evo-scratch.unmarked");
    assert_int_equal(evo_file_write(file, "x", 1, NULL), EVO_OK);
    assert_int_equal(symlink("/tmp", link), 0);
    assert_int_equal(mkdir(young, 0700), 0);
    struct evo_scratch *s = start(&(struct evo_scratch_options){ .parent = f->parent });
    assert_int_equal(count_entries(f->parent), 4);
    evo_scratch_stop(s);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(young), 0);
}

/* As an ordinary user nothing is dropped. Root tries it as one. */
static void test_start_as_an_ordinary_user(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    if (pid == 0) {
        struct evo_scratch *s = NULL;
        struct evo_error err = EVO_ERROR_INIT;
        if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
            _exit(2);
        if (evo_scratch_start(&(struct evo_scratch_options){ .parent = f->parent }, &s, &err)) {
            (void)dprintf(2, "%s: %s\n", err.message, err.detail);
            _exit(1);
        }
        EVO_AUTO_PTR(pg) pg = NULL;
        int status = evo_pg_open(evo_scratch_conninfo(s), NULL, &pg, &err) ? 3 : 0;
        evo_pg_close(pg);
        pg = NULL;
        evo_scratch_stop(s);
        _exit(status);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- failures --------------------------------------------------------------- */

struct moment {
    useconds_t after;
    int64_t requested_ms;
};

static void *cancel_soon(void *ctx)
{
    struct moment *moment = ctx;
    (void)usleep(moment->after);
    moment->requested_ms = evo_clock_ms();
    evo_cancel_request(SIGINT);
    return NULL;
}

static void test_a_cancel_ends_the_start_soon(void **state)
{
    struct fixture *f = *state;
    struct moment moments[] = { { .after = 0 }, { .after = 200000 }, { .after = 500000 } };
    for (size_t i = 0; i < EVO_COUNT(moments); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        struct evo_scratch *s = NULL;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &moments[i]), 0);
        enum evo_errc rc = evo_scratch_start(&(struct evo_scratch_options){ .parent = f->parent }, &s, &err);
        int64_t ended = evo_clock_ms();
        assert_int_equal(pthread_join(thread, NULL), 0);
        evo_cancel_acknowledge();
        /* A fast machine may have been ready before. */
        if (!rc)
            evo_scratch_stop(s);
        else
            assert_int_equal(rc, EVO_ERR_CANCELLED);
        assert_true(ended - moments[i].requested_ms < 5000);
        assert_int_equal(count_entries(f->parent), 0);
    }
}

static enum evo_errc start_fails(const struct evo_scratch_options *o, struct evo_error *err)
{
    struct evo_scratch *s = NULL;
    enum evo_errc rc = evo_scratch_start(o, &s, err);
    assert_null(s);
    return rc;
}

static void test_start_without_programs_names_the_package(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    const struct evo_scratch_options o = { .major = 99, .parent = f->parent };
    assert_int_equal(start_fails(&o, &err), EVO_ERR_UNSUPPORTED);
    assert_string_equal(
        err.message, "a scratch cluster needs a server: no \"postgres\" of PostgreSQL 99 or newer was found");
    assert_non_null(strstr(err.hint, "install postgresql-99"));
    assert_int_equal(setenv("EVO_PG_BINDIR", "/nonexistent", 1), 0);
    assert_int_equal(start_fails(&o, &err), EVO_ERR_UNSUPPORTED);
    assert_string_equal(err.detail, "EVO_PG_BINDIR is \"/nonexistent\".");
}

/* Programs that do as they are told: each script gets `--version` right. */
static void write_program(const char *folder, const char *name, const char *script)
{
    EVO_AUTO_STR path = evo_path_join(folder, name);
    EVO_AUTO_STR text = evo_asprintf(
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo '%s (PostgreSQL) 15.1'; exit; }\n%s\n", name, script);
    assert_int_equal(evo_file_write(path, text, strlen(text), NULL), EVO_OK);
    assert_int_equal(chmod(path, 0755), 0);
}

static void test_programs_that_fail_are_quoted(void **state)
{
    static const struct {
        const char *initdb, *postgres, *message, *detail;
        enum evo_errc code;
    } table[] = {
        { NULL, "exit 0", "a scratch cluster needs \"initdb\", which is not in ", "", EVO_ERR_UNSUPPORTED },
        { "echo 'initdb: error: bad' >&2; exit 1", "exit 0",
          "could not make a scratch cluster: initdb failed", "initdb: error: bad", EVO_ERR_UNSUPPORTED },
        { "echo 'could not write: No space left on device' >&2; exit 1", "exit 0",
          "could not make a scratch cluster: initdb failed", "could not write: No space left on device",
          EVO_ERR_DISK },
        { "exit 0", "echo 'LOG:  one'; echo 'FATAL:  two' >&2; exit 1",
          "could not start a scratch cluster: the server ended", "LOG:  one FATAL:  two",
          EVO_ERR_UNSUPPORTED },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < EVO_COUNT(table); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        char bin[] = "/tmp/evo-bin.XXXXXX";
        assert_non_null(mkdtemp(bin));
        assert_int_equal(chmod(bin, 0755), 0);
        if (table[i].initdb)
            write_program(bin, "initdb", table[i].initdb);
        write_program(bin, "postgres", table[i].postgres);
        assert_int_equal(setenv("EVO_PG_BINDIR", bin, 1), 0);
        assert_int_equal(start_fails(&(struct evo_scratch_options){ .major = 15, .parent = f->parent }, &err),
                         table[i].code);
        assert_true(evo_starts_with(err.message, table[i].message));
        assert_string_equal(err.detail, table[i].detail);
        assert_int_equal(count_entries(f->parent), 0);
        EVO_AUTO_STR initdb = evo_path_join(bin, "initdb");
        EVO_AUTO_STR postgres = evo_path_join(bin, "postgres");
        (void)unlink(initdb);
        assert_int_equal(unlink(postgres), 0);
        assert_int_equal(rmdir(bin), 0);
    }
}

static void test_a_locale_that_is_not_there_is_named(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    const struct evo_scratch_options o = { .parent = f->parent, .collate = "xx_XX.utf8" };
    assert_int_equal(start_fails(&o, &err), EVO_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.detail, "xx_XX.utf8"));
}

static void test_a_parent_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(start_fails(&(struct evo_scratch_options){ .parent = "/nonexistent/folder" }, &err),
                     EVO_ERR_DISK);
    assert_true(evo_starts_with(err.message, "could not look at folder \"/nonexistent/folder\": "));
}

/* Root only: another user's server cannot reach what is below a closed folder. */
static void test_a_parent_that_the_server_cannot_reach_is_explained(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR parent = evo_path_join(f->parent, "closed");
    assert_int_equal(mkdir(parent, geteuid() == 0 ? 0700 : 0500), 0);
    assert_int_equal(start_fails(&(struct evo_scratch_options){ .parent = parent }, &err), EVO_ERR_DISK);
    if (geteuid() == 0)
        assert_string_equal(err.hint, "Set TMPDIR to a folder that the user \"postgres\" can reach");
    assert_int_equal(count_entries(parent), 0);
    assert_int_equal(rmdir(parent), 0);
}

static void test_a_stray_address_is_refused(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    assert_int_equal(setenv("PGHOSTADDR", "127.0.0.1", 1), 0);
    enum evo_errc rc = start_fails(&(struct evo_scratch_options){ .parent = f->parent }, &err);
    assert_int_equal(unsetenv("PGHOSTADDR"), 0);
    assert_int_equal(rc, EVO_ERR_CONFIG);
    assert_string_equal(err.hint, "unset PGHOSTADDR");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_start_answers_and_stop_leaves_nothing),
        TEST(test_stop_waits_for_no_session),
        TEST(test_two_at_once_do_not_know_of_each_other),
        TEST(test_a_long_path_has_its_socket_elsewhere),
        TEST(test_the_server_does_not_see_the_callers_environment),
        TEST(test_kill_9_ends_the_server_and_the_next_start_removes_the_folder),
        TEST(test_a_server_that_outlived_its_owner_is_ended),
        TEST(test_folders_of_others_are_left_alone),
        TEST(test_start_as_an_ordinary_user),
        TEST(test_a_cancel_ends_the_start_soon),
        TEST(test_start_without_programs_names_the_package),
        TEST(test_programs_that_fail_are_quoted),
        TEST(test_a_locale_that_is_not_there_is_named),
        TEST(test_a_parent_that_is_not_there_is_named),
        TEST(test_a_parent_that_the_server_cannot_reach_is_explained),
        TEST(test_a_stray_address_is_refused),
    };
    return cmocka_run_group_tests(tests, server_begin, NULL);
}
