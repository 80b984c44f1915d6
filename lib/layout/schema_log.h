/*
 * schema_log.h - what the application's schema was at each state of the ledger, as runs of evo recorded it.
 *
 * The tables evo.fingerprints and evo.schemas (lib/schema/fingerprints.sql). A row says: when the ledger held this
 * (`state`), the schema was that (`fingerprint`, lib/catalog). It is written behind a migration's COMMIT, not inside: a
 * look at the catalog takes longer than most migrations, and would hold their locks for as long. So a run that is killed
 * in between leaves a state without a row; and another tool writes none. Whoever compares asks for the row of the state
 * that the ledger has now, and says "not known" where there is none.
 *
 * Bounded: EVO_SCHEMA_LOG_ROWS rows, and the readable forms of the newest EVO_SCHEMA_LOG_TEXTS (up to twice as many) of them, each once and none
 * above EVO_SCHEMA_TEXT_MAX bytes (the server compresses them).
 *
 * Two ledgers in one database (two schemas of Prisma's) have rows of their own, told apart by `ledger`; the schema is the
 * whole database's, so the newest row of all says what it was.
 */
#ifndef EVO_LAYOUT_SCHEMA_LOG_H
#define EVO_LAYOUT_SCHEMA_LOG_H

#include "base/strbuf.h"
#include "catalog/catalog.h"
#include "catalog/stamp.h"
#include "layout/ledger.h"
#include "pg/conn.h"

#define EVO_SCHEMA_LOG_ROWS  1000
#define EVO_SCHEMA_LOG_TEXTS 20
#define EVO_SCHEMA_TEXT_MAX  ((size_t)8 << 20)

/* The schema as it is now. */
struct evo_schema {
    char fingerprint[EVO_SHA256_HEX]; /* "": not known */
    char stamp[EVO_STAMP_MAX]; /* of the catalogs from before the look (catalog/stamp.h); "": none */
    struct evo_strbuf text; /* the readable form */
};
#define EVO_SCHEMA_INIT          \
    {                            \
        .text = EVO_STRBUF_INIT, \
    }
void evo_schema_release(struct evo_schema *s);
EVO_DEFINE_AUTO(schema);
/* As evo_catalog_stamp() and evo_catalog_fingerprint(); what s held is gone. */
enum evo_errc evo_schema_look(struct evo_pg *pg, struct evo_task *task, struct evo_schema *s,
                              struct evo_error *err) EVO_CHECK;

struct evo_schema_row {
    int64_t id;
    char *ledger, *moment;
    char *name; /* NULL: of no migration */
    char *state, *fingerprint, *format;
    char *stamp; /* NULL: none */
    bool alone; /* no transaction but the row's own has been committed since its stamp was taken */
    int server_version;
    int64_t recorded_ms; /* wall */
};
struct evo_schema_log {
    struct evo_schema_row *items; /* newest first */
    size_t count, alloc;
};
void evo_schema_log_release(struct evo_schema_log *l);
EVO_DEFINE_AUTO(schema_log);

/* "prisma public._prisma_migrations". The caller frees. */
char *evo_schema_log_key(const struct evo_ledger *l) EVO_CHECK;
/* What the ledger holds: the names that are applied (but for late ones: seen.h), and "name?" for what never finished.
 * Appended to names. Pure. */
void evo_schema_state_names(const struct evo_ledger *l, struct evo_strvec *names);
/* The digest of such names, in whatever order; one that is there twice counts once. Pure. */
void evo_schema_state(const struct evo_strvec *names, char ret_hex[EVO_SHA256_HEX]);

/* The newest `limit` rows of all ledgers. No tables: no rows. EVO_ERR_PERMISSION carries the GRANT to ask for. */
enum evo_errc evo_schema_log_load(struct evo_pg *pg, const struct evo_ledger *l, size_t limit,
                                  struct evo_schema_log *ret, struct evo_error *err) EVO_CHECK;
/* The newest row of this ledger and state; NULL. Borrowed. Pure. */
const struct evo_schema_row *evo_schema_log_find(const struct evo_schema_log *log, const char *key,
                                                 const char *state);
/* Fingerprints are compared within a format and a major version. Pure. */
bool evo_schema_is_comparable(const char *format, int server_version, int other_version);
/* Whether the catalogs are still the rows from which the row's fingerprint was made: the schema has this fingerprint. False
 * says nothing. Costs nothing where the row is `alone`, else a fifth of a fingerprint. */
enum evo_errc evo_schema_is_untouched(struct evo_pg *pg, const struct evo_schema_row *row, bool *ret,
                                      struct evo_error *err) EVO_CHECK;
/* Appends the readable form; *ret_found false where it is not kept. */
enum evo_errc evo_schema_log_text(struct evo_pg *pg, const struct evo_ledger *l, const char *fingerprint,
                                  struct evo_strbuf *out, bool *ret_found, struct evo_error *err) EVO_CHECK;

/* One row more, and the schema's readable form, unless that is empty. Makes the tables where they are missing, and adds the
 * column for stamps where an older evo made them (without it a row has none); EVO_ERR_PERMISSION carries the GRANT to ask for. name may be NULL. Outside a transaction only. */
enum evo_errc evo_schema_log_write(struct evo_pg *pg, const struct evo_ledger *l, const char *moment,
                                   const char *name, const char *state, const struct evo_schema *schema,
                                   struct evo_error *err) EVO_CHECK;
/* A row says once more, of `moment`, what an earlier one (`id`) says: the schema is to be that. */
enum evo_errc evo_schema_log_repeat(struct evo_pg *pg, const struct evo_ledger *l, const char *moment,
                                    const char *name, int64_t id, struct evo_error *err) EVO_CHECK;
/* Removes what is beyond the bounds; readable forms only where there are twice as many, since a transaction that writes is one
 * behind the newest row. */
enum evo_errc evo_schema_log_prune(struct evo_pg *pg, struct evo_error *err) EVO_CHECK;

#endif
