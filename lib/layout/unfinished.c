#include "layout/unfinished.h"

#include <inttypes.h>
#include <strings.h>

#include "base/banned.h"
#include "base/quote.h"
#include "base/strbuf.h"
#include "crypto/sha256.h"

/* Statements that are named one by one. */
#define NAMED 10

/* ---- the file ---------------------------------------------------------------------- */

struct source {
    struct evo_strbuf text;
    struct evo_sql_script script;
    bool known; /* it could be read and cut */
};

static void source_auto(struct source *s)
{
    evo_strbuf_release(&s->text);
    evo_sql_script_release(&s->script);
}

static void source_load(struct source *s, const struct evo_migration *m, bool down)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    if (!m || m->by_tool)
        return;
    enum evo_errc rc = down ? evo_migration_load_down(m, &s->text, NULL, &ignored)
                            : evo_migration_load_up(m, &s->text, &ignored);
    if (!rc)
        rc = evo_sql_split(s->text.buf, s->text.len, m->path, &s->script, &ignored);
    s->known = !rc;
}

/* Where the unit of that row ends: the place behind its last statement; 0: it does not stand there as it was run. A unit
 * is mostly one statement, and a BEGIN … COMMIT of the file's own is one, too. */
static size_t unit_end(const struct source *s, const struct evo_journal_row *row)
{
    char hex[EVO_SHA256_HEX];
    size_t first = row->statement > 0 ? (size_t)row->statement - 1 : 0;
    for (size_t i = first; i < s->script.count; i++) {
        const struct evo_sql_statement *st = &s->script.items[i];
        size_t start = s->script.items[first].start;
        size_t end = st->data_len ? st->data_start + st->data_len : st->start + st->len;
        if (strcmp(evo_sha256_hex(s->text.buf + start, end - start, hex), row->sha256) == 0)
            return i + 1;
        if (s->script.items[first].kind != EVO_SQL_TRANSACTION)
            break;
    }
    return 0;
}

/* ---- what is known ------------------------------------------------------------------ */

void evo_unfinished_look(const struct evo_journal *j, enum evo_layout_kind kind, bool down, const char *name,
                         const struct evo_migration *m, struct evo_unfinished *ret)
{
    struct evo_unfinished u = { .down = down, .file = m != NULL };
    __attribute__((cleanup(source_auto))) struct source s = { .text = EVO_STRBUF_INIT };
    bool loaded = false;
    for (size_t i = 0; i < j->count; i++) {
        const struct evo_journal_row *row = &j->items[i];
        if (!evo_journal_is_of(row, kind, down, name))
            continue;
        u.on_record = true;
        if (row->statement == 0) {
            u.as_is = strcmp(row->sha256, EVO_JOURNAL_AS_IS) == 0;
            continue;
        }
        u.done += row->done;
        u.open += !row->done;
        if (!row->done || !m || m->by_tool)
            continue;
        if (!loaded)
            source_load(&s, m, down);
        loaded = true;
        u.changed |= !s.known || !unit_end(&s, row);
    }
    *ret = u;
}

enum evo_way evo_unfinished_way(const struct evo_unfinished *u)
{
    if (!u->on_record || (u->as_is && !u->done))
        return EVO_WAY_SETTLE;
    if (u->as_is)
        return EVO_WAY_LOOK;
    return u->file && !u->changed ? EVO_WAY_GO_ON : EVO_WAY_RESTORE;
}

enum evo_tristate evo_unfinished_is_half(const struct evo_unfinished *u)
{
    if (u->done)
        return EVO_YES;
    return u->open || u->as_is || !u->on_record ? EVO_UNKNOWN : EVO_NO;
}

/* ---- what is to be done ------------------------------------------------------------- */

char *evo_unfinished_history(const char *path)
{
    EVO_AUTO_STR word = evo_quote_shell(path);
    return evo_asprintf("git log -p -- %s", word);
}

char *evo_unfinished_next(const struct evo_unfinished *u, const char *name, const char *path,
                          const char *more)
{
    EVO_AUTO_STR word = evo_quote_shell(name);
    switch (evo_unfinished_way(u)) {
    case EVO_WAY_SETTLE:
        return evo_asprintf("evo-migrate resolve --%s %s%s", u->down ? "applied" : "rolled-back", word, more);
    case EVO_WAY_GO_ON:
        return evo_asprintf("evo-migrate %s%s", u->down ? "down --steps 1" : "up", more);
    case EVO_WAY_RESTORE:
        return path ? evo_unfinished_history(path) : NULL;
    case EVO_WAY_LOOK:
        break;
    }
    return NULL;
}

