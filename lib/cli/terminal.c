#include "cli/terminal.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/secret.h"

bool evo_terminal_is_interactive(int fd)
{
    const char *ci = getenv("CI"), *term = getenv("TERM");
    return !(ci && *ci) && term && *term && strcmp(term, "dumb") != 0 && isatty(fd);
}

static void emit(struct evo_terminal *t, const char *text)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (t->drawn)
        evo_strbuf_adds(&out, "\r\033[K");
    t->drawn = false;
    evo_redact(&out, text);
    (void)fwrite(out.buf, 1, out.len, stderr);
    (void)fflush(stderr);
}

static void log_line(void *ctx, enum evo_level level, const char *message)
{
    static const char *const prefix[] = { "debug: ", "", "", "warning: " };
    struct evo_terminal *t = ctx;
    if (level < t->least || t->errors_only)
        return;
    const char *start = "", *end = "";
    if (t->color && level == EVO_LOG_WARN) {
        start = "\033[33m";
        end = "\033[0m";
    }
    EVO_AUTO_STR line = evo_asprintf("%s%s%s%s\n", start, prefix[level], end, message);
    (void)pthread_mutex_lock(&t->mutex);
    emit(t, line);
    (void)pthread_mutex_unlock(&t->mutex);
}

/* "backup: 312.4 MiB of 1.1 GiB, 48.2 MiB/s, 12 of 40 tables, 16 s left". */
static void format_progress(const struct evo_terminal *t, const struct evo_progress *p, int64_t now,
                            struct evo_strbuf *out)
{
    char human[EVO_HUMAN_MAX];
    int64_t elapsed = now - t->began_at;
    evo_strbuf_addf(out, "%s:", p->what);
    if (p->bytes || p->bytes_total) {
        evo_strbuf_addf(out, " %s", evo_format_size(p->bytes, human));
        if (p->bytes_total)
            evo_strbuf_addf(out, " of %s", evo_format_size(p->bytes_total, human));
        if (elapsed >= 1000)
            evo_strbuf_addf(out, ", %s/s", evo_format_size(p->bytes * 1000 / (uint64_t)elapsed, human));
    }
    if (p->items_total || p->items) {
        evo_strbuf_addf(out, "%s %" PRIu64, p->bytes || p->bytes_total ? "," : "", p->items);
        if (p->items_total)
            evo_strbuf_addf(out, " of %" PRIu64, p->items_total);
        evo_strbuf_addf(out, " %s", p->item ? p->item : "done");
    }
    if (elapsed >= 2000 && p->bytes && p->bytes_total > p->bytes) {
        double left = (double)elapsed * ((double)p->bytes_total / (double)p->bytes - 1);
        evo_strbuf_addf(out, ", about %s left", evo_format_duration((int64_t)left, human));
    }
    if (p->current)
        evo_strbuf_addf(out, " (%s)", p->current);
}

enum { REDRAW_MS = 100, LINE_MS = 5000 };

static void show_progress(void *ctx, const struct evo_progress *p)
{
    struct evo_terminal *t = ctx;
    if (!t->show_progress || t->errors_only)
        return;
    (void)pthread_mutex_lock(&t->mutex);
    int64_t now = evo_clock_ms();
    if (!evo_streq(t->drawn_what, p->what)) {
        t->drawn_what = p->what;
        t->began_at = now;
        t->progress_at = t->interactive ? 0 : now;
    }
    if (now - t->progress_at >= (t->interactive ? REDRAW_MS : LINE_MS)) {
        t->progress_at = now;
        EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
        format_progress(t, p, now, &line);
        if (!t->interactive)
            evo_strbuf_addch(&line, '\n');
        emit(t, line.buf);
        t->drawn = t->interactive;
    }
    (void)pthread_mutex_unlock(&t->mutex);
}

void evo_terminal_init(struct evo_terminal *t, const struct evo_shared *shared)
{
    const char *no_color = getenv("NO_COLOR");
    *t = (struct evo_terminal){ .least = EVO_LOG_INFO };
    (void)pthread_mutex_init(&t->mutex, NULL);
    if (shared->verbose || evo_streq(shared->log, "debug"))
        t->least = EVO_LOG_DEBUG;
    else if (evo_streq(shared->log, "warn"))
        t->least = EVO_LOG_WARN;
    t->errors_only = shared->quiet || evo_streq(shared->log, "error");
    t->interactive = evo_terminal_is_interactive(STDERR_FILENO);
    t->color = t->interactive && !shared->no_color && !(no_color && *no_color);
    t->show_progress = !shared->no_progress;
    t->task = (struct evo_task){ .ctx = t, .log = log_line, .progress = show_progress };
}

void evo_terminal_finish(struct evo_terminal *t)
{
    (void)pthread_mutex_lock(&t->mutex);
    if (t->drawn)
        emit(t, "");
    (void)pthread_mutex_unlock(&t->mutex);
}

/* Detail may have several lines: each keeps the label, so that a grep finds all of it. */
static void add_labelled(struct evo_strbuf *out, const char *label, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        evo_strbuf_addf(out, "%s: %.*s\n", label, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

void evo_terminal_error(struct evo_terminal *t, const char *program, const struct evo_error *e)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    const char *red = t->color ? "\033[31m" : "", *reset = t->color ? "\033[0m" : "";
    evo_strbuf_addf(&out, "%s: %serror:%s %s\n", program, red, reset, e->message);
    if (e->file[0] && e->line)
        evo_strbuf_addf(&out, "where: %s:%d", e->file, e->line);
    else if (e->file[0])
        evo_strbuf_addf(&out, "where: %s", e->file);
    if (e->file[0] && e->line && e->column)
        evo_strbuf_addf(&out, ":%d", e->column);
    if (e->file[0])
        evo_strbuf_addch(&out, '\n');
    add_labelled(&out, "detail", e->detail);
    if (e->schema_clean != EVO_UNKNOWN)
        evo_strbuf_addf(&out, "schema: %s\n",
                        e->schema_clean == EVO_YES
                            ? "clean: no migration is half applied"
                            : "not clean: a migration is half applied, read the detail");
    add_labelled(&out, "hint", e->hint);
    add_labelled(&out, "next", e->next);
    (void)pthread_mutex_lock(&t->mutex);
    emit(t, out.buf);
    (void)pthread_mutex_unlock(&t->mutex);
}
