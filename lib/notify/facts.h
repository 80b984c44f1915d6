/*
 * facts.h - what a run directory says about a run, in the words of a message: what ran, where, with what result, how
 * long, what state the schema is in, what next. Pure: envelopes in, facts out.
 *
 * Where the directory holds evo-deploy's own (provisional) envelope, that one decides about the run; else the newest
 * envelope of each command does, and the first that failed is the cause.
 */
#ifndef EVO_NOTIFY_FACTS_H
#define EVO_NOTIFY_FACTS_H

#include "base/strvec.h"
#include "result/rundir.h"

enum evo_notify_status { EVO_NOTIFY_SUCCESS, EVO_NOTIFY_FAILURE, EVO_NOTIFY_CANCELLED, EVO_NOTIFY_RUNNING };
const char *evo_notify_status_name(enum evo_notify_status s);
/* False for a text that is none of the names. */
bool evo_notify_status_parse(const char *text, enum evo_notify_status *ret);

/* Strings are borrowed from the run directory where not said otherwise. */
struct evo_notify_facts {
    enum evo_notify_status status;
    const char *title; /* the caller's; NULL: none */
    const char *link; /* the caller's; NULL: none */
    const char *environment; /* NULL: none named */
    const char *database; /* NULL: not known */
    const char *backup_id; /* NULL: none was made */
    int64_t elapsed_ms; /* -1: not known */
    int64_t applied, pending; /* -1: not known */
    struct evo_strvec applied_names, rolled_back_names; /* owned */
    bool migration_started;
    enum evo_tristate schema_clean;
    const char *failed_step; /* "migrate up"; NULL: none failed */
    const struct evo_error *error; /* why; NULL: none */
    struct evo_strvec steps; /* owned: NAME, "done|failed|skipped|cancelled", milliseconds; NAME, … */
};
void evo_notify_facts_release(struct evo_notify_facts *f);
EVO_DEFINE_AUTO(notify_facts);

/* `status` NULL: derived. `environment` (may be NULL) is for a directory that names none. */
void evo_notify_facts_of(const struct evo_rundir *run, const enum evo_notify_status *status,
                         const char *environment, struct evo_notify_facts *ret);

/* The state of the schema in a few words: "up to date", "as it was before this run", … Appends. */
void evo_notify_schema_state(const struct evo_notify_facts *f, struct evo_strbuf *out);
/* What to do next: a command or a sentence. Appends; *ret_command says which. */
void evo_notify_next(const struct evo_notify_facts *f, struct evo_strbuf *out, bool *ret_command);

#endif
