/*
 * step.h - one file about to be run: its text, how it must be run, what it locks, what proves it.
 *
 * How a file is run follows from its statements, not from a flag (design: "applying one migration"):
 *
 *   transaction   all of it, its probes and the ledger's row in one transaction: all or nothing
 *   statements    it holds a statement that cannot run in a transaction, or "-- evo:no-transaction": one after the
 *                 other, each in a transaction with its checkpoint in evo.journal wherever it can be, resumable at
 *                 the one that failed
 *   as-is         it opens or ends transactions itself: sent as it is, in one message, as its own tool would; evo
 *                 cannot undo it; but for a file of Sqitch that is one BEGIN … COMMIT and nothing beside it: Sqitch runs it apart
 *                 from its record, and evo runs what stands between in one transaction with it
 *   delegated     it is no SQL: the project's own tool runs it (delegate.h), and its probes behind it
 *
 * evo_step_load() reads the files (the down file for `down`), evo_step_decide() is the pure part.
 */
#ifndef EVO_MIGRATION_STEP_H
#define EVO_MIGRATION_STEP_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "layout/layout.h"
#include "migration/delegate.h"
#include "probe/probe.h"
#include "sql/split.h"
#include "json/json.h"

enum evo_step_mode { EVO_STEP_TRANSACTION, EVO_STEP_STATEMENTS, EVO_STEP_AS_IS, EVO_STEP_DELEGATED };
const char *
evo_step_mode_name(enum evo_step_mode mode); /* "transaction", "statements", "as-is", "delegated" */

/* What is run, and checkpointed, at once in mode `statements`: a statement, or a BEGIN … COMMIT of the file's own. */
struct evo_step_unit {
    size_t first, count; /* statements of the script */
    bool bare; /* runs without a transaction of ours around it */
    bool block; /* a BEGIN … COMMIT of the file's own */
    bool concurrent_index;
    bool setting; /* SET, RESET, SELECT set_config(): no checkpoint, run again when resumed */
};

struct evo_step {
    const struct evo_migration *migration; /* borrowed */
    bool down;
    bool resume; /* an earlier run of evo's own stopped in the middle */
    char *path; /* of the file that is run */
    struct evo_strbuf text;
    struct evo_directives down_directives; /* of the down file */
    struct evo_sql_script script;
    enum evo_step_mode mode;
    struct evo_step_unit *units; /* in mode `statements` */
    size_t nunits, units_alloc;
    struct evo_delegate_command command; /* in mode `delegated`: set by evo_delegate_prepare() */
    bool probed; /* there is a verify file */
    struct evo_probe_file probes;
    struct evo_strvec warnings;
};
void evo_step_release(struct evo_step *step);
EVO_DEFINE_AUTO(step);

/* Reads and decides. A migration that its tool runs is read by nobody: of it there are the probes alone. EVO_ERR_CONFIG for a file that cannot be read or a probe file that is wrong,
 * EVO_ERR_MIGRATION_FAILED (schema clean) for one that cannot be cut into statements, EVO_ERR_IRREVERSIBLE for `down`
 * without a down file: all with file and migration set. */
enum evo_errc evo_step_load(const struct evo_migration *m, bool down, struct evo_step *ret,
                            struct evo_error *err) EVO_CHECK;

/* Its probes alone, of the migration and direction that step names. */
enum evo_errc evo_step_load_probes(struct evo_step *step, struct evo_error *err) EVO_CHECK;

/* Directives of the file that is run. Borrowed. */
const struct evo_directives *evo_step_directives(const struct evo_step *step);
/* True where statement i sets or resets something of the session. */
bool evo_step_is_setting(const struct evo_step *step, size_t i);

/* True where statement i, which the server refused with this SQLSTATE, may do better without a transaction around it. What
 * a function or DO runs is refused there as well: it would only leave half of the file behind. */
bool evo_step_wants_none(const struct evo_step *step, size_t i, const char *sqlstate);

/* Fills mode, units and warnings from text, script and directives. */
void evo_step_decide(struct evo_step *step);
/* Turns a step of mode `transaction` into `statements`: what the server asked for (25001, 2D000) where the parser could
 * not see it. Which of them cannot run in a transaction shows when it is run. */
void evo_step_without_transaction(struct evo_step *step);

/* {name, file, statements, transaction, mode, command, probes, resumed, locks[], irreversible, warnings[]}; command is null
 * for what evo runs itself */
struct evo_json *evo_step_json(const struct evo_step *step) EVO_CHECK;

#endif
