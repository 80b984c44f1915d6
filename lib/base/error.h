/*
 * error.h - errors as values.
 *
 * Every fallible function returns enum evo_errc (EVO_OK is 0) and takes, last, a
 * caller-owned struct evo_error that it writes only on failure. The code is the
 * `reason` of the command-line contract; what exit status follows from it is the
 * table in error.c and nowhere else.
 *
 * The message follows PostgreSQL's error style guide
 * (https://www.postgresql.org/docs/current/error-style-guide.html): lower case, no
 * full stop, names in double quotes; "could not" for what may work next time,
 * "cannot" for what never will. Detail and hint are sentences; the hint is a
 * command to run where there is one.
 *
 *	if (fd < 0)
 *	    return evo_error_errno(err, EVO_ERR_DISK, errno, "could not open file \"%s\"", path);
 *
 *	enum evo_errc rc = evo_ledger_load(conn, &ledger, err);
 *	if (rc)
 *	    return evo_error_prefix(err, "migration \"%s\"", name);   // returns err->code
 *
 * No text placed here may hold a secret; lib/cli redacts what it prints as a
 * second line of defence, not as the first.
 */
#ifndef EVO_BASE_ERROR_H
#define EVO_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/banned.h"

/* The reasons of the contract, in its order. New ones may be added: a row in error.c each. */
enum evo_errc {
    EVO_OK = 0,
    /* exit 1: done, the answer is no */
    EVO_ERR_PROBE_FALSE,
    EVO_ERR_UNHEALTHY,
    EVO_ERR_LINT,
    EVO_ERR_PENDING,
    EVO_ERR_EDITED,
    EVO_ERR_FAILED,
    EVO_ERR_DRIFT,
    EVO_ERR_PROMOTION_REFUSED,
    EVO_ERR_NOT_FOUND,
    EVO_ERR_TARGET_NOT_EMPTY,
    EVO_ERR_IRREVERSIBLE,
    EVO_ERR_INCOMPLETE,
    EVO_ERR_INCONSISTENT,
    EVO_ERR_ROUNDTRIP,
    /* exit 2 */
    EVO_ERR_USAGE,
    EVO_ERR_CONFIG,
    /* exit 3 */
    EVO_ERR_CONNECT,
    EVO_ERR_DATABASE,
    EVO_ERR_PERMISSION,
    EVO_ERR_UNSUPPORTED,
    EVO_ERR_TIMEOUT,
    /* exit 4 */
    EVO_ERR_STORE,
    EVO_ERR_NETWORK,
    EVO_ERR_DISK,
    /* exit 5 */
    EVO_ERR_LOCK_UNAVAILABLE,
    /* exit 6 */
    EVO_ERR_INTEGRITY,
    /* exit 7 */
    EVO_ERR_MIGRATION_FAILED,
    /* exit 70 */
    EVO_ERR_INTERNAL,
    /* exit 128 + signal */
    EVO_ERR_CANCELLED,
    EVO_ERRC_COUNT_ /* not a code */
};

/* Answer to "is the schema as it was before?": not every error knows. */
enum evo_tristate { EVO_UNKNOWN = 0, EVO_NO, EVO_YES };

struct evo_error {
    enum evo_errc code;
    bool retryable; /* the same call may succeed if repeated */
    bool exists; /* store: the object is there already (write-once refused) */
    int http_status; /* 0: not an HTTP failure */
    int line; /* 0: none; 1-based */
    int column; /* 0: none; 1-based */
    char sqlstate[6]; /* "": not from the server */
    enum evo_tristate schema_clean;
    char message[1024];
    char detail[2048];
    char hint[1024];
    char file[512];
    char migration[256];
    char next[1024]; /* the exact command to run next */
};
#define EVO_ERROR_INIT \
    {                  \
        .code = EVO_OK \
    }

/* Resets err to `code` and the message. Returns code, so that it can stand in a return. err may be NULL. */
enum evo_errc evo_error_set(struct evo_error *err, enum evo_errc code, const char *fmt, ...) EVO_PRINTF(3, 4);
/* The same, with ": <text of errnum>" behind the message. ENOSPC and EDQUOT make the code EVO_ERR_DISK. */
enum evo_errc evo_error_errno(struct evo_error *err, enum evo_errc code, int errnum, const char *fmt, ...)
    EVO_PRINTF(4, 5);
/* Puts context before the message: "<context>: <message>". Returns err->code (EVO_ERR_INTERNAL for NULL). */
enum evo_errc evo_error_prefix(struct evo_error *err, const char *fmt, ...) EVO_PRINTF(2, 3);
/* Set one part of an error that exists. Each returns err->code (EVO_ERR_INTERNAL for NULL). */
enum evo_errc evo_error_detail(struct evo_error *err, const char *fmt, ...) EVO_PRINTF(2, 3);
enum evo_errc evo_error_hint(struct evo_error *err, const char *fmt, ...) EVO_PRINTF(2, 3);
enum evo_errc evo_error_next(struct evo_error *err, const char *fmt, ...) EVO_PRINTF(2, 3);
enum evo_errc evo_error_at(struct evo_error *err, const char *file, int line);
enum evo_errc evo_error_migration(struct evo_error *err, const char *name);

#ifdef __clang_analyzer__
/* What the static analyzer cannot see: none of these ever returns EVO_OK. */
#define evo_error_set(err, code, ...)        ((void)evo_error_set(err, code, __VA_ARGS__), (code))
#define evo_error_errno(err, code, num, ...) ((void)evo_error_errno(err, code, num, __VA_ARGS__), (code))
#define evo_error_prefix(err, ...)           ((void)evo_error_prefix(err, __VA_ARGS__), EVO_ERR_INTERNAL)
#define evo_error_detail(err, ...)           ((void)evo_error_detail(err, __VA_ARGS__), EVO_ERR_INTERNAL)
#define evo_error_hint(err, ...)             ((void)evo_error_hint(err, __VA_ARGS__), EVO_ERR_INTERNAL)
#define evo_error_next(err, ...)             ((void)evo_error_next(err, __VA_ARGS__), EVO_ERR_INTERNAL)
#define evo_error_at(err, file, line)        ((void)evo_error_at(err, file, line), EVO_ERR_INTERNAL)
#define evo_error_migration(err, name)       ((void)evo_error_migration(err, name), EVO_ERR_INTERNAL)
#endif

/* Stable text of a code ("lock_unavailable"), and the exit status it leads to (0 for EVO_OK; 128 for
 * EVO_ERR_CANCELLED, to which lib/cli adds the signal). */
const char *evo_errc_reason(enum evo_errc code);
int evo_errc_exit(enum evo_errc code);
/* The code of a reason; EVO_ERR_INTERNAL for an unknown text. */
enum evo_errc evo_errc_parse(const char *reason);

#endif
