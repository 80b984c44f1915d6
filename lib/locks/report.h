/*
 * report.h - what was seen, for programs and for people. Pure.
 */
#ifndef EVO_LOCKS_REPORT_H
#define EVO_LOCKS_REPORT_H

#include "base/strvec.h"
#include "locks/advisory.h"
#include "locks/graph.h"
#include "locks/progress.h"
#include "json/json.h"

/* Everything that one look finds. */
struct evo_locks_report {
    struct evo_locks_view view;
    struct evo_progress_list progress;
    struct evo_advisories advisories;
};
void evo_locks_report_release(struct evo_locks_report *r);
EVO_DEFINE_AUTO(locks_report);
enum evo_errc evo_locks_report_look(struct evo_pg *pg, struct evo_locks_report *ret,
                                    struct evo_error *err) EVO_CHECK;

/* Sets waits[], progress[], sessions[], advisory[], cut (lib/schema/data/locks.schema.json). */
void evo_locks_json(const struct evo_locks_report *r, struct evo_json *data);
/* One session, as in sessions[]. */
struct evo_json *evo_locks_session_json(const struct evo_locks_view *v, size_t session) EVO_CHECK;

/* The tree, advisory locks, and what is in progress with a bar; each part only where there is something, and a sentence
 * where there is nothing at all. bold, reset: escape sequences or "". */
void evo_locks_text(const struct evo_locks_report *r, const char *bold, const char *reset,
                    struct evo_strbuf *out);
/* "[=======>            ]  37%", or "" where that is not known. */
void evo_locks_bar(const struct evo_progress_item *p, struct evo_strbuf *out);

/* What is different from the look before, a line each: who waits now and for whom, who waits no more, what began, went
 * into another phase or another tenth, and ended. */
void evo_locks_changes(const struct evo_locks_report *before, const struct evo_locks_report *now,
                       struct evo_strvec *lines);

#endif
