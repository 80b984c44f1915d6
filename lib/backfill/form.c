#include "backfill/form.h"

#include <strings.h>

#include "base/strbuf.h"
#include "sql/split.h"

void evo_backfill_form_release(struct evo_backfill_form *f)
{
    if (!f)
        return;
    evo_sql_batch_release(&f->batch);
    evo_strvec_release(&f->key);
    free(f->text);
    *f = (struct evo_backfill_form){ 0 };
}

/* What the lines above the statement say. */
struct head {
    const char *file;
    int line; /* of evo:backfill; 0: not seen */
    int where_line;
    char *table;
    struct evo_strvec key;
    struct evo_strbuf where;
};

static void head_release(struct head *h)
{
    free(h->table);
    evo_strvec_release(&h->key);
    evo_strbuf_release(&h->where);
}

static enum evo_errc refuse(const struct head *h, int line, struct evo_error *err, const char *fmt, ...)
    EVO_PRINTF(4, 5);
static enum evo_errc refuse(const struct head *h, int line, struct evo_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    EVO_AUTO_STR message = evo_vasprintf(fmt, ap);
    va_end(ap);
    evo_error_set(err, EVO_ERR_CONFIG, "%s", message);
    return evo_error_at(err, h->file, line);
}

/* One identifier from *p: folded, or in quotes. NULL where there is none. */
static char *take_identifier(const char **p)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    const char *s = *p;
    if (*s == '"') {
        for (s++; *s && (*s != '"' || s[1] == '"'); s++) {
            evo_strbuf_addch(&out, *s);
            s += *s == '"';
        }
        if (*s++ != '"')
            return NULL;
    } else {
        for (; *s && !strchr(", \t\"", *s); s++)
            evo_strbuf_addch(&out, *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s);
    }
    *p = s;
    return out.len ? evo_strbuf_detach(&out) : NULL;
}

/* "a, b" as names of columns. */
static bool take_key(const char *text, struct evo_strvec *ret)
{
    for (const char *p = text;;) {
        p += strspn(p, " \t");
        char *name = take_identifier(&p);
        if (!name)
            return false;
        evo_strvec_push_owned(ret, name);
        p += strspn(p, " \t");
        if (!*p)
            return true;
        if (*p++ != ',')
            return false;
    }
}

/* The end of a word; blanks in double quotes do not end it. */
static size_t word_length(const char *p)
{
    bool in_quotes = false;
    size_t n = 0;
    for (; p[n] && (in_quotes || !strchr(" \t", p[n])); n++)
        if (p[n] == '"')
            in_quotes = !in_quotes;
    return n;
}

static enum evo_errc take_backfill(struct head *h, const char *value, int line, struct evo_error *err)
{
    if (h->line)
        return refuse(h, line, err, "directive \"evo:backfill\" is given twice");
    h->line = line;
    for (const char *p = value + strspn(value, " \t"); *p; p += strspn(p, " \t")) {
        EVO_AUTO_STR word = evo_strndup(p, word_length(p));
        p += strlen(word);
        if (evo_starts_with(word, "table=") && word[6] && !h->table) {
            h->table = evo_strdup(word + 6);
        } else if (evo_starts_with(word, "key=") && !h->key.count) {
            if (!take_key(word + 4, &h->key))
                return refuse(h, line, err, "\"%s\" names no columns", word);
        } else {
            refuse(h, line, err, "directive \"evo:backfill\" does not take \"%s\"", word);
            return evo_error_hint(err, "It takes table=NAME and key=COLUMN,COLUMN, each once.");
        }
    }
    return EVO_OK;
}

/* A condition is one expression: what it is put into must be one statement that the parser takes. */
static bool is_condition(const char *text)
{
    EVO_AUTO_STR sql = evo_asprintf("SELECT 1 WHERE (%s\n)", text);
    EVO_AUTO(sql_script) script = { 0 };
    return !evo_sql_split(sql, strlen(sql), "", &script, NULL) && script.count == 1 &&
           script.items[0].understood;
}

