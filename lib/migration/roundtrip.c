/* evo_roundtrip_run: up, down and up again, and the questions in between. */
#include "migration/roundtrip.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "catalog/catalog.h"
#include "migration/roundtrip_place.h"
#include "migration/run.h"

enum { PROBE_FILE_MAX = 4 << 20 };
#define TEXT_MAX ((size_t)512 << 20)

/* The database is nobody else's: locks are had at once, or never. */
#define LOCK_TIMEOUT_MS 10000
#define WAIT_MS         10000

/* A verify file, and which of its probes was ever anything but true. */
struct proof {
    struct evo_probe_file file; /* path NULL: there is none */
    bool *varied;
};
/* A migration that is asked for. */
struct trial {
    const struct evo_migration *migration;
    struct proof up, down;
    struct evo_trip *trip; /* borrowed */
};
struct tour {
    const struct evo_roundtrip_options *options;
    struct evo_roundtrip *result;
    struct trial *trials;
    size_t count;
    struct evo_place place;
    struct evo_migrate_options migrate;
    struct evo_session session;
    struct evo_error broken; /* what kept it from going on; code EVO_OK: nothing */
};

static void release_proof(struct proof *p)
{
    evo_probe_file_release(&p->file);
    free(p->varied);
}

static void release(struct tour *t)
{
    evo_session_release(&t->session);
    evo_place_close(&t->place);
    for (size_t i = 0; i < t->count; i++) {
        release_proof(&t->trials[i].up);
        release_proof(&t->trials[i].down);
    }
    free(t->trials);
}

/* ---- before anything is started ---------------------------------------------------- */

static enum evo_errc load_proof(const struct evo_migration *m, enum evo_companion which, struct proof *ret,
                                struct evo_error *err)
{
    const char *path = m->companion[which];
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    if (!path)
        return EVO_OK;
    enum evo_errc rc = evo_file_read(path, PROBE_FILE_MAX, &text, err);
    if (rc) /* whatever was wrong with it, the project is at fault */
        (void)evo_error_set(err, EVO_ERR_CONFIG, "could not read the probes in \"%s\"", path);
    else
        rc = evo_probe_parse(text.buf, text.len, path, &ret->file, err);
    if (rc) {
        (void)evo_error_migration(err, m->name);
        return EVO_ERR_CONFIG;
    }
    ret->varied = evo_calloc(ret->file.count + 1, sizeof(*ret->varied));
    return EVO_OK;
}

static enum evo_errc load_trials(struct tour *t, struct evo_error *err)
{
    const struct evo_project *p = t->options->project;
    struct evo_roundtrip *r = t->result;
    t->trials = evo_calloc(p->count + 1, sizeof(*t->trials));
    r->items = evo_calloc(p->count + 1, sizeof(*r->items));
    for (size_t i = 0; i < p->count; i++) {
        const struct evo_migration *m = &p->items[i];
        if (!evo_strvec_contains(t->options->names, m->name))
            continue;
        struct trial *trial = &t->trials[t->count++];
        struct evo_trip *trip = &r->items[r->count++];
        *trip = (struct evo_trip){ .name = evo_strdup(m->name),
                                   .has_verify_up = m->companion[EVO_FILE_VERIFY_UP] != NULL,
                                   .has_verify_down = m->companion[EVO_FILE_VERIFY_DOWN] != NULL,
                                   .reversible = evo_migration_has_down(m),
                                   .verdict = EVO_TRIP_SKIPPED };
        *trial = (struct trial){ .migration = m, .trip = trip };
        enum evo_errc rc = load_proof(m, EVO_FILE_VERIFY_UP, &trial->up, err);
        if (!rc)
            rc = load_proof(m, EVO_FILE_VERIFY_DOWN, &trial->down, err);
        if (rc)
            return rc;
    }
    return EVO_OK;
}

/* ---- the states ---------------------------------------------------------------------- */

