/*
 * directives.h - "-- evo:" comments at the top of a migration.
 *
 *	-- evo:no-transaction
 *	-- evo:irreversible the old values are not kept
 *	-- evo:lock-timeout 5s
 *	-- evo:statement-timeout 30min
 *	-- evo:allow RULE REASON
 *
 * The top is everything above the first statement: comments of both kinds and empty lines. A directive further down
 * would be read by nobody, so it is an error; so is an unknown one, one given twice (but allow) and one with a value
 * that is none. Pure.
 */
#ifndef EVO_LAYOUT_DIRECTIVES_H
#define EVO_LAYOUT_DIRECTIVES_H

#include <stdint.h>

#include "base/error.h"
#include "base/strvec.h"

struct evo_directives {
    bool no_transaction;
    char *irreversible; /* the reason; NULL: reversible */
    int64_t lock_timeout_ms, statement_timeout_ms; /* -1: unset */
    struct evo_strvec allow; /* "RULE REASON" */
};
#define EVO_DIRECTIVES_INIT                               \
    {                                                     \
        .lock_timeout_ms = -1, .statement_timeout_ms = -1 \
    }
void evo_directives_release(struct evo_directives *d);
EVO_DEFINE_AUTO(directives);

/* Reads the n bytes of text, whose first line is `first_line` of `path` (for messages). A BOM is skipped.
 * EVO_ERR_CONFIG with file and line. ret is untouched on failure. */
enum evo_errc evo_directives_parse(const char *text, size_t n, const char *path, int first_line,
                                   struct evo_directives *ret, struct evo_error *err) EVO_CHECK;

#endif
