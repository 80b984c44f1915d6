#include "locks/report.h"

void evo_locks_report_release(struct evo_locks_report *r)
{
    if (!r)
        return;
    evo_locks_view_release(&r->view);
    evo_progress_list_release(&r->progress);
    evo_advisories_release(&r->advisories);
}

enum evo_errc evo_locks_report_look(struct evo_pg *pg, struct evo_locks_report *ret, struct evo_error *err)
{
    EVO_AUTO(locks_report) r = { 0 };
    enum evo_errc rc = evo_locks_look(pg, &r.view, err);
    if (!rc)
        rc = evo_progress_look(pg, &r.progress, err);
    if (!rc)
        rc = evo_advisories_load(pg, &r.advisories, err);
    if (rc)
        return rc;
    *ret = r;
    r = (struct evo_locks_report){ 0 };
    return EVO_OK;
}

/* ---- for programs --------------------------------------------------------------- */

/* -1 is not known. */
static void set_known(struct evo_json *o, const char *key, int64_t value)
{
    evo_json_set(o, key, value >= 0 ? evo_json_int_new(value) : evo_json_null_new());
}

static void set_pid(struct evo_json *o, const char *key, int64_t pid)
{
    evo_json_set(o, key, pid > 0 ? evo_json_int_new(pid) : evo_json_null_new());
}

static bool waits(const struct evo_locks_view *v, size_t session)
{
    for (size_t i = 0; i < v->nwaits; i++)
        if (v->waits[i].blocked == session)
            return true;
    return false;
}

struct evo_json *evo_locks_session_json(const struct evo_locks_view *v, size_t session)
{
    const struct evo_locks_session *s = &v->sessions[session];
    struct evo_json *o = evo_json_object();
    set_pid(o, "pid", s->pid);
    evo_json_set_string(o, "prepared", s->gid);
    evo_json_set_bool(o, "hidden", s->hidden);
    evo_json_set_string(o, "user", s->user);
    evo_json_set_string(o, "application", s->application);
    evo_json_set_string(o, "address", s->address);
    evo_json_set_string(o, "database", s->database);
    evo_json_set_string(o, "type", s->type);
    evo_json_set_string(o, "state", s->state);
    evo_json_set_string(o, "wait_event", s->waits);
    evo_json_set_string(o, "query", s->query);
    evo_json_set_string(o, "started", s->started);
    set_known(o, "transaction_ms", s->transaction_ms);
    set_known(o, "state_ms", s->state_ms);
    evo_json_set_int(o, "behind", (int64_t)evo_locks_behind(v, session, true, NULL));
    evo_json_set_bool(o, "root", !waits(v, session));
    return o;
}

static struct evo_json *wait_json(const struct evo_locks_view *v, const struct evo_locks_wait *w)
{
    const struct evo_locks_session *blocked = &v->sessions[w->blocked], *blocking = &v->sessions[w->blocking];
    struct evo_json *o = evo_json_object();
    set_pid(o, "blocked_pid", blocked->pid);
    set_pid(o, "blocking_pid", blocking->pid);
    evo_json_set_string(o, "blocking_prepared", blocking->gid);
    evo_json_set_string(o, "relation", w->relation);
    set_known(o, "wait_ms", w->wait_ms);
    evo_json_set_string(o, "blocked_query", blocked->query);
    evo_json_set_string(o, "blocking_query", blocking->query);
    evo_json_set_string(o, "lock_type", w->type);
    evo_json_set_string(o, "object", w->object);
    evo_json_set_string(o, "mode", w->mode);
    evo_json_set_string(o, "held_mode", w->held);
    return o;
}

static struct evo_json *progress_json(const struct evo_progress_item *p)
{
    struct evo_json *o = evo_json_object();
    set_pid(o, "pid", p->pid);
    evo_json_set_string(o, "command", p->command);
    evo_json_set_string(o, "relation", p->relation);
    evo_json_set_string(o, "index", p->index);
    evo_json_set_string(o, "phase", p->phase);
    evo_json_set_string(o, "unit", p->unit);
    set_known(o, "done", p->unit ? p->done : -1);
    set_known(o, "total", p->total);
    set_known(o, "percent", evo_progress_percent(p));
    set_known(o, "elapsed_ms", p->elapsed_ms);
    set_known(o, "left_ms", p->left_ms);
    set_pid(o, "waits_for_pid", p->waits_for);
    return o;
}

void evo_locks_json(const struct evo_locks_report *r, struct evo_json *data)
{
    struct evo_json *all_waits = evo_json_array(), *progress = evo_json_array();
    struct evo_json *sessions = evo_json_array(), *advisory = evo_json_array();
    for (size_t i = 0; i < r->view.nwaits; i++)
        evo_json_append(all_waits, wait_json(&r->view, &r->view.waits[i]));
    for (size_t i = 0; i < r->progress.count; i++)
        evo_json_append(progress, progress_json(&r->progress.items[i]));
    for (size_t i = 0; i < r->view.nsessions; i++)
        evo_json_append(sessions, evo_locks_session_json(&r->view, i));
    for (size_t i = 0; i < r->advisories.count; i++) {
        const struct evo_advisory *a = &r->advisories.items[i];
        struct evo_json *o = evo_json_object();
        set_pid(o, "pid", a->pid);
        evo_json_set_string(o, "name", a->name);
        evo_json_set_bool(o, "granted", a->granted);
        evo_json_set_bool(o, "shared", a->shared);
        evo_json_append(advisory, o);
    }
    evo_json_set(data, "waits", all_waits);
    evo_json_set(data, "progress", progress);
    evo_json_set(data, "sessions", sessions);
    evo_json_set(data, "advisory", advisory);
    evo_json_set_bool(data, "cut", r->view.cut);
}
