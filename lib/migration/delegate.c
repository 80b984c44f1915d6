#include "migration/delegate.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/quote.h"
#include "migration/again.h"
#include "migration/apply.h"
#include "migration/delegate_child.h"
#include "migration/failure.h"
#include "migration/retry.h"

/* Lines and bytes of its output that an error shows. */
#define SHOWN_LINES 12
#define SHOWN_BYTES 1500

/* ---- the tools ------------------------------------------------------------------- */

const struct evo_delegate *evo_delegate_of(enum evo_layout_kind kind)
{
    static const struct evo_delegate *const tools[EVO_LAYOUTS] = {
        [EVO_LAYOUT_TYPEORM] = &evo_delegate_typeorm,
        [EVO_LAYOUT_LARAVEL] = &evo_delegate_laravel,
        [EVO_LAYOUT_ALEMBIC] = &evo_delegate_alembic,
    };
    return tools[kind];
}

void evo_delegate_command_release(struct evo_delegate_command *c)
{
    if (!c)
        return;
    evo_strvec_release(&c->argv);
    evo_strvec_release(&c->env);
    free(c->cwd);
    free(c->shown);
    *c = (struct evo_delegate_command){ 0 };
}

static bool is_program(const char *path)
{
    return evo_is_file(path) && access(path, X_OK) == 0;
}

char *evo_delegate_find(const struct evo_project *p, const char *const *places, const char *name)
{
    for (; places && *places; places++) {
        EVO_AUTO_STR path = evo_path_join(p->root, *places);
        if (is_program(path))
            return evo_strdup(*places);
    }
    const char *folders = getenv("PATH");
    for (const char *folder = folders; folder && *folder;) {
        size_t n = strcspn(folder, ":");
        EVO_AUTO_STR dir = evo_strndup(folder, n);
        EVO_AUTO_STR path = evo_path_join(dir, name);
        /* A relative entry would mean another folder once the child stands in the project. */
        if (dir[0] == '/' && is_program(path))
            return evo_strdup(path);
        folder += n + (folder[n] == ':');
    }
    return NULL;
}

enum evo_errc evo_delegate_prepare(const struct evo_project *p, struct evo_step *step, struct evo_error *err)
{
    EVO_AUTO(delegate_command) command = { 0 };
    enum evo_errc rc = evo_delegate_of(p->kind)->command(p, step->migration, step->down, &command, err);
    if (rc) {
        if (err)
            err->schema_clean = EVO_YES;
        (void)evo_error_migration(err, step->migration->name);
        return rc;
    }
    evo_delegate_command_release(&step->command);
    step->command = command;
    command = (struct evo_delegate_command){ 0 };
    return EVO_OK;
}

enum evo_errc evo_delegate_admit(const struct evo_session *s, struct evo_step *step, struct evo_error *err)
{
    const struct evo_delegate *d = evo_delegate_of(s->o->project->kind);
    enum evo_errc rc =
        d->admit ? d->admit(s->o->project, &s->ledger, step->down, &step->command, err) : EVO_OK;
    if (!rc)
        return EVO_OK;
    if (err)
        err->schema_clean = EVO_YES;
    return evo_error_migration(err, step->migration->name);
}

/* ---- what it did: pure ----------------------------------------------------------- */

void evo_delegate_change_release(struct evo_delegate_change *c)
{
    if (!c)
        return;
    evo_strvec_release(&c->came);
    evo_strvec_release(&c->gone);
    *c = (struct evo_delegate_change){ 0 };
}

static void add_missing(const struct evo_strvec *of, const struct evo_strvec *in, struct evo_strvec *ret)
{
    for (size_t i = 0; i < of->count; i++)
        if (!evo_strvec_contains(in, of->items[i]))
            evo_strvec_push(ret, of->items[i]);
}

void evo_delegate_compare(const struct evo_strvec *before, const struct evo_strvec *after, const char *name,
                          bool down, struct evo_delegate_change *ret)
{
    *ret = (struct evo_delegate_change){ 0 };
    add_missing(after, before, &ret->came);
    add_missing(before, after, &ret->gone);
    const struct evo_strvec *wanted = down ? &ret->gone : &ret->came, *other = down ? &ret->came : &ret->gone;
    ret->done = wanted->count == 1 && other->count == 0 && evo_streq(wanted->items[0], name);
}

const char *evo_delegate_sqlstate(const char *output)
{
    /* Numbers, as node-postgres and PDO show them; the server's words, which may be translated; and the names that
     * Python's drivers give to each. What was chosen as a victim stands above what merely waited. */
    static const struct {
        const char *word, *sqlstate;
    } table[] = {
        { "40P01", "40P01" },
        { "DeadlockDetected", "40P01" },
        { "deadlock detected", "40P01" },
        { "55P03", "55P03" },
        { "LockNotAvailable", "55P03" },
        { "canceling statement due to lock timeout", "55P03" },
        { "57014", "57014" },
        { "QueryCanceled", "57014" },
        { "canceling statement due to statement timeout", "57014" },
    };
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        if (strstr(output, table[i].word))
            return table[i].sqlstate;
    return "";
}

