/*
 * status.h - before anything: what is applied, and is it safe to start now.
 *
 * Three steps. evo_status_look() gathers everything that can be known into a view (facts.c the server, outside.c client
 * tools and store); evo_status_judge() holds a table of checks against the view, pure; evo_status_error() says what of it
 * ends the run. A check's finding is a warning, or a plain fact, unless --fail-on names it; what would stop every
 * further step (a transaction pooler, a store that cannot be used) always fails.
 *
 *	EVO_AUTO(status_view) view = { .project = &project, .fail_on = fail_on, … };
 *	EVO_AUTO(status_report) report = { 0 };
 *	rc = evo_status_look(&view, pg, &info, task, err);
 *	if (!rc) {
 *	    evo_status_judge(&view, &report);
 *	    rc = evo_status_error(&report, err);
 *	}
 */
#ifndef EVO_STATUS_STATUS_H
#define EVO_STATUS_STATUS_H

#include "layout/schema_log.h"
#include "layout/state.h"
#include "layout/unfinished.h"
#include "status/facts.h"
#include "store/store.h"
#include "json/json.h"

/* The oldest server that is looked into beyond its ledger. */
#define EVO_STATUS_OLDEST 120000

/* Is the schema as the last run of evo left it? */
enum evo_drift {
    EVO_DRIFT_NOT_ASKED,
    EVO_DRIFT_NO_RECORD, /* no run of evo has recorded it yet */
    EVO_DRIFT_UNKNOWN, /* it could not be looked at: error */
    EVO_DRIFT_OTHER_SERVER, /* recorded under another major version, or by another version of evo */
    EVO_DRIFT_MOVED_ON, /* the ledger is not what it was when the schema was recorded: another tool, or a killed run */
    EVO_DRIFT_NONE,
    EVO_DRIFT_FOUND
};
/* "off", "no record" …, for the envelope. */
const char *evo_drift_name(enum evo_drift drift);
struct evo_status_drift {
    enum evo_drift verdict;
    struct evo_error error;
    struct evo_schema_log log; /* the newest row, if any */
    char live[EVO_SHA256_HEX]; /* "": not looked at */
    struct evo_strvec
        differences; /* lines of evo_catalog_diff(), the first ones; none where the form is not kept */
    size_t differences_total;
    char *before; /* the migration that was run upon a difference which nobody has accepted; NULL */
    int64_t before_ms; /* when; 0: there is no such difference */
};

/* What another environment has proved of what is pending here; whoever owns passports fills it in. */
struct evo_status_staging {
    const char *from; /* NULL: no environment is named */
    struct evo_error error; /* EVO_OK: all of it */
    char *passport; /* the key of the one that allows it; NULL */
};

struct evo_status_view {
    /* Given; all borrowed. */
    struct evo_project *project;
    struct evo_store *store; /* NULL: none is configured */
    const char *environment; /* its folder in the store */
    const struct evo_strvec *fail_on;
    const char *next_options; /* behind each command that is proposed: " --environment staging", or "" */
    int64_t backup_max_age_ms;
    int64_t now_ms; /* wall */
    bool no_fingerprint; /* the schema is not looked at */
    const char *notify; /* who would be told of a run: "a Slack webhook"; NULL: nobody */

    /* Gathered. */
    int server_version;
    char *server_version_text;
    char *url; /* of the database, without its password */
    struct evo_ledger ledger;
    struct evo_state state;
    struct evo_journal journal; /* nothing in it where this role may not read it */
    struct evo_facts facts;
    struct evo_status_drift drift;
    struct evo_status_staging staging;
    struct evo_error pooler; /* EVO_OK: none stands between */
    struct evo_error dump; /* EVO_OK: a pg_dump for this server is here */
    int dump_major;
    struct evo_error store_error; /* EVO_OK: the store can be read, or none is configured */
    char *backup_id; /* the newest complete one; NULL: none */
    int64_t backup_ms;
};
void evo_status_view_release(struct evo_status_view *v);
EVO_DEFINE_AUTO(status_view);

/* Asks the server and the store. What keeps the rest from being known is an error (the ledger of another tool, a
 * permission); what is a finding stands in the view. schema: of the connection, NULL: public. */
enum evo_errc evo_status_look(struct evo_status_view *v, struct evo_pg *pg, const struct evo_conninfo *info,
                              struct evo_error *err) EVO_CHECK;

enum evo_status_verdict { EVO_STATUS_OK, EVO_STATUS_WARN, EVO_STATUS_FAIL };
/* "ok", "warn", "fail" */
const char *evo_status_verdict_name(enum evo_status_verdict verdict);

struct evo_status_check {
    const char *name;
    enum evo_status_verdict verdict;
    enum evo_errc code; /* what it is as an error, where it fails */
    char *message; /* what was found */
    char *hint; /* a sentence; NULL */
    char *next; /* the command to run; NULL */
    char *migration; /* it is about; NULL */
};
struct evo_status_report {
    struct evo_status_check *items; /* in the order of the table */
    size_t count, alloc;
};
void evo_status_report_release(struct evo_status_report *r);
EVO_DEFINE_AUTO(status_report);

void evo_status_judge(const struct evo_status_view *v, struct evo_status_report *ret);
/* One check that failed before there was a view: "connection". */
void evo_status_not_connected(const struct evo_error *why, struct evo_status_report *ret);
/* The first failed check as an error; EVO_OK where none failed. */
enum evo_errc evo_status_error(const struct evo_status_report *r, struct evo_error *err) EVO_CHECK;

/* The values of --fail-on, separated by blanks (what the option table wants). */
extern const char evo_status_fail_on[];

/* Fills `data`: project, view and report may be NULL where that was not reached. */
void evo_status_json(const struct evo_project *project, const struct evo_status_view *view,
                     const struct evo_status_report *report, struct evo_json *data);

/* Stopped outside a transaction, with what it did on record, so that `up` goes on where it stopped: an unfinished one
 * is among the failed of the state, and told apart everywhere it is shown. */
bool evo_status_is_unfinished(const struct evo_status_view *v, const struct evo_state_item *item);
size_t evo_status_unfinished(const struct evo_status_view *v);

/* The command to run next for one migration; NULL where there is nothing to do. The caller frees. */
char *evo_status_next(const struct evo_status_view *v, const struct evo_state_item *item) EVO_CHECK;

#endif
