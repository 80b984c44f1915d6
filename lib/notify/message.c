#include "notify/message.h"

#include "base/parse.h"
#include "notify/mrkdwn.h"

#include "base/banned.h"

/* Bytes. Slack's own limits: header 150, field 2,000, section 3,000, button 75, its URL 3,000. */
#define HEADLINE_MAX 150
#define FIELD_MAX    300
#define MESSAGE_MAX  900
#define DETAIL_MAX   1200
#define NEXT_MAX     900
#define NAME_BYTES   160
#define NAMES_MAX    10
#define STEPS_MAX    1500
#define LINK_MAX     3000

static const struct {
    const char *emoji, *alone; /* `alone`: the result in a word */
} look[] = {
    [EVO_NOTIFY_SUCCESS] = { "\xE2\x9C\x85", "done" },
    [EVO_NOTIFY_FAILURE] = { "\xE2\x9D\x8C", "failed" },
    [EVO_NOTIFY_CANCELLED] = { "\xE2\x9B\x94", "cancelled" },
    [EVO_NOTIFY_RUNNING] = { "\xE2\x8F\xB3", "running" },
};

/* "✅ acme/shop staging: 3 migrations applied", unescaped. */
static void headline(const struct evo_notify_facts *f, struct evo_strbuf *out)
{
    evo_strbuf_addf(out, "%s %s", look[f->status].emoji, f->title ? f->title : "");
    if (f->environment)
        evo_strbuf_addf(out, "%s%s", f->title ? " " : "", f->environment);
    if (!f->title && !f->environment)
        evo_strbuf_adds(out, "evo");
    evo_strbuf_adds(out, ": ");
    switch (f->status) {
    case EVO_NOTIFY_SUCCESS:
        if (f->rolled_back_names.count)
            evo_strbuf_addf(out, "%zu migration%s rolled back", f->rolled_back_names.count,
                            f->rolled_back_names.count == 1 ? "" : "s");
        else if (f->applied > 0)
            evo_strbuf_addf(out, "%lld migration%s applied", (long long)f->applied,
                            f->applied == 1 ? "" : "s");
        else
            evo_strbuf_adds(out, f->applied == 0 ? "nothing to migrate" : look[f->status].alone);
        break;
    case EVO_NOTIFY_FAILURE:
        evo_strbuf_addf(out, "%s%s%s", f->failed_step ? f->failed_step : "", f->failed_step ? " " : "",
                        look[f->status].alone);
        break;
    case EVO_NOTIFY_CANCELLED:
        evo_strbuf_addf(out, "%s%s%s", look[f->status].alone, f->failed_step ? " during " : "",
                        f->failed_step ? f->failed_step : "");
        break;
    case EVO_NOTIFY_RUNNING:
        evo_strbuf_adds(out, look[f->status].alone);
        break;
    }
}

static struct evo_json *text_object(const char *type, const char *text)
{
    struct evo_json *object = evo_json_object();
    evo_json_set_string(object, "type", type);
    evo_json_set_string(object, "text", text);
    return object;
}

static struct evo_json *block(const char *type)
{
    struct evo_json *b = evo_json_object();
    evo_json_set_string(b, "type", type);
    return b;
}

static void add_section(struct evo_json *blocks, const char *mrkdwn)
{
    if (!*mrkdwn)
        return;
    struct evo_json *b = block("section");
    evo_json_set(b, "text", text_object("mrkdwn", mrkdwn));
    evo_json_append(blocks, b);
}

static void add_header(struct evo_json *blocks, const struct evo_notify_facts *f)
{
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) cut = EVO_STRBUF_INIT;
    headline(f, &line);
    evo_mrkdwn_plain(&cut, line.buf, HEADLINE_MAX);
    struct evo_json *b = block("header");
    struct evo_json *text = text_object("plain_text", cut.buf);
    evo_json_set_bool(text, "emoji", true);
    evo_json_set(b, "text", text);
    evo_json_append(blocks, b);
}

/* The pairs of a label and its (escaped) value: where, how long, what state. */
static void add_pair(struct evo_strvec *pairs, const char *label, const char *value)
{
    if (!value || !*value)
        return;
    EVO_AUTO(strbuf) escaped = EVO_STRBUF_INIT;
    evo_mrkdwn_text(&escaped, value, FIELD_MAX);
    (void)evo_strvec_push(pairs, label);
    (void)evo_strvec_push(pairs, escaped.buf);
}

