/*
 * unfinished.h - a migration that was begun and never finished: what is known of it, and what is to be done about it.
 *
 * The one owner of that question: up, down, plan, resolve and status ask here, so that none of them proposes what another
 * one refuses. The table, by what evo.journal knows:
 *
 *   journal                                file           way
 *   nothing, or that it was begun and       any            EVO_WAY_SETTLE   a person looks, and says what is there
 *   handles transactions itself
 *   it handles transactions itself, and     any            EVO_WAY_LOOK     a person looks; "nothing is there" is not
 *   so many of its statements are done                                      taken at its word, and no command will do
 *   run statement by statement              as it was run  EVO_WAY_GO_ON    the same verb goes on where it stopped
 *                                           changed, gone  EVO_WAY_RESTORE  the file first, as it was run; then that
 *
 * "Changed" is about the statements on record alone: the one that failed is there to be corrected.
 */
#ifndef EVO_LAYOUT_UNFINISHED_H
#define EVO_LAYOUT_UNFINISHED_H

#include "layout/journal.h"
#include "layout/layout.h"
#include "sql/split.h"

struct evo_unfinished {
    bool down; /* the way back is meant */
    bool on_record; /* evo.journal holds rows of it */
    bool as_is; /* it handles transactions itself */
    bool file; /* what it is made of is there, and can be read */
    bool changed; /* a statement that is done no longer stands there as it was run */
    size_t done; /* rows that say so: each is a statement, or a BEGIN … COMMIT */
    size_t open; /* sent, and no answer came */
};
enum evo_way { EVO_WAY_SETTLE, EVO_WAY_GO_ON, EVO_WAY_RESTORE, EVO_WAY_LOOK };

/* m NULL: the file is gone. Reads the file only where statements are on record as done. */
void evo_unfinished_look(const struct evo_journal *j, enum evo_layout_kind kind, bool down, const char *name,
                         const struct evo_migration *m, struct evo_unfinished *ret);
/* The table above. Pure. */
enum evo_way evo_unfinished_way(const struct evo_unfinished *u);
/* Is it half applied, as far as anybody knows: EVO_NO where nothing is done. Pure. */
enum evo_tristate evo_unfinished_is_half(const struct evo_unfinished *u);

/* The next command; NULL where none will do. `name` and `path` (NULL: gone) as they are, `more` behind the command:
 * " --environment staging", or "". The caller frees. Pure. */
char *evo_unfinished_next(const struct evo_unfinished *u, const char *name, const char *path,
                          const char *more) EVO_CHECK;
/* What to do, in sentences with commands. The caller frees. Pure. */
char *evo_unfinished_hint(const struct evo_unfinished *u, const char *name, const char *path,
                          const char *more) EVO_CHECK;
/* `git log -p -- FILE`: how to see what a file was. The caller frees. */
char *evo_unfinished_history(const char *path) EVO_CHECK;

/* The statements on record as done, for people: "1 of 2 statements: 1 (line 1, CREATE INDEX …)"; numbers alone where the
 * file does not tell. Appended. */
void evo_unfinished_name_done(const struct evo_journal *j, enum evo_layout_kind kind, bool down,
                              const char *name, const struct evo_migration *m, struct evo_strbuf *out);
/* Whether each statement that is on record as done changes the schema alone, so that a schema which is as it was before
 * them proves that they were undone: rows that were changed or dropped would not show. */
bool evo_unfinished_is_schema_alone(const struct evo_journal *j, enum evo_layout_kind kind, bool down,
                                    const char *name, const struct evo_migration *m);

#endif
