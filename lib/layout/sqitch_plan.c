#include <ctype.h>

#include "layout/sqitch.h"

#include "base/banned.h"

struct parser {
    struct evo_sqitch *s;
    const char *path;
    int line;
    bool header; /* pragmas may still come */
};

static enum evo_errc refuse(const struct parser *p, struct evo_error *err, const char *fmt, ...)
    EVO_PRINTF(3, 4);
static enum evo_errc refuse(const struct parser *p, struct evo_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    EVO_AUTO_STR why = evo_vasprintf(fmt, ap);
    va_end(ap);
    evo_error_set(err, EVO_ERR_CONFIG, "cannot read the plan \"%s\": %s", p->path, why);
    return evo_error_at(err, p->path, p->line);
}

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

static bool is_id(const char *s, size_t n)
{
    return n == EVO_SHA1_HEX - 1 && strspn(s, "0123456789abcdef") >= n;
}

/* A name as Sqitch takes it: no blank, ":", "@", "#" or "\", no punctuation at either end, no "~2" or the like there. */
static bool is_name(const char *s, size_t n)
{
    static const char punctuation[] = "-!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~";
    if (!n || strchr(punctuation, s[0]) || strchr(punctuation, s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strchr(" \t:@#\\", s[i]))
            return false;
    size_t digits = 0;
    while (digits < n && isdigit((unsigned char)s[n - 1 - digits]))
        digits++;
    return !digits || digits == n || !strchr("~/=%^", s[n - 1 - digits]);
}

/* What stands behind "#": trimmed, with \n, \r and \\ as what they stand for. */
static char *take_note(const char *text)
{
    EVO_AUTO(strbuf) trimmed = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) note = EVO_STRBUF_INIT;
    evo_strbuf_adds(&trimmed, text);
    evo_strbuf_trim(&trimmed);
    for (const char *p = trimmed.buf; *p; p++) {
        char to = *p != '\\' ? '\0' : p[1] == 'n' ? '\n' : p[1] == 'r' ? '\r' : p[1] == '\\' ? '\\' : '\0';
        evo_strbuf_addch(&note, to ? to : *p);
        p += to != '\0';
    }
    return evo_strbuf_detach(&note);
}

/* "2025-01-01T00:00:00Z" */
static bool is_time(const char *s)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != form[i])
            return false;
    return true;
}

/* "2025-01-01T00:00:00Z Planner <planner@example.org>" to the end of the line. */
static enum evo_errc take_planner(const struct parser *p, const char *s, struct evo_sqitch_line *l,
                                  struct evo_error *err)
{
    if (!is_time(s))
        return refuse(p, err, "\"%s\" has no time such as 2025-01-01T00:00:00Z", l->name);
    l->planned_at = evo_strndup(s, 20);
    s = skip_blanks(s + 20);
    size_t n = strcspn(s, "<");
    size_t email = s[n] ? strcspn(s + n + 1, ">") : 0;
    if (n < 2 || !strchr(" \t", s[n - 1]) || !email || s[n + 1 + email] != '>' || s[n + 2 + email])
        return refuse(p, err, "\"%s\" has no planner such as \"Name <name@example.org>\"", l->name);
    l->planner_name = evo_strndup(s, n - 1);
    l->planner_email = evo_strndup(s + n + 1, email);
    return EVO_OK;
}

/* The index of the change that a tag stands behind; EVO_SQITCH_ELSEWHERE. */
static size_t tagged(const struct evo_sqitch *s, const char *tag)
{
    for (size_t i = 0; i < s->count; i++)
        for (size_t t = 0; t < s->changes[i].ntags; t++)
            if (strcmp(s->changes[i].tags[t].name + 1, tag) == 0)
                return i;
    return EVO_SQITCH_ELSEWHERE;
}

/* The change of this plan that d means: by its name the first, as of a tag the last before it. */
static size_t resolve(const struct evo_sqitch *s, const struct evo_sqitch_depend *d)
{
    if (d->id)
        return evo_sqitch_find(s, d->id);
    size_t last = s->count ? s->count - 1 : 0, found = EVO_SQITCH_ELSEWHERE;
    if (d->tag) {
        last = tagged(s, d->tag);
        if (last == EVO_SQITCH_ELSEWHERE || !d->change)
            return last;
    }
    for (size_t i = 0; s->count && i <= last; i++) {
        if (strcmp(s->changes[i].plan.name, d->change) != 0)
            continue;
        found = i;
        if (!d->tag)
            break;
    }
    return found;
}

/* "!project:change@tag" */
static bool take_depend(const char *s, size_t n, struct evo_sqitch_depend *d)
{
    if (n && *s == '!') {
        d->conflict = true;
        s++;
        n--;
    }
    const char *colon = memchr(s, ':', n);
    if (colon) {
        size_t project = (size_t)(colon - s);
        if (!is_name(s, project))
            return false;
        d->project = evo_strndup(s, project);
        s += project + 1;
        n -= project + 1;
    }
    if (is_id(s, n)) {
        d->id = evo_strndup(s, n);
        return true;
    }
    const char *at = memchr(s, '@', n);
    size_t change = at ? (size_t)(at - s) : n, tag = at ? n - change - 1 : 0;
    if ((at && !is_name(at + 1, tag)) || (change && !is_name(s, change)) || (!at && !change))
        return false;
    d->change = change ? evo_strndup(s, change) : NULL;
    d->tag = at ? evo_strndup(at + 1, tag) : NULL;
    return true;
}

