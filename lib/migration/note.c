#include "migration/note.h"

#include "base/cancel.h"
#include "layout/drift.h"
#include "layout/seen.h"

/* Differences that a warning names. */
#define NAMED 3

void evo_note_release(struct evo_note *n)
{
    if (!n)
        return;
    evo_strvec_release(&n->state);
    evo_schema_release(&n->schema);
    *n = (struct evo_note){ .schema = EVO_SCHEMA_INIT };
}

/* That the role may not make schema evo is said where the first migrations are recorded; from then on evo-status says it
 * to whoever asks, and no run repeats it. */
static bool was_told(const struct evo_note *n, const struct evo_error *why)
{
    return why->code == EVO_ERR_PERMISSION && !n->s->ledger.evo_schema_exists && !n->first;
}

/* Nothing more is recorded in this run. A cancel is told by whoever is to run something next. */
static void give_up(struct evo_note *n, const struct evo_error *why)
{
    n->off = true;
    if (was_told(n, why)) {
        evo_debug(n->s->o->task, "the schema is not recorded: %s", why->message);
        return;
    }
    if (why->code == EVO_ERR_CANCELLED ||
        why->code == EVO_ERR_UNSUPPORTED) /* a server that is too old for it */
        return;
    evo_warn(n->s->o->task, "%s",
             evo_strvec_pushf(n->warnings, "the schema was not recorded: %s%s%s", why->message,
                              why->hint[0] ? ". " : "", why->hint));
}

/* The fingerprints of the schema do not depend on it. */
static void judge_seen(struct evo_note *n, enum evo_errc rc, const struct evo_error *why)
{
    n->blind = n->blind || rc;
    if (!rc || rc == EVO_ERR_CANCELLED || was_told(n, why))
        return;
    evo_warn(n->s->o->task, "%s",
             evo_strvec_pushf(n->warnings, "what is applied was not recorded: %s%s%s", why->message,
                              why->hint[0] ? ". " : "", why->hint));
}

static void see_ledger(struct evo_note *n)
{
    struct evo_error e = EVO_ERROR_INIT;
    if (!n->off)
        judge_seen(n, evo_seen_sync(n->s->pg, &n->s->ledger, &e), &e);
}

static void see_migration(struct evo_note *n, const struct evo_migration *m, bool applied)
{
    struct evo_error e = EVO_ERROR_INIT;
    if (!n->blind)
        judge_seen(n, evo_seen_note(n->s->pg, &n->s->ledger, m, applied, &e), &e);
}

/* "+ column public.t.hand: integer, - table public.b and 3 more". */
static void add_differences(const struct evo_strvec *lines, size_t total, struct evo_strbuf *out)
{
    for (size_t i = 0; i < lines->count && i < NAMED; i++)
        evo_strbuf_addf(out, "%s%s", i ? ", " : ": ", lines->items[i]);
    if (total > NAMED)
        evo_strbuf_addf(out, " and %zu more", total - NAMED);
}

static void warn_of_drift(const struct evo_note *n, const char *what, const struct evo_strvec *lines,
                          size_t total)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_strbuf_adds(&text, what);
    add_differences(lines, total, &text);
    evo_strbuf_addf(&text, "; evo-status%s shows all of it", n->s->o->plan.next_options);
    evo_warn(n->s->o->task, "%s", evo_strvec_push(n->warnings, text.buf));
}

/* The newest row of all, against what is there now. *ret_same: it says just this. What differs is a warning, and, where
 * `migration` is to be run upon it, on record. */
static enum evo_errc compare(const struct evo_note *n, const struct evo_schema_log *log, const char *state,
                             const char *migration, bool *ret_same, struct evo_error *err)
{
    struct evo_session *s = n->s;
    EVO_AUTO_STR key = evo_schema_log_key(&s->ledger);
    EVO_AUTO(strvec) lines = EVO_STRVEC_INIT;
    size_t total = 0;
    const struct evo_schema_row *last = log->count ? &log->items[0] : NULL;
    *ret_same = false;
    if (!last)
        return EVO_OK;
    bool known = evo_schema_is_comparable(last->format, last->server_version, evo_pg_version(s->pg));
    bool equal = evo_streq(last->fingerprint, n->schema.fingerprint);
    bool own = evo_streq(last->ledger, key) && evo_streq(last->state, state);
    *ret_same = known && equal && own;
    if (!known || !own || equal)
        return EVO_OK;
    enum evo_errc rc = evo_drift_explain(s->pg, &s->ledger, last->fingerprint, &n->schema, EVO_DRIFT_LINES,
                                         &lines, &total, err);
    if (rc)
        return rc;
    warn_of_drift(n, "the schema is not as the last run left it", &lines, total);
    return migration ? evo_drift_write(s->pg, &s->ledger, migration, last->fingerprint, n->schema.fingerprint,
                                       &lines, total, err)
                     : EVO_OK;
}