static enum evo_errc take_where(struct head *h, const char *value, int line, struct evo_error *err)
{
    if (!is_condition(value))
        return refuse(h, line, err, "directive \"evo:where\" needs a condition, and this is none: %s", value);
    h->where_line = line;
    evo_strbuf_addf(&h->where, "%s(%s\n)", h->where.len ? " AND " : "", value);
    return EVO_OK;
}

static enum evo_errc take_comment(struct head *h, const char *text, size_t n, int line, bool above,
                                  struct evo_error *err)
{
    static const struct {
        const char *name;
        enum evo_errc (*take)(struct head *h, const char *value, int line, struct evo_error *err);
    } known[] = { { "backfill", take_backfill }, { "where", take_where } };
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    if (n < 2 || text[0] != '-')
        return EVO_OK;
    evo_strbuf_add(&sb, text + 2, n - 2);
    evo_strbuf_trim(&sb);
    if (strncasecmp(sb.buf, "evo:", 4) != 0)
        return EVO_OK;
    const char *name = sb.buf + 4;
    size_t len = strcspn(name, " \t");
    if (!above)
        return refuse(h, line, err, "directive \"evo:%.*s\" does not stand above the statement", (int)len,
                      name);
    for (size_t i = 0; i < EVO_COUNT(known); i++)
        if (strlen(known[i].name) == len && strncmp(known[i].name, name, len) == 0)
            return known[i].take(h, name + len + strspn(name + len, " \t"), line, err);
    refuse(h, line, err, "unknown directive \"evo:%.*s\"", (int)len, name);
    return evo_error_hint(err, "A backfill knows: backfill, where.");
}

static enum evo_errc read_head(const char *text, const struct evo_sql_script *script, struct head *h,
                               struct evo_error *err)
{
    for (size_t i = 0; i < script->ncomments; i++) {
        const struct evo_sql_comment *c = &script->comments[i];
        enum evo_errc rc = take_comment(h, text + c->start, c->len, c->line, c->above == 0, err);
        if (rc)
            return rc;
    }
    if (script->count == 0)
        return refuse(h, 1, err, "a backfill needs a statement, and the file has none");
    if (script->count > 1)
        return refuse(h, script->items[1].line, err,
                      "a backfill is one statement, and this is the second one");
    if (h->line)
        return EVO_OK;
    refuse(h, script->items[0].line, err, "the line \"-- evo:backfill\" is missing above the statement");
    return evo_error_hint(err, "Put it there, for instance: -- evo:backfill table=orders key=id");
}

static enum evo_errc settle(struct evo_backfill_form *f, struct head *h, struct evo_error *err)
{
    struct evo_sql_batch *b = &f->batch;
    if (h->where.len && !b->placeholder) {
        refuse(h, h->where_line, err,
               "\"evo:where\" goes with :batch: this statement has a WHERE of its own");
        return evo_error_hint(err, "Put the condition into the statement's WHERE.");
    }
    if (h->where.len)
        b->where = evo_strbuf_detach(&h->where);
    f->key = h->key;
    h->key = (struct evo_strvec){ 0 };
    for (size_t i = 0; i < b->columns.count; i++)
        if (evo_strvec_contains(&f->key, b->columns.items[i]))
            return refuse(h, h->line, err, "the statement changes \"%s\", a column of the key it goes by",
                          b->columns.items[i]);
    return EVO_OK;
}

enum evo_errc evo_backfill_form_parse(const char *text, size_t n, const char *file,
                                      struct evo_backfill_form *ret, struct evo_error *err)
{
    __attribute__((cleanup(head_release))) struct head h = { .file = file, .where = EVO_STRBUF_INIT };
    EVO_AUTO(backfill_form) f = { 0 };
    EVO_AUTO(sql_script) script = { 0 };
    enum evo_errc rc = evo_sql_split(text, n, file, &script, err);
    if (rc) {
        if (err)
            err->code = EVO_ERR_CONFIG;
        return EVO_ERR_CONFIG;
    }
    rc = read_head(text, &script, &h, err);
    if (rc)
        return rc;
    const struct evo_sql_statement *s = &script.items[0];
    f.text = evo_strndup(text + s->start, s->len);
    rc = evo_sql_batch_of(f.text, s->len, h.table, &f.batch, err);
    if (rc) {
        int line = err ? err->line : 0;
        return evo_error_at(err, file, line ? s->line + line - 1 : h.line);
    }
    rc = settle(&f, &h, err);
    if (rc)
        return rc;
    *ret = f;
    f = (struct evo_backfill_form){ 0 };
    return EVO_OK;
}

