/* evo_locks_text, evo_locks_bar, evo_locks_changes: report.h for people. */
#include <inttypes.h>

#include "base/parse.h"
#include "locks/describe.h"
#include "locks/report.h"

#define BAR_SIZE 20

/* ---- the tree -------------------------------------------------------------------- */

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* "waits 12.0 s for ACCESS EXCLUSIVE on public.orders, where it has ACCESS SHARE" */
static void add_wait(const struct evo_locks_wait *w, struct evo_strbuf *out)
{
    char human[EVO_HUMAN_MAX];
    bool table = evo_lock_mode_parse(w->mode) != EVO_LOCK_NONE && evo_streq(w->type, "relation");
    evo_strbuf_adds(out, "waits ");
    if (w->wait_ms >= 0)
        evo_strbuf_addf(out, "%s ", evo_format_duration(w->wait_ms, human));
    evo_strbuf_addf(out, "for %s%s%s", table ? w->mode : "", table ? " on " : "", w->object);
    if (table && w->held)
        evo_strbuf_addf(out, " (held: %s)", w->held);
    else if (table)
        evo_strbuf_adds(out, " (it stands in front)");
}

static void add_line(const struct evo_locks_view *v, const struct evo_locks_line *l, const char *bold,
                     const char *reset, struct evo_strbuf *out)
{
    const struct evo_locks_session *s = &v->sessions[l->session];
    EVO_AUTO(strbuf) who = EVO_STRBUF_INIT;
    for (unsigned i = 0; i < l->depth && i < 40; i++)
        evo_strbuf_adds(out, "  ");
    bool root = l->wait == EVO_LOCKS_ROOT;
    if (l->again) {
        evo_locks_who(s, &who);
    } else {
        evo_locks_describe(s, &who);
    }
    evo_strbuf_addf(out, "%s%s%s\n", root ? bold : "", who.buf, root ? reset : "");
    for (unsigned i = 0; i <= l->depth && i < 40; i++)
        evo_strbuf_adds(out, "  ");
    size_t behind = evo_locks_behind(v, l->session, true, NULL);
    if (root)
        evo_strbuf_addf(out, "%zu session%s wait%s behind it", behind, plural(behind),
                        behind == 1 ? "s" : "");
    else
        add_wait(&v->waits[l->wait], out);
    if (l->circle)
        evo_strbuf_adds(out, "; it waits, too: a deadlock, which the server ends");
    if (!root && behind && !l->again)
        evo_strbuf_addf(out, "; %zu wait%s behind it", behind, behind == 1 ? "s" : "");
    if (l->again)
        evo_strbuf_adds(out, "; see above");
    evo_strbuf_addch(out, '\n');
}

static size_t waiters(const struct evo_locks_view *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->nsessions; i++) {
        bool waits = false;
        for (size_t k = 0; !waits && k < v->nwaits; k++)
            waits = v->waits[k].blocked == i;
        n += waits;
    }
    return n;
}

static void add_tree(const struct evo_locks_view *v, const char *bold, const char *reset,
                     struct evo_strbuf *out)
{
    EVO_AUTO(locks_tree) tree = { 0 };
    evo_locks_tree_make(v, &tree);
    size_t n = waiters(v);
    evo_strbuf_addf(out, "%zu session%s wait%s for others%s\n\n", n, plural(n), n == 1 ? "s" : "",
                    v->cut ? " (and more, not looked at)" : "");
    for (size_t i = 0; i < tree.count; i++)
        add_line(v, &tree.items[i], bold, reset, out);
}

/* ---- progress ---------------------------------------------------------------------- */

void evo_locks_bar(const struct evo_progress_item *p, struct evo_strbuf *out)
{
    int percent = evo_progress_percent(p);
    if (percent < 0)
        return;
    int done = percent * BAR_SIZE / 100;
    evo_strbuf_addch(out, '[');
    for (int i = 0; i < BAR_SIZE; i++)
        evo_strbuf_addch(out, i < done ? '=' : i == done ? '>' : ' ');
    evo_strbuf_addf(out, "] %3d%%", percent);
}

static void add_counted(const struct evo_progress_item *p, struct evo_strbuf *out)
{
    char a[EVO_HUMAN_MAX], b[EVO_HUMAN_MAX];
    if (!p->unit)
        return;
    evo_strbuf_adds(out, ", ");
    if (evo_streq(p->unit, "bytes")) {
        evo_strbuf_adds(out, evo_format_size((uint64_t)p->done, a));
        if (p->total >= 0)
            evo_strbuf_addf(out, " of %s", evo_format_size((uint64_t)p->total, b));
        return;
    }
    evo_strbuf_addf(out, "%" PRId64, p->done);
    if (p->total >= 0)
        evo_strbuf_addf(out, " of %" PRId64, p->total);
    evo_strbuf_addf(out, " %s", p->unit);
}

/* "CREATE INDEX public.i on public.orders" */
static void add_what(const struct evo_progress_item *p, struct evo_strbuf *out)
{
    evo_strbuf_adds(out, p->command ? p->command : "unknown command");
    if (p->index)
        evo_strbuf_addf(out, " %s", p->index);
    if (p->relation)
        evo_strbuf_addf(out, "%s %s", p->index ? " on" : "", p->relation);
    evo_strbuf_addf(out, ", pid %" PRId64, p->pid);
}

