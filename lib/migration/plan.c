#include "migration/plan.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "base/quote.h"
#include "layout/graph.h"
#include "layout/unfinished.h"

/* `to`: all heads of a graph. */
#define ALL_HEADS "heads"

void evo_plan_release(struct evo_plan *p)
{
    if (!p)
        return;
    free(p->items);
    evo_strvec_release(&p->warnings);
    *p = (struct evo_plan){ 0 };
}

void evo_plan_add(struct evo_plan *p, const struct evo_migration *m, bool resume)
{
    EVO_GROW(p->items, p->count, p->alloc);
    p->items[p->count++] = (struct evo_plan_item){ .migration = m, .resume = resume };
}

/* What is done of it, when it was started, and what its log says. */
static void detail_unfinished(enum evo_layout_kind kind, const struct evo_state_item *item,
                              const struct evo_journal *journal, const struct evo_unfinished *u,
                              struct evo_error *err)
{
    EVO_AUTO(strbuf) done = EVO_STRBUF_INIT;
    char when[EVO_TIME_MAX] = "an unknown time";
    const char *logs = item->row && item->row->logs && item->row->logs[0] ? item->row->logs : NULL;
    if (item->row && item->row->started_ms >= 0)
        (void)evo_format_time(item->row->started_ms, when);
    if (u->done) {
        evo_strbuf_adds(&done, "Done, and not undone: ");
        evo_unfinished_name_done(journal, kind, false, item->name, item->file, &done);
        evo_strbuf_adds(&done, ". ");
    }
    (void)evo_error_detail(err, "%sIt was started at %s and never finished.%s%s", done.buf, when,
                           logs ? " Its log says: " : "", logs ? logs : "");
}

enum evo_errc evo_plan_refuse_failed(enum evo_layout_kind kind, const struct evo_state_item *item,
                                     const struct evo_journal *journal, const struct evo_plan_options *o,
                                     struct evo_error *err)
{
    const char *path = item->file ? item->file->path : NULL;
    struct evo_unfinished u;
    evo_unfinished_look(journal, kind, false, item->name, item->file, &u);
    if (u.on_record)
        (void)evo_error_set(err, EVO_ERR_FAILED, "migration \"%s\" stopped half-way and is not finished",
                            item->name);
    else
        (void)evo_error_set(err, EVO_ERR_FAILED, "migration \"%s\" failed earlier and has not been resolved",
                            item->name);
    detail_unfinished(kind, item, journal, &u, err);
    EVO_AUTO_STR hint = evo_unfinished_hint(&u, item->name, path, o->next_options);
    EVO_AUTO_STR next = evo_unfinished_next(&u, item->name, path, o->next_options);
    (void)evo_error_hint(err, "%s", hint);
    (void)evo_error_next(err, "%s", next ? next : "");
    return evo_error_migration(err, item->name);
}

static enum evo_errc refuse_half_rolled_back(enum evo_layout_kind kind, const struct evo_state_item *item,
                                             const struct evo_journal *journal,
                                             const struct evo_plan_options *o, struct evo_error *err)
{
    struct evo_unfinished u;
    evo_unfinished_look(journal, kind, true, item->name, item->file, &u);
    const char *path = !item->file                ? NULL
                       : item->file->down_in_file ? item->file->path
                                                  : item->file->companion[EVO_FILE_DOWN];
    EVO_AUTO_STR hint = evo_unfinished_hint(&u, item->name, path, o->next_options);
    EVO_AUTO_STR next = evo_unfinished_next(&u, item->name, path, o->next_options);
    (void)evo_error_set(err, EVO_ERR_FAILED, "the rollback of migration \"%s\" was begun and not finished",
                        item->name);
    (void)evo_error_detail(err,
                           "Its down file cannot run in one transaction; the statements that are done are "
                           "on record in evo.journal.");
    (void)evo_error_hint(err, "%s", hint);
    (void)evo_error_next(err, "%s", next ? next : "");
    return evo_error_migration(err, item->name);
}

/* Applied, and on the way back. */
static bool is_half_rolled_back(enum evo_layout_kind kind, const struct evo_state_item *item,
                                const struct evo_journal *journal)
{
    bool live = item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED;
    return live && evo_journal_holds(journal, kind, true, item->name);
}

