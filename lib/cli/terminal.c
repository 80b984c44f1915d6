#include "cli/terminal.h"

#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/secret.h"
#include "result/envelope.h"

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

/* Names come from databases, where they may hold anything: a line end and "::" behind it would be a command to a CI
 * runner, an escape sequence one to the terminal. */
static void add_harmless(struct evo_strbuf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\n')
            evo_strbuf_adds(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            evo_strbuf_addf(out, "\\x%02x", c);
        else
            evo_strbuf_addch(out, *text);
    }
}

static void emit_json(struct evo_terminal *t, struct evo_json *event)
{
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    evo_json_format(event, EVO_JSON_COMPACT, &line);
    evo_strbuf_addch(&line, '\n');
    emit(t, line.buf);
    evo_json_free(event);
}

static void log_event(struct evo_terminal *t, enum evo_level level, const char *message)
{
    static const char *const name[] = { "debug", "info", "notice", "warning" };
    struct evo_json *event = evo_json_object();
    evo_json_set_string(event, "event", "log");
    evo_json_set_time(event, "at", evo_wall_ms());
    evo_json_set_string(event, "level", name[level]);
    evo_json_set_string(event, "message", message);
    (void)pthread_mutex_lock(&t->mutex);
    emit_json(t, event);
    (void)pthread_mutex_unlock(&t->mutex);
}

static void log_line(void *ctx, enum evo_level level, const char *message)
{
    static const char *const prefix[] = { "debug: ", "", "", "warning: " };
    struct evo_terminal *t = ctx;
    if (level < t->least || t->errors_only)
        return;
    if (t->mode == EVO_PROGRESS_JSON) {
        log_event(t, level, message);
        return;
    }
    const char *start = "", *end = "";
    if (t->color && level == EVO_LOG_WARN) {
        start = "\033[33m";
        end = "\033[0m";
    }
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    evo_strbuf_addf(&line, "%s%s%s", start, prefix[level], end);
    add_harmless(&line, message);
    evo_strbuf_addch(&line, '\n');
    (void)pthread_mutex_lock(&t->mutex);
    emit(t, line.buf);
    (void)pthread_mutex_unlock(&t->mutex);
}

/* ---- progress: with the mutex held ------------------------------------------ */

enum {
    BAR_KEPT_MS = 500, /* of what is over sooner, nothing stays on the terminal */
    BAR_MS = 100,
    EVENT_MS = 1000,
    LINE_MS = 5000,
    COLUMNS_DEFAULT = 80
};

/* Of the bar. The last column stays free: a terminal may wrap once it is written. */
static size_t bar_columns(void)
{
    int64_t columns = 0;
    struct winsize size = { 0 };
    const char *told = getenv("COLUMNS");
    if (!told || !evo_parse_int64(told, 1, 10000, &columns))
        columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    if (columns <= 0)
        columns = COLUMNS_DEFAULT;
    return (size_t)columns - 1;
}

static void draw_bar(struct evo_terminal *t)
{
    EVO_AUTO(strbuf) bar = EVO_STRBUF_INIT;
    evo_strbuf_adds(&bar, "\r");
    evo_meter_bar(&t->meter, bar_columns(), &bar);
    evo_strbuf_adds(&bar, "\033[K");
    t->drawn = false; /* written over, not erased: that would flicker */
    emit(t, bar.buf);
    t->drawn = true;
}

static bool has_bar(const struct evo_terminal *t)
{
    return t->mode == EVO_PROGRESS_AUTO && t->interactive;
}

static void tell(struct evo_terminal *t, const char *event)
{
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    bool over = strcmp(event, "end") == 0;
    t->told = true;
    t->told_at = t->meter.seen_at;
    if (t->mode == EVO_PROGRESS_JSON) {
        emit_json(t, evo_meter_event(&t->meter, event, evo_wall_ms()));
        return;
    }
    if (has_bar(t)) {
        draw_bar(t);
        if (!over)
            return;
        t->drawn = false;
        evo_strbuf_addch(&line, '\n');
    } else if (over) {
        evo_meter_last_line(&t->meter, &line);
    } else {
        evo_meter_line(&t->meter, &line);
    }
    emit(t, line.buf);
}

static void begin(struct evo_terminal *t, const struct evo_progress *p, int64_t now)
{
    evo_meter_begin(&t->meter, p, now);
    t->metering = true;
    t->told = false;
    t->told_at = now;
    if (t->mode == EVO_PROGRESS_JSON)
        tell(t, "begin");
}