/* ---- options ----------------------------------------------------------------- */

/* SET and WHERE must be what they are called: text that goes on would change another statement than it seems. */
static enum evo_errc check_set(const char *table, const char *set, struct evo_error *err)
{
    EVO_AUTO_STR sql = evo_asprintf("UPDATE %s SET %s\n", table, set);
    EVO_AUTO(sql_script) script = { 0 };
    EVO_AUTO(sql_batch) b = { 0 };
    bool one = !evo_sql_split(sql, strlen(sql), "", &script, NULL) && script.count == 1;
    if (one && !evo_sql_batch_of(sql + script.items[0].start, script.items[0].len, NULL, &b, NULL) &&
        !b.where && !b.placeholder && !*b.tail)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_USAGE, "--set takes what stands behind SET, and this is not: %s", set);
    return evo_error_hint(err, "For instance --set \"status = 'active', updated_at = now()\"; a condition is "
                               "--where's.");
}

enum evo_errc evo_backfill_form_of_options(const char *table, const char *key, const char *set,
                                           const char *where, struct evo_backfill_form *ret,
                                           struct evo_error *err)
{
    EVO_AUTO(backfill_form) f = { 0 };
    EVO_AUTO_STR name = evo_sql_table_name(table);
    if (!name) {
        evo_error_set(err, EVO_ERR_USAGE, "--table \"%s\" is no name of a table", table);
        return evo_error_hint(err, "Write it as in SQL: orders, shop.orders, \"Orders\".");
    }
    if (key && !take_key(key, &f.key))
        return evo_error_set(err, EVO_ERR_USAGE, "--key \"%s\" names no columns", key);
    if (where && !is_condition(where))
        return evo_error_set(err, EVO_ERR_USAGE, "--where takes a condition, and this is none: %s", where);
    enum evo_errc rc = check_set(name, set, err);
    if (rc)
        return rc;
    f.text = where ? evo_asprintf("UPDATE %s SET %s\nWHERE %s", name, set, where)
                   : evo_asprintf("UPDATE %s SET %s", name, set);
    rc = evo_sql_batch_of(f.text, strlen(f.text), NULL, &f.batch, err);
    if (rc) {
        if (err)
            err->code = EVO_ERR_USAGE;
        return EVO_ERR_USAGE;
    }
    for (size_t i = 0; i < f.batch.columns.count; i++)
        if (evo_strvec_contains(&f.key, f.batch.columns.items[i]))
            return evo_error_set(err, EVO_ERR_USAGE, "--set changes \"%s\", a column of the key it goes by",
                                 f.batch.columns.items[i]);
    *ret = f;
    f = (struct evo_backfill_form){ 0 };
    return EVO_OK;
}

void evo_backfill_form_digest(const struct evo_backfill_form *f, const char *table,
                              const struct evo_strvec *key, char hex[EVO_SHA256_HEX])
{
    EVO_AUTO(strbuf) all = EVO_STRBUF_INIT;
    const char *const parts[] = { "evo backfill 1", table, f->batch.head, f->batch.tail,
                                  f->batch.where ? f->batch.where : "" };
    for (size_t i = 0; i < EVO_COUNT(parts); i++)
        evo_strbuf_add(&all, parts[i], strlen(parts[i]) + 1);
    for (size_t i = 0; i < key->count; i++)
        evo_strbuf_add(&all, key->items[i], strlen(key->items[i]) + 1);
    (void)evo_sha256_hex(all.buf, all.len, hex);
}