enum evo_errc evo_plan_refuse_unfinished(const struct evo_state *state, const struct evo_journal *journal,
                                         const struct evo_plan_options *o, struct evo_error *err)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct evo_state_item *item = &state->items[i];
        if (item->state == EVO_STATE_FAILED)
            return evo_plan_refuse_failed(state->kind, item, journal, o, err);
        if (is_half_rolled_back(state->kind, item, journal))
            return refuse_half_rolled_back(state->kind, item, journal, o, err);
    }
    return EVO_OK;
}

static enum evo_errc refuse_edited(const struct evo_state_item *item, const struct evo_plan_options *o,
                                   struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_EDITED, "migration \"%s\" was edited since it was applied", item->name);
    (void)evo_error_detail(err,
                           "The database has what the file said when it was applied, not what it says now.");
    EVO_AUTO_STR name = evo_quote_shell(item->name);
    EVO_AUTO_STR history = evo_unfinished_history(item->file->path);
    (void)evo_error_hint(
        err,
        "See what was changed: %s. Put the file back, and write a new migration for the "
        "change; or, where the database is as the file says now, accept it: evo-migrate "
        "resolve --edited %s%s (--allow-edited goes on this once, and changes nothing of it)",
        history, name, o->next_options);
    (void)evo_error_next(err, "%s", history);
    (void)evo_error_at(err, item->file->path, 0);
    return evo_error_migration(err, item->name);
}

static enum evo_errc refuse_behind(const struct evo_state_item *item, const struct evo_state *state,
                                   const struct evo_plan_options *o, struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_PENDING, "migration \"%s\" arrived behind one that is applied already",
                        item->name);
    (void)evo_error_detail(err, "The last one applied is \"%s\"; a new migration belongs after it.",
                           state->last_applied ? state->last_applied : "");
    EVO_AUTO_STR history = evo_unfinished_history(item->file->path);
    (void)evo_error_hint(err,
                         "See where it comes from: %s. Give it a later version; or, where the order does not "
                         "matter: evo-migrate up --out-of-order%s",
                         history, o->next_options);
    (void)evo_error_next(err, "%s", history);
    (void)evo_error_at(err, item->file->path, 0);
    return evo_error_migration(err, item->name);
}

/* An own failed attempt that can go on where it stopped. */
static bool is_resumable(enum evo_layout_kind kind, const struct evo_state_item *item,
                         const struct evo_journal *journal)
{
    return item->state == EVO_STATE_FAILED && item->file &&
           evo_journal_holds(journal, kind, false, item->name);
}

enum evo_errc evo_plan_hint_name(const struct evo_state *state, const char *name, const char *next_options,
                                 struct evo_error *err)
{
    const char **names = evo_calloc(state->count + 1, sizeof(*names));
    for (size_t i = 0; i < state->count; i++)
        names[i] = state->items[i].name;
    const char *nearest = evo_nearest_or_part(name, names, state->count);
    free(names);
    if (nearest)
        (void)evo_error_hint(err, "Did you mean \"%s\"? evo-status%s lists them all.", nearest, next_options);
    else
        (void)evo_error_hint(err, "evo-status%s lists them.", next_options);
    return evo_error_next(err, "evo-status%s", next_options);
}

/* `to` may name it by its version where versions are what people know. */
static bool is_called(const struct evo_state *state, const struct evo_state_item *item, const char *to)
{
    return evo_streq(item->name, to) ||
           (evo_layout_of(state->kind)->graph && item->file && evo_streq(item->file->version, to));
}

enum evo_errc evo_plan_find(const struct evo_state *state, const char *to, const char *next_options,
                            size_t *ret, struct evo_error *err)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->items[i].file && is_called(state, &state->items[i], to)) {
            *ret = i;
            return EVO_OK;
        }
    }
    (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "there is no migration \"%s\"", to);
    return evo_plan_hint_name(state, to, next_options, err);
}

/* No refusal: its tool goes on as well, and there is no room in the ledger to apply it. */
static void warn_of_late(const struct evo_state_item *item, const struct evo_plan_options *o,
                         struct evo_plan *plan)
{
    EVO_AUTO_STR name = evo_quote_shell(item->name);
    evo_strvec_pushf(
        &plan->warnings,
        "migration \"%s\" arrived behind one that is applied already, and counts as applied: "
        "nothing is known to have run it. Put it behind the last one; or, where the schema has what "
        "it makes: evo-migrate resolve --applied %s%s",
        item->name, name, o->next_options);
}

