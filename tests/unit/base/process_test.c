#include "cmocka_all.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/cancel.h"
#include "base/process.h"

static enum evo_errc run_shell(const char *script, const char *input, struct evo_strbuf *out,
                               struct evo_strbuf *err_out, int *status, struct evo_error *err)
{
    char shell[] = "sh", flag[] = "-c";
    EVO_AUTO_STR text = evo_strdup(script);
    char *argv[] = { shell, flag, text, NULL };
    struct evo_process_options o = { .argv = argv };
    return evo_process_run(&o, input, out, err_out, evo_deadline_in(10000), status, err);
}

static void test_run_collects_both_streams_and_the_status(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT, err_out = EVO_STRBUF_INIT;
    struct evo_error err;
    int status = -1;
    assert_int_equal(run_shell("cat; echo wrong >&2; exit 3", "given", &out, &err_out, &status, &err),
                     EVO_OK);
    assert_int_equal(status, 3);
    assert_string_equal(out.buf, "given");
    assert_string_equal(err_out.buf, "wrong\n");
}

static void test_run_reports_the_signal_that_ended_it(void **state)
{
    (void)state;
    struct evo_error err;
    int status = -1;
    assert_int_equal(run_shell("kill -TERM $$", NULL, NULL, NULL, &status, &err), EVO_OK);
    assert_int_equal(status, 128 + SIGTERM);
}

static void test_run_of_a_large_input_that_is_not_read_does_not_hang(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) input = EVO_STRBUF_INIT;
    for (int i = 0; i < 100000; i++)
        evo_strbuf_adds(&input, "0123456789");
    struct evo_error err;
    int status = -1;
    assert_int_equal(run_shell("exit 0", input.buf, NULL, NULL, &status, &err), EVO_OK);
    assert_int_equal(status, 0);
}

