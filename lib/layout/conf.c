#include "layout/conf.h"

#include <ctype.h>

#include "base/file.h"
#include "base/strbuf.h"

#include "base/banned.h"

#define CONF_MAX ((size_t)1 << 20)

void evo_conf_release(struct evo_conf *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++) {
        free(c->items[i].key);
        free(c->items[i].value);
        free(c->items[i].path);
    }
    free(c->items);
    *c = (struct evo_conf){ 0 };
}

const struct evo_conf_item *evo_conf_find(const struct evo_conf *c, const char *key)
{
    for (size_t i = c->count; i-- > 0;)
        if (strcmp(c->items[i].key, key) == 0)
            return &c->items[i];
    return NULL;
}

const char *evo_conf_value(const struct evo_conf *c, const char *key)
{
    const struct evo_conf_item *item = evo_conf_find(c, key);
    return item && item->value[0] ? item->value : NULL;
}

struct reader {
    const char *p; /* what is still to be read */
    const char *path;
    int line;
    struct evo_strbuf prefix; /* of the table: "engine.pg." */
    struct evo_conf *conf;
};

static void reader_auto(struct reader *r)
{
    evo_strbuf_release(&r->prefix);
}

static enum evo_errc refuse(const struct reader *r, const char *why, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "cannot read \"%s\": %s", r->path, why);
    return evo_error_at(err, r->path, r->line);
}

static void skip_blanks(struct reader *r)
{
    r->p += strspn(r->p, " \t\r");
}

static void skip_line(struct reader *r)
{
    r->p += strcspn(r->p, "\n");
}

/* A key of this table; value is taken over. */
static void add(struct reader *r, const char *name, size_t n, bool fold, char *value, int line)
{
    struct evo_conf *c = r->conf;
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    evo_strbuf_adds(&key, r->prefix.buf);
    for (size_t i = 0; i < n; i++)
        evo_strbuf_addch(&key, fold ? (char)tolower((unsigned char)name[i]) : name[i]);
    EVO_GROW(c->items, c->count, c->alloc);
    c->items[c->count++] = (struct evo_conf_item){
        .key = evo_strbuf_detach(&key), .value = value, .path = evo_strdup(r->path), .line = line
    };
}

/* Behind a value nothing but a comment may stand. */
static enum evo_errc end_line(struct reader *r, struct evo_error *err)
{
    skip_blanks(r);
    if (*r->p == '#')
        skip_line(r);
    return *r->p && *r->p != '\n' ? refuse(r, "there is more on the line than one value", err) : EVO_OK;
}

/* ---- properties ----------------------------------------------------------------- */

static enum evo_errc read_property(struct reader *r, struct evo_error *err)
{
    int line = r->line;
    size_t n = strcspn(r->p, "=\n");
    if (r->p[n] != '=')
        return refuse(r, "a line without \"=\"", err);
    const char *name = r->p;
    size_t name_len = n;
    while (name_len && strchr(" \t", name[name_len - 1]))
        name_len--;
    r->p += n + 1;
    EVO_AUTO(strbuf) value = EVO_STRBUF_INIT;
    for (;;) {
        n = strcspn(r->p, "\n");
        size_t keep = n;
        while (keep && strchr(" \t\r", r->p[keep - 1]))
            keep--;
        bool on = keep && r->p[keep - 1] == '\\' && r->p[n];
        evo_strbuf_add(&value, r->p, keep - on);
        r->p += n;
        if (!on)
            break;
        r->p++;
        r->line++;
        skip_blanks(r);
    }
    evo_strbuf_trim(&value);
    add(r, name, name_len, false, evo_strbuf_detach(&value), line);
    return EVO_OK;
}

/* ---- TOML ----------------------------------------------------------------------- */

/* "…" or '…' at r->p. */
static enum evo_errc take_string(struct reader *r, struct evo_strbuf *out, struct evo_error *err)
{
    static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";
    char quote = *r->p++;
    if (r->p[0] == quote && r->p[1] == quote)
        return refuse(r, "a string of many lines", err);
    for (; *r->p != quote; r->p++) {
        if (!*r->p || *r->p == '\n')
            return refuse(r, "a string without its end", err);
        const char *escape = *r->p == '\\' && quote == '"' && r->p[1] ? strchr(from, r->p[1]) : NULL;
        if (*r->p == '\\' && quote == '"' && !escape)
            return refuse(r, "an escape that evo does not know", err);
        if (escape)
            r->p++;
        evo_strbuf_addch(out, escape ? to[escape - from] : *r->p);
    }
    r->p++;
    return EVO_OK;
}