static enum evo_errc judge_up(enum evo_layout_kind kind, const struct evo_state_item *item,
                              const struct evo_state *state, const struct evo_journal *journal,
                              const struct evo_plan_options *o, struct evo_plan *plan, struct evo_error *err)
{
    switch (item->state) {
    case EVO_STATE_FAILED:
        return is_resumable(kind, item, journal) ? EVO_OK
                                                 : evo_plan_refuse_failed(kind, item, journal, o, err);
    case EVO_STATE_EDITED:
        if (!o->allow_edited)
            return refuse_edited(item, o, err);
        evo_strvec_pushf(&plan->warnings, "migration \"%s\" was edited since it was applied", item->name);
        break;
    case EVO_STATE_MISSING:
        evo_strvec_pushf(&plan->warnings, "migration \"%s\" is applied, but its file is gone", item->name);
        break;
    case EVO_STATE_APPLIED:
    case EVO_STATE_PENDING:
        break;
    }
    if (item->late)
        warn_of_late(item, o, plan);
    if (is_half_rolled_back(kind, item, journal))
        return refuse_half_rolled_back(kind, item, journal, o, err);
    if (item->state == EVO_STATE_PENDING && item->behind) {
        if (evo_layout_of(kind)->strict_order && !o->out_of_order)
            return refuse_behind(item, state, o, err);
        evo_strvec_pushf(&plan->warnings,
                         "migration \"%s\" arrived behind one that is applied already; it is applied now",
                         item->name);
    }
    return EVO_OK;
}

/* An empty folder, or another one: "up to date" would be no answer. */
static enum evo_errc refuse_other_files(const struct evo_state *state, const struct evo_plan_options *o,
                                        struct evo_error *err)
{
    const char *folder = state->project ? state->project->migrations : "";
    (void)evo_error_set(err, EVO_ERR_NOT_FOUND,
                        "none of the %zu migrations that are applied has a file in \"%s\"", state->missing,
                        folder);
    (void)evo_error_detail(err, "The last one applied is \"%s\".",
                           state->last_applied ? state->last_applied : "");
    (void)evo_error_hint(err,
                         "Is this the right folder (--migrations), the right checkout, and the right "
                         "database? Where the history "
                         "was squashed, record what it begins with now: evo-migrate resolve --applied NAME%s",
                         o->next_options);
    return evo_error_next(err, "evo-status%s", o->next_options);
}

/* Alembic itself does not go on either. */
static enum evo_errc refuse_unknown_head(const struct evo_state_item *item, const struct evo_plan_options *o,
                                         struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "the database is at revision \"%s\", which no file has",
                        item->name);
    (void)evo_error_detail(err, "What it builds upon is in its file, so nobody can say what is applied.");
    (void)evo_error_hint(
        err, "Bring its file back from version control; or is this an older branch than the one that "
             "was deployed last?");
    if (err)
        err->schema_clean = EVO_YES;
    (void)evo_error_migration(err, item->name);
    return evo_error_next(err, "evo-status%s", o->next_options);
}

static enum evo_errc refuse_heads(const struct evo_project *p, const struct evo_plan_options *o,
                                  struct evo_error *err)
{
    EVO_AUTO(strvec) heads = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) list = EVO_STRBUF_INIT;
    evo_graph_heads(p, &heads);
    for (size_t i = 0; i < heads.count; i++)
        evo_strbuf_addf(&list, "%s\"%s\"", i ? ", " : "", heads.items[i]);
    (void)evo_error_set(err, EVO_ERR_CONFIG, "the migrations have %zu heads: %s", heads.count, list.buf);
    (void)evo_error_detail(
        err, "Two people wrote a revision upon the same one, most likely; where the branches are "
             "meant, give each a label of its own (branch_labels).");
    (void)evo_error_hint(
        err,
        "Merge them: alembic merge heads. Or apply all of them: evo-migrate up --to " ALL_HEADS
        "%s. Or one: evo-migrate up --to NAME%s.",
        o->next_options, o->next_options);
    if (err)
        err->schema_clean = EVO_YES;
    return evo_error_next(err, "evo-migrate up --to " ALL_HEADS "%s", o->next_options);
}

