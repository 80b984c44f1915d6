/*
 * drill.h - the proof that a backup comes back: it is restored into a database of its own, looked at, and dropped.
 *
 * The database lies in a scratch cluster (pg/scratch.h), which has the roles that the backup's privileges and policies
 * speak of, or, where one is named, on a server of the caller's as "evo_drill_<random>". What is looked at:
 *
 *   rows         of every table, counted at the server, against the manifest. Partitions whose rows were dealt out anew
 *                (by the hash of an enum, say) are compared together, as their root.
 *   fingerprint  of the schema, against the manifest's, where that has one, is of the whole database, and the server is
 *                of the same major version. Versions of extensions do not count where the backup holds the schema's text:
 *                a restore always takes the one that is installed.
 *   probes       whatever the caller asks the restored database
 *
 * What was found is recorded beside the backup (proof.h), good or bad. Nothing else is left, also after a cancel; kill -9
 * leaves a database "evo_drill_…" on a server of the caller's, and what the next scratch cluster removes.
 *
 * A locale that this machine does not have is replaced by C, with a warning: order is not what a drill is about.
 */
#ifndef EVO_BACKUP_DRILL_H
#define EVO_BACKUP_DRILL_H

#include "backup/find.h"
#include "pg/conninfo.h"

/* Asks the restored database; appends what it said to `probes` (objects as probe/probe.h makes them). EVO_ERR_PROBE_FALSE
 * where one does not hold. */
typedef enum evo_errc evo_drill_probes(void *ctx, const struct evo_conninfo *restored,
                                       struct evo_json *probes, struct evo_error *err);

struct evo_drill_options {
    struct evo_store *store;
    const struct evo_backup *backup;
    const struct evo_conninfo
        *scratch; /* a server where a database may be made; NULL: a cluster of evo's own */
    int jobs; /* 0: by the number of processors */
    evo_drill_probes *probes; /* NULL: none */
    void *ctx;
    struct evo_task *task;
};

struct evo_drilled_table {
    char *name; /* "public.orders" */
    int64_t rows_expected;
    int64_t rows_found; /* -1: it is not there */
    bool wrong;
};
struct evo_drill {
    char *server_version; /* where it was restored; NULL: it did not get that far */
    struct evo_drilled_table *tables; /* in the order of their names */
    size_t count, alloc;
    size_t wrong; /* of those */
    int64_t rows; /* found, in all */
    char fingerprint[EVO_SHA256_HEX]; /* "": not taken */
    enum evo_tristate fingerprint_equal; /* EVO_UNKNOWN: nothing to compare with; see `remark` */
    char *remark; /* why it is unknown; NULL */
    struct evo_strvec differences; /* "- line", "+ line", of the schema; at most 100 */
    size_t ndifferences; /* how many there are */
    struct evo_json *probes; /* an array; never NULL behind the call */
    int64_t restore_ms, elapsed_ms;
    bool recorded; /* a proof was written */
};
void evo_drill_release(struct evo_drill *d);
EVO_DEFINE_AUTO(drill);

/* EVO_ERR_INTEGRITY where rows or the schema differ, or the restore met a damaged object; EVO_ERR_PROBE_FALSE; else what
 * stands in the way of a drill. ret is filled as far as it got also on failure. Call it from the main thread. */
enum evo_errc evo_backup_drill(const struct evo_drill_options *o, struct evo_drill *ret,
                               struct evo_error *err) EVO_CHECK;

/* Sets `tables`, `fingerprint_equal`, `probes` and the rest of lib/schema/data/backup-drill.schema.json but for `id`. */
void evo_drill_json(const struct evo_drill *d, struct evo_json *data);

#endif