/* ---- what it is told as ---------------------------------------------------------- */

/* Live ones, whether their file is there or not. */
static void applied_names(const struct evo_state *state, struct evo_strvec *ret)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct evo_state_item *item = &state->items[i];
        if (item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED ||
            item->state == EVO_STATE_MISSING)
            evo_strvec_push(ret, item->name);
    }
}

/* The line that says it, where the tool has such a line. False: none is there. */
static bool add_telling_line(const struct evo_delegate *d, const char *output, struct evo_strbuf *out)
{
    for (const char *const *sign = d->tells; sign && *sign; sign++) {
        const char *found = strstr(output, *sign);
        if (!found)
            continue;
        while (found > output && found[-1] != '\n')
            found--;
        size_t n = strcspn(found, "\n");
        while (n > SHOWN_BYTES || (n == SHOWN_BYTES && ((unsigned char)found[n] & 0xc0) == 0x80))
            n = n > SHOWN_BYTES ? SHOWN_BYTES : n - 1;
        evo_strbuf_add(out, found, n);
        return true;
    }
    return false;
}

/* The last lines, as one. */
static void add_last_lines(const char *output, struct evo_strbuf *out)
{
    size_t n = strlen(output), from = 0, lines = 0;
    while (n && output[n - 1] == '\n')
        n--;
    size_t i = n;
    while (i && n - i < SHOWN_BYTES && lines < SHOWN_LINES)
        if (output[--i] == '\n') {
            from = i + 1;
            lines++;
        }
    if (i == 0 && lines < SHOWN_LINES)
        from = 0;
    else if (!lines)
        from = i; /* one line, longer than is shown */
    while (from < n && ((unsigned char)output[from] & 0xc0) == 0x80)
        from++; /* not from the middle of a character */
    for (; from < n; from++)
        evo_strbuf_addch(out, output[from] == '\n' ? ' ' : output[from]);
}

/* A pooler takes no PGOPTIONS. */
static bool is_refused_by_pooler(const char *output)
{
    return strstr(output, "unsupported startup parameter") != NULL;
}

static void add_names(struct evo_strbuf *out, const char *verb, const struct evo_strvec *names)
{
    for (size_t i = 0; i < names->count; i++)
        evo_strbuf_addf(out, "%s%s \"%s\"", out->len ? ", " : "", verb, names->items[i]);
}

/* What went wrong, before it is shaped: the code that retry.h and failure.h go by. */
static void describe(const struct evo_delegate *d, const struct evo_step *step,
                     const struct evo_delegate_outcome *outcome, const struct evo_delegate_change *change,
                     struct evo_error *err)
{
    EVO_AUTO(strbuf) said = EVO_STRBUF_INIT;
    const char *sqlstate = evo_delegate_sqlstate(outcome->output.buf);
    const char *name = step->migration->name;
    bool changed = change->came.count || change->gone.count;
    if (!add_telling_line(d, outcome->output.buf, &said))
        add_last_lines(outcome->output.buf, &said);
    if (evo_cancelled()) {
        (void)!evo_cancel_check(err);
    } else if (changed) {
        EVO_AUTO(strbuf) what = EVO_STRBUF_INIT;
        add_names(&what, "applied", &change->came);
        add_names(&what, "took back", &change->gone);
        (void)evo_error_set(err, EVO_ERR_DATABASE, "\"%s\" did something else, by its ledger: %s",
                            step->command.shown, what.buf);
    } else if (is_refused_by_pooler(outcome->output.buf)) {
        (void)evo_error_set(err, EVO_ERR_UNSUPPORTED,
                            "a pooler stands in between, and refuses the time-outs for %s (PGOPTIONS)",
                            d->tool);
        (void)evo_error_hint(err, "Nothing was changed. Set DIRECT_URL to the server itself.");
    } else if (evo_streq(sqlstate, "55P03") || evo_streq(sqlstate, "40P01")) {
        (void)evo_error_set(err, EVO_ERR_LOCK_UNAVAILABLE, "%s did not get a lock (%s)", d->tool,
                            *sqlstate == '4' ? "deadlock" : "lock timeout");
    } else if (evo_streq(sqlstate, "57014")) {
        (void)evo_error_set(err, EVO_ERR_TIMEOUT, "%s was cancelled by the server (statement timeout)",
                            d->tool);
        (void)evo_error_hint(err, "Raise --statement-timeout.");
    } else if (outcome->status == 0) {
        (void)evo_error_set(err, EVO_ERR_DATABASE,
                            "%s says that it succeeded, but by its ledger migration \"%s\" is %s", d->tool,
                            name, step->down ? "still applied" : "not applied");
        (void)evo_error_hint(err, "%s", d->elsewhere);
    } else if (outcome->status > 128) {
        (void)evo_error_set(err, EVO_ERR_DATABASE, "%s was ended by signal %d", d->tool,
                            outcome->status - 128);
    } else {
        (void)evo_error_set(err, EVO_ERR_DATABASE, "%s ended with exit status %d", d->tool, outcome->status);
    }
    if (said.len)
        (void)evo_error_detail(err, "\"%s\" said: %s", step->command.shown, said.buf);
    if (err && !changed)
        (void)snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", evo_cancelled() ? "" : sqlstate);
}

