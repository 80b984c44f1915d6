/*
 * script.h - send statements of a file, COPY data included, and find the line that failed.
 *
 * Statements that stand together go in one simple-protocol message: one round trip a file, as its own tool would. A
 * COPY … FROM stdin is a message of its own with its data behind it; psql's backslash lines are not sent.
 */
#ifndef EVO_MIGRATION_SCRIPT_H
#define EVO_MIGRATION_SCRIPT_H

#include "base/error.h"
#include "migration/step.h"
#include "pg/conn.h"

/* What became of it. */
struct evo_script_outcome {
    size_t done; /* statements that were completed */
    size_t committed; /* of those, so many from the first on cannot be undone any more */
    bool
        ended; /* something is, or may be, committed: a COMMIT, ROLLBACK or PREPARE TRANSACTION of the file's own was
                   completed; a message or COPY went through and left no transaction open; or one statement that may
                   commit inside failed */
    bool controlled; /* a BEGIN, COMMIT or PREPARE TRANSACTION was completed */
};

/* Runs `count` statements of the script from `first` on. A server error gets file, line (from its position, else of
 * the statement that failed) and, as detail, the statement's first words before the server's own detail. */
enum evo_errc evo_script_run(struct evo_pg *pg, const struct evo_step *step, size_t first, size_t count,
                             struct evo_script_outcome *ret, struct evo_error *err) EVO_CHECK;

#endif