static enum evo_errc add_depend(const struct parser *p, const char *s, size_t n, struct evo_sqitch_change *c,
                                struct evo_error *err)
{
    struct evo_sqitch_depend d = { 0 };
    bool good = take_depend(s, n, &d);
    EVO_GROW(c->depends, c->ndepends, c->depends_alloc);
    c->depends[c->ndepends++] = d; /* released with it, good or not */
    if (!good)
        return refuse(p, err, "\"%.*s\" of \"%s\" is no dependency", (int)n, s, c->plan.name);
    struct evo_sqitch_depend *own = &c->depends[c->ndepends - 1];
    bool here = !own->project || strcmp(own->project, p->s->project) == 0;
    own->text = evo_asprintf("%s%s%s%s%s", here ? "" : own->project, here ? "" : ":",
                             own->id       ? own->id
                             : own->change ? own->change
                                           : "",
                             own->tag ? "@" : "", own->tag ? own->tag : "");
    for (size_t i = 0; i + 1 < c->ndepends; i++)
        if (strcmp(c->depends[i].text, own->text) == 0)
            return refuse(p, err, "\"%s\" names \"%s\" twice", c->plan.name, own->text);
    own->index = here ? resolve(p->s, own) : EVO_SQITCH_ELSEWHERE;
    if (here && !own->id && !own->conflict && own->index == EVO_SQITCH_ELSEWHERE)
        return refuse(p, err, "\"%s\" requires \"%s\", which does not stand above it", c->plan.name,
                      own->text);
    return EVO_OK;
}

static enum evo_errc take_depends(const struct parser *p, const char *s, size_t n,
                                  struct evo_sqitch_change *c, struct evo_error *err)
{
    for (size_t at = 0; at < n;) {
        size_t len = 0;
        while (at + len < n && !strchr(" \t", s[at + len]))
            len++;
        enum evo_errc rc = add_depend(p, s + at, len, c, err);
        if (rc)
            return rc;
        at += len;
        at += strspn(s + at, " \t");
    }
    return EVO_OK;
}

/* The same name again: what was deployed under it before goes by its tags from now on. */
static enum evo_errc rework(const struct parser *p, const struct evo_sqitch_change *c, struct evo_error *err)
{
    struct evo_sqitch *s = p->s;
    size_t before = EVO_SQITCH_ELSEWHERE;
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->changes[i].plan.name, c->plan.name) == 0)
            before = i;
    if (before == EVO_SQITCH_ELSEWHERE)
        return EVO_OK;
    struct evo_strvec *tags = &s->changes[before].rework_tags;
    for (size_t i = s->count; i-- > before;)
        for (size_t t = 0; t < s->changes[i].ntags; t++)
            evo_strvec_push(tags, s->changes[i].tags[t].name);
    return tags->count ? EVO_OK
                       : refuse(p, err, "change \"%s\" stands there twice, and no tag between (line %d)",
                                c->plan.name, s->changes[before].plan.line);
}

static enum evo_errc check_plain_name(const struct parser *p, const char *s, size_t n, struct evo_error *err)
{
    if (!is_name(s, n))
        return refuse(p, err, "\"%.*s\" cannot be a name", (int)n, s);
    if ((n == 4 && (memcmp(s, "ROOT", n) == 0 || memcmp(s, "HEAD", n) == 0)) || is_id(s, n))
        return refuse(p, err, "the name \"%.*s\" means something else", (int)n, s);
    return EVO_OK;
}

static enum evo_errc take_change(const struct parser *p, const char *text, const char *note,
                                 struct evo_error *err)
{
    struct evo_sqitch *s = p->s;
    if (*text == '-')
        return refuse(p, err, "changes that are marked with \"-\" are not supported");
    text = *text == '+' ? skip_blanks(text + 1) : text;
    size_t n = strcspn(text, " \t[");
    enum evo_errc rc = check_plain_name(p, text, n, err);
    if (rc)
        return rc;
    EVO_GROW(s->changes, s->count, s->alloc);
    struct evo_sqitch_change *c = &s->changes[s->count];
    *c = (struct evo_sqitch_change){
        .plan = { .name = evo_strndup(text, n), .note = take_note(note), .line = p->line },
        .rework_tags = EVO_STRVEC_INIT
    };
    text = skip_blanks(text + n);
    if (*text == '[') {
        n = strcspn(text + 1, "]");
        rc = text[1 + n] == ']' && n ? take_depends(p, text + 1, n, c, err)
                                     : refuse(p, err, "\"%s\" has dependencies without an end", c->plan.name);
        text = text[1 + n] ? skip_blanks(text + n + 2) : text;
    }
    if (!rc)
        rc = take_planner(p, text, &c->plan, err);
    if (!rc)
        rc = rework(p, c, err);
    if (!rc)
        evo_sqitch_identify_change(s, s->count ? c - 1 : NULL, c);
    s->count++; /* released with the others, good or not */
    return rc;
}

