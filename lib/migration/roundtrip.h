/*
 * roundtrip.h - do migrations prove what they say? Each is applied, taken back and applied again, on a database made
 * for it and dropped again; its probes are asked in each of the four states in between.
 *
 *                    before   after up   after down   after up again
 *   verify_up.sql    false    true       false        true
 *   verify_down.sql  true     false      true         false
 *
 * A verify file that holds where it must not can never fail: vacuous, and refused. A single probe of a file may hold
 * everywhere (nobody is without an email address, also before the column of names came); that is said. The schema after
 * the way back is compared with the one before, privileges included: what differs makes the way back lossy. Rows are
 * those that the migrations themselves write; what a way back does to others is not seen.
 *
 * The database lies in a scratch cluster (pg/scratch.h), or on a server of the caller's as "evo_roundtrip_<random>". All
 * migrations of the project are applied in order; those that are not asked for go up only. One that cannot be taken back
 * goes up only, too. Nothing is left, also after a cancel. kill -9 leaves what the next run finds: the folder of the
 * cluster is removed, a database is named.
 *
 *	EVO_AUTO(roundtrip) trip = { 0 };
 *	rc = evo_roundtrip_run(&options, &trip, err);     // EVO_ERR_ROUNDTRIP: one of them does not
 *	evo_roundtrip_json(&trip, cmd->data);
 */
#ifndef EVO_MIGRATION_ROUNDTRIP_H
#define EVO_MIGRATION_ROUNDTRIP_H

#include "base/error.h"
#include "base/strvec.h"
#include "base/task.h"
#include "layout/layout.h"
#include "pg/conn.h"
#include "json/json.h"

struct evo_roundtrip_options {
    struct evo_project *project; /* settled (layout/ledger.h), where there is a database */
    const struct evo_strvec *names; /* of migrations, in any order */
    struct evo_pg
        *target; /* whose version, locale and roles the scratch cluster gets; NULL: the newest server, C */
    const char *schema; /* that the target's URL names; NULL */
    const struct evo_conninfo
        *scratch; /* a server where a database may be made; NULL: a cluster of evo's own */
    const char *next_options; /* behind each command that is proposed, or "" */
    int64_t probe_timeout_ms; /* 0: 30 s */
    struct evo_task *task;
};

/* What a verify file said as a whole: true where each of its probes did, else what the first that did not said. */
enum evo_trip_answer {
    EVO_TRIP_NONE, /* there is no file, or it was not asked */
    EVO_TRIP_TRUE,
    EVO_TRIP_FALSE,
    EVO_TRIP_ERROR,
    EVO_TRIP_VACUOUS /* there was no row that could have been wrong */
};
struct evo_trip_cell {
    bool taken; /* the state was reached */
    enum evo_trip_answer up, down; /* of verify_up.sql, verify_down.sql */
    char *up_why, *down_why; /* why it does not hold; NULL where it does, or where `messages` has the error */
};

/* From good to bad: the worst that holds. */
enum evo_trip_verdict {
    EVO_TRIP_OK,
    EVO_TRIP_UNPROVEN, /* it comes and goes, but a verify file is missing */
    EVO_TRIP_IRREVERSIBLE, /* there is no way back: it was applied only */
    EVO_TRIP_LOSSY, /* the way back leaves another schema than there was */
    EVO_TRIP_VACUOUS_FILE, /* a verify file can never fail */
    EVO_TRIP_FAILED, /* it, its way back, or a probe failed */
    EVO_TRIP_SKIPPED /* not tried, as an earlier one failed */
};
/* "ok", "unproven", "irreversible", "lossy", "vacuous", "failed", "skipped" */
const char *evo_trip_verdict_name(enum evo_trip_verdict v);
/* From EVO_TRIP_LOSSY on. */
bool evo_trip_is_bad(enum evo_trip_verdict v);
const char *evo_trip_answer_name(enum evo_trip_answer a);

struct evo_trip {
    char *name;
    bool has_verify_up, has_verify_down, reversible;
    struct evo_trip_cell before, after_up, after_down, after_up_again;
    bool compared; /* the schema after the way back with the one before */
    struct evo_strvec differences; /* "- line", "+ line"; at most 100 */
    size_t ndifferences; /* how many there are */
    size_t nagain; /* in how many lines the schema after up again differs from that after up */
    bool failed; /* up or down was refused: `messages` begins with the error */
    enum evo_trip_verdict verdict;
    struct evo_strvec messages;
    int64_t elapsed_ms;
};
void evo_trip_release(struct evo_trip *t);
EVO_DEFINE_AUTO(trip);

/* Fills compared, differences and ndifferences from two descriptions of the schema (catalog/catalog.h). Lines about the
 * table `ledger` ("public.migrations"; NULL: none) that only `after` has do not count. Pure. */
void evo_trip_compare(struct evo_trip *t, const char *before, const char *after, const char *ledger);
/* Sets the verdict and appends why, from everything else. Pure. */
void evo_trip_judge(struct evo_trip *t);

struct evo_roundtrip {
    char *server_version; /* where it ran; NULL: it did not get that far */
    struct evo_trip *items; /* in the order of application */
    size_t count;
    size_t bad;
};
void evo_roundtrip_release(struct evo_roundtrip *r);
EVO_DEFINE_AUTO(roundtrip);

/* EVO_ERR_ROUNDTRIP: one of the verdicts is bad; else what stands in the way: EVO_ERR_CONFIG for a file that cannot be
 * read or cut, before anything was started; EVO_ERR_UNSUPPORTED without a server's programs. ret is filled as far as it
 * got also on failure. Call it from the main thread. */
enum evo_errc evo_roundtrip_run(const struct evo_roundtrip_options *o, struct evo_roundtrip *ret,
                                struct evo_error *err) EVO_CHECK;

/* Sets server_version and migrations of lib/schema/data/verify-roundtrip.schema.json. */
void evo_roundtrip_json(const struct evo_roundtrip *r, struct evo_json *data);

#endif
