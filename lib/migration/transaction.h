/*
 * transaction.h - files in one transaction: all of them with their probes and their rows, or nothing.
 *
 * One file is the rule (apply.h says what happens in which order); several are `up --atomic`: their scripts, probes and
 * rows one after the other, and one COMMIT. What keeps the whole from being committed undoes all of it; a lock that was
 * not to be had rolls the whole back and tries it again. Between two files the session is put back as between two
 * transactions, but for temporary tables, which stay until the COMMIT.
 */
#ifndef EVO_MIGRATION_TRANSACTION_H
#define EVO_MIGRATION_TRANSACTION_H

#include "base/error.h"
#include "migration/apply.h"
#include "migration/session.h"
#include "migration/step.h"

/* Runs `count` steps of mode `transaction`, at least one; ret: one for each. Errors as evo_apply(): that of several says
 * that none was applied. *ret_unfit (NULL: not asked for, an error like any other): everything was rolled back since the
 * server said that a statement cannot run in a transaction, which the parser could not see. */
enum evo_errc evo_transaction_run(struct evo_session *s, const struct evo_step *steps, size_t count,
                                  struct evo_applied *ret, bool *ret_unfit, struct evo_error *err) EVO_CHECK;

#endif
