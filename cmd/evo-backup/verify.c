/*
 * evo-backup verify: is a backup still what was written?
 */
#include "evo-backup/commands.h"

#include "backup/proof.h"
#include "backup/verify.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/backup_of.h"

struct options {
    bool quick;
    int64_t jobs;
    char *backup_of, *identity;
    char *progress;
};

static const struct evo_option options[] = {
    { "quick", EVO_OPT_FLAG, offsetof(struct options, quick),
      .help = "compare names and sizes only, read nothing" },
    { "jobs", EVO_OPT_INT, offsetof(struct options, jobs), .value = "N", .min = 1, .max = 32, .letter = 'j',
      .help = "objects that are read at the same time (default: one a processor, 2 to 4)" },
    { "backup-of", EVO_OPT_STRING, offsetof(struct options, backup_of), .value = "NAME",
      .help = "whose backup \"latest\" is (default: the database that --database names)" },
    EVO_IDENTITY_OPTION(struct options),
    EVO_PROGRESS_OPTION(struct options),
};

/* What was found lies beside the backup from now on; a store that may only be read is no reason to fail. */
static void record(struct evo_cmd *cmd, struct evo_store *store, const struct evo_backup *backup,
                   const struct evo_verification *found, struct evo_json *damaged)
{
    EVO_AUTO_PTR(json) finding = evo_json_object();
    struct evo_error err = EVO_ERROR_INIT;
    int64_t now = evo_wall_ms();
    evo_json_set_bool(finding, "ok", !found->count);
    evo_json_set_int(finding, "objects", found->objects);
    evo_json_set_int(finding, "bytes", (int64_t)found->bytes);
    evo_json_set_int(finding, "elapsed_ms", now > cmd->started_ms ? now - cmd->started_ms : 0);
    evo_json_set(finding, "damaged", evo_json_ref(damaged));
    if (evo_proof_record(store, backup->prefix, EVO_PROOF_VERIFY, now, finding, &err))
        evo_warn(cmd->task, "could not record beside the backup what was found: %s", err.message);
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct options *o = opts;
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(backup) backup = { 0 };
    EVO_AUTO(verification) found = { 0 };
    struct evo_json *damaged = evo_json_array();
    evo_cmd_progress(cmd, o->progress);
    evo_json_set_null(cmd->data, "id");
    evo_json_set_null(cmd->data, "objects");
    evo_json_set_null(cmd->data, "bytes");
    evo_json_set(cmd->data, "damaged", damaged);
    enum evo_errc rc = evo_cmd_open_backup(cmd, cmd->args.items[0], o->backup_of, &store, &backup, err);
    if (!rc)
        rc = evo_cmd_identity(o->identity, &backup, err);
    if (rc)
        return rc;
    evo_json_set_string(cmd->data, "id", backup.manifest.id);
    rc = evo_backup_verify(store, &backup, o->quick, (int)o->jobs, cmd->task, &found, err);
    if (rc)
        return rc;
    evo_json_set_int(cmd->data, "objects", found.objects);
    evo_json_set_int(cmd->data, "bytes", (int64_t)found.bytes);
    for (size_t i = 0; i < found.count; i++) {
        struct evo_json *v = evo_json_object();
        evo_json_set_string(v, "object", found.damaged[i].object);
        evo_json_set_string(v, "reason", found.damaged[i].reason);
        evo_json_append(damaged, v);
        evo_print(cmd, "damaged: \"%s\" %s\n", found.damaged[i].object, found.damaged[i].reason);
    }
    if (!o->quick)
        record(cmd, store, &backup, &found, damaged);
    rc = evo_verification_error(&found, &backup.manifest, err);
    if (rc)
        return rc;
    char size[EVO_HUMAN_MAX];
    evo_print(cmd, "%s is whole: %lld object%s, %s%s\n", backup.manifest.id, (long long)found.objects,
              evo_plural(found.objects), evo_format_size(found.bytes, size),
              o->quick ? " (by names and sizes)"
              : backup.manifest.recipients.count && !backup.identities
                  ? " (as it is stored: without --identity nothing was decrypted)"
                  : "");
    return EVO_OK;
}

const struct evo_command evo_command_verify = {
    .name = "verify",
    .args = "ID",
    .min_args = 1,
    .max_args = 1,
    .summary = "read a backup and compare it with its manifest",
    .description =
        "Finds what is missing, cut, altered, swapped or added, and records what it found beside the backup "
        "(proof/). ID is a backup's id, or \"latest\".",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct options),
    .run = run,
};