/* What earlier runs went on upon, as far as it is still there. */
static void warn_of_open(const struct evo_note *n, const struct evo_drift_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        EVO_AUTO(strvec) left = EVO_STRVEC_INIT;
        EVO_AUTO_STR what =
            evo_asprintf("the schema had been changed by other hands before migration \"%s\", and "
                         "nobody has accepted that",
                         log->items[i].migration ? log->items[i].migration : "?");
        bool open = false;
        evo_drift_left(&log->items[i], &n->schema, &left, &open);
        if (open)
            warn_of_drift(n, what, &left, left.count);
    }
}

static enum evo_errc write_row(struct evo_note *n, const char *moment, const char *name, const char *state,
                               struct evo_error *err)
{
    return evo_schema_log_write(n->s->pg, &n->s->ledger, moment, name, state, &n->schema, err);
}

/* The schema, which need not be read where nobody has touched it since the newest row and no line of it is in question. */
static enum evo_errc look_again(struct evo_note *n, const struct evo_schema_log *log,
                                const struct evo_drift_log *open, struct evo_error *err)
{
    const struct evo_schema_row *last = log->count && !open->count ? &log->items[0] : NULL;
    bool untouched = false;
    enum evo_errc rc = last ? evo_schema_is_untouched(n->s->pg, last, &untouched, err) : EVO_OK;
    if (rc || !untouched)
        return rc ? rc : evo_drift_look(n->s->pg, n->s->o->task, &n->schema, err);
    evo_strbuf_clear(&n->schema.text);
    (void)snprintf(n->schema.fingerprint, sizeof(n->schema.fingerprint), "%s", last->fingerprint);
    (void)snprintf(n->schema.stamp, sizeof(n->schema.stamp), "%s", last->stamp);
    return EVO_OK;
}

void evo_note_look(struct evo_note *n, struct evo_session *s, struct evo_strvec *warnings)
{
    EVO_AUTO(schema_log) log = { 0 };
    EVO_AUTO(drift_log) open = { 0 };
    struct evo_error e = EVO_ERROR_INIT;
    char state[EVO_SHA256_HEX];
    bool same = false;
    n->s = s;
    n->warnings = warnings;
    n->off = true; /* nothing is recorded */
    if (s->o->no_fingerprint || !s->ledger.evo_schema_exists)
        return;
    evo_schema_state_names(&s->ledger, &n->state);
    evo_schema_state(&n->state, state);
    enum evo_errc rc = evo_schema_log_load(s->pg, &s->ledger, 1, &log, &e);
    if (!rc && !log.count)
        return;
    if (!rc)
        rc = evo_drift_load(s->pg, &s->ledger, &open, &e);
    if (!rc)
        rc = look_again(n, &log, &open, &e);
    if (!rc)
        warn_of_open(n, &open);
    if (!rc)
        rc = compare(n, &log, state, NULL, &same, &e);
    if (rc)
        evo_debug(s->o->task, "whether the schema is as the last run left it is not known: %s", e.message);
}

void evo_note_begin(struct evo_note *n, struct evo_session *s, const char *migration,
                    struct evo_strvec *warnings)
{
    n->s = s;
    n->warnings = warnings;
    n->first = !s->state.applied;
    n->off = s->o->no_fingerprint;
    if (n->off)
        return;
    EVO_AUTO(schema_log) log = { 0 };
    EVO_AUTO(drift_log) open = { 0 };
    struct evo_error e = EVO_ERROR_INIT;
    char state[EVO_SHA256_HEX];
    bool same = false;
    evo_schema_state_names(&s->ledger, &n->state);
    evo_schema_state(&n->state, state);
    enum evo_errc rc = evo_schema_log_load(s->pg, &s->ledger, 1, &log, &e);
    if (!rc)
        rc = s->ledger.evo_schema_exists ? evo_drift_load(s->pg, &s->ledger, &open, &e) : EVO_OK;
    if (!rc)
        rc = look_again(n, &log, &open, &e);
    if (!rc)
        warn_of_open(n, &open);
    if (!rc)
        rc = compare(n, &log, state, migration, &same, &e);
    if (!rc && !same)
        rc = write_row(n, "before", NULL, state, &e);
    if (rc)
        give_up(n, &e);
    else
        memcpy(n->before, n->schema.fingerprint, sizeof(n->before));
    see_ledger(n);
}

static void remove_name(struct evo_strvec *names, const char *name)
{
    EVO_AUTO_STR unfinished = evo_asprintf("%s?", name);
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (evo_streq(names->items[i], name) || evo_streq(names->items[i], unfinished))
            free(names->items[i]);
        else
            names->items[kept++] = names->items[i];
    }
    names->count = kept;
    if (names->items)
        names->items[kept] = NULL;
}

