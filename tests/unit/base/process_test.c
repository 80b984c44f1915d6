#include "cmocka_all.h"

#include <signal.h>

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
    };
    return cmocka_run_group_tests_name("base/process", tests, install, NULL);
}
