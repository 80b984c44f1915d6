/*
 * journal.h - what evo.journal says (lib/schema/ledger.sql): the checkpoints of what runs outside a transaction, read.
 * What they mean, and who writes them, is migration/journal.h's; what is to be done about a migration that has some is
 * unfinished.h's.
 */
#ifndef EVO_LAYOUT_JOURNAL_H
#define EVO_LAYOUT_JOURNAL_H

#include "base/error.h"
#include "layout/layout.h"
#include "pg/conn.h"

/* What row 0 says of a file that is sent as it is; of one that is run statement by statement. */
#define EVO_JOURNAL_AS_IS      "as-is"
#define EVO_JOURNAL_STATEMENTS "statements"

struct evo_journal_row {
    char *ledger, *name, *checksum, *sha256;
    int64_t
        statement; /* 1-based, of the unit's first statement; 0: the attempt, and sha256 is how it is run */
    bool done;
};
struct evo_journal {
    bool exists; /* the table */
    struct evo_journal_row *items; /* by ledger, name, statement */
    size_t count, alloc;
};
void evo_journal_release(struct evo_journal *j);
EVO_DEFINE_AUTO(journal);

/* No table: no rows. EVO_ERR_PERMISSION carries the GRANT to ask for. */
enum evo_errc evo_journal_load(struct evo_pg *pg, struct evo_journal *ret, struct evo_error *err) EVO_CHECK;

/* Under which `ledger` a row of that layout stands. */
#define EVO_JOURNAL_KEY_MAX 32
const char *evo_journal_key(enum evo_layout_kind kind, bool down, char key[EVO_JOURNAL_KEY_MAX]);
/* Rows of one file, pure. */
bool evo_journal_is_of(const struct evo_journal_row *row, enum evo_layout_kind kind, bool down,
                       const char *name);
bool evo_journal_holds(const struct evo_journal *j, enum evo_layout_kind kind, bool down, const char *name);

#endif
