#include "pg/tools.h"

#include <limits.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"

/* Where packages put the programs of one major version: the number stands between the two. */
static const struct {
    const char *folder, *before, *after;
} places[] = {
    { "/usr/lib/postgresql", "", "/bin" }, /* Debian, Ubuntu */
    { "/usr", "pgsql-", "/bin" }, /* the PostgreSQL project's RPMs */
};

#define VERSION_TIMEOUT_MS 10000

/* The number that text begins with, up to `end`; 0 for none. */
static int leading_number(const char *text, char end)
{
    size_t n = strspn(text, "0123456789");
    uint64_t value;
    if (n == 0 || n > 3 || (end && text[n] != end) || !evo_parse_digits(text, n, &value))
        return 0;
    return (int)value;
}

int evo_pg_tool_major_of_path(const char *path)
{
    static const char *const marks[] = { "/postgresql/", "/pgsql-" };
    for (size_t i = 0; i < EVO_COUNT(marks); i++) {
        const char *at = strstr(path, marks[i]);
        int major = at ? leading_number(at + strlen(marks[i]), '/') : 0;
        if (major > 0)
            return major;
    }
    return 0;
}

int evo_pg_tool_major_of_text(const char *version_line)
{
    static const char mark[] = "(PostgreSQL) ";
    const char *at = strstr(version_line, mark);
    return at ? leading_number(at + strlen(mark), '\0') : 0;
}

static int major_of(const char *path)
{
    char real[PATH_MAX];
    int major = realpath(path, real) ? evo_pg_tool_major_of_path(real) : 0;
    if (major > 0)
        return major;
    char *const argv[] = { (char *)path, (char *)"--version", NULL };
    const struct evo_process_options options = { .argv = argv };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT_MAX(4096);
    int status = -1;
    if (evo_process_run(&options, NULL, &out, NULL, evo_deadline_in(VERSION_TIMEOUT_MS), &status, NULL) ||
        status != 0)
        return 0;
    return evo_pg_tool_major_of_text(out.buf);
}

static bool is_program(const char *path)
{
    return evo_is_file(path) && access(path, X_OK) == 0;
}

/* ---- candidates --------------------------------------------------------------- */

struct search {
    const char *name;
    int wanted;
    char *best; /* the smallest that is new enough */
    int best_major;
    struct evo_strbuf found; /* what was too old, for the message */
};

static void search_release(struct search *s)
{
    free(s->best);
    evo_strbuf_release(&s->found);
}

/* Takes path over. */
static void consider(struct search *s, char *path, int major)
{
    if (major >= s->wanted && (!s->best || major < s->best_major)) {
        free(s->best);
        s->best = path;
        s->best_major = major;
        return;
    }
    if (major < s->wanted)
        evo_strbuf_addf(&s->found, "%s%d (\"%s\")", s->found.len ? ", " : "", major, path);
    free(path);
}

static void look_into(struct search *s, const char *folder)
{
    char *path = evo_path_join(folder, s->name);
    int major = is_program(path) ? major_of(path) : 0;
    if (major > 0)
        consider(s, path, major);
    else
        free(path);
}

static void look_into_packages(struct search *s)
{
    for (size_t i = 0; i < EVO_COUNT(places); i++) {
        EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
        if (evo_dir_list(places[i].folder, &names, NULL))
            continue;
        for (size_t k = 0; k < names.count; k++) {
            if (!evo_starts_with(names.items[k], places[i].before) ||
                leading_number(names.items[k] + strlen(places[i].before), '\0') == 0)
                continue;
            EVO_AUTO_STR folder = evo_asprintf("%s/%s%s", places[i].folder, names.items[k], places[i].after);
            look_into(s, folder);
        }
    }
}

static void look_along_path(struct search *s)
{
    const char *path = getenv("PATH");
    while (path && *path && !s->best) {
        size_t n = strcspn(path, ":");
        EVO_AUTO_STR folder = evo_strndup(path, n);
        if (folder[0] == '/') /* a relative one depends on where evo was started */
            look_into(s, folder);
        path += n + (path[n] == ':');
    }
}

/* The package of the programs that make and run a server is another one. */
static enum evo_errc name_package(const struct search *s, struct evo_error *err)
{
    bool server = evo_streq(s->name, "postgres") || evo_streq(s->name, "initdb");
    return evo_is_file("/etc/redhat-release")
               ? evo_error_hint(err, "dnf install postgresql%d%s", s->wanted, server ? "-server" : "")
               : evo_error_hint(err, "apt-get install postgresql-%s%d", server ? "" : "client-", s->wanted);
}

static enum evo_errc not_found(const struct search *s, const char *bindir, struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_UNSUPPORTED, "no \"%s\" of PostgreSQL %d or newer was found", s->name,
                        s->wanted);
    if (s->found.len)
        (void)evo_error_detail(err, "Found: %s.", s->found.buf);
    else if (bindir)
        (void)evo_error_detail(err, "EVO_PG_BINDIR is \"%s\".", bindir);
    if (bindir)
        return evo_error_hint(err, "Set EVO_PG_BINDIR to a folder that holds it, or unset it");
    return name_package(s, err);
}

enum evo_errc evo_pg_tool_find(const char *name, int major, char **ret_path, int *ret_major,
                               struct evo_error *err)
{
    __attribute__((cleanup(search_release))) struct search s = { .name = name,
                                                                 .wanted = major,
                                                                 .found = EVO_STRBUF_INIT };
    const char *bindir = getenv("EVO_PG_BINDIR");
    if (bindir && !*bindir)
        bindir = NULL;
    if (bindir) {
        look_into(&s, bindir);
    } else {
        look_into_packages(&s);
        if (!s.best)
            look_along_path(&s);
    }
    if (!s.best)
        return not_found(&s, bindir, err);
    *ret_path = s.best;
    *ret_major = s.best_major;
    s.best = NULL;
    return EVO_OK;
}
