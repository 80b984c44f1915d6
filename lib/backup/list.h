/*
 * list.h - which backups there are, and all that a manifest and what was found since say of each.
 *
 * A few threads read the manifests, since a store far away answers each within a tenth of a second and a team has
 * hundreds of them.
 */
#ifndef EVO_BACKUP_LIST_H
#define EVO_BACKUP_LIST_H

#include "backup/find.h"
#include "backup/proof.h"

enum evo_backup_state {
    EVO_BACKUP_COMPLETE, /* a manifest is there and reads well */
    EVO_BACKUP_UNFINISHED, /* none is there: it was killed, or goes on */
    EVO_BACKUP_UNREADABLE /* one is there that cannot be believed */
};

struct evo_backup_item {
    char id[EVO_BACKUP_ID_MAX];
    char *environment, *database;
    int64_t created_ms; /* by the manifest, else by the id */
    enum evo_backup_state state;
    char *problem; /* why it is not complete: "unfinished", or what is wrong with its manifest; NULL */
    /* Of complete ones only. */
    int64_t finished_ms;
    struct evo_manifest_totals totals;
    char *server_version;
    char *fingerprint; /* of the schema; NULL: not taken */
    char *
        selection; /* what was left out, in a form that is the same for the same options; NULL: nothing was */
    struct evo_json *labels; /* an object of strings; NULL: none */
    bool encrypted;
    struct evo_verdict verdicts[EVO_PROOF_KINDS];
};
struct evo_backup_list {
    struct evo_backup_item *items; /* newest first */
    size_t count, alloc;
};
void evo_backup_list_release(struct evo_backup_list *list);
EVO_DEFINE_AUTO(backup_list);

/* Of one environment and database; NULL: of all of them. */
enum evo_errc evo_backup_list(struct evo_store *store, const char *environment, const char *database,
                              struct evo_backup_list *ret, struct evo_error *err) EVO_CHECK;

#endif
