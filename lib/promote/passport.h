/*
 * passport.h - the evidence of one good run: what was applied, byte for byte, in which order, and what it proved.
 *
 * Stored as <store>/passports/<environment>/<time>-<run>.json, written once; the migration files travel beside it as
 * a tar of the same name. lib/schema/passport.schema.json is its contract. Keys are only added.
 */
#ifndef EVO_PROMOTE_PASSPORT_H
#define EVO_PROMOTE_PASSPORT_H

#include "base/error.h"
#include "base/strvec.h"
#include "layout/state.h"
#include "json/json.h"

struct evo_passport_migration {
    char *name;
    char *checksum; /* as the ledger has it */
    char *hash; /* of its files' lines; NULL where its files were gone when the passport was written */
    char *fingerprint; /* of the schema behind it; NULL where no run of evo recorded it */
    struct evo_strvec paths, hashes; /* its files, relative to the project root; one hash a path */
};

struct evo_passport {
    char *environment, *database, *run, *commit, *server_version, *layout, *backup_id;
    char *set_hash;
    /* Of the schema (lib/catalog), by schema.h: before any migration, before the last run, and when the passport was
     * written. NULL: not known; format NULL: no passport of this version. */
    char *format, *initial, *before, *after;
    int64_t created_ms;
    /* In the order in which they were applied: the states that the environment passed through. */
    struct evo_passport_migration *items;
    size_t count, alloc;
    struct evo_json *evidence; /* {probes, health, migrate}: objects or null */
};
void evo_passport_release(struct evo_passport *p);
EVO_DEFINE_AUTO(passport);

/* Fills the migrations from what the ledger says is applied, and the hash of the set: SHA-256 over the sorted lines
 * "path NUL sha256-of-the-raw-bytes LF" (design of the passport). */
enum evo_errc evo_passport_fill(struct evo_passport *p, const struct evo_project *project,
                                const struct evo_state *state, struct evo_error *err) EVO_CHECK;
/* The hash of one migration's files as they lie in the project now, with the lists it was made from. */
enum evo_errc evo_passport_hash(const struct evo_project *project, const struct evo_migration *m,
                                struct evo_strvec *paths, struct evo_strvec *hashes, char **ret_hash,
                                struct evo_error *err) EVO_CHECK;

struct evo_json *evo_passport_json(const struct evo_passport *p) EVO_CHECK;
enum evo_errc evo_passport_parse(const char *text, size_t n, const char *what, struct evo_passport *ret,
                                 struct evo_error *err) EVO_CHECK;

#endif
