/*
 * text.h - the data of an envelope as people read it: the plan, and what was done. Pure.
 */
#ifndef EVO_MIGRATION_TEXT_H
#define EVO_MIGRATION_TEXT_H

#include "base/strbuf.h"
#include "json/json.h"

/* Of data.steps and data.warnings: what would be done, one paragraph a migration. */
void evo_text_plan(const struct evo_json *data, bool down, struct evo_strbuf *out);
/* Of one of the lists applied, rolled_back: "applied 20250101000000_init  (12 ms, verified)", a line each. */
void evo_text_done(const struct evo_json *list, const char *word, struct evo_strbuf *out);
/* Of a baseline's data: steps and their probes, and how many were recorded. */
void evo_text_baseline(const struct evo_json *data, bool dry_run, bool ok, struct evo_strbuf *out);
/* What a run did and left: the list, a file that is half done, and, where nothing was done or something failed, the
 * totals ("up to date: 2 applied, 0 pending"). Nothing where the state was never read. */
void evo_text_outcome(const struct evo_json *data, bool down, bool ok, struct evo_strbuf *out);

#endif
