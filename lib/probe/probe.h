/*
 * probe.h - verify_up.sql and verify_down.sql: what passes, and why not.
 *
 * The grammar is the command-line contract's "Probes": each statement is one check, true by default when it returns
 * at least one row and the first column of every row is true; "-- evo:expect …" lines above it replace that. NULL
 * where true is expected, a first column that is no boolean, an error, a write, transaction control: all failures.
 * An unknown form is an error, never a pass.
 *
 *	-- evo:expect rows 1
 *	-- evo:expect column data_type = character varying
 *	SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'products' AND column_name = 'sku';
 *
 * Three steps: evo_probe_parse() reads the file, evo_probe_run() asks the server, evo_probe_judge() decides. The
 * first and the last need no server.
 *
 *	EVO_AUTO(probe_file) file = { 0 };
 *	EVO_AUTO(probe_report) report = { 0 };
 *	rc = evo_probe_parse(text.buf, text.len, path, &file, err);
 *	if (!rc)
 *	    rc = evo_probe_run(pg, &file, NULL, 0, &report, err);
 *	if (!rc && report.failed > 0)
 *	    rc = evo_probe_error(&file, &report, err);
 */
#ifndef EVO_PROBE_PROBE_H
#define EVO_PROBE_PROBE_H

#include "base/error.h"
#include "pg/conn.h"
#include "json/json.h"

enum evo_expect_kind {
    EVO_EXPECT_TRUE,
    EVO_EXPECT_EMPTY,
    EVO_EXPECT_ROWS, /* number */
    EVO_EXPECT_ROWS_AT_LEAST, /* number */
    EVO_EXPECT_VALUES, /* values; a NULL item is SQL NULL */
    EVO_EXPECT_COLUMN, /* column, value; a NULL value is SQL NULL */
    EVO_EXPECT_NO_ERROR
};
struct evo_expect {
    enum evo_expect_kind kind;
    int64_t number;
    char **values;
    size_t nvalues;
    char *column, *value;
};

struct evo_probe {
    char *sql; /* the statement */
    int number; /* 1-based within the file */
    int line; /* of the statement's first token */
    struct evo_expect *expects; /* at least one */
    size_t nexpects;
};
struct evo_probe_file {
    char *path; /* for messages */
    bool script; /* evo_probe_parse_script() */
    struct evo_probe *items;
    size_t count, alloc;
};
void evo_probe_file_release(struct evo_probe_file *f);
EVO_DEFINE_AUTO(probe_file);

/* Pure. EVO_ERR_CONFIG with file and line for: an unknown form or "evo:" line, an expectation that stands above no
 * statement, transaction control, a statement that cannot run in a transaction, COPY FROM STDIN, a file without any
 * statement (it could never fail), text that is not SQL enough to be cut. */
enum evo_errc evo_probe_parse(const char *text, size_t n, const char *path, struct evo_probe_file *ret,
                              struct evo_error *err) EVO_CHECK;

/* The verify script of another tool (Sqitch): it passes where none of its statements raises an error. They are run one
 * after the other in one transaction that may write and is rolled back, so BEGIN, COMMIT and ROLLBACK are left out.
 * EVO_ERR_CONFIG as above, but for savepoints and a file without any statement, which passes. */
enum evo_errc evo_probe_parse_script(const char *text, size_t n, const char *path, struct evo_probe_file *ret,
                                     struct evo_error *err) EVO_CHECK;

/* One "evo:expect" form ("rows >= 2"). EVO_ERR_CONFIG for an unknown one. *ret is released by the caller. */
void evo_expect_release(struct evo_expect *e);
EVO_DEFINE_AUTO(expect);
enum evo_errc evo_expect_parse(const char *form, struct evo_expect *ret, struct evo_error *err) EVO_CHECK;
/* The form as it is written, for messages. The caller frees. */
char *evo_expect_format(const struct evo_expect *e) EVO_CHECK;

/* FALSE: it answered, and not as expected. ERROR: the server refused it. VACUOUS: the expectation is about every row
 * and there was none. All three fail. */
enum evo_verdict { EVO_VERDICT_TRUE, EVO_VERDICT_FALSE, EVO_VERDICT_ERROR, EVO_VERDICT_VACUOUS };
const char *evo_verdict_name(enum evo_verdict v); /* "true" */

/* An answer as plain values, borrowed: what judging needs, so that it needs no server. */
struct evo_probe_answer {
    bool is_query; /* false: it returns no rows at all, as SET */
    int rows, columns;
    const char *const *names; /* [columns] */
    const uint32_t *types; /* [columns], OIDs; 16 is boolean */
    const char *const *values; /* [rows * columns], row by row; NULL is SQL NULL */
};
/* Pure. *message is set (heap) unless true. */
enum evo_verdict evo_probe_judge(const struct evo_probe *probe, const struct evo_probe_answer *answer,
                                 char **message);

struct evo_probe_outcome {
    int number, line;
    enum evo_verdict verdict;
    char *statement; /* one line, for people */
    char *message; /* why not; NULL when true */
    char sqlstate[6]; /* "" unless the server refused it */
};
struct evo_probe_report {
    struct evo_probe_outcome *items;
    size_t count, alloc;
    size_t failed; /* items that are not TRUE */
};
void evo_probe_report_release(struct evo_probe_report *r);
EVO_DEFINE_AUTO(probe_report);

/* Runs every probe and appends its outcome. Inside a transaction: each under a savepoint that is read-only and rolled
 * back, so nothing it does stays and the transaction goes on. Outside one: each in a read-only transaction of its own.
 * A script: all of it under one, up to the first statement that is refused, and it may write.
 * `role` (NULL: none): SET LOCAL ROLE. statement_timeout_ms 0: 30 s. A false probe is not an error here (see
 * report->failed); a lost connection, a cancel and an unknown role are. */
enum evo_errc evo_probe_run(struct evo_pg *pg, const struct evo_probe_file *file, const char *role,
                            int64_t statement_timeout_ms, struct evo_probe_report *report,
                            struct evo_error *err) EVO_CHECK;

/* The report as the error a command gives: EVO_ERR_PROBE_FALSE naming the first failing probe with file, line and
 * reason. EVO_OK, and nothing written, where none failed. */
enum evo_errc evo_probe_error(const struct evo_probe_file *file, const struct evo_probe_report *report,
                              struct evo_error *err);
/* Appends objects {migration, number, statement, line, verdict, message} to array. */
void evo_probe_report_json(const struct evo_probe_report *report, const char *migration,
                           struct evo_json *array);

#endif
