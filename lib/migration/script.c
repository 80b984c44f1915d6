#include "migration/script.h"

#include <strings.h>

#include "pg/copy.h"

/* COPY data is handed to libpq in pieces: it buffers what it is given. */
#define COPY_BLOCK ((size_t)64 << 10)

struct sending {
    struct evo_pg *pg;
    const struct evo_step *step;
    struct evo_script_outcome *outcome;
};

static enum evo_errc count_result(void *ctx, const struct evo_pg_result *rows, struct evo_error *err)
{
    (void)err;
    struct evo_script_outcome *outcome = ctx;
    outcome->done++;
    const char *tag = evo_pg_command_tag(rows);
    if (tag &&
        (evo_streq(tag, "COMMIT") || evo_streq(tag, "ROLLBACK") || evo_streq(tag, "PREPARE TRANSACTION"))) {
        outcome->ended = true;
        outcome->committed = outcome->done;
    }
    /* "ROLLBACK" is also what ROLLBACK TO SAVEPOINT answers; without a BEGIN behind it the transaction is not open. */
    if (tag && (evo_streq(tag, "BEGIN") || evo_streq(tag, "START TRANSACTION") || evo_streq(tag, "COMMIT") ||
                evo_streq(tag, "PREPARE TRANSACTION")))
        outcome->controlled = true;
    return EVO_OK;
}

/* A message that ends outside a transaction block commits what stands in it. */
static void note_committed(const struct sending *s)
{
    if (evo_pg_in_transaction(s->pg))
        return;
    s->outcome->committed = s->outcome->done;
    s->outcome->ended = true;
}

static void explain(const struct evo_step *step, size_t statement, int line, struct evo_error *err)
{
    if (!err || err->code == EVO_ERR_CANCELLED)
        return;
    const struct evo_sql_statement *s = &step->script.items[statement];
    EVO_AUTO_STR summary = evo_sql_summary(step->text.buf + s->start, s->len);
    EVO_AUTO_STR detail = evo_strdup(err->detail);
    (void)evo_error_detail(err, "The statement is %s (%s, line %d).%s%s", summary, step->path, s->line,
                           detail[0] ? " " : "", detail);
    (void)evo_error_at(err, step->path, line);
}

/* The text of statements [first, end), which hold no COPY data. Line ends stay where they were. */
static void message_text(const struct evo_step *step, size_t first, size_t end, struct evo_strbuf *out)
{
    const struct evo_sql_statement *items = step->script.items;
    const struct evo_sql_statement *last = &items[end - 1];
    size_t from = items[first].start;
    if (!step->script.has_backslash) {
        evo_strbuf_add(out, step->text.buf + from, last->start + last->len - from);
        return;
    }
    size_t at = from;
    for (size_t i = first; i < end; i++) {
        for (; at < items[i].start; at++)
            if (step->text.buf[at] == '\n')
                evo_strbuf_addch(out, '\n');
        evo_strbuf_add(out, step->text.buf + items[i].start, items[i].len);
        evo_strbuf_addch(out, ';');
        at = items[i].start + items[i].len;
    }
}

/* Line of the file at a byte (1-based) of a message that begins on line `first`. */
static int line_at(const struct evo_strbuf *text, int first, int position)
{
    int line = first;
    for (size_t i = 0; i + 1 < (size_t)position && i < text->len; i++)
        line += text->buf[i] == '\n';
    return line;
}

/* Sent alone and outside a transaction block, these commit as they go: their failure says nothing of the first part. */
static bool may_commit_inside(const struct sending *s, size_t first, size_t end)
{
    const struct evo_sql_statement *st = &s->step->script.items[first];
    EVO_AUTO_STR line = evo_sql_one_line(s->step->text.buf + st->start, st->len, 64);
    return end - first == 1 && (st->kind == EVO_SQL_NO_TRANSACTION || !st->understood ||
                                strncasecmp(line, "DO ", 3) == 0 || strncasecmp(line, "CALL ", 5) == 0);
}

static enum evo_errc send_message(const struct sending *s, size_t first, size_t end, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(s->step->text.len * 2 + 16);
    message_text(s->step, first, end, &text);
    int position = 0;
    size_t before = s->outcome->done;
    bool outside = !evo_pg_in_transaction(s->pg);
    enum evo_errc rc = evo_pg_script(s->pg, text.buf, count_result, s->outcome, &position, err);
    if (rc && outside && !evo_pg_in_transaction(s->pg) && may_commit_inside(s, first, end))
        s->outcome->ended = true;
    if (!rc) {
        note_committed(s);
        return EVO_OK;
    }
    size_t failed = first + (s->outcome->done - before);
    if (failed >= end)
        failed = end - 1;
    int line = s->step->script.items[failed].line;
    if (position > 0)
        line = line_at(&text, s->step->script.items[first].line, position);
    explain(s->step, failed, line, err);
    return rc;
}

static enum evo_errc send_copy(const struct sending *s, size_t i, struct evo_error *err)
{
    const struct evo_sql_statement *c = &s->step->script.items[i];
    EVO_AUTO_STR sql = evo_strndup(s->step->text.buf + c->start, c->len);
    enum evo_errc rc = evo_pg_copy_begin(s->pg, sql, err);
    if (!rc) {
        const char *data = s->step->text.buf + c->data_start;
        for (size_t at = 0; !rc && at < c->data_len; at += COPY_BLOCK) {
            size_t left = c->data_len - at;
            rc = evo_pg_copy_write(s->pg, data + at, left < COPY_BLOCK ? left : COPY_BLOCK, err);
        }
        if (!rc)
            rc = evo_pg_copy_end(s->pg, NULL, err);
    }
    if (rc) {
        explain(s->step, i, c->line, err);
        return rc;
    }
    s->outcome->done++;
    note_committed(s);
    return EVO_OK;
}

enum evo_errc evo_script_run(struct evo_pg *pg, const struct evo_step *step, size_t first, size_t count,
                             struct evo_script_outcome *ret, struct evo_error *err)
{
    const struct sending s = { .pg = pg, .step = step, .outcome = ret };
    const struct evo_sql_statement *items = step->script.items;
    size_t end = first + count;
    enum evo_errc rc = EVO_OK;
    *ret = (struct evo_script_outcome){ 0 };
    for (size_t i = first; !rc && i < end;) {
        if (items[i].kind == EVO_SQL_COPY_STDIN) {
            rc = send_copy(&s, i, err);
            i++;
        } else {
            size_t stop = i + 1;
            while (stop < end && items[stop].kind != EVO_SQL_COPY_STDIN)
                stop++;
            rc = send_message(&s, i, stop, err);
            i = stop;
        }
    }
    return rc;
}
