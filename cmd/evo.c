/*
 * evo NAME …: runs evo-NAME …, as git does.
 *
 * The sibling is looked for beside this program, never on PATH, and must report the same version: half of an
 * upgrade must not run against a database. Exit status: the sibling's; 2 where there is none.
 */
#include <dirent.h>
#include <errno.h>

#include "base/file.h"
#include "base/nearest.h"
#include "base/process.h"

static int fail(const char *message, const char *hint)
{
    fprintf(stderr, "evo: error: %s\nhint: %s\n", message, hint);
    return evo_errc_exit(EVO_ERR_USAGE);
}

/* The names of the siblings that are there. */
static void list_siblings(const char *dir, struct evo_strvec *ret)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    if (evo_dir_list(dir, &names, NULL))
        return;
    for (size_t i = 0; i < names.count; i++)
        if (evo_starts_with(names.items[i], "evo-"))
            evo_strvec_push(ret, names.items[i] + strlen("evo-"));
}

/* What a sibling says of itself in the first line of its --help: "evo-status: <summary>". */
static char *summary_of(const char *dir, const char *name)
{
    EVO_AUTO_STR path = evo_asprintf("%s/evo-%s", dir, name);
    char option[] = "--help";
    char *argv[] = { path, option, NULL };
    struct evo_process_options o = { .argv = argv };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT_MAX(65536);
    int status = 0;
    if (evo_process_run(&o, NULL, &out, NULL, evo_deadline_in(5000), &status, NULL) || status)
        return evo_strdup("");
    evo_strbuf_truncate(&out, strcspn(out.buf, "\n"));
    const char *colon = strstr(out.buf, ": ");
    return evo_strdup(colon ? colon + 2 : "");
}

static int help(const char *dir)
{
    printf("evo: takes a PostgreSQL database safely from one schema to the next\n\n"
           "usage: evo COMMAND [OPTION…]\n\nCommands:\n");
    EVO_AUTO(strvec) siblings = EVO_STRVEC_INIT;
    list_siblings(dir, &siblings);
    for (size_t i = 0; i < siblings.count; i++) {
        EVO_AUTO_STR summary = summary_of(dir, siblings.items[i]);
        printf("  %-10s %s\n", siblings.items[i], summary);
    }
    printf("\nevo COMMAND --help says more of each. Start with: evo status\n");
    return 0;
}

/* "evo-status 1.0.0": the version must be ours. */
static int check_version(char *path, const char *name)
{
    char version[] = "--version";
    char *argv[] = { path, version, NULL };
    struct evo_process_options o = { .argv = argv };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT_MAX(4096);
    struct evo_error err = EVO_ERROR_INIT;
    int status = 0;
    EVO_AUTO_STR expected = evo_asprintf("evo-%s %s", name, EVO_VERSION);
    enum evo_errc rc = evo_process_run(&o, NULL, &out, NULL, evo_deadline_in(10000), &status, &err);
    evo_strbuf_trim(&out);
    if (!rc && status == 0 && strcmp(out.buf, expected) == 0)
        return 0;
    EVO_AUTO_STR message = rc ? evo_strdup(err.message)
                              : evo_asprintf("\"%s\" says it is \"%s\", not \"%s\"", path, out.buf, expected);
    return fail(message, "Install all of evo's executables from one release.");
}

int main(int argc, char **argv)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR dir = NULL;
    if (evo_process_self_dir(&dir, &err))
        return fail(err.message, "Run evo-NAME directly.");
    if (argc < 2)
        return fail("no command given", "evo --help lists the commands.");
    const char *name = argv[1];
    if (evo_streq(name, "help") && argc > 2) {
        /* "evo help migrate": what that one says. */
        static char option[] = "--help";
        argv[1] = argv[2];
        argv[2] = option;
        name = argv[1];
    }
    if (evo_streq(name, "--help") || evo_streq(name, "-h") || evo_streq(name, "help"))
        return help(dir);
    if (evo_streq(name, "--version") || evo_streq(name, "-V")) {
        printf("evo %s\n", EVO_VERSION);
        return 0;
    }
    EVO_AUTO_STR path = evo_asprintf("%s/evo-%s", dir, name);
    if (name[0] == '-' || strchr(name, '/') || access(path, X_OK) != 0) {
        EVO_AUTO(strvec) siblings = EVO_STRVEC_INIT;
        list_siblings(dir, &siblings);
        const char *nearest = evo_nearest(name, (const char *const *)siblings.items, siblings.count);
        EVO_AUTO_STR message = evo_asprintf("unknown command \"%.100s\"", name);
        EVO_AUTO_STR hint = nearest ? evo_asprintf("Did you mean \"evo %s\"?", nearest)
                                    : evo_strdup("evo --help lists the commands.");
        return fail(message, hint);
    }
    int status = check_version(path, name);
    if (status)
        return status;
    argv[1] = path;
    (void)execv(path, argv + 1);
    EVO_AUTO_STR message = evo_asprintf("could not run \"%s\": %s", path, strerror(errno));
    return fail(message, "Check the file's permissions.");
}