static enum evo_errc ask_file(const struct tour *t, struct evo_pg *pg, struct proof *proof,
                              enum evo_trip_answer *ret, char **ret_why, struct evo_error *err)
{
    static const enum evo_trip_answer answer_of[] = {
        [EVO_VERDICT_TRUE] = EVO_TRIP_TRUE,
        [EVO_VERDICT_FALSE] = EVO_TRIP_FALSE,
        [EVO_VERDICT_ERROR] = EVO_TRIP_ERROR,
        [EVO_VERDICT_VACUOUS] = EVO_TRIP_VACUOUS,
    };
    EVO_AUTO(probe_report) report = { 0 };
    if (!proof->file.path)
        return EVO_OK;
    enum evo_errc rc = evo_probe_run(pg, &proof->file, NULL, t->options->probe_timeout_ms, &report, err);
    if (rc)
        return rc;
    *ret = EVO_TRIP_TRUE;
    for (size_t i = report.count; i-- > 0;) {
        const struct evo_probe_outcome *o = &report.items[i];
        if (o->verdict == EVO_VERDICT_TRUE)
            continue;
        proof->varied[i] = true;
        *ret = answer_of[o->verdict];
        free(*ret_why);
        *ret_why = evo_asprintf("line %d: %s", o->line, o->message);
    }
    return EVO_OK;
}

