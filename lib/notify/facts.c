#include "notify/facts.h"

#include "base/banned.h"

static const char *const status_name[] = {
    [EVO_NOTIFY_SUCCESS] = "success",
    [EVO_NOTIFY_FAILURE] = "failure",
    [EVO_NOTIFY_CANCELLED] = "cancelled",
    [EVO_NOTIFY_RUNNING] = "running",
};

const char *evo_notify_status_name(enum evo_notify_status s)
{
    return status_name[s];
}

bool evo_notify_status_parse(const char *text, enum evo_notify_status *ret)
{
    for (size_t i = 0; i < EVO_COUNT(status_name); i++) {
        if (!evo_streq(text, status_name[i]))
            continue;
        *ret = (enum evo_notify_status)i;
        return true;
    }
    return false;
}

void evo_notify_facts_release(struct evo_notify_facts *f)
{
    if (!f)
        return;
    evo_strvec_release(&f->applied_names);
    evo_strvec_release(&f->rolled_back_names);
    evo_strvec_release(&f->steps);
    memset(f, 0, sizeof(*f));
}

/* Those who tell about the run are no part of it. */
static bool tells(const struct evo_envelope *e)
{
    return evo_streq(e->command, "notify") || evo_streq(e->command, "report");
}

/* The newest envelope of its command: what was tried again counts as it ended. */
static bool is_newest(const struct evo_rundir *run, size_t i)
{
    return evo_rundir_find(run, run->items[i].command) == &run->items[i];
}

static void add_step(struct evo_notify_facts *f, const char *name, const char *verdict, int64_t elapsed_ms)
{
    (void)evo_strvec_push(&f->steps, name);
    (void)evo_strvec_push(&f->steps, verdict);
    (void)evo_strvec_pushf(&f->steps, "%lld", (long long)elapsed_ms);
}

static const char *verdict_of(const struct evo_envelope *e)
{
    if (!e->failed)
        return "done";
    return e->error.code == EVO_ERR_CANCELLED ? "cancelled" : "failed";
}

/* From evo-deploy's envelope: it knows the order, what was skipped, and which failure decided. */
static void read_deploy(const struct evo_envelope *e, struct evo_notify_facts *f)
{
    const struct evo_json *steps = evo_json_get(e->data, "steps");
    for (size_t i = 0; i < evo_json_count(steps); i++) {
        const struct evo_json *step = evo_json_at(steps, i);
        const char *name = evo_json_get_string(step, "name", "");
        const char *verdict = evo_json_get_string(step, "verdict", "");
        add_step(f, name, verdict, evo_json_get_int(step, "elapsed_ms", 0));
        bool ended_it = evo_streq(verdict, "failed") || evo_streq(verdict, "cancelled");
        if (e->failed && ended_it && !f->failed_step)
            f->failed_step = name;
    }
    f->environment = e->environment;
    f->database = evo_json_get_string(e->data, "database", NULL);
    f->backup_id = evo_json_get_string(e->data, "backup_id", NULL);
    f->applied = evo_json_get_int(e->data, "applied", -1);
    f->pending = evo_json_get_int(e->data, "pending", -1);
    f->elapsed_ms = e->elapsed_ms;
    const struct evo_json *clean = evo_json_get(e->data, "schema_clean");
    if (evo_json_type_of(clean) == EVO_JSON_BOOL)
        f->schema_clean = evo_json_bool(clean, false) ? EVO_YES : EVO_NO;
    f->error = e->failed ? &e->error : NULL;
}

static void read_steps(const struct evo_rundir *run, struct evo_notify_facts *f)
{
    int64_t first = -1, last = -1;
    for (size_t i = 0; i < run->count; i++) {
        const struct evo_envelope *e = &run->items[i];
        if (tells(e))
            continue;
        if (first < 0 || e->started_ms < first)
            first = e->started_ms;
        if (e->started_ms + e->elapsed_ms > last)
            last = e->started_ms + e->elapsed_ms;
        if (!is_newest(run, i))
            continue;
        add_step(f, e->command, verdict_of(e), e->elapsed_ms);
        if (e->failed && !f->error) {
            f->error = &e->error;
            f->failed_step = e->command;
        }
    }
    f->elapsed_ms = first < 0 ? -1 : last - first;
}

static void read_names(const struct evo_json *list, struct evo_strvec *names)
{
    for (size_t i = 0; i < evo_json_count(list); i++) {
        const struct evo_json *item = evo_json_at(list, i);
        const char *name = evo_json_string(item, evo_json_get_string(item, "name", NULL));
        if (name)
            (void)evo_strvec_push(names, name);
    }
}

