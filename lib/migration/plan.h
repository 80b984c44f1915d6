/*
 * plan.h - which migrations would be run, in which order; or why none may be. Pure.
 *
 * A plan is a function of the state (folder and ledger side by side), the journal and the options. Everything that
 * can be refused is refused here, before a statement is sent, and each refusal carries the exact next command.
 *
 * In a graph `to` may be a version (Alembic: a revision's id), and stands for that migration with all that it builds upon;
 * "heads" stands for all there is. Without `to` all of them are meant as well, where that is no surprise: of several heads
 * each has to have a label of its own.
 *
 *   up      EVO_ERR_FAILED      a migration failed earlier (unless it is evo's own, on record, and can be resumed), or
 *                               a rollback was begun and not finished
 *           EVO_ERR_EDITED      a file changed since it was applied, without `allow_edited`
 *           EVO_ERR_PENDING     strict_order (layout.h): one arrived behind an applied one, without
 *                               `out_of_order` (else a warning)
 *           EVO_ERR_NOT_FOUND   `to` names no migration; or none of what is applied has a file: another folder
 *           in a graph also     EVO_ERR_CONFIG: several heads that are not meant (layout/graph.h), without `to`;
 *                               EVO_ERR_NOT_FOUND: the database is at a revision that no file has
 *   down    EVO_ERR_FAILED, EVO_ERR_NOT_FOUND (`to` is not applied, or a file is gone),
 *           EVO_ERR_IRREVERSIBLE (all of those that have no way back are named)
 */
#ifndef EVO_MIGRATION_PLAN_H
#define EVO_MIGRATION_PLAN_H

#include "base/error.h"
#include "base/strvec.h"
#include "layout/state.h"
#include "migration/journal.h"

struct evo_plan_options {
    const char *to; /* up: the last one; down: the last one to stay. NULL: no limit */
    int64_t steps; /* at most so many; 0: all (up), one (down, without `to`) */
    bool allow_edited;
    bool out_of_order;
    const char
        *again; /* behind the same verb once more: its own options, and next_options; NULL: these alone */
    const char *next_options; /* behind each command that is proposed: " --environment staging", or "" */
};

struct evo_plan_item {
    const struct evo_migration *migration; /* borrowed */
    bool resume; /* begun by an earlier run of evo's own */
};
struct evo_plan {
    struct evo_plan_item *items; /* in the order in which they run */
    size_t count, alloc;
    struct evo_strvec warnings;
};
void evo_plan_release(struct evo_plan *p);
EVO_DEFINE_AUTO(plan);

enum evo_errc evo_plan_up(enum evo_layout_kind kind, const struct evo_state *state,
                          const struct evo_journal *journal, const struct evo_plan_options *options,
                          struct evo_plan *ret, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_plan_down(enum evo_layout_kind kind, const struct evo_state *state,
                            const struct evo_journal *journal, const struct evo_plan_options *options,
                            struct evo_plan *ret, struct evo_error *err) EVO_CHECK;

/* What other plans are made with (baseline.h). */
void evo_plan_add(struct evo_plan *p, const struct evo_migration *m, bool resume);
/* The place of the file of that name; EVO_ERR_NOT_FOUND, with a hint. */
enum evo_errc evo_plan_find(const struct evo_state *state, const char *to, const char *next_options,
                            size_t *ret, struct evo_error *err) EVO_CHECK;
/* EVO_ERR_FAILED: the item failed and was not resolved, or stopped half-way. */
enum evo_errc evo_plan_refuse_failed(enum evo_layout_kind kind, const struct evo_state_item *item,
                                     const struct evo_journal *journal, const struct evo_plan_options *o,
                                     struct evo_error *err) EVO_CHECK;
/* EVO_ERR_FAILED: some migration failed, stopped half-way, or is half rolled back. */
enum evo_errc evo_plan_refuse_unfinished(const struct evo_state *state, const struct evo_journal *journal,
                                         const struct evo_plan_options *o, struct evo_error *err) EVO_CHECK;

/* The hint and the next command for a name that is none: "Did you mean …?" where one is near. Returns err->code. */
enum evo_errc evo_plan_hint_name(const struct evo_state *state, const char *name, const char *next_options,
                                 struct evo_error *err);

#endif