/* On a new connection, as whoever comes next will find it. */
static enum evo_errc look(struct tour *t, struct trial *trial, struct evo_trip_cell *cell,
                          struct evo_strbuf *schema, struct evo_error *err)
{
    const struct evo_fingerprint_options options = { .grants = true, .task = t->options->task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_session_second(&t->session, &pg, err);
    if (!rc)
        rc = ask_file(t, pg, &trial->up, &cell->up, &cell->up_why, err);
    if (!rc)
        rc = ask_file(t, pg, &trial->down, &cell->down, &cell->down_why, err);
    if (!rc)
        rc = evo_catalog_describe(pg, &options, schema, err);
    cell->taken = !rc;
    return rc;
}

/* Runs what the plan of `migrate` says, and has the state read again. */
static enum evo_errc run_plan(struct tour *t, bool down, struct evo_error *err)
{
    EVO_AUTO(run) run = { 0 };
    EVO_AUTO_PTR(json) done = evo_json_array();
    enum evo_errc rc = evo_run_prepare(&t->session, down, &run, err);
    if (!rc)
        rc = evo_run_execute(&run, done, err);
    return rc ? rc : evo_session_reload(&t->session, err);
}

static enum evo_errc go_up(struct tour *t, const char *to, struct evo_error *err)
{
    t->migrate.plan.to = to;
    t->migrate.plan.steps = 0;
    return run_plan(t, false, err);
}

static enum evo_errc go_down(struct tour *t, struct evo_error *err)
{
    t->migrate.plan.to = NULL;
    t->migrate.plan.steps = 1;
    return run_plan(t, true, err);
}

/* ---- one migration ---------------------------------------------------------------------- */

/* An error of the migration's is an answer, also where it ended its own session; a cancel, or a server that is gone, is
 * none. */
static bool is_answer(const struct evo_error *e)
{
    return e->code != EVO_ERR_CANCELLED && e->code != EVO_ERR_CONNECT;
}

/* A probe that was false inside the transaction is that state's cell, although the state did not last. */
static void note_failure(struct trial *trial, struct evo_trip_cell *cell, bool down,
                         const struct evo_error *e)
{
    struct evo_trip *trip = trial->trip;
    const struct proof *proof = down ? &trial->down : &trial->up;
    bool second = cell == &trip->after_up_again;
    trip->failed = true;
    evo_strvec_pushf(&trip->messages, "%s%s%s%s", second ? "the second time: " : "", e->message,
                     *e->detail ? ". " : "", e->detail);
    if (!proof->file.path || !evo_streq(proof->file.path, e->file))
        return;
    cell->taken = true;
    *(down ? &cell->down : &cell->up) = *e->sqlstate ? EVO_TRIP_ERROR : EVO_TRIP_FALSE;
}

/* Single probes that held in every state, where the file as a whole did not. */
static void note_steady(struct evo_trip *trip, const struct proof *proof, const char *name)
{
    size_t steady = 0;
    EVO_AUTO(strbuf) lines = EVO_STRBUF_INIT;
    for (size_t i = 0; i < proof->file.count; i++)
        if (!proof->varied[i])
            evo_strbuf_addf(&lines, "%s%d", steady++ ? ", " : "", proof->file.items[i].line);
    if (steady && steady < proof->file.count)
        evo_strvec_pushf(&trip->messages,
                         "%s holds in every state in line%s %s: alone it would prove nothing", name,
                         steady == 1 ? "" : "s", lines.buf);
}

static void tell_irreversible(struct trial *trial)
{
    const char *reason = trial->migration->directives.irreversible;
    evo_strvec_pushf(&trial->trip->messages, "applied only: %s%s",
                     reason ? "irreversible, " : "it has no way back", reason ? reason : "");
}

/* Fills the cells. What the migration itself answers for is in the trip; `broken` where nothing can come behind it. */
static enum evo_errc travel(struct tour *t, struct trial *trial, struct evo_error *err)
{
    struct evo_trip *trip = trial->trip;
    struct evo_error e = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) before = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    EVO_AUTO(strbuf) up = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    EVO_AUTO(strbuf) down = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    EVO_AUTO(strbuf) again = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    /* The project's own tool makes its ledger when it first runs: no part of the migration. */
    const struct evo_ledger *l = &t->session.ledger;
    EVO_AUTO_STR ledger = l->exists ? NULL : evo_asprintf("%s.%s", l->schema, l->table);
    enum evo_errc rc = look(t, trial, &trip->before, &before, err);
    if (rc)
        return rc;
    if (go_up(t, trip->name, &e)) {
        note_failure(trial, &trip->after_up, false, &e);
        t->broken = e;
        return EVO_OK;
    }
    rc = look(t, trial, &trip->after_up, &up, err);
    if (rc || !trip->reversible) {
        if (!rc)
            tell_irreversible(trial);
        return rc;
    }
    if (go_down(t, &e)) {
        note_failure(trial, &trip->after_down, true, &e);
        if (e.schema_clean != EVO_YES || !is_answer(&e) || !evo_pg_alive(t->session.pg))
            t->broken = e;
        return t->broken.code ? EVO_OK : evo_session_reload(&t->session, err);
    }
    rc = look(t, trial, &trip->after_down, &down, err);
    if (rc)
        return rc;
    evo_trip_compare(trip, before.buf, down.buf, ledger);
    if (go_up(t, trip->name, &e)) {
        note_failure(trial, &trip->after_up_again, false, &e);
        t->broken = e;
        return EVO_OK;
    }
    rc = look(t, trial, &trip->after_up_again, &again, err);
    if (!rc)
        trip->nagain = evo_catalog_diff(up.buf, again.buf, 0, &(struct evo_strbuf)EVO_STRBUF_INIT);
    return rc;
}

