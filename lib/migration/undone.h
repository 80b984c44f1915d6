/*
 * undone.h - is nothing left of what a migration had done, as somebody says: before `resolve` takes that at its word.
 *
 * Where the journal has statements on record as done, "none of it is there" is believed for one of two reasons: the schema is
 * what it was before the migration, by the fingerprints (layout/schema_log.h), and the statements were such that nothing
 * else can be left of them; or the person says in so many words that they were undone (--undone).
 */
#ifndef EVO_MIGRATION_UNDONE_H
#define EVO_MIGRATION_UNDONE_H

#include "base/error.h"
#include "migration/session.h"

enum evo_undone {
    EVO_UNDONE_NOTHING, /* nothing is on record as done */
    EVO_UNDONE_FINGERPRINT, /* the schema is what it was before */
    EVO_UNDONE_WORD /* somebody says so */
};
/* "nothing", "fingerprint", "word" */
const char *evo_undone_name(enum evo_undone undone);

/* down: the way back is meant, of which nothing is to be left. word: --undone was given. EVO_ERR_FAILED names what is on
 * record as done, and what to do. */
enum evo_errc evo_undone_prove(struct evo_session *s, const char *name, bool down, bool word,
                               enum evo_undone *ret, struct evo_error *err) EVO_CHECK;

#endif