static void collect_pairs(const struct evo_notify_facts *f, struct evo_strvec *pairs)
{
    char human[EVO_HUMAN_MAX];
    EVO_AUTO(strbuf) state = EVO_STRBUF_INIT;
    evo_notify_schema_state(f, &state);
    add_pair(pairs, "Environment", f->environment);
    add_pair(pairs, "Database", f->database);
    add_pair(pairs, "Schema", state.buf);
    add_pair(pairs, "Took", f->elapsed_ms < 0 ? NULL : evo_format_duration(f->elapsed_ms, human));
    add_pair(pairs, "Backup", f->backup_id);
}

static void add_fields(struct evo_json *blocks, const struct evo_notify_facts *f)
{
    EVO_AUTO(strvec) pairs = EVO_STRVEC_INIT;
    collect_pairs(f, &pairs);
    struct evo_json *fields = evo_json_array();
    for (size_t i = 0; i + 1 < pairs.count; i += 2) {
        EVO_AUTO_STR text = evo_asprintf("*%s*\n%s", pairs.items[i], pairs.items[i + 1]);
        evo_json_append(fields, text_object("mrkdwn", text));
    }
    struct evo_json *b = block("section");
    evo_json_set(b, "fields", fields);
    evo_json_append(blocks, b);
}

/* Reason, message, where, and the detail in a fence. */
static void failure_text(const struct evo_notify_facts *f, struct evo_strbuf *out)
{
    const struct evo_error *e = f->error;
    if (!e)
        return;
    evo_strbuf_adds(out, "*");
    evo_mrkdwn_text(out, f->failed_step ? f->failed_step : look[f->status].alone, NAME_BYTES);
    evo_strbuf_addf(out, "* (%s", evo_errc_reason(e->code));
    if (*e->sqlstate)
        evo_strbuf_addf(out, ", SQLSTATE %s", e->sqlstate);
    evo_strbuf_adds(out, "): ");
    evo_mrkdwn_text(out, e->message, MESSAGE_MAX);
    if (*e->migration) {
        evo_strbuf_adds(out, "\nMigration ");
        evo_mrkdwn_code(out, e->migration, NAME_BYTES);
    }
    if (*e->file) {
        EVO_AUTO_STR place = e->line ? evo_asprintf("%s:%d", e->file, e->line) : evo_strdup(e->file);
        evo_strbuf_adds(out, "\nAt ");
        evo_mrkdwn_code(out, place, FIELD_MAX);
    }
    if (*e->detail) {
        evo_strbuf_adds(out, "\n");
        evo_mrkdwn_block(out, e->detail, DETAIL_MAX);
    }
}

static void names_text(const char *title, const struct evo_strvec *names, struct evo_strbuf *out)
{
    if (!names->count)
        return;
    evo_strbuf_addf(out, "%s*%s*", out->len ? "\n" : "", title);
    for (size_t i = 0; i < names->count && i < NAMES_MAX; i++) {
        evo_strbuf_adds(out, "\n\xE2\x80\xA2 ");
        evo_mrkdwn_code(out, names->items[i], NAME_BYTES);
    }
    if (names->count > NAMES_MAX)
        evo_strbuf_addf(out, "\nand %zu more", names->count - NAMES_MAX);
}

static void next_text(const struct evo_notify_facts *f, struct evo_strbuf *out)
{
    EVO_AUTO(strbuf) next = EVO_STRBUF_INIT;
    bool command;
    evo_notify_next(f, &next, &command);
    evo_strbuf_adds(out, "*Next* ");
    if (command)
        evo_mrkdwn_code(out, next.buf, NEXT_MAX);
    else
        evo_mrkdwn_text(out, next.buf, NEXT_MAX);
}