static void test_start_of_a_missing_program_says_so(void **state)
{
    (void)state;
    char name[] = "/nonexistent/program";
    char *argv[] = { name, NULL };
    struct evo_process_options o = {
        .argv = argv, .in = EVO_FD_NULL, .out = EVO_FD_NULL, .err = EVO_FD_NULL
    };
    EVO_AUTO(process) p = EVO_PROCESS_INIT;
    struct evo_error err;
    assert_int_equal(evo_process_start(&p, &o, &err), EVO_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nonexistent/program"));
    assert_int_equal(p.pid, 0);
}

static void test_environment_is_replaced_added_and_removed(void **state)
{
    (void)state;
    (void)setenv("EVO_TEST_KEPT", "kept", 1);
    (void)setenv("EVO_TEST_GONE", "here", 1);
    (void)setenv("EVO_TEST_OTHER", "old", 1);
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    evo_strvec_push(&env, "EVO_TEST_GONE");
    evo_strvec_push(&env, "EVO_TEST_OTHER=new");
    char shell[] = "sh", flag[] = "-c",
         text[] = "echo \"$EVO_TEST_KEPT,${EVO_TEST_GONE-unset},$EVO_TEST_OTHER\"";
    char *argv[] = { shell, flag, text, NULL };
    struct evo_process_options o = { .argv = argv, .env = &env };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    struct evo_error err;
    int status;
    assert_int_equal(evo_process_run(&o, NULL, &out, NULL, evo_deadline_in(10000), &status, &err), EVO_OK);
    assert_string_equal(out.buf, "kept,unset,new\n");
}

static void test_wait_past_the_deadline_is_a_timeout_and_release_ends_the_group(void **state)
{
    (void)state;
    char shell[] = "sh", flag[] = "-c", text[] = "sleep 60 & wait";
    char *argv[] = { shell, flag, text, NULL };
    struct evo_process_options o = {
        .argv = argv, .in = EVO_FD_NULL, .out = EVO_FD_NULL, .err = EVO_FD_NULL
    };
    struct evo_process p = EVO_PROCESS_INIT;
    struct evo_error err;
    int status;
    assert_int_equal(evo_process_start(&p, &o, &err), EVO_OK);
    pid_t group = p.pid;
    assert_int_equal(evo_process_wait(&p, evo_deadline_in(50), &status, &err), EVO_ERR_TIMEOUT);
    evo_process_release(&p);
    /* Its child is orphaned and reaped by whoever adopts it: gone as soon as no process of the group can be signalled. */
    struct evo_deadline d = evo_deadline_in(5000);
    while (kill(-group, 0) == 0 && !evo_deadline_passed(d))
        assert_int_equal(evo_cancel_sleep(5, &err), EVO_OK);
    assert_false(evo_deadline_passed(d));
}

static void test_cancel_ends_a_wait_and_a_run_at_once(void **state)
{
    (void)state;
    struct evo_error err;
    evo_cancel_request(SIGINT);
    int status;
    int64_t began = evo_clock_ms();
    assert_int_equal(run_shell("sleep 60", NULL, NULL, NULL, &status, &err), EVO_ERR_CANCELLED);
    assert_true(evo_clock_ms() - began < 5000);
    assert_int_equal(evo_cancel_sleep(60000, &err), EVO_ERR_CANCELLED);
    evo_cancel_acknowledge();
    assert_false(evo_cancelled());
    assert_int_equal(evo_cancel_check(&err), EVO_OK);
}

/* As every executable does first: SIGPIPE is ignored, the cancel descriptor is there. */
static int install(void **state)
{
    (void)state;
    return evo_cancel_install(NULL) == EVO_OK ? 0 : -1;
}

static void test_user_is_looked_up_by_name(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_process_user user = { 0 };
    assert_int_equal(evo_process_user_find("root", &user, &err), EVO_OK);
    assert_int_equal(user.uid, 0);
    assert_true(user.ngroups >= 1);
    assert_int_equal(evo_process_user_find("no such user", &user, &err), EVO_ERR_NOT_FOUND);
    assert_string_equal(err.message, "there is no user \"no such user\" on this machine");
}

/* Root may become another; others are told that they may not. */
static void test_start_as_another_user(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    const struct evo_process_user user = { .uid = 65534, .gid = 65533, .groups = { 65532 }, .ngroups = 1 };
    char shell[] = "sh", flag[] = "-c", script[] = "id -u; id -G";
    char *argv[] = { shell, flag, script, NULL };
    const struct evo_process_options o = { .argv = argv, .user = &user };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    int status = -1;
    enum evo_errc rc = evo_process_run(&o, NULL, &out, NULL, evo_deadline_in(10000), &status, &err);
    if (geteuid() == 0) {
        assert_int_equal(rc, EVO_OK);
        assert_string_equal(out.buf, "65534\n65533 65532\n");
    } else {
        assert_int_equal(rc, EVO_ERR_INTERNAL);
        assert_non_null(strstr(err.message, "not permitted"));
    }
}

/* The child of a child that is killed hears of it by the signal it was given. */
static void test_death_signal_comes_when_the_starter_ends(void **state)
{
    (void)state;
    int told[2];
    char byte = 0;
    assert_int_equal(pipe(told), 0);
    pid_t starter = fork();
    if (starter == 0) {
        char shell[] = "sh", flag[] = "-c",
             script[] = "trap 'printf q; exit' QUIT; printf r; while :; do sleep 0.05; done";
        char *argv[] = { shell, flag, script, NULL };
        const struct evo_process_options o = {
            .argv = argv, .in = EVO_FD_NULL, .out = told[1], .err = EVO_FD_INHERIT, .death_signal = SIGQUIT
        };
        struct evo_process p = EVO_PROCESS_INIT;
        if (evo_process_start(&p, &o, NULL))
            _exit(1);
        (void)close(told[1]);
        for (;;)
            (void)pause();
    }
    (void)close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(byte, 'r');
    assert_int_equal(kill(starter, SIGKILL), 0);
    assert_int_equal(waitpid(starter, NULL, 0), starter);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(byte, 'q');
    (void)close(told[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_collects_both_streams_and_the_status),
        cmocka_unit_test(test_run_reports_the_signal_that_ended_it),
        cmocka_unit_test(test_run_of_a_large_input_that_is_not_read_does_not_hang),
        cmocka_unit_test(test_start_of_a_missing_program_says_so),
        cmocka_unit_test(test_environment_is_replaced_added_and_removed),
        cmocka_unit_test(test_wait_past_the_deadline_is_a_timeout_and_release_ends_the_group),
        cmocka_unit_test(test_cancel_ends_a_wait_and_a_run_at_once),
        cmocka_unit_test(test_user_is_looked_up_by_name),
        cmocka_unit_test(test_start_as_another_user),
        cmocka_unit_test(test_death_signal_comes_when_the_starter_ends),
    };
    return cmocka_run_group_tests_name("base/process", tests, install, NULL);
}