static enum evo_errc take_item(struct reader *r, const char *end, struct evo_strbuf *out,
                               struct evo_error *err)
{
    if (*r->p == '"' || *r->p == '\'')
        return take_string(r, out, err);
    size_t n = strcspn(r->p, end);
    while (n && strchr(" \t\r", r->p[n - 1]))
        n--;
    if (!n || memchr(r->p, '{', n) || memchr(r->p, '[', n))
        return refuse(r, "a value that is no string, list, number or boolean", err);
    evo_strbuf_add(out, r->p, n);
    r->p += n;
    return EVO_OK;
}

static void skip_between(struct reader *r)
{
    for (; strchr(" \t\r\n#", *r->p) && *r->p; r->p++) {
        if (*r->p == '#')
            skip_line(r);
        if (*r->p == '\n')
            r->line++;
        if (!*r->p)
            return;
    }
}

/* "[ … ]": its items, joined by commas. */
static enum evo_errc take_list(struct reader *r, struct evo_strbuf *out, struct evo_error *err)
{
    r->p++;
    for (size_t items = 0;; items++) {
        skip_between(r);
        if (*r->p == ']')
            break;
        if (!*r->p)
            return refuse(r, "a list without its end", err);
        if (items)
            evo_strbuf_addch(out, ',');
        enum evo_errc rc = take_item(r, ",]#\n", out, err);
        if (rc)
            return rc;
        skip_between(r);
        if (*r->p == ',')
            r->p++;
        else if (*r->p != ']')
            return refuse(r, "a list whose items are not parted by commas", err);
    }
    r->p++;
    return EVO_OK;
}

/* A key's parts up to `end`, joined by dots, without quotes. */
static enum evo_errc take_key(struct reader *r, char end, struct evo_strbuf *out, struct evo_error *err)
{
    while (*r->p && *r->p != end && *r->p != '\n') {
        enum evo_errc rc = EVO_OK;
        if (*r->p == '"' || *r->p == '\'')
            rc = take_string(r, out, err);
        else if (!strchr(" \t", *r->p))
            evo_strbuf_addch(out, *r->p++);
        else
            r->p++;
        if (rc)
            return rc;
    }
    if (*r->p != end || !out->len)
        return refuse(r, "a line that is no table and no \"key = value\"", err);
    r->p++;
    return EVO_OK;
}

static enum evo_errc read_toml_table(struct reader *r, struct evo_error *err)
{
    bool many = r->p[1] == '[';
    r->p += 1 + many;
    evo_strbuf_clear(&r->prefix);
    enum evo_errc rc = take_key(r, ']', &r->prefix, err);
    if (rc)
        return rc;
    evo_strbuf_addch(&r->prefix, '.');
    r->p += many && *r->p == ']';
    return end_line(r, err);
}

static enum evo_errc read_toml(struct reader *r, struct evo_error *err)
{
    if (*r->p == '[')
        return read_toml_table(r, err);
    int line = r->line;
    EVO_AUTO(strbuf) key = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) value = EVO_STRBUF_INIT;
    enum evo_errc rc = take_key(r, '=', &key, err);
    if (rc)
        return rc;
    skip_blanks(r);
    rc = *r->p == '[' ? take_list(r, &value, err) : take_item(r, "#\n", &value, err);
    if (!rc)
        rc = end_line(r, err);
    if (!rc)
        add(r, key.buf, key.len, false, evo_strbuf_detach(&value), line);
    return rc;
}

/* ---- git ------------------------------------------------------------------------ */

/* "[section]", "[section "sub"]": the section's name in lower case, the other as it is. */
static enum evo_errc read_git_section(struct reader *r, struct evo_error *err)
{
    evo_strbuf_clear(&r->prefix);
    r->p++;
    size_t n = strcspn(r->p, " \t\"]\n");
    for (size_t i = 0; i < n; i++)
        evo_strbuf_addch(&r->prefix, (char)tolower((unsigned char)r->p[i]));
    evo_strbuf_addch(&r->prefix, '.');
    r->p += n;
    skip_blanks(r);
    if (*r->p == '"') {
        enum evo_errc rc = take_string(r, &r->prefix, err);
        if (rc)
            return rc;
        evo_strbuf_addch(&r->prefix, '.');
    }
    if (*r->p != ']')
        return refuse(r, "a section without its end", err);
    r->p++;
    return EVO_OK;
}

