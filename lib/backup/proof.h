/*
 * proof.h - what was found out about a backup after it was made, and kept beside it.
 *
 *	<backup>/proof/20261122T101500Z-verify.json	what "evo-backup verify" found
 *	<backup>/proof/20261122T101500Z-drill.json	what "evo-backup drill" found
 *
 * Written once each and never changed, the good news and the bad. A proof is no part of the backup: verify does not count
 * it, and prune removes it with the backup. lib/schema/proof.schema.json is its contract: who, when, and `ok`, beside
 * whatever the finder adds.
 *
 *	EVO_AUTO_PTR(json) finding = evo_json_object();
 *	evo_json_set_bool(finding, "ok", true);
 *	rc = evo_proof_record(store, backup.prefix, EVO_PROOF_DRILL, evo_wall_ms(), finding, err);
 */
#ifndef EVO_BACKUP_PROOF_H
#define EVO_BACKUP_PROOF_H

#include <stdint.h>

#include "backup/name.h"
#include "store/store.h"
#include "json/json.h"

enum evo_proof_kind { EVO_PROOF_VERIFY, EVO_PROOF_DRILL, EVO_PROOF_KINDS };
/* "verify", "drill". */
const char *evo_proof_kind_name(enum evo_proof_kind kind);

struct evo_proof {
    enum evo_proof_kind kind;
    int64_t at_ms; /* by the name: to the second */
    char *key; /* in the store */
};
struct evo_proof_list {
    struct evo_proof *items; /* oldest first */
    size_t count, alloc;
};
void evo_proof_list_release(struct evo_proof_list *list);
EVO_DEFINE_AUTO(proof_list);

/* Records what was found about the backup under `prefix` (struct evo_backup has it). `finding` is an object with the bool
 * `ok`; it stays the caller's. Never replaces one: two within a second get names a second apart, `at` inside is exact.
 * The errors are those of the store; a store that may only be read is worth a warning, not a failure. */
enum evo_errc evo_proof_record(struct evo_store *store, const char *prefix, enum evo_proof_kind kind,
                               int64_t at_ms, const struct evo_json *finding,
                               struct evo_error *err) EVO_CHECK;

/* Which there are, by their names; what has another name is passed over. */
enum evo_errc evo_proof_list(struct evo_store *store, const char *prefix, struct evo_proof_list *ret,
                             struct evo_error *err) EVO_CHECK;
/* Reads one. EVO_ERR_NOT_FOUND, EVO_ERR_INTEGRITY for what is none. */
enum evo_errc evo_proof_load(struct evo_store *store, const struct evo_proof *proof, struct evo_json **ret,
                             struct evo_error *err) EVO_CHECK;

struct evo_verdict {
    int64_t at_ms; /* -1: never asked */
    bool ok;
    bool
        data; /* not ok because of the data: what a probe asks of it does not hold, but it came back as it was */
};
/* The newest readable verdict of each kind. Missing ones are at_ms -1. */
enum evo_errc evo_proof_verdicts(struct evo_store *store, const char *prefix,
                                 struct evo_verdict ret[EVO_PROOF_KINDS], struct evo_error *err) EVO_CHECK;

#endif