static enum evo_errc take_tag(const struct parser *p, const char *text, const char *note,
                              struct evo_error *err)
{
    struct evo_sqitch *s = p->s;
    size_t n = strcspn(text + 1, " \t");
    enum evo_errc rc = check_plain_name(p, text + 1, n, err);
    if (rc)
        return rc;
    EVO_AUTO_STR bare = evo_strndup(text + 1, n);
    if (!s->count)
        return refuse(p, err, "tag \"@%s\" stands behind no change", bare);
    if (strchr(bare, '/'))
        return refuse(p, err, "the name of tag \"@%s\" holds a \"/\"", bare);
    if (tagged(s, bare) != EVO_SQITCH_ELSEWHERE)
        return refuse(p, err, "tag \"@%s\" stands there twice", bare);
    struct evo_sqitch_change *c = &s->changes[s->count - 1];
    EVO_GROW(c->tags, c->ntags, c->tags_alloc);
    struct evo_sqitch_line *tag = &c->tags[c->ntags++];
    *tag = (struct evo_sqitch_line){ .name = evo_asprintf("@%s", bare),
                                     .note = take_note(note),
                                     .line = p->line };
    rc = take_planner(p, skip_blanks(text + 1 + n), tag, err);
    if (!rc)
        evo_sqitch_identify_tag(s, c, tag);
    return rc;
}

static enum evo_errc take_pragma(const struct parser *p, const char *text, struct evo_error *err)
{
    text = skip_blanks(text + 1);
    size_t n = strcspn(text, " \t=");
    const char *value = skip_blanks(text + n);
    value = *value == '=' ? skip_blanks(value + 1) : "";
    if (n == 7 && memcmp(text, "project", n) == 0) {
        if (!is_name(value, strlen(value)))
            return refuse(p, err, "\"%s\" cannot be a project's name", value);
        free(p->s->project);
        p->s->project = evo_strdup(value);
    } else if (n == 3 && memcmp(text, "uri", n) == 0) {
        free(p->s->uri);
        p->s->uri = evo_strdup(value);
    }
    return EVO_OK;
}

/* One line, without its end. */
static enum evo_errc take_line(struct parser *p, char *text, struct evo_error *err)
{
    const char *start = skip_blanks(text);
    if (!*start) {
        p->header = false;
        return EVO_OK;
    }
    if (*start == '#')
        return EVO_OK;
    char *hash = strchr(text, '#');
    EVO_AUTO_STR note = evo_strdup(hash ? hash + 1 : "");
    if (hash)
        *hash = '\0';
    for (size_t n = strlen(text); n && strchr(" \t", text[n - 1]); n--)
        text[n - 1] = '\0';
    if (p->header)
        return *start == '%'
                   ? take_pragma(p, start, err)
                   : refuse(p, err, "an empty line must stand between the pragmas (%%…) and the changes");
    if (!p->s->project)
        return refuse(p, err, "it names no project: %%project=NAME");
    return *start == '@' ? take_tag(p, start, note, err) : take_change(p, start, note, err);
}

/* What a change conflicts with may stand below it, but it must stand there. */
static enum evo_errc resolve_conflicts(struct parser *p, struct evo_error *err)
{
    for (size_t i = 0; i < p->s->count; i++) {
        struct evo_sqitch_change *c = &p->s->changes[i];
        for (size_t n = 0; n < c->ndepends; n++) {
            struct evo_sqitch_depend *d = &c->depends[n];
            bool here = !d->project || strcmp(d->project, p->s->project) == 0;
            if (!here || d->id || d->index != EVO_SQITCH_ELSEWHERE)
                continue;
            d->index = resolve(p->s, d);
            p->line = c->plan.line;
            if (d->index == EVO_SQITCH_ELSEWHERE)
                return refuse(p, err, "\"%s\" conflicts with \"%s\", which is not in the plan", c->plan.name,
                              d->text);
        }
    }
    return EVO_OK;
}

enum evo_errc evo_sqitch_plan_parse(const char *text, const char *path, struct evo_sqitch *ret,
                                    struct evo_error *err)
{
    EVO_AUTO(sqitch) s = { 0 };
    struct parser p = { .s = &s, .path = path, .line = 0, .header = true };
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "\n"), keep = n && at[n - 1] == '\r' && at[n] ? n - 1 : n;
        EVO_AUTO_STR line = evo_strndup(at, keep);
        p.line++;
        enum evo_errc rc = take_line(&p, line, err);
        if (rc)
            return rc;
        at += n + (at[n] == '\n');
    }
    if (!s.project)
        return refuse(&p, err, "it names no project: %%project=NAME");
    enum evo_errc rc = resolve_conflicts(&p, err);
    if (rc)
        return rc;
    *ret = s;
    s = (struct evo_sqitch){ 0 };
    return EVO_OK;
}
