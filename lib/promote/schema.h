/*
 * schema.h - the schemas that an environment passed through: which are on its passports, and is the one here among them?
 *
 * Fingerprints come from what runs of evo-migrate recorded (layout/schema_log.h). A passport holds them; the readable
 * forms go beside it, each once, to <store>/schemas/<environment>/<fingerprint>.txt.gz, so that a refusal can show what
 * differs. They are small and compress well, and only the newest of a database are kept there to be copied.
 */
#ifndef EVO_PROMOTE_SCHEMA_H
#define EVO_PROMOTE_SCHEMA_H

#include "base/task.h"
#include "layout/schema_log.h"
#include "pg/conn.h"
#include "promote/check.h"
#include "promote/passport.h"
#include "store/store.h"

/* Differences that a refusal shows. */
#define EVO_PROMOTE_LINES 20

/* Fills the passport's fingerprints: those on record for the states that p's migrations make, and the one of now. What
 * is not on record stays NULL. Puts the readable forms of them into the store. */
enum evo_errc evo_promote_add_schemas(struct evo_store *store, struct evo_pg *pg,
                                      const struct evo_ledger *ledger, const char *environment,
                                      struct evo_task *task, struct evo_passport *p,
                                      struct evo_error *err) EVO_CHECK;

enum evo_schema_verdict {
    EVO_SCHEMA_NOT_ASKED,
    EVO_SCHEMA_UNKNOWN, /* no passport says what the schema was at this point */
    EVO_SCHEMA_OTHER_SERVER, /* the passports are of another major version: not comparable */
    EVO_SCHEMA_EQUAL,
    EVO_SCHEMA_DIFFERENT
};
/* "off", "unknown" … */
const char *evo_schema_verdict_name(enum evo_schema_verdict verdict);

/* The schema here, `applied` migrations of `here` being applied, against what the passports say it was at that point.
 * *ret_there (borrowed; NULL where none is known): the fingerprint of the newest passport that knows it. Pure. */
enum evo_schema_verdict evo_promote_judge_schema(const struct evo_passport *passports, size_t count,
                                                 const struct evo_passport *here, size_t applied,
                                                 const char *fingerprint, int server_version,
                                                 const char **ret_there);

/* One difference of kind "schema", its lines from the readable forms where the store has that of `there`. */
enum evo_errc evo_promote_explain_schema(struct evo_store *store, const char *from, const char *there,
                                         const struct evo_schema *now, const char *migration,
                                         struct evo_differences *ret, struct evo_error *err) EVO_CHECK;

#endif
