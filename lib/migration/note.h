/*
 * note.h - the schema, recorded before the first migration of a run and behind each (layout/schema_log.h).
 *
 * A service, never a condition: what cannot be recorded is a warning, the run goes on, and what compares later says that
 * it does not know. A role that may not make evo's tables is told so by its first run, and then by evo-status. A look at the
 * catalog takes about as long as a small migration, so of a run with many only the last EVO_SCHEMA_LOG_TEXTS states are
 * recorded, whose readable forms are kept; a run with nothing to do, and a plan, look and warn, and record nothing.
 * Where the ledger does not say of each migration that it is applied, what evo saw applied is recorded as well
 * (layout/seen.h).
 */
#ifndef EVO_MIGRATION_NOTE_H
#define EVO_MIGRATION_NOTE_H

#include "base/strvec.h"
#include "layout/schema_log.h"
#include "migration/session.h"

struct evo_note {
    struct evo_session *s; /* borrowed; NULL: not begun */
    bool first; /* nothing was on record before */
    bool blind; /* what was seen applied cannot be recorded */
    bool off; /* by the options, or since it could not be done */
    struct evo_strvec state; /* what the ledger holds (evo_schema_state_names()) */
    struct evo_schema schema; /* at the last look */
    char before[EVO_SHA256_HEX], after[EVO_SHA256_HEX]; /* of the run; "": not known */
    struct evo_strvec *warnings; /* borrowed */
};
void evo_note_release(struct evo_note *n);
EVO_DEFINE_AUTO(note);

/* Before the first migration, the ledger as it was read. Warns where the schema is not as the last run left it, and puts
 * on record that `migration` is run upon that (layout/drift.h). */
void evo_note_begin(struct evo_note *n, struct evo_session *s, const char *migration,
                    struct evo_strvec *warnings);
/* Warns alone, where nothing is run. */
void evo_note_look(struct evo_note *n, struct evo_session *s, struct evo_strvec *warnings);
/* Behind one, committed and on record; `left`: so many are still to be run. The fingerprint, borrowed; NULL: not known. */
const char *evo_note_migration(struct evo_note *n, const struct evo_migration *m, bool down, size_t left);
/* Behind something else that changed the ledger, which is read again: `moment` of `name` (NULL: of none). */
void evo_note_ledger(struct evo_note *n, struct evo_session *s, const char *moment, const char *name,
                     struct evo_strvec *warnings);
/* The same where a person said that the schema is again what it was when the ledger held this before: where that is on
 * record, it is what the schema is held against from now on, whatever is there; a difference is a warning. */
void evo_note_expect(struct evo_note *n, struct evo_session *s, const char *moment, const char *name,
                     struct evo_strvec *warnings);
/* Behind the last. */
void evo_note_end(struct evo_note *n);

/* {before, after}, each a fingerprint or null. */
struct evo_json *evo_note_json(const struct evo_note *n) EVO_CHECK;

#endif