static void steps_text(const struct evo_notify_facts *f, struct evo_strbuf *out)
{
    static const struct {
        const char *verdict, *mark;
    } mark[] = { { "done", "\xE2\x9C\x93" },
                 { "failed", "\xE2\x9C\x97" },
                 { "cancelled", "\xE2\x9C\x97" },
                 { "skipped", "\xE2\x80\x93" } };
    for (size_t i = 0; i + 2 < f->steps.count && out->len < STEPS_MAX; i += 3) {
        const char *verdict = f->steps.items[i + 1];
        if (out->len)
            evo_strbuf_adds(out, " \xC2\xB7 ");
        for (size_t m = 0; m < EVO_COUNT(mark); m++)
            if (evo_streq(verdict, mark[m].verdict))
                evo_strbuf_addf(out, "%s ", mark[m].mark);
        evo_mrkdwn_text(out, f->steps.items[i], 60);
        int64_t ms = 0;
        char human[EVO_HUMAN_MAX];
        if (!evo_streq(verdict, "skipped") && evo_parse_int64(f->steps.items[i + 2], 0, INT64_MAX, &ms))
            evo_strbuf_addf(out, " %s", evo_format_duration(ms, human));
    }
}

static void add_button(struct evo_json *blocks, const struct evo_notify_facts *f)
{
    if (!f->link || strlen(f->link) > LINK_MAX)
        return;
    struct evo_json *button = block("button");
    evo_json_set(button, "text", text_object("plain_text", "Open the run"));
    evo_json_set_string(button, "url", f->link);
    struct evo_json *b = block("actions");
    evo_json_set(b, "elements", evo_json_array());
    evo_json_append(evo_json_get(b, "elements"), button);
    evo_json_append(blocks, b);
}

static void add_context(struct evo_json *blocks, const struct evo_notify_facts *f)
{
    EVO_AUTO(strbuf) steps = EVO_STRBUF_INIT;
    steps_text(f, &steps);
    if (!steps.len)
        return;
    struct evo_json *b = block("context");
    evo_json_set(b, "elements", evo_json_array());
    evo_json_append(evo_json_get(b, "elements"), text_object("mrkdwn", steps.buf));
    evo_json_append(blocks, b);
}

static struct evo_json *blocks_of(const struct evo_notify_facts *f)
{
    struct evo_json *blocks = evo_json_array();
    EVO_AUTO(strbuf) failure = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) next = EVO_STRBUF_INIT;
    failure_text(f, &failure);
    names_text("Applied", &f->applied_names, &names);
    names_text("Rolled back", &f->rolled_back_names, &names);
    next_text(f, &next);
    add_header(blocks, f);
    add_fields(blocks, f);
    add_section(blocks, failure.buf);
    add_section(blocks, names.buf);
    add_section(blocks, next.buf);
    add_button(blocks, f);
    add_context(blocks, f);
    return blocks;
}

/* The line of the push notification: the headline and, where there is one, the reason. */
static void short_text(const struct evo_notify_facts *f, struct evo_strbuf *out)
{
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    headline(f, &line);
    evo_mrkdwn_text(out, line.buf, FIELD_MAX);
    if (f->error) {
        evo_strbuf_adds(out, ": ");
        evo_mrkdwn_text(out, f->error->message, FIELD_MAX);
    }
}

/* All of it as one text. */
static void long_text(const struct evo_notify_facts *f, struct evo_strbuf *out)
{
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    EVO_AUTO(strvec) pairs = EVO_STRVEC_INIT;
    headline(f, &line);
    evo_mrkdwn_text(out, line.buf, FIELD_MAX);
    collect_pairs(f, &pairs);
    for (size_t i = 0; i + 1 < pairs.count; i += 2)
        evo_strbuf_addf(out, "\n%s: %s", pairs.items[i], pairs.items[i + 1]);
    evo_strbuf_adds(out, f->error ? "\n" : "");
    failure_text(f, out);
    evo_strbuf_adds(out, "\n");
    next_text(f, out);
    if (f->link) {
        evo_strbuf_adds(out, "\n");
        evo_mrkdwn_text(out, f->link, FIELD_MAX);
    }
}

struct evo_json *evo_notify_message(const struct evo_notify_facts *f, const char *channel, bool plain)
{
    struct evo_json *message = evo_json_object();
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    if (plain)
        long_text(f, &text);
    else
        short_text(f, &text);
    if (channel)
        evo_json_set_string(message, "channel", channel);
    evo_json_set_string(message, "text", text.buf);
    if (!plain)
        evo_json_set(message, "blocks", blocks_of(f));
    if (channel)
        evo_json_set_bool(message, "unfurl_links", false);
    return message;
}
