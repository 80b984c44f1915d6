#include "cmocka_all.h"

#include <fcntl.h>
#include <pty.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "cli/terminal.h"
#include "json/json.h"

/* What a terminal writes to stderr, which is a file here, so that it is not interactive. */
struct capture {
    struct evo_terminal terminal;
    char path[32];
    int saved;
};

static void capture_begin(struct capture *c, const struct evo_shared *shared, const char *mode)
{
    (void)snprintf(c->path, sizeof(c->path), "/tmp/evo-terminal-XXXXXX");
    int fd = mkstemp(c->path);
    assert_true(fd >= 0);
    (void)fflush(stderr);
    c->saved = dup(STDERR_FILENO);
    assert_true(c->saved >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    (void)close(fd);
    evo_terminal_init(&c->terminal, shared);
    evo_terminal_set_progress(&c->terminal, mode);
}

static void capture_end(struct capture *c, struct evo_strbuf *out)
{
    struct evo_error err = EVO_ERROR_INIT;
    (void)fflush(stderr);
    assert_int_equal(dup2(c->saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(c->saved);
    assert_int_equal(evo_file_read(c->path, 1 << 20, out, &err), EVO_OK);
    assert_int_equal(unlink(c->path), 0);
}

/* A log line, an operation that is over at once, a warning and an error. */
static void say_all(struct evo_terminal *t)
{
    struct evo_progress p = { .what = "backup", .bytes_total = 100, .items_total = 2, .item = "tables" };
    struct evo_error error = EVO_ERROR_INIT;
    (void)evo_error_set(&error, EVO_ERR_STORE, "could not write \"a\"");
    (void)evo_error_detail(&error, "The disk is full.");
    (void)evo_error_hint(&error, "df -h");
    evo_info(&t->task, "begins");
    evo_task_progress(&t->task, &p);
    p.bytes = 100;
    p.items = 2;
    p.done = true;
    evo_task_progress(&t->task, &p);
    evo_warn(&t->task, "a \"quoted\"\nword");
    evo_terminal_finish(t);
    evo_terminal_error(t, "evo-backup", &error);
}

static void say(const struct evo_shared *shared, const char *mode, struct evo_strbuf *out)
{
    struct capture c;
    capture_begin(&c, shared, mode);
    say_all(&c.terminal);
    capture_end(&c, out);
}

#define ERROR_LINES "evo-backup: error: could not write \"a\"\ndetail: The disk is full.\nhint: df -h\n"

static void test_modes_show_what_they_promise(void **state)
{
    (void)state;
    static const struct {
        const char *mode;
        struct evo_shared shared;
        const char *text;
    } rows[] = {
        { "auto", { .quiet = false }, "begins\nwarning: a \"quoted\"\\nword\n" ERROR_LINES },
        { "none", { .quiet = false }, "begins\nwarning: a \"quoted\"\\nword\n" ERROR_LINES },
        { "plain",
          { .quiet = false },
          "begins\nbackup: 100 B, 2 of 2 tables, in 0 ms\nwarning: a \"quoted\"\\nword\n" ERROR_LINES },
        { "plain", { .no_progress = true }, "begins\nwarning: a \"quoted\"\\nword\n" ERROR_LINES },
        { "plain", { .quiet = true }, ERROR_LINES },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        say(&rows[i].shared, rows[i].mode, &out);
        /* However long the machine took. */
        char *in = strstr(out.buf, ", in ");
        size_t digits = in ? strspn(in + 5, "0123456789") : 0;
        if (digits > 1)
            memmove(in + 6, in + 5 + digits, strlen(in + 5 + digits) + 1);
        if (digits)
            in[5] = '0';
        assert_string_equal(out.buf, rows[i].text);
    }
}

static void test_json_makes_every_line_an_event(void **state)
{
    (void)state;
    static const char *const events[] = { "log", "begin", "end", "log", "error" };
    const struct evo_shared shared = { .quiet = false };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    say(&shared, "json", &out);
    size_t n = 0;
    for (char *line = out.buf; *line; n++) {
        size_t len = strcspn(line, "\n");
        struct evo_json *event = NULL;
        assert_int_equal(line[len], '\n');
        assert_int_equal(evo_json_parse(line, len, "event", EVO_ERR_INTERNAL, &event, &err), EVO_OK);
        assert_true(n < EVO_COUNT(events));
        assert_string_equal(evo_json_get_string(event, "event", ""), events[n]);
        assert_non_null(strchr(evo_json_get_string(event, "at", ""), 'Z'));
        if (n == 2)
            assert_int_equal(evo_json_get_int(event, "bytes", 0), 100);
        if (n == 3)
            assert_string_equal(evo_json_get_string(event, "message", ""), "a \"quoted\"\nword");
        if (n == 4)
            assert_string_equal(evo_json_string(evo_json_pointer(event, "/error/hint"), ""), "df -h");
        evo_json_free(event);
        line += len + 1;
    }
    assert_int_equal(n, EVO_COUNT(events));
}

static void test_json_with_quiet_is_the_error_alone(void **state)
{
    (void)state;
    const struct evo_shared shared = { .quiet = true };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    say(&shared, "json", &out);
    assert_int_equal(strncmp(out.buf, "{\"event\":\"error\",", 17), 0);
    assert_ptr_equal(strchr(out.buf, '\n'), out.buf + out.len - 1);
}

static void test_an_operation_without_an_end_ends_with_the_next(void **state)
{
    (void)state;
    const struct evo_shared shared = { .quiet = false };
    struct evo_progress copy = { .what = "copy", .items = 1 };
    struct evo_progress index = { .what = "index", .items = 2 };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    struct capture c;
    capture_begin(&c, &shared, "plain");
    evo_task_progress(&c.terminal.task, &copy);
    evo_task_progress(&c.terminal.task, &index);
    evo_terminal_finish(&c.terminal);
    evo_terminal_finish(&c.terminal);
    capture_end(&c, &out);
    char *in = strstr(out.buf, "copy: 1 done, in ");
    assert_ptr_equal(in, out.buf);
    assert_non_null(strstr(out.buf, "\nindex: 2 done, in "));
    assert_null(strstr(strstr(out.buf, "index") + 1, "index"));
}

static void test_no_mode_shows_a_secret(void **state)
{
    (void)state;
    static const char *const modes[] = { "auto", "json", "plain" };
    const struct evo_shared shared = { .quiet = false };
    struct evo_progress p = { .what = "backup", .current = "hunter2-\"secret\"" };
    evo_redact_add("hunter2-\"secret\"");
    for (size_t i = 0; i < EVO_COUNT(modes); i++) {
        EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
        struct capture c;
        capture_begin(&c, &shared, modes[i]);
        evo_task_progress(&c.terminal.task, &p);
        evo_info(&c.terminal.task, "it is hunter2-\"secret\"");
        evo_terminal_finish(&c.terminal);
        capture_end(&c, &out);
        assert_null(strstr(out.buf, "hunter2"));
        assert_non_null(strstr(out.buf, "it is ***"));
    }
    evo_redact_forget();
}

static void test_of_what_is_over_at_once_no_bar_stays(void **state)
{
    (void)state;
    const struct evo_shared shared = { .quiet = false };
    struct evo_progress p = { .what = "backup", .items_total = 1 };
    struct evo_terminal t;
    char out[1024] = "";
    int ours = -1;
    int theirs = -1;
    assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &(struct winsize){ .ws_col = 40, .ws_row = 24 }), 0);
    assert_int_equal(unsetenv("CI") || unsetenv("COLUMNS") || setenv("TERM", "xterm", 1), 0);
    int saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(theirs, STDERR_FILENO), STDERR_FILENO);
    evo_terminal_init(&t, &shared);
    int64_t began = evo_clock_ms();
    evo_task_progress(&t.task, &p);
    p.items = 1;
    p.done = true;
    evo_task_progress(&t.task, &p);
    int64_t elapsed = evo_clock_ms() - began;
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved);
    (void)close(theirs);
    /* To the end, which is an error (EIO) of a terminal whose other side is closed. */
    size_t len = 0;
    for (ssize_t n = 0; (n = read(ours, out + len, sizeof(out) - 1 - len)) > 0; len += (size_t)n)
        continue;
    (void)close(ours);
    assert_ptr_equal(strstr(out, "\rbackup [>         ]    0%  0 of 1 done\033[K"), out);
    /* On a machine that is very slow it was not over at once. */
    const char *end = elapsed < 500 ? "\r\033[K" : "\033[K\r\n";
    assert_true(evo_ends_with(out, end));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_show_what_they_promise),
        cmocka_unit_test(test_json_makes_every_line_an_event),
        cmocka_unit_test(test_json_with_quiet_is_the_error_alone),
        cmocka_unit_test(test_an_operation_without_an_end_ends_with_the_next),
        cmocka_unit_test(test_no_mode_shows_a_secret),
        cmocka_unit_test(test_of_what_is_over_at_once_no_bar_stays),
    };
    return cmocka_run_group_tests_name("cli/terminal", tests, NULL, NULL);
}