const char *evo_note_migration(struct evo_note *n, const struct evo_migration *m, bool down, size_t left)
{
    if (n->off)
        return NULL;
    remove_name(&n->state, m->name); /* one that is resumed stands there as unfinished */
    if (!down)
        evo_strvec_push(&n->state, m->name);
    if (evo_cancelled())
        return NULL;
    struct evo_error e = EVO_ERROR_INIT;
    char state[EVO_SHA256_HEX];
    evo_schema_state(&n->state, state);
    see_migration(n, m, !down);
    if (left >= EVO_SCHEMA_LOG_TEXTS)
        return NULL;
    enum evo_errc rc = evo_schema_look(n->s->pg, n->s->o->task, &n->schema, &e);
    if (!rc)
        rc = write_row(n, down ? "down" : "up", m->name, state, &e);
    if (rc) {
        give_up(n, &e);
        return NULL;
    }
    memcpy(n->after, n->schema.fingerprint, sizeof(n->after));
    return n->after;
}

void evo_note_ledger(struct evo_note *n, struct evo_session *s, const char *moment, const char *name,
                     struct evo_strvec *warnings)
{
    n->s = s;
    n->warnings = warnings;
    n->first = evo_streq(moment, "baseline");
    n->off = s->o->no_fingerprint;
    if (n->off)
        return;
    struct evo_error e = EVO_ERROR_INIT;
    char state[EVO_SHA256_HEX];
    enum evo_errc rc = evo_session_reload(s, &e);
    if (!rc)
        rc = evo_schema_look(s->pg, s->o->task, &n->schema, &e);
    if (rc) {
        give_up(n, &e);
        return;
    }
    evo_schema_state_names(&s->ledger, &n->state);
    evo_schema_state(&n->state, state);
    rc = write_row(n, moment, name, state, &e);
    if (rc)
        give_up(n, &e);
    else
        memcpy(n->after, n->schema.fingerprint, sizeof(n->after));
    see_ledger(n);
    evo_note_end(n);
}

/* *ret_done false: nothing is on record of that state. */
static enum evo_errc expect(struct evo_note *n, const char *moment, const char *name, bool *ret_done,
                            struct evo_error *err)
{
    struct evo_session *s = n->s;
    EVO_AUTO(schema_log) log = { 0 };
    EVO_AUTO_STR key = evo_schema_log_key(&s->ledger);
    char state[EVO_SHA256_HEX];
    enum evo_errc rc = evo_session_reload(s, err);
    if (!rc && s->ledger.evo_schema_exists)
        rc = evo_schema_log_load(s->pg, &s->ledger, EVO_SCHEMA_LOG_ROWS, &log, err);
    if (rc)
        return rc;
    evo_schema_state_names(&s->ledger, &n->state);
    evo_schema_state(&n->state, state);
    const struct evo_schema_row *row = evo_schema_log_find(&log, key, state);
    if (!row || !evo_schema_is_comparable(row->format, row->server_version, evo_pg_version(s->pg)))
        return EVO_OK;
    *ret_done = true;
    rc = evo_schema_look(s->pg, s->o->task, &n->schema, err);
    if (!rc)
        rc = evo_schema_log_repeat(s->pg, &s->ledger, moment, name, row->id, err);
    if (rc)
        return rc;
    memcpy(n->after, row->fingerprint, sizeof(n->after));
    if (!evo_streq(row->fingerprint, n->schema.fingerprint))
        evo_warn(s->o->task, "%s",
                 evo_strvec_pushf(n->warnings,
                                  "the schema is not what it was before; evo-status%s shows what differs",
                                  s->o->plan.next_options));
    return EVO_OK;
}

void evo_note_expect(struct evo_note *n, struct evo_session *s, const char *moment, const char *name,
                     struct evo_strvec *warnings)
{
    struct evo_error e = EVO_ERROR_INIT;
    bool done = false;
    n->s = s;
    n->warnings = warnings;
    n->off = s->o->no_fingerprint;
    if (n->off)
        return;
    enum evo_errc rc = expect(n, moment, name, &done, &e);
    if (rc)
        give_up(n, &e);
    else if (done)
        evo_note_end(n);
    else {
        evo_strvec_clear(&n->state);
        evo_note_ledger(n, s, moment, name, warnings);
    }
}

void evo_note_end(struct evo_note *n)
{
    if (!n->s || n->off || evo_cancelled() || !n->s->pg || !evo_pg_alive(n->s->pg))
        return;
    struct evo_error e = EVO_ERROR_INIT;
    enum evo_errc rc = evo_schema_log_prune(n->s->pg, &e);
    if (rc)
        evo_debug(n->s->o->task, "old fingerprints were not removed: %s", e.message);
}

struct evo_json *evo_note_json(const struct evo_note *n)
{
    struct evo_json *o = evo_json_object();
    evo_json_set_string(o, "before", n->before[0] ? n->before : NULL);
    evo_json_set_string(o, "after", n->after[0] ? n->after : NULL);
    return o;
}
