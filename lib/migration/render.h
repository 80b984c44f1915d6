/*
 * render.h - what a project's own tool would run, as SQL that evo runs itself (--render).
 *
 * Alembic prints a revision as SQL without a database (`alembic upgrade A:B --sql`,
 * https://alembic.sqlalchemy.org/en/latest/offline.html). evo takes its BEGIN, COMMIT, and statements for the ledger off,
 * and runs what is left in a transaction of its own with the ledger's change and the probes inside: locks are known
 * beforehand and tried for again, and a probe that fails leaves nothing.
 *
 * The rendering is refused where it may say something else than the revision does: a SELECT whose answer the revision may
 * have looked at, a revision that asks whether it is rendered, tabs in its strings (Alembic writes blanks instead), "%%"
 * (it may stand for one "%"), statements outside the transaction or not understood, several revisions in one text.
 */
#ifndef EVO_MIGRATION_RENDER_H
#define EVO_MIGRATION_RENDER_H

#include "base/error.h"
#include "base/strbuf.h"
#include "migration/session.h"
#include "migration/step.h"

/* Turns a step of mode `delegated` into one of mode `transaction`. EVO_ERR_MIGRATION_FAILED (schema clean) where the tool
 * cannot render it, EVO_ERR_UNSUPPORTED where the rendering is not to be trusted; EVO_ERR_USAGE for another layout. */
enum evo_errc evo_render_step(const struct evo_session *s, struct evo_step *step,
                              struct evo_error *err) EVO_CHECK;

/* The statements of one rendered revision, without the frame; `table` is the ledger's as SQLAlchemy writes it.
 * `reads_allowed`: nobody looks at what a SELECT answers. A reason (static) why it cannot be trusted, or NULL. Pure. */
const char *evo_render_cut(const char *text, size_t n, const char *table, const char *revision,
                           bool reads_allowed, struct evo_strbuf *out);
/* What in a revision's source makes its rendering another thing than itself; NULL: nothing. *ret_blind: nothing in it can
 * look at the answer of a statement. Pure; EVO_ERR_CONFIG where it cannot be read. */
enum evo_errc evo_render_judge_source(const char *text, size_t n, const char *path, const char **ret_reason,
                                      bool *ret_blind, struct evo_error *err) EVO_CHECK;

#endif