static enum evo_errc try_one(struct tour *t, struct trial *trial, struct evo_error *err)
{
    struct evo_trip *trip = trial->trip;
    int64_t began = evo_clock_ms();
    trip->verdict = EVO_TRIP_OK;
    enum evo_errc rc = travel(t, trial, err);
    if (!rc && t->broken.code && !is_answer(&t->broken)) {
        rc = t->broken.code;
        if (err)
            *err = t->broken;
    }
    trip->elapsed_ms = evo_clock_ms() - began;
    evo_trip_judge(trip);
    if (!trip->failed && trip->verdict != EVO_TRIP_VACUOUS_FILE) {
        note_steady(trip, &trial->up, "verify_up.sql");
        note_steady(trip, &trial->down, "verify_down.sql");
    }
    return rc;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* The name of the last migration in front of position `index` of the project; NULL: there is none. */
static const char *in_front(const struct evo_project *p, const struct evo_migration *m)
{
    return m > p->items ? m[-1].name : NULL;
}

/* What is not asked for, in front of the next one that is. */
static enum evo_errc pass_over(struct tour *t, const struct trial *next, struct evo_error *err)
{
    const char *to = in_front(t->options->project, next->migration);
    struct evo_error e = EVO_ERROR_INIT;
    if (!to || evo_strvec_contains(t->options->names, to))
        return EVO_OK; /* it was tried, and is applied */
    if (!go_up(t, to, &e))
        return EVO_OK;
    t->broken = e;
    if (is_answer(&e))
        return EVO_OK;
    if (err)
        *err = e;
    return e.code;
}

static void skip(struct tour *t, size_t from)
{
    for (size_t i = from; i < t->count; i++)
        evo_strvec_pushf(&t->trials[i].trip->messages, "not tried: %s", t->broken.message);
}

static enum evo_errc try_all(struct tour *t, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    size_t i = 0;
    for (; i < t->count && !rc && !t->broken.code; i++) {
        rc = pass_over(t, &t->trials[i], err);
        if (rc || t->broken.code)
            break;
        evo_debug(t->options->task, "round trip of \"%s\"", t->trials[i].trip->name);
        rc = try_one(t, &t->trials[i], err);
    }
    if (!rc && t->broken.code)
        skip(t, i);
    return rc;
}

static enum evo_errc open_place(struct tour *t, struct evo_error *err)
{
    const struct evo_roundtrip_options *o = t->options;
    enum evo_errc rc = evo_place_open(o, &t->place, err);
    if (rc)
        return rc;
    t->result->server_version = evo_strdup(t->place.server_version);
    t->migrate = (struct evo_migrate_options){ .info = &t->place.info,
                                               .project = o->project,
                                               .plan = { .next_options = o->next_options },
                                               .lock_timeout_ms = LOCK_TIMEOUT_MS,
                                               .wait_ms = WAIT_MS,
                                               .task = o->task };
    rc = evo_session_open(&t->migrate, true, &t->session, err);
    /* The ledger is no part of what a migration makes. */
    if (!rc && !t->session.ledger.exists && !evo_layout_of(o->project->kind)->delegated)
        rc = evo_ledger_create(t->session.pg, &t->session.ledger, err);
    return rc ? rc : evo_session_reload(&t->session, err);
}

static enum evo_errc verdict(struct evo_roundtrip *r, struct evo_error *err)
{
    const struct evo_trip *worst = NULL;
    r->bad = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (!evo_trip_is_bad(r->items[i].verdict))
            continue;
        r->bad++;
        if (!worst)
            worst = &r->items[i];
    }
    if (!worst)
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_ROUNDTRIP, "migration \"%s\" does not make the round trip (%s)",
                        worst->name, evo_trip_verdict_name(worst->verdict));
    if (worst->messages.count) {
        const char *why = worst->messages.items[0];
        (void)evo_error_detail(err, "%s%s", why, evo_ends_with(why, ".") ? "" : ".");
    }
    if (r->bad > 1)
        (void)evo_error_hint(err, "Nor do %zu more. Nothing was changed outside the scratch database.",
                             r->bad - 1);
    else
        (void)evo_error_hint(err, "Nothing was changed outside the scratch database.");
    return evo_error_migration(err, worst->name);
}

static enum evo_errc run(struct tour *t, struct evo_error *err)
{
    enum evo_errc rc = load_trials(t, err);
    if (rc || !t->count)
        return rc;
    rc = open_place(t, err);
    if (!rc)
        rc = try_all(t, err);
    return rc;
}

enum evo_errc evo_roundtrip_run(const struct evo_roundtrip_options *o, struct evo_roundtrip *ret,
                                struct evo_error *err)
{
    struct tour t = { .options = o, .result = ret };
    enum evo_errc rc = run(&t, err);
    release(&t);
    enum evo_errc judged = rc ? rc : verdict(ret, err);
    return judged;
}