/* What the steps alone know, and what evo-deploy's envelope did not say. */
static void read_details(const struct evo_rundir *run, struct evo_notify_facts *f)
{
    const struct evo_envelope *up = evo_rundir_find(run, "migrate up");
    const struct evo_envelope *down = evo_rundir_find(run, "migrate down");
    const struct evo_envelope *backup = evo_rundir_find(run, "backup create");
    if (up) {
        const struct evo_json *applied = evo_json_get(up->data, "applied");
        const struct evo_json *pending = evo_json_get(up->data, "pending");
        read_names(applied, &f->applied_names);
        f->migration_started = up->exit != 2;
        if (f->applied < 0 && evo_json_type_of(applied) == EVO_JSON_ARRAY)
            f->applied = (int64_t)evo_json_count(applied);
        if (f->pending < 0 && evo_json_type_of(pending) == EVO_JSON_ARRAY)
            f->pending = (int64_t)evo_json_count(pending);
        if (up->failed && f->schema_clean == EVO_UNKNOWN)
            f->schema_clean = up->error.schema_clean;
    }
    if (down) {
        read_names(evo_json_get(down->data, "rolled_back"), &f->rolled_back_names);
        f->migration_started = true;
    }
    if (backup && !backup->failed && !f->backup_id)
        f->backup_id = evo_json_get_string(backup->data, "id", NULL);
    for (size_t i = 0; i < run->count; i++) {
        const struct evo_envelope *e = &run->items[i];
        if (!f->environment)
            f->environment = e->environment;
        if (!f->database)
            f->database = evo_json_get_string(e->data, "database", NULL);
    }
    if (f->error && f->schema_clean == EVO_UNKNOWN)
        f->schema_clean = f->error->schema_clean;
}

void evo_notify_facts_of(const struct evo_rundir *run, const enum evo_notify_status *status,
                         const char *environment, struct evo_notify_facts *ret)
{
    *ret = (struct evo_notify_facts){ .elapsed_ms = -1, .applied = -1, .pending = -1 };
    const struct evo_envelope *deploy = evo_rundir_find(run, "deploy");
    if (deploy)
        read_deploy(deploy, ret);
    else
        read_steps(run, ret);
    read_details(run, ret);
    if (!ret->environment)
        ret->environment = environment;
    if (status)
        ret->status = *status;
    else if (!ret->error)
        ret->status = EVO_NOTIFY_SUCCESS;
    else
        ret->status = ret->error->code == EVO_ERR_CANCELLED ? EVO_NOTIFY_CANCELLED : EVO_NOTIFY_FAILURE;
}

static void add_count(struct evo_strbuf *out, int64_t n, const char *what)
{
    evo_strbuf_addf(out, "%lld migration%s %s", (long long)n, n == 1 ? "" : "s", what);
}

static void good_state(const struct evo_notify_facts *f, struct evo_strbuf *out)
{
    if (f->rolled_back_names.count) {
        add_count(out, (int64_t)f->rolled_back_names.count, "rolled back");
        return;
    }
    if (f->applied > 0)
        add_count(out, f->applied, "applied");
    else
        evo_strbuf_adds(out, f->applied == 0 ? "unchanged" : "");
    if (f->pending >= 0)
        evo_strbuf_adds(out, out->len ? ", " : "");
    if (f->pending > 0)
        evo_strbuf_addf(out, "%lld pending", (long long)f->pending);
    else if (f->pending == 0)
        evo_strbuf_adds(out, "up to date");
    if (!out->len)
        evo_strbuf_adds(out, "not known");
}

void evo_notify_schema_state(const struct evo_notify_facts *f, struct evo_strbuf *out)
{
    if (!f->steps.count) {
        evo_strbuf_adds(out, "not known");
    } else if (f->status == EVO_NOTIFY_RUNNING) {
        evo_strbuf_adds(out, f->migration_started ? "changing" : "not changed yet");
    } else if (!f->error && f->status == EVO_NOTIFY_SUCCESS) {
        EVO_AUTO(strbuf) state = EVO_STRBUF_INIT;
        good_state(f, &state);
        evo_strbuf_adds(out, state.buf);
    } else if (!f->migration_started && f->schema_clean != EVO_NO) {
        evo_strbuf_adds(out, "untouched: this run started no migration");
    } else if (f->schema_clean == EVO_NO) {
        evo_strbuf_adds(out, "NOT clean: a migration is half applied");
    } else if (f->rolled_back_names.count && f->schema_clean == EVO_YES) {
        evo_strbuf_adds(out, "clean: ");
        add_count(out, (int64_t)f->rolled_back_names.count, "rolled back");
    } else if (f->applied > 0) {
        evo_strbuf_adds(out, f->schema_clean == EVO_YES ? "clean: " : "");
        add_count(out, f->applied, "applied and kept");
    } else if (f->schema_clean == EVO_YES) {
        evo_strbuf_adds(out, "clean: as it was before this run");
    } else {
        evo_strbuf_adds(out, "not known");
    }
}

void evo_notify_next(const struct evo_notify_facts *f, struct evo_strbuf *out, bool *ret_command)
{
    *ret_command = true;
    if (f->error && *f->error->next) {
        evo_strbuf_adds(out, f->error->next);
    } else if (f->error && *f->error->hint) {
        *ret_command = false;
        evo_strbuf_adds(out, f->error->hint);
    } else if (f->status == EVO_NOTIFY_RUNNING) {
        *ret_command = false;
        evo_strbuf_adds(out, "Wait for the result.");
    } else if (f->status == EVO_NOTIFY_SUCCESS && f->pending > 0) {
        evo_strbuf_adds(out, "evo migrate up");
    } else if (f->status == EVO_NOTIFY_SUCCESS) {
        *ret_command = false;
        evo_strbuf_adds(out, "Nothing to do.");
    } else {
        evo_strbuf_addf(out, "evo status%s%s", f->environment ? " --environment " : "",
                        f->environment ? f->environment : "");
    }
}