/* Both ways out, by what a person finds. */
static char *settle_hint(const struct evo_unfinished *u, const char *word, const char *more)
{
    if (u->down)
        return evo_asprintf("Look at the schema: if all of the way back is done: evo-migrate resolve "
                            "--rolled-back %s%s. If none of it is done (any more): evo-migrate resolve "
                            "--applied %s%s, and then evo-migrate down%s.",
                            word, more, word, more, more);
    return evo_asprintf(
        "Look at what it left in the schema. If all of it is there, or you have done the rest "
        "by hand: evo-migrate resolve --applied %s%s. If none of it is there, or you have "
        "undone it by hand: evo-migrate resolve --rolled-back %s%s, and then evo-migrate up%s.",
        word, more, word, more, more);
}

char *evo_unfinished_hint(const struct evo_unfinished *u, const char *name, const char *path,
                          const char *more)
{
    EVO_AUTO_STR word = evo_quote_shell(name);
    const char *verb = u->down ? "down --steps 1" : "up";
    switch (evo_unfinished_way(u)) {
    case EVO_WAY_GO_ON:
        return evo_asprintf(
            "Remove the cause (the statements that are done must stay as they are), then go on "
            "where it stopped: evo-migrate %s%s. To start over instead, undo by hand what is "
            "done, then: evo-migrate resolve --%s %s%s",
            verb, more, u->down ? "applied" : "rolled-back", word, more);
    case EVO_WAY_RESTORE: {
        EVO_AUTO_STR settle = settle_hint(u, word, more);
        return evo_asprintf("Put the statements that are done back into %s as they were run, and go on: "
                            "evo-migrate %s%s. Or settle it by hand. %s",
                            path ? path : "its file", verb, more, settle);
    }
    case EVO_WAY_SETTLE:
    case EVO_WAY_LOOK:
        break;
    }
    return settle_hint(u, word, more);
}

/* ---- what is done -------------------------------------------------------------------- */

static void add_number(struct evo_strbuf *out, const struct source *s, size_t number)
{
    evo_strbuf_addf(out, "%s%zu", out->len ? ", " : "", number);
    if (!s->known || number > s->script.count)
        return;
    const struct evo_sql_statement *st = &s->script.items[number - 1];
    EVO_AUTO_STR summary = evo_sql_summary(s->text.buf + st->start, st->len);
    evo_strbuf_addf(out, " (line %d, %s)", st->line, summary);
}

void evo_unfinished_name_done(const struct evo_journal *j, enum evo_layout_kind kind, bool down,
                              const char *name, const struct evo_migration *m, struct evo_strbuf *out)
{
    __attribute__((cleanup(source_auto))) struct source s = { .text = EVO_STRBUF_INIT };
    EVO_AUTO(strbuf) list = EVO_STRBUF_INIT;
    size_t done = 0;
    source_load(&s, m, down);
    for (size_t i = 0; i < j->count; i++) {
        const struct evo_journal_row *row = &j->items[i];
        if (!evo_journal_is_of(row, kind, down, name) || row->statement == 0 || !row->done)
            continue;
        size_t first = (size_t)row->statement, last = s.known ? unit_end(&s, row) : 0;
        for (size_t n = first; n == first || n <= last; n++)
            if (++done <= NAMED)
                add_number(&list, &s, n);
    }
    if (done > NAMED)
        evo_strbuf_addf(&list, " and %zu more", done - NAMED);
    if (s.known)
        evo_strbuf_addf(out, "%zu of %zu statements: %s", done, s.script.count, list.buf);
    else
        evo_strbuf_addf(out, "statement%s %s", done == 1 ? "" : "s", list.buf);
}

static bool is_schema_alone(const struct source *s, size_t i)
{
    /* What takes rows with it, or changes them, is not here. */
    static const char *const begins[] = { "CREATE ", "ALTER ",   "COMMENT ",    "GRANT ", "REVOKE ", "VACUUM",
                                          "ANALYZE", "REINDEX ", "DROP INDEX ", "SET ",   "RESET " };
    const struct evo_sql_statement *st = &s->script.items[i];
    if (st->kind == EVO_SQL_TRANSACTION || st->kind == EVO_SQL_SAVEPOINT)
        return true;
    EVO_AUTO_STR line = evo_sql_one_line(s->text.buf + st->start, st->len, 64);
    for (size_t k = 0; k < EVO_COUNT(begins); k++)
        if (strncasecmp(line, begins[k], strlen(begins[k])) == 0)
            return true;
    return false;
}

bool evo_unfinished_is_schema_alone(const struct evo_journal *j, enum evo_layout_kind kind, bool down,
                                    const char *name, const struct evo_migration *m)
{
    __attribute__((cleanup(source_auto))) struct source s = { .text = EVO_STRBUF_INIT };
    source_load(&s, m, down);
    for (size_t i = 0; i < j->count; i++) {
        const struct evo_journal_row *row = &j->items[i];
        if (!evo_journal_is_of(row, kind, down, name) || row->statement == 0)
            continue;
        size_t end = s.known ? unit_end(&s, row) : 0;
        if (!row->done || !end)
            return false;
        for (size_t n = (size_t)row->statement - 1; n < end; n++)
            if (!is_schema_alone(&s, n))
                return false;
    }
    return true;
}
