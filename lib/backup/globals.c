#include "backup/globals.h"

#include "base/process.h"
#include "pg/tools.h"

static enum evo_errc failed(char *said, struct evo_error *err)
{
    static const char head[] = "pg_dumpall: ";
    enum evo_errc code = strstr(said, "permission denied") ? EVO_ERR_PERMISSION : EVO_ERR_DATABASE;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    char *rest = NULL;
    for (char *line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        evo_strbuf_addf(&text, "%s%s", text.len ? " " : "",
                        evo_starts_with(line, head) ? line + strlen(head) : line);
    evo_error_set(err, code, "pg_dumpall could not read the roles of the server");
    if (text.len)
        evo_error_detail(err, "pg_dumpall said: %s", text.buf);
    return code;
}

enum evo_errc evo_globals_dump(const struct evo_conninfo *info, int major, struct evo_strbuf *out,
                               struct evo_error *err)
{
    EVO_AUTO_STR path = NULL;
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) env = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) said = EVO_STRBUF_INIT_MAX((size_t)64 << 10);
    int found = 0, status = 0;
    enum evo_errc rc = evo_pg_tool_find("pg_dumpall", major, &path, &found, err);
    if (rc)
        return rc;
    evo_strvec_push(&argv, path);
    evo_strvec_push(&argv, "--globals-only");
    evo_strvec_push(&argv, "--no-role-passwords");
    evo_strvec_push(&argv, "--no-password");
    /* It would look for a database "postgres", which the role may not enter. */
    evo_strvec_pushf(&argv, "--database=%s", info->database);
    evo_conninfo_environment(info, &env);
    evo_strvec_push(&env, "LC_ALL=C");
    struct evo_process_options o = {
        .argv = argv.items, .env = &env, .in = EVO_FD_NULL, .out = EVO_FD_PIPE, .err = EVO_FD_PIPE
    };
    rc = evo_process_run(&o, NULL, out, &said, EVO_DEADLINE_NEVER, &status, err);
    evo_conninfo_environment_wipe(&env);
    if (!rc && status)
        rc = failed(said.buf, err);
    return rc;
}
