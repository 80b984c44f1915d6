/*
 * evo-locks show: one look.
 */
#include "evo-locks/commands.h"

#include "cli/connect.h"
#include "locks/report.h"

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    (void)opts;
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO(locks_report) report = { 0 };
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    const struct evo_progress_list none = { 0 };
    evo_locks_json(&report, cmd->data);
    enum evo_errc rc = evo_cmd_conninfo(cmd, &info, err);
    if (!rc)
        rc = evo_cmd_connect(cmd, &info, &pg, err);
    if (!rc)
        rc = evo_locks_report_look(pg, &report, err);
    if (rc)
        return rc;
    evo_progress_compare(&none, 0, &report.progress);
    evo_locks_json(&report, cmd->data);
    evo_locks_text(&report, evo_style(cmd, EVO_STYLE_BOLD), evo_style(cmd, EVO_STYLE_RESET), &text);
    evo_print(cmd, "%s", text.buf);
    return EVO_OK;
}

const struct evo_command evo_command_show = {
    .name = "show",
    .summary = "who waits for whom now, and what is in progress",
    .description =
        "Reads only. Whoever waits for nobody and keeps others waiting stands first, and below it those who\n"
        "wait for it, with the relation, the modes and for how long. Then the advisory locks that are held,\n"
        "by name where it is known, and how far index builds, vacuums, rewrites, COPYs, ANALYZEs and base\n"
        "backups are. Queries are shortened, and hidden where they speak of a password. Of other roles'\n"
        "sessions a role sees the queries only as a member of pg_read_all_stats.",
    .examples = "evo locks show\n"
                "evo locks show --json | jq '.data.waits[] | {blocked_pid, blocking_pid, relation}'",
    .run = run,
};
