/*
 * integrity.h - does the database hold what its schema promises?
 *
 * Constraints that were added NOT VALID, triggers that were switched off, setval() and damaged indexes all leave rows
 * that nothing complains of until somebody meets them. What is looked at, each a check by name:
 *
 *   orphans            fail  rows of a foreign key without the row they refer to; also where the constraint is validated
 *   nulls              fail  NULL under CHECK (column IS NOT NULL), and under a NOT NULL that was never validated (18)
 *   checks             fail  rows for which a CHECK of another kind is false; NULL passes, as for the server
 *   domains            fail  values that the domain of their column does not allow; not inside arrays, rows and ranges
 *   duplicates         fail  rows that are equal under a unique index, read past the index
 *   sequences          fail  the next value of a column's sequence is not above the column's largest
 *   index-structure    fail  what amcheck's bt_index_check() says, where the extension is installed
 *   invalid-indexes    fail  an index that no query uses, or that writes leave out
 *   not-valid          warn  constraints NOT VALID
 *   not-enforced       warn  foreign keys whose triggers are disabled
 *   duplicate-indexes  warn  two indexes of one definition
 *   covered-indexes    warn  an index whose columns another one begins with
 *   collations         warn  indexes in the order of a collation whose version has changed since
 *
 * All of it is read in one snapshot, by `jobs` sessions, in transactions that are read-only. Rows that row security would
 * hide are no rows to pass over: the check is then not made, and that is said. Functions of the database's own are not
 * called: what an expression of an index or a constraint does is its owner's, and evo may run as somebody else.
 *
 *	EVO_AUTO(integrity) found = { 0 };
 *	rc = evo_integrity_run(&options, &found, err);     // EVO_ERR_INCONSISTENT: a check fails
 *	evo_integrity_json(&found, cmd->data);
 */
#ifndef EVO_VERIFY_INTEGRITY_H
#define EVO_VERIFY_INTEGRITY_H

#include "base/error.h"
#include "base/strvec.h"
#include "base/task.h"
#include "pg/conn.h"
#include "json/json.h"

struct evo_integrity_options {
    const struct evo_conninfo *info;
    const char *expect_database, *expect_system_identifier; /* guards; NULL: none */
    const struct evo_strvec *tables, *schemas; /* exact names, "orders" or "public.orders"; empty: all */
    int64_t sample; /* about so many rows of each table, in blocks taken at random; 0: all */
    int64_t statement_timeout_ms, lock_timeout_ms; /* 0: none */
    bool heapallindexed; /* amcheck also looks every row up in the index */
    int jobs;
    struct evo_task *task;
};

enum evo_finding_verdict { EVO_FINDING_OK, EVO_FINDING_WARN, EVO_FINDING_FAIL };
/* "ok", "warn", "fail" */
const char *evo_finding_verdict_name(enum evo_finding_verdict v);

/* A check that found nothing is one of these, too, with neither table nor object. */
struct evo_finding {
    const char *check; /* "orphans" */
    enum evo_finding_verdict verdict;
    char *table, *object; /* "public.orders"; the constraint, index, sequence or collation */
    int64_t count; /* rows, or groups of rows, that are wrong; -1: not counted */
    int64_t sampled; /* rows that were looked at; -1: all of them, or no rows were looked at */
    char *message;
    char *statement; /* a SELECT that shows it, as it is; NULL */
    char *next; /* the statement that mends it, where one does without losing anything; NULL */
    bool unmade; /* the check could not be made, `message` says why */
};
struct evo_integrity {
    struct evo_finding *items; /* by check, the worst first */
    size_t count, alloc;
    size_t failed, warned, unmade; /* of those; unmade ones are warnings as well */
};
void evo_integrity_release(struct evo_integrity *i);
EVO_DEFINE_AUTO(integrity);

/* EVO_ERR_INCONSISTENT: a check fails; EVO_ERR_INCOMPLETE: none does, but one could not be made (a time-out, a lock, a
 * privilege); EVO_ERR_NOT_FOUND: a table or schema that was named is not there; EVO_ERR_UNSUPPORTED: heapallindexed
 * without amcheck. ret holds what was found in the first two cases as well. */
enum evo_errc evo_integrity_run(const struct evo_integrity_options *o, struct evo_integrity *ret,
                                struct evo_error *err) EVO_CHECK;

/* Sets `checks` of lib/schema/data/verify-integrity.schema.json. */
void evo_integrity_json(const struct evo_integrity *i, struct evo_json *data);

#endif