static void add_progress(const struct evo_progress_item *p, struct evo_strbuf *out)
{
    char human[EVO_HUMAN_MAX];
    add_what(p, out);
    if (p->elapsed_ms >= 0)
        evo_strbuf_addf(out, ", since %s", evo_format_duration(p->elapsed_ms, human));
    evo_strbuf_adds(out, "\n  ");
    size_t before = out->len;
    evo_locks_bar(p, out);
    if (out->len > before)
        evo_strbuf_adds(out, "  ");
    evo_strbuf_adds(out, p->phase ? p->phase : "working");
    add_counted(p, out);
    if (p->waits_for)
        evo_strbuf_addf(out, ", waits for pid %" PRId64, p->waits_for);
    if (p->left_ms >= 0)
        evo_strbuf_addf(out, ", %s left%s", evo_format_duration(p->left_ms, human), p->phase ? " of it" : "");
    evo_strbuf_addch(out, '\n');
}

void evo_locks_text(const struct evo_locks_report *r, const char *bold, const char *reset,
                    struct evo_strbuf *out)
{
    if (r->view.nwaits)
        add_tree(&r->view, bold, reset, out);
    else
        evo_strbuf_adds(out, "no session waits for another\n");
    for (size_t i = 0; i < r->advisories.count; i++) {
        const struct evo_advisory *a = &r->advisories.items[i];
        if (a->granted) /* the others are in the tree */
            evo_strbuf_addf(out, "%spid %" PRId64 " holds %s%s\n", i ? "" : "\n", a->pid, a->name,
                            a->shared ? " (shared)" : "");
    }
    for (size_t i = 0; i < r->progress.count; i++) {
        evo_strbuf_adds(out, i ? "" : "\n");
        add_progress(&r->progress.items[i], out);
    }
}

/* ---- changes ------------------------------------------------------------------------- */

static bool same_session(const struct evo_locks_session *a, const struct evo_locks_session *b)
{
    return a->pid == b->pid && evo_streq(a->gid, b->gid) && evo_streq(a->started, b->started);
}

static const struct evo_locks_wait *find_wait(const struct evo_locks_view *in,
                                              const struct evo_locks_view *of, const struct evo_locks_wait *w)
{
    for (size_t i = 0; i < in->nwaits; i++)
        if (same_session(&in->sessions[in->waits[i].blocked], &of->sessions[w->blocked]) &&
            same_session(&in->sessions[in->waits[i].blocking], &of->sessions[w->blocking]) &&
            evo_streq(in->waits[i].object, w->object))
            return &in->waits[i];
    return NULL;
}

static void wait_began(const struct evo_locks_view *v, const struct evo_locks_wait *w,
                       struct evo_strvec *lines)
{
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    evo_locks_describe(&v->sessions[w->blocked], &line);
    evo_strbuf_adds(&line, "; ");
    add_wait(w, &line);
    evo_strbuf_adds(&line, ", behind ");
    evo_locks_describe(&v->sessions[w->blocking], &line);
    (void)evo_strvec_push(lines, line.buf);
}

static void name(const struct evo_locks_session *s, struct evo_strbuf *out)
{
    if (s->gid)
        evo_strbuf_addf(out, "prepared transaction \"%s\"", s->gid);
    else
        evo_strbuf_addf(out, "pid %" PRId64, s->pid);
}

static void wait_ended(const struct evo_locks_view *v, const struct evo_locks_wait *w,
                       struct evo_strvec *lines)
{
    char human[EVO_HUMAN_MAX];
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    name(&v->sessions[w->blocked], &line);
    evo_strbuf_adds(&line, " waits no more for ");
    name(&v->sessions[w->blocking], &line);
    if (w->wait_ms >= 0)
        evo_strbuf_addf(&line, " (it did for %s or longer)", evo_format_duration(w->wait_ms, human));
    (void)evo_strvec_push(lines, line.buf);
}

static const struct evo_progress_item *find_progress(const struct evo_progress_list *in,
                                                     const struct evo_progress_item *p)
{
    for (size_t i = 0; i < in->count; i++)
        if (in->items[i].pid == p->pid && evo_streq(in->items[i].command, p->command) &&
            evo_streq(in->items[i].relation, p->relation))
            return &in->items[i];
    return NULL;
}

static void progress_changes(const struct evo_progress_list *before, const struct evo_progress_list *now,
                             struct evo_strvec *lines)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct evo_progress_item *p = &now->items[i], *b = find_progress(before, p);
        if (b && evo_streq(b->phase, p->phase) && evo_streq(b->index, p->index) &&
            evo_progress_percent(b) / 10 == evo_progress_percent(p) / 10)
            continue;
        EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
        add_what(p, &line);
        evo_strbuf_addf(&line, ": %s", p->phase ? p->phase : "working");
        if (evo_progress_percent(p) >= 0)
            evo_strbuf_addf(&line, " (%d%%)", evo_progress_percent(p));
        (void)evo_strvec_push(lines, line.buf);
    }
    for (size_t i = 0; i < before->count; i++) {
        EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
        if (find_progress(now, &before->items[i]))
            continue;
        add_what(&before->items[i], &line);
        evo_strbuf_adds(&line, ": ended");
        (void)evo_strvec_push(lines, line.buf);
    }
}

void evo_locks_changes(const struct evo_locks_report *before, const struct evo_locks_report *now,
                       struct evo_strvec *lines)
{
    for (size_t i = 0; i < now->view.nwaits; i++)
        if (!find_wait(&before->view, &now->view, &now->view.waits[i]))
            wait_began(&now->view, &now->view.waits[i], lines);
    for (size_t i = 0; i < before->view.nwaits; i++)
        if (!find_wait(&now->view, &before->view, &before->view.waits[i]))
            wait_ended(&before->view, &before->view.waits[i], lines);
    progress_changes(&before->progress, &now->progress, lines);
}