/* In a graph: which items are wanted, by their place (the caller frees). *ret NULL: all of them. */
static enum evo_errc wanted_in_graph(const struct evo_state *state, const struct evo_plan_options *o,
                                     bool **ret, struct evo_error *err)
{
    const struct evo_project *p = state->project;
    size_t at;
    for (size_t i = 0; i < state->count; i++)
        if (state->items[i].state == EVO_STATE_MISSING)
            return refuse_unknown_head(&state->items[i], o, err);
    if (!o->to && state->pending && !evo_graph_is_meant(p))
        return refuse_heads(p, o, err);
    if (!o->to || evo_streq(o->to, ALL_HEADS))
        return EVO_OK;
    enum evo_errc rc = evo_plan_find(state, o->to, o->next_options, &at, err);
    if (rc)
        return rc;
    *ret = evo_calloc(p->count, sizeof(bool));
    evo_graph_mark(p, state->items[at].name, *ret);
    return EVO_OK;
}

/* The same for any layout; in a line it is all up to `to`. */
static enum evo_errc wanted_of(const struct evo_state *state, const struct evo_plan_options *o, bool **ret,
                               struct evo_error *err)
{
    if (evo_layout_of(state->kind)->graph)
        return wanted_in_graph(state, o, ret, err);
    size_t last = 0;
    enum evo_errc rc = o->to ? evo_plan_find(state, o->to, o->next_options, &last, err) : EVO_OK;
    if (rc || !o->to)
        return rc;
    *ret = evo_calloc(state->count, sizeof(bool));
    for (size_t i = 0; i <= last; i++)
        (*ret)[i] = true;
    return EVO_OK;
}

static void free_flags(bool **flags)
{
    free(*flags);
}

enum evo_errc evo_plan_up(enum evo_layout_kind kind, const struct evo_state *state,
                          const struct evo_journal *journal, const struct evo_plan_options *options,
                          struct evo_plan *ret, struct evo_error *err)
{
    EVO_AUTO(plan) plan = { 0 };
    __attribute__((cleanup(free_flags))) bool *wanted_items = NULL;
    enum evo_errc rc = wanted_of(state, options, &wanted_items, err);
    if (!rc && !evo_layout_of(kind)->graph && evo_state_is_of_other_files(state))
        rc = refuse_other_files(state, options, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < state->count; i++) {
        const struct evo_state_item *item = &state->items[i];
        bool beyond = wanted_items && !wanted_items[i];
        if (beyond && item->state == EVO_STATE_PENDING)
            continue;
        rc = judge_up(kind, item, state, journal, options, &plan, err);
        if (rc)
            return rc;
        bool wanted = item->state == EVO_STATE_PENDING || item->state == EVO_STATE_FAILED;
        if (wanted && item->file && !beyond && (options->steps <= 0 || (int64_t)plan.count < options->steps))
            evo_plan_add(&plan, item->file, item->state == EVO_STATE_FAILED);
    }
    *ret = plan;
    plan = (struct evo_plan){ 0 };
    return EVO_OK;
}

static void mark_clean(struct evo_error *err)
{
    if (err)
        err->schema_clean = EVO_YES;
}

/* Names, one behind the other, for a message. */
static void add_name(struct evo_strbuf *list, const char *name)
{
    evo_strbuf_addf(list, "%s\"%s\"", list->len ? ", " : "", name);
}