static enum evo_errc take_git_value(struct reader *r, struct evo_strbuf *out, struct evo_error *err)
{
    static const char from[] = "ntb\"\\", to[] = "\n\t\b\"\\";
    bool quoted = false;
    size_t kept = 0; /* blanks at the end do not count */
    for (; *r->p && *r->p != '\n'; r->p++) {
        if (!quoted && (*r->p == '#' || *r->p == ';')) {
            skip_line(r);
            break;
        }
        if (*r->p == '"') {
            quoted = !quoted;
            kept = out->len;
            continue;
        }
        if (*r->p == '\\' && r->p[1] == '\n') {
            r->p++;
            r->line++;
            continue;
        }
        const char *escape = *r->p == '\\' && r->p[1] ? strchr(from, r->p[1]) : NULL;
        if (*r->p == '\\' && !escape)
            return refuse(r, "an escape that evo does not know", err);
        if (escape)
            r->p++;
        evo_strbuf_addch(out, escape ? to[escape - from] : *r->p);
        if (quoted || escape || !strchr(" \t\r", *r->p))
            kept = out->len;
    }
    if (quoted)
        return refuse(r, "a quote without its end", err);
    evo_strbuf_truncate(out, kept);
    return EVO_OK;
}

static enum evo_errc read_git(struct reader *r, struct evo_error *err)
{
    if (*r->p == ';') {
        skip_line(r);
        return EVO_OK;
    }
    if (*r->p == '[') {
        enum evo_errc rc = read_git_section(r, err);
        skip_blanks(r);
        if (rc || !*r->p || *r->p == '\n' || *r->p == '#')
            return rc;
    }
    int line = r->line;
    size_t n = strcspn(r->p, "= \t\r\n#;");
    const char *name = r->p;
    if (!n)
        return refuse(r, "a line that is no section and no \"key = value\"", err);
    r->p += n;
    skip_blanks(r);
    EVO_AUTO(strbuf) value = EVO_STRBUF_INIT;
    if (*r->p == '=') {
        r->p++;
        skip_blanks(r);
        enum evo_errc rc = take_git_value(r, &value, err);
        if (rc)
            return rc;
    } else {
        evo_strbuf_adds(&value, "true");
        skip_line(r);
    }
    add(r, name, n, true, evo_strbuf_detach(&value), line);
    return EVO_OK;
}

enum evo_errc evo_conf_parse(const char *text, enum evo_conf_form form, const char *path,
                             struct evo_conf *conf, struct evo_error *err)
{
    static enum evo_errc (*const forms[])(struct reader * r, struct evo_error * err) = {
        [EVO_CONF_PROPERTIES] = read_property, [EVO_CONF_TOML] = read_toml, [EVO_CONF_GIT] = read_git
    };
    __attribute__((cleanup(reader_auto))) struct reader r = {
        .p = text, .path = path, .line = 1, .prefix = EVO_STRBUF_INIT, .conf = conf
    };
    if (evo_starts_with(text, "\xef\xbb\xbf"))
        r.p += 3;
    while (*r.p) {
        skip_blanks(&r);
        if (*r.p == '#')
            skip_line(&r);
        if (*r.p && *r.p != '\n') {
            enum evo_errc rc = forms[form](&r, err);
            if (rc)
                return rc;
        }
        if (*r.p == '\n') {
            r.p++;
            r.line++;
        }
    }
    return EVO_OK;
}

enum evo_errc evo_conf_read(const char *path, enum evo_conf_form form, struct evo_conf *conf,
                            struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(CONF_MAX);
    enum evo_errc rc = evo_file_read(path, CONF_MAX, &text, err);
    if (rc == EVO_ERR_NOT_FOUND)
        return EVO_OK;
    if (rc) {
        if (err)
            err->code = EVO_ERR_CONFIG;
        return EVO_ERR_CONFIG;
    }
    return evo_conf_parse(text.buf, form, path, conf, err);
}