static void end(struct evo_terminal *t)
{
    int64_t now = evo_clock_ms();
    bool kept = t->told || t->mode == EVO_PROGRESS_PLAIN;
    if (has_bar(t))
        kept = kept && now - t->meter.began_at >= BAR_KEPT_MS;
    if (t->metering && kept) {
        t->meter.current[0] = '\0'; /* nothing is in work any more */
        t->meter.seen_at = now;
        tell(t, "end");
    } else if (t->drawn) {
        emit(t, "");
    }
    t->metering = false;
}

static bool is_due(const struct evo_terminal *t, int64_t now)
{
    int64_t since = now - t->told_at;
    if (has_bar(t))
        return !t->told || since >= BAR_MS; /* at once: some show themselves once and then work for long */
    return since >= (t->mode == EVO_PROGRESS_JSON ? EVENT_MS : LINE_MS);
}

static void show_progress(void *ctx, const struct evo_progress *p)
{
    struct evo_terminal *t = ctx;
    if (!t->show_progress || t->errors_only || t->mode == EVO_PROGRESS_NONE)
        return;
    (void)pthread_mutex_lock(&t->mutex);
    int64_t now = evo_clock_ms();
    if (t->metering && evo_meter_measures(&t->meter, p->what)) {
        evo_meter_update(&t->meter, p, now);
    } else {
        end(t);
        begin(t, p, now);
    }
    if (p->done)
        end(t);
    else if (is_due(t, now))
        tell(t, "progress");
    (void)pthread_mutex_unlock(&t->mutex);
}

void evo_terminal_set_progress(struct evo_terminal *t, const char *mode)
{
    static const char *const modes[] = { "auto", "json", "none", "plain" };
    size_t i = 0;
    while (i < EVO_COUNT(modes) && !evo_streq(mode, modes[i]))
        i++;
    EVO_ASSERT(i < EVO_COUNT(modes));
    (void)pthread_mutex_lock(&t->mutex);
    t->mode = (enum evo_progress_mode)i;
    (void)pthread_mutex_unlock(&t->mutex);
}

/* ---- start, end and the error ------------------------------------------------ */

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
    end(t);
    (void)pthread_mutex_unlock(&t->mutex);
}

/* Detail may have several lines: each keeps the label, so that a grep finds all of it. */
static void add_labelled(struct evo_strbuf *out, const char *label, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        EVO_AUTO_STR line = evo_strndup(text, n);
        evo_strbuf_addf(out, "%s: ", label);
        add_harmless(out, line);
        evo_strbuf_addch(out, '\n');
        text += n + (text[n] == '\n');
    }
}

static void error_event(struct evo_terminal *t, const char *program, const struct evo_error *e)
{
    struct evo_json *event = evo_json_object();
    evo_json_set_string(event, "event", "error");
    evo_json_set_time(event, "at", evo_wall_ms());
    evo_json_set_string(event, "program", program);
    evo_json_set(event, "error", evo_error_json(e));
    (void)pthread_mutex_lock(&t->mutex);
    emit_json(t, event);
    (void)pthread_mutex_unlock(&t->mutex);
}

/* "Clean" is said where a migration was begun: of what was refused before, it would only sound like an answer. */
static bool tells_of_schema(const struct evo_error *e)
{
    static const enum evo_errc begun[] = { EVO_ERR_MIGRATION_FAILED, EVO_ERR_LOCK_UNAVAILABLE,
                                           EVO_ERR_CANCELLED };
    bool tells = e->schema_clean == EVO_NO;
    for (size_t i = 0; i < EVO_COUNT(begun) && e->schema_clean == EVO_YES; i++)
        tells |= e->code == begun[i];
    return tells;
}

void evo_terminal_error(struct evo_terminal *t, const char *program, const struct evo_error *e)
{
    if (t->mode == EVO_PROGRESS_JSON) {
        error_event(t, program, e);
        return;
    }
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    const char *red = t->color ? "\033[31m" : "", *reset = t->color ? "\033[0m" : "";
    evo_strbuf_addf(&out, "%s: %serror:%s ", program, red, reset);
    add_harmless(&out, e->message);
    evo_strbuf_addch(&out, '\n');
    if (e->file[0] && e->line)
        evo_strbuf_addf(&out, "where: %s:%d", e->file, e->line);
    else if (e->file[0])
        evo_strbuf_addf(&out, "where: %s", e->file);
    if (e->file[0] && e->line && e->column)
        evo_strbuf_addf(&out, ":%d", e->column);
    if (e->file[0])
        evo_strbuf_addch(&out, '\n');
    add_labelled(&out, "detail", e->detail);
    if (tells_of_schema(e))
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