static enum evo_errc refuse_without_way_back(const struct evo_plan *plan, const char *more,
                                             struct evo_error *err)
{
    EVO_AUTO(strbuf) marked = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) lacking = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) reasons = EVO_STRBUF_INIT;
    const struct evo_migration *first = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        const struct evo_migration *m = plan->items[i].migration;
        if (m->directives.irreversible) {
            add_name(&marked, m->name);
            evo_strbuf_addf(&reasons, "%s\"%s\" is irreversible: %s.", reasons.len ? " " : "", m->name,
                            m->directives.irreversible);
        } else if (!evo_migration_has_down(m)) {
            add_name(&lacking, m->name);
            evo_strbuf_addf(&reasons, "%s\"%s\" has no down file.", reasons.len ? " " : "", m->name);
        } else {
            continue;
        }
        if (!first)
            first = m;
    }
    if (!first)
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_IRREVERSIBLE, "cannot roll back %s%s%s: nothing was started", marked.buf,
                        marked.len && lacking.len ? ", " : "", lacking.buf);
    (void)evo_error_detail(err, "%s", reasons.buf);
    mark_clean(err);
    EVO_AUTO_STR where =
        first->wants_down ? evo_strdup(first->wants_down) : evo_asprintf("down.sql beside %s", first->path);
    if (lacking.len)
        (void)evo_error_hint(err,
                             "Write %s; or bring the data back from a backup: evo-backup list%s, then "
                             "evo-restore ID --to URL%s.",
                             where, more, more);
    else
        (void)evo_error_hint(err,
                             "Bring the data back from a backup: evo-backup list%s, then "
                             "evo-restore ID --to URL%s.",
                             more, more);
    (void)evo_error_next(err, "evo-backup list%s", more);
    return evo_error_migration(err, first->name);
}

static enum evo_errc refuse_unapplied(const struct evo_state *state, const struct evo_plan_options *o,
                                      struct evo_error *err)
{
    size_t ignored;
    enum evo_errc rc = evo_plan_find(state, o->to, o->next_options, &ignored, err);
    if (rc)
        return rc;
    (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "migration \"%s\" is not applied", o->to);
    (void)evo_error_hint(err,
                         "\"--to\" names the last migration that stays applied; evo-status%s lists them.",
                         o->next_options);
    return evo_error_next(err, "evo-status%s", o->next_options);
}

/* A baseline covers it: it comes before all that can be taken back. */
static bool is_covered(const struct evo_state *state, const char *name)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct evo_state_item *item = &state->items[i];
        if (evo_streq(item->name, name))
            return item->row && item->row->stays && item->file && item->file->version;
    }
    return false;
}

enum evo_errc evo_plan_down(enum evo_layout_kind kind, const struct evo_state *state,
                            const struct evo_journal *journal, const struct evo_plan_options *options,
                            struct evo_plan *ret, struct evo_error *err)
{
    EVO_AUTO(plan) plan = { 0 };
    for (size_t i = 0; i < state->count; i++)
        if (state->items[i].state == EVO_STATE_FAILED)
            return evo_plan_refuse_failed(kind, &state->items[i], journal, options, err);

    const struct evo_state_item **applied = NULL;
    size_t count = 0;
    evo_state_applied_reverse(state, &applied, &count);
    EVO_AUTO_STR owner = (char *)applied; /* freed at the end of the scope */

    int64_t limit = options->steps > 0 ? options->steps : options->to ? (int64_t)count : 1;
    bool reached = false;
    for (size_t i = 0; i < count; i++) {
        const struct evo_state_item *item = applied[i];
        if (options->to && is_called(state, item, options->to)) {
            reached = true;
            break;
        }
        if ((int64_t)plan.count >= limit)
            continue; /* only to see whether `to` is applied at all */
        if (!item->file) {
            (void)evo_error_set(err, EVO_ERR_NOT_FOUND,
                                "cannot roll back migration \"%s\": its file is gone; nothing was started",
                                item->name);
            (void)evo_error_hint(err, "Bring its folder back from version control.");
            mark_clean(err);
            return evo_error_migration(err, item->name);
        }
        if (item->state == EVO_STATE_EDITED)
            evo_strvec_pushf(&plan.warnings, "migration \"%s\" was edited since it was applied", item->name);
        if (item->late)
            evo_strvec_pushf(&plan.warnings,
                             "migration \"%s\" is taken back, and nothing is known to have run it",
                             item->name);
        evo_plan_add(&plan, item->file, evo_journal_holds(journal, kind, true, item->name));
    }
    if (options->to && !reached && !is_covered(state, options->to))
        return refuse_unapplied(state, options, err);
    enum evo_errc rc = refuse_without_way_back(&plan, options->next_options, err);
    if (rc)
        return rc;
    *ret = plan;
    plan = (struct evo_plan){ 0 };
    return EVO_OK;
}
