/*
 * evo-locks watch: look again and again: on a terminal the picture is drawn anew, elsewhere each change is a line.
 */
#include "evo-locks/commands.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "cli/connect.h"
#include "cli/terminal.h"
#include "locks/report.h"

/* Of the envelope: a watch may last for days. */
#define CHANGES_MAX  1000
#define ROWS_DEFAULT 24

struct options {
    int64_t interval_ms, for_ms;
};

static const struct evo_option options[] = {
    { "interval", EVO_OPT_DURATION, offsetof(struct options, interval_ms), .value = "DURATION",
      .fallback = "1s", .help = "between two looks" },
    { "for", EVO_OPT_DURATION, offsetof(struct options, for_ms), .value = "DURATION", .fallback = "0",
      .help = "end after this long; 0: at Ctrl-C" },
};

struct watch {
    struct evo_cmd *cmd;
    bool draws; /* on a terminal */
    struct evo_locks_report last;
    struct evo_json *changes; /* of data */
    int64_t looks, dropped;
    int64_t waits_max;
};

/* The lines that fit on the terminal; what is too wide is not wrapped by it. */
static void draw(const struct watch *w, const char *text)
{
    struct winsize size = { 0 };
    size_t rows =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ? size.ws_row : ROWS_DEFAULT;
    char at[EVO_TIME_MAX];
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_strbuf_addf(&out, "\033[?7l\033[H%s%s  (Ctrl-C ends)%s\033[K\n", evo_style(w->cmd, EVO_STYLE_DIM),
                    evo_format_time(evo_wall_ms(), at), evo_style(w->cmd, EVO_STYLE_RESET));
    size_t row = 2; /* the last one stays free */
    while (*text && row < rows - 1) {
        size_t n = strcspn(text, "\n");
        evo_strbuf_addf(&out, "%.*s\033[K\n", (int)n, text);
        text += n + (text[n] == '\n');
        row++;
    }
    evo_strbuf_addf(&out, "%s\033[K\033[J\033[?7h", *text ? "…" : "");
    evo_print(w->cmd, "%s", out.buf);
}

static void note(struct watch *w, const char *line)
{
    char at[EVO_TIME_MAX];
    struct evo_json *o = evo_json_object();
    int64_t now = evo_wall_ms();
    evo_json_set_time(o, "at", now);
    evo_json_set_string(o, "change", line);
    if (evo_json_count(w->changes) < CHANGES_MAX) {
        evo_json_append(w->changes, o);
    } else {
        evo_json_free(o);
        w->dropped++;
    }
    if (!w->draws)
        evo_print(w->cmd, "%s  %s\n", evo_format_time(now, at), line);
}

static enum evo_errc look(struct watch *w, struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO(locks_report) now = { 0 };
    EVO_AUTO(strvec) lines = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    enum evo_errc rc = evo_locks_report_look(pg, &now, err);
    if (rc)
        return rc;
    evo_progress_compare(&w->last.progress, evo_clock_ms(), &now.progress);
    evo_locks_changes(&w->last, &now, &lines);
    for (size_t i = 0; i < lines.count; i++)
        note(w, lines.items[i]);
    if (w->draws) {
        evo_locks_text(&now, evo_style(w->cmd, EVO_STYLE_BOLD), evo_style(w->cmd, EVO_STYLE_RESET), &text);
        draw(w, text.buf);
    }
    w->looks++;
    if ((int64_t)now.view.nwaits > w->waits_max)
        w->waits_max = (int64_t)now.view.nwaits;
    evo_locks_report_release(&w->last);
    w->last = now;
    now = (struct evo_locks_report){ 0 };
    (void)fflush(stdout); /* whoever reads the lines gets them as they come */
    return EVO_OK;
}

static enum evo_errc look_on(struct watch *w, const struct options *o, struct evo_pg *pg,
                             struct evo_error *err)
{
    struct evo_deadline deadline = o->for_ms > 0 ? evo_deadline_in(o->for_ms) : EVO_DEADLINE_NEVER;
    for (;;) {
        enum evo_errc rc = look(w, pg, err);
        if (rc || evo_deadline_passed(deadline))
            return rc;
        int left = evo_deadline_left(deadline);
        rc = evo_cancel_sleep(left >= 0 && left < o->interval_ms ? left : o->interval_ms, err);
        if (rc)
            return rc;
    }
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO_PTR(pg) pg = NULL;
    struct watch w = { .cmd = cmd,
                       .draws = !cmd->shared->json && evo_terminal_is_interactive(STDOUT_FILENO),
                       .changes = evo_json_array() };
    evo_json_set(cmd->data, "changes", w.changes);
    if (o->interval_ms < 50)
        return evo_error_set(err, EVO_ERR_USAGE, "--interval is 50ms or more");
    enum evo_errc rc = evo_cmd_conninfo(cmd, &info, err);
    if (!rc)
        rc = evo_cmd_connect(cmd, &info, &pg, err);
    if (!rc && w.draws)
        evo_print(cmd, "\033[H\033[2J");
    if (!rc)
        rc = look_on(&w, o, pg, err);
    if (w.draws && w.looks)
        evo_print(cmd, "\n");
    evo_locks_json(&w.last, cmd->data);
    evo_json_set_int(cmd->data, "looks", w.looks);
    evo_json_set_int(cmd->data, "waits_max", w.waits_max);
    evo_json_set_int(cmd->data, "changes_dropped", w.dropped);
    evo_locks_report_release(&w.last);
    return rc;
}

const struct evo_command evo_command_watch = {
    .name = "watch",
    .summary = "the same again and again",
    .description =
        "On a terminal the picture of show is drawn anew each --interval. Elsewhere each change is a\n"
        "line: who waits and for whom, who waits no more, how far a command is. With --json there is one\n"
        "envelope at the end, with the last look and the changes (the first 1000 of them).",
    .examples = "evo locks watch\n"
                "evo locks watch --for 10min --interval 500ms > locks.log",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
