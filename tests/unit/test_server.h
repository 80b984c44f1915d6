/*
 * test_server.h - a server of tests/lib/ as a child of a unit test.
 *
 * The script prints its port and ends when its standard input does, so it cannot outlive the test, however that ends.
 */
#ifndef EVO_TEST_SERVER_H
#define EVO_TEST_SERVER_H

#include "base/file.h"
#include "base/process.h"

struct test_server {
    struct evo_process process;
    char base[64]; /* "http://127.0.0.1:12345" */
    char port[8];
};

/* A file of the source tree: looked for upwards from the test's own folder, which is under build/. */
static inline char *test_source_file(const char *path)
{
    char *dir = NULL;
    assert_int_equal(evo_process_self_dir(&dir, NULL), EVO_OK);
    for (int up = 0; up < 8; up++) {
        char *file = evo_path_join(dir, path);
        char *parent = evo_path_dir(dir);
        free(dir);
        dir = parent;
        if (evo_is_file(file)) {
            free(dir);
            return file;
        }
        free(file);
    }
    free(dir);
    fail_msg("%s not found above the test", path);
    return NULL;
}

/* args: NULL-terminated, behind the script's name; may be NULL. */
static inline void test_server_start(struct test_server *s, const char *script, const char *const *args)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    (void)evo_strvec_push(&argv, "python3");
    evo_strvec_push_owned(&argv, test_source_file(script));
    while (args && *args)
        (void)evo_strvec_push(&argv, *args++);
    struct evo_process_options o = {
        .argv = argv.items, .in = EVO_FD_PIPE, .out = EVO_FD_PIPE, .err = EVO_FD_INHERIT
    };
    struct evo_error err = EVO_ERROR_INIT;
    s->process = (struct evo_process)EVO_PROCESS_INIT;
    if (evo_process_start(&s->process, &o, &err))
        fail_msg("%s", err.message);
    size_t n = 0;
    while (n < sizeof(s->port) - 1 && read(s->process.out, s->port + n, 1) == 1 && s->port[n] != '\n')
        n++;
    s->port[n] = '\0';
    if (!n)
        fail_msg("%s did not start", script);
    const char *scheme = args && args[-1] && argv.count > 2 ? "https" : "http";
    (void)snprintf(s->base, sizeof(s->base), "%s://127.0.0.1:%s", scheme, s->port);
}

static inline void test_server_stop(struct test_server *s)
{
    evo_process_release(&s->process);
}

#endif
