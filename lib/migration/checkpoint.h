/*
 * checkpoint.h - writes to evo.journal in the middle of a file, whatever the file made of its session.
 *
 * A file may SET ROLE, SET SESSION AUTHORIZATION or SET default_transaction_read_only between its statements. The
 * journal is written as the role that evo connected as, and the file's settings stand again behind it: what is changed
 * is changed for one transaction (SET LOCAL). In a transaction that the file made read-only nothing can be written; it
 * did nothing either, so its checkpoint may follow it.
 */
#ifndef EVO_MIGRATION_CHECKPOINT_H
#define EVO_MIGRATION_CHECKPOINT_H

#include "base/error.h"
#include "migration/session.h"

struct evo_checkpoint {
    struct evo_session *s;
    const struct evo_step *step;
    char *user; /* evo connected as */
};
void evo_checkpoint_release(struct evo_checkpoint *c);
EVO_DEFINE_AUTO(checkpoint);
/* Before the file's first statement. */
enum evo_errc evo_checkpoint_init(struct evo_checkpoint *c, struct evo_session *s,
                                  const struct evo_step *step, struct evo_error *err) EVO_CHECK;

/* Marks the unit done in the transaction that is open. *ret_read_only: it is read-only, and nothing was written. */
enum evo_errc evo_checkpoint_inside(const struct evo_checkpoint *c, size_t unit, bool *ret_read_only,
                                    struct evo_error *err) EVO_CHECK;
/* Each in a transaction of its own: evo_journal_begin, _done, _unbegin. */
enum evo_errc evo_checkpoint_begin(const struct evo_checkpoint *c, size_t unit,
                                   struct evo_error *err) EVO_CHECK;
enum evo_errc evo_checkpoint_done(const struct evo_checkpoint *c, size_t unit,
                                  struct evo_error *err) EVO_CHECK;
/* Also behind a cancel. What cannot be taken back stays "begun": the next run asks. */
void evo_checkpoint_unbegin(const struct evo_checkpoint *c, size_t unit);

#endif