/* Whether it may have ended between the migration's COMMIT and the row in its ledger. */
static bool is_in_gap(const struct evo_delegate *d, const struct evo_ledger *l,
                      const struct evo_delegate_outcome *outcome)
{
    return d->may_have_committed && (outcome->killed || outcome->status == 0 || outcome->status > 128 ||
                                     d->may_have_committed(l, outcome->output.buf));
}

/* Whether the schema is as it was. */
static enum evo_tristate is_clean(const struct evo_session *s, const struct evo_step *step,
                                  const struct evo_delegate_outcome *outcome,
                                  const struct evo_delegate_change *change)
{
    if (change->came.count || change->gone.count)
        return EVO_NO;
    if (outcome->sessions_left)
        return EVO_UNKNOWN;
    /* It never got as far as a statement. */
    if (is_refused_by_pooler(outcome->output.buf))
        return EVO_YES;
    if (is_in_gap(evo_delegate_of(s->o->project->kind), &s->ledger, outcome))
        return EVO_UNKNOWN;
    return step->command.atomic ? EVO_YES : EVO_UNKNOWN;
}

/* Which verbs settle it, behind what may be in the hint already: the ledger has no row for an attempt, so what a person
 * finds is all there is. */
static void propose(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    EVO_AUTO_STR name = evo_quote_shell(step->migration->name);
    EVO_AUTO_STR hint = evo_asprintf("%s%s", err->hint, err->hint[0] ? " " : "");
    const char *more = s->o->plan.next_options;
    if (step->down)
        (void)evo_error_hint(
            err,
            "%sLook in the schema for what down() of %s takes back. If all of it is gone: "
            "evo-migrate resolve --rolled-back %s%s. If all of it is there, or you have put it back by hand: "
            "evo-migrate down%s.",
            hint, step->path, name, more, more);
    else
        (void)evo_error_hint(
            err,
            "%sLook in the schema for what %s makes. If all of it is there, or you have done the rest by "
            "hand: "
            "evo-migrate resolve --applied %s%s. If none of it is there, or you have undone it by hand: "
            "evo-migrate up%s.",
            hint, step->path, name, more, more);
    (void)evo_error_next(err, "evo-status%s", more);
}

/* Its probe can tell a migration whose row is missing from one that was rolled back. */
static void ask_probe(const struct evo_session *s, const struct evo_step *step, struct evo_error *err)
{
    const struct evo_delegate *d = evo_delegate_of(s->o->project->kind);
    struct evo_error why = EVO_ERROR_INIT;
    if (step->down || !step->probed || !d->may_have_committed || evo_cancelled())
        return;
    enum evo_errc rc = evo_apply_probes_anew(s, step, &why);
    EVO_AUTO_STR said = evo_strdup(err->detail);
    EVO_AUTO_STR name = evo_quote_shell(step->migration->name);
    const char *more = s->o->plan.next_options;
    if (rc == EVO_ERR_PROBE_FALSE) {
        (void)evo_error_detail(err, "Its verify_up.sql is not true, so it seems to have been rolled back. %s",
                               said);
        (void)evo_error_next(err, "evo-migrate up%s", more);
    } else if (!rc) {
        (void)evo_error_detail(err, "Its verify_up.sql is true: it is applied, and its row is missing. %s",
                               said);
        (void)evo_error_hint(err, "Record it: evo-migrate resolve --applied %s%s", name, more);
        (void)evo_error_next(err, "evo-migrate resolve --applied %s%s", name, more);
        err->schema_clean = EVO_NO;
    }
}

