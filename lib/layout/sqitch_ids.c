/* A plan's lifetime, and the ids that Sqitch gives its lines. */
#include <ctype.h>

#include "layout/sqitch.h"

#include "base/banned.h"

static void release_line(struct evo_sqitch_line *l)
{
    free(l->name);
    free(l->note);
    free(l->planned_at);
    free(l->planner_name);
    free(l->planner_email);
}

static void release_depend(struct evo_sqitch_depend *d)
{
    free(d->text);
    free(d->project);
    free(d->change);
    free(d->tag);
    free(d->id);
}

static void release_change(struct evo_sqitch_change *c)
{
    release_line(&c->plan);
    for (size_t i = 0; i < c->ndepends; i++)
        release_depend(&c->depends[i]);
    free(c->depends);
    for (size_t i = 0; i < c->ntags; i++)
        release_line(&c->tags[i]);
    free(c->tags);
    evo_strvec_release(&c->rework_tags);
}

void evo_sqitch_release(struct evo_sqitch *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        release_change(&s->changes[i]);
    free(s->changes);
    free(s->project);
    free(s->uri);
    free(s->user_name);
    free(s->user_email);
    *s = (struct evo_sqitch){ 0 };
}

void evo_sqitch_free(struct evo_sqitch *s)
{
    evo_sqitch_release(s);
    free(s);
}

size_t evo_sqitch_find(const struct evo_sqitch *s, const char *change_id)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->changes[i].plan.id, change_id) == 0)
            return i;
    return EVO_SQITCH_ELSEWHERE;
}

/* ---- ids -------------------------------------------------------------------------- */

static void finish_id(const char *what, const struct evo_strbuf *info, char id[EVO_SHA1_HEX])
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_addf(&text, "%s %zu", what, info->len);
    evo_strbuf_add(&text, "", 1);
    evo_strbuf_add(&text, info->buf, info->len);
    (void)evo_sha1_hex(text.buf, text.len, id);
}

/* As Sqitch's URI library writes one in full: scheme and host in lower case, no port that goes without saying. */
static char *canonical_uri(const char *uri)
{
    size_t scheme = strcspn(uri, ":");
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (size_t i = 0; i < scheme; i++)
        evo_strbuf_addch(&out, (char)tolower((unsigned char)uri[i]));
    const char *rest = uri + scheme;
    if (!evo_starts_with(rest, "://")) {
        evo_strbuf_adds(&out, rest);
        return evo_strbuf_detach(&out);
    }
    bool http = strcmp(out.buf, "http") == 0, https = strcmp(out.buf, "https") == 0;
    size_t n = 3 + strcspn(rest + 3, "/?#");
    size_t user = 3;
    for (size_t i = 3; i < n; i++)
        user = rest[i] == '@' ? i + 1 : user;
    evo_strbuf_add(&out, rest, user);
    for (size_t i = user; i < n; i++)
        evo_strbuf_addch(&out, (char)tolower((unsigned char)rest[i]));
    const char *port = http ? ":80" : https ? ":443" : ":";
    if (evo_ends_with(out.buf, port))
        evo_strbuf_truncate(&out, out.len - strlen(port));
    if ((http || https) && rest[n] != '/')
        evo_strbuf_addch(&out, '/');
    evo_strbuf_adds(&out, rest + n);
    return evo_strbuf_detach(&out);
}

static void begin_info(const struct evo_sqitch *s, struct evo_strbuf *info)
{
    evo_strbuf_addf(info, "project %s", s->project);
    if (s->uri) {
        EVO_AUTO_STR uri = canonical_uri(s->uri);
        evo_strbuf_addf(info, "\nuri %s", uri);
    }
}

static void add_planner(const struct evo_sqitch_line *l, struct evo_strbuf *info)
{
    evo_strbuf_addf(info, "\nplanner %s <%s>\ndate %s", l->planner_name, l->planner_email, l->planned_at);
}

static void add_note(const struct evo_sqitch_line *l, struct evo_strbuf *info)
{
    if (*l->note)
        evo_strbuf_addf(info, "\n\n%s", l->note);
}

static void add_depends(const struct evo_sqitch_change *c, bool conflict, struct evo_strbuf *info)
{
    bool any = false;
    for (size_t i = 0; i < c->ndepends; i++) {
        if (c->depends[i].conflict != conflict)
            continue;
        if (!any)
            evo_strbuf_adds(info, conflict ? "\nconflicts" : "\nrequires");
        evo_strbuf_addf(info, "\n  %c %s", conflict ? '-' : '+', c->depends[i].text);
        any = true;
    }
}

void evo_sqitch_identify_change(const struct evo_sqitch *s, const struct evo_sqitch_change *parent,
                                struct evo_sqitch_change *c)
{
    EVO_AUTO(strbuf) info = EVO_STRBUF_INIT;
    begin_info(s, &info);
    evo_strbuf_addf(&info, "\nchange %s", c->plan.name);
    if (parent)
        evo_strbuf_addf(&info, "\nparent %s", parent->plan.id);
    add_planner(&c->plan, &info);
    add_depends(c, false, &info);
    add_depends(c, true, &info);
    add_note(&c->plan, &info);
    finish_id("change", &info, c->plan.id);
}

void evo_sqitch_identify_tag(const struct evo_sqitch *s, const struct evo_sqitch_change *c,
                             struct evo_sqitch_line *tag)
{
    EVO_AUTO(strbuf) info = EVO_STRBUF_INIT;
    begin_info(s, &info);
    evo_strbuf_addf(&info, "\ntag %s\nchange %s", tag->name, c->plan.id);
    add_planner(tag, &info);
    add_note(tag, &info);
    finish_id("tag", &info, tag->id);
}