static enum evo_errc fail(struct evo_session *s, const struct evo_step *step, enum evo_tristate clean,
                          const struct evo_tries *tries, struct evo_error *err)
{
    if (clean == EVO_YES && evo_retry_wants(err->sqlstate))
        return evo_failure_locks(s, step, tries, err);
    if (clean == EVO_YES && err->code == EVO_ERR_UNSUPPORTED) {
        err->schema_clean = EVO_YES;
        (void)evo_error_next(err, "evo-status%s", s->o->plan.next_options);
        return evo_error_migration(err, step->migration->name);
    }
    (void)evo_failure_shape(s, step, clean, err);
    if (clean != EVO_YES)
        propose(s, step, err);
    if (clean == EVO_UNKNOWN)
        ask_probe(s, step, err);
    return err->code;
}

/* ---- running it ------------------------------------------------------------------ */

/* The ledger as it is now, under our lock, which is taken again where it was lost with the connection. */
static enum evo_errc read_again(struct evo_session *s, struct evo_error *err)
{
    int signo = evo_session_grace_begin();
    enum evo_errc rc = evo_pg_alive(s->pg) ? evo_session_reset(s, err) : evo_session_reopen(s, err);
    if (!rc)
        rc = evo_session_reload(s, err);
    evo_session_grace_end(signo);
    return rc;
}

/* Nobody knows: the ledger cannot be read, or the tool's session is still at work. */
static enum evo_errc fail_unknown(const struct evo_session *s, const struct evo_step *step, const char *why,
                                  struct evo_error *err)
{
    const char *more = s->o->plan.next_options;
    EVO_AUTO_STR said = evo_strdup(err->message);
    (void)evo_error_set(err, EVO_ERR_MIGRATION_FAILED, "%s \"%s\": %s%s%s",
                        step->down ? "rollback of migration" : "migration", step->migration->name, why,
                        *said ? ": " : "", said);
    (void)evo_error_detail(err, "\"%s\" was run; the ledger says whether it succeeded.", step->command.shown);
    (void)evo_error_hint(err, "Ask the ledger: evo-status%s", more);
    (void)evo_error_migration(err, step->migration->name);
    return evo_error_next(err, "evo-status%s", more);
}

/* One try. *ret_clean and what was seen are set on failure. */
static enum evo_errc try_once(struct evo_session *s, const struct evo_step *step, struct evo_tries *tries,
                              enum evo_tristate *ret_clean, struct evo_error *err)
{
    const struct evo_delegate *d = evo_delegate_of(s->o->project->kind);
    EVO_AUTO(delegate_outcome)
    outcome = { .output = EVO_STRBUF_INIT, .seen = { .blockers = EVO_STRBUF_INIT } };
    EVO_AUTO(strvec) before = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) after = EVO_STRVEC_INIT;
    EVO_AUTO(delegate_change) change = { 0 };
    applied_names(&s->state, &before);
    *ret_clean = EVO_YES;
    enum evo_errc rc = evo_delegate_run(s, step, d->tool, &outcome, err);
    if (rc)
        return rc;
    *ret_clean = EVO_UNKNOWN;
    rc = read_again(s, err);
    if (rc)
        return fail_unknown(s, step, "its ledger could not be read behind it", err);
    applied_names(&s->state, &after);
    evo_delegate_compare(&before, &after, step->migration->name, step->down, &change);
    if (change.done) {
        if (outcome.status)
            evo_warn(s->o->task, "migration \"%s\": %s ended with status %d, but by its ledger it is %s",
                     step->migration->name, d->tool, outcome.status, step->down ? "rolled back" : "applied");
        return EVO_OK;
    }
    if (outcome.sessions_left) {
        *err = (struct evo_error)EVO_ERROR_INIT;
        return fail_unknown(s, step, "its session is still at work at the server", err);
    }
    evo_watch_seen_release(&tries->seen);
    tries->seen = outcome.seen;
    outcome.seen = (struct evo_watch_seen){ .blockers = EVO_STRBUF_INIT };
    *ret_clean = is_clean(s, step, &outcome, &change);
    describe(d, step, &outcome, &change, err);
    return err->code;
}

enum evo_errc evo_delegate_apply(struct evo_session *s, struct evo_step *step, struct evo_applied *ret,
                                 struct evo_error *err)
{
    EVO_AUTO(tries) tries = EVO_TRIES_INIT;
    enum evo_tristate clean = EVO_UNKNOWN;
    enum evo_errc rc;
    evo_info(s->o->task, "migration \"%s\": %s", step->migration->name, step->command.shown);
    while ((rc = try_once(s, step, &tries, &clean, err)) != EVO_OK) {
        if (clean != EVO_YES || !evo_try_again(s, step, 0, 0, &tries, err))
            break;
        ret->retries++;
    }
    ret->transaction = step->command.atomic;
    if (rc == EVO_OK) {
        ret->committed = true;
        return evo_apply_committed(s, step, err);
    }
    if (err->code == EVO_ERR_MIGRATION_FAILED)
        return err->code; /* it is complete */
    return fail(s, step, clean, &tries, err);
}
