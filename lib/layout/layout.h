/*
 * layout.h - migrations on disk and the ledger that records them: discovery, order, state.
 *
 * A struct evo_layout is a row of a table: how a layout is recognised, how its files are found and ordered, and its ledger. Here `prisma` and
 * `sql`; others arrive as rows. The parts:
 *   layout.h   the folder:  evo_project_open() finds the layout and reads the migrations (no database)
 *   ledger.h   the table:   evo_ledger_load() reads what the database records
 *   state.h    both:        evo_state_of() says applied, pending, failed, edited, missing … (pure)
 *
 * Names are the ledger's (prisma: the folder's name; sql: "<version>_<name>").
 */
#ifndef EVO_LAYOUT_LAYOUT_H
#define EVO_LAYOUT_LAYOUT_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "base/task.h"
#include "crypto/sha256.h"

enum evo_layout_kind { EVO_LAYOUT_PRISMA, EVO_LAYOUT_SQL };
const char *evo_layout_name(enum evo_layout_kind kind); /* "prisma" */

/* The files that may lie beside a migration; NULL where absent. Paths are relative to the project root or absolute, as found. */
enum evo_companion {
    EVO_FILE_DOWN,
    EVO_FILE_VERIFY_UP,
    EVO_FILE_VERIFY_DOWN,
    EVO_FILE_BACKFILL,
    EVO_COMPANIONS
};

/* Directives: comments at the top of the file (cli.md). Times in ms, -1 unset. */
struct evo_directives {
    bool no_transaction;
    char *irreversible; /* the reason; NULL: reversible */
    int64_t lock_timeout_ms, statement_timeout_ms;
    struct evo_strvec allow; /* "RULE REASON" */
};

struct evo_migration {
    char *name; /* in the ledger */
    char *version; /* sql: the digits; prisma: NULL */
    char *path; /* of the file with the forward SQL */
    char *companion[EVO_COMPANIONS];
    bool down_in_file; /* one-file form: `down` is the part behind "-- migrate:down" of `path` */
    char checksum[EVO_SHA256_HEX]; /* of the raw bytes of `path` (as the ledger wants it) */
    struct evo_directives directives;
};

struct evo_project {
    enum evo_layout_kind kind;
    char *root; /* project root */
    char *migrations; /* the folder */
    struct evo_migration *items; /* in the order of application */
    size_t count, alloc;
    struct evo_strvec warnings; /* e.g. "byte order would differ": for plan */
};
void evo_project_release(struct evo_project *p);
EVO_DEFINE_AUTO(project);

/* root: project root (""/"." for the working directory). layout: "auto", "prisma", "sql" or another known name; dir: NULL to find it.
 * EVO_ERR_CONFIG: none found (says where it looked), two found (names both and the option), a layout evo cannot apply yet
 * (named), an unreadable folder, an unknown "-- evo:" directive (file and line), the same name or version twice. */
enum evo_errc evo_project_open(const char *root, const char *layout, const char *dir, struct evo_project *ret,
                               struct evo_error *err) EVO_CHECK;
/* NULL where there is none. Borrowed. */
const struct evo_migration *evo_project_find(const struct evo_project *p, const char *name);

/* The forward SQL as text (without BOM; the one-file form cut to its up part, with lines kept so that line numbers stay true).
 * EVO_ERR_CONFIG where the file cannot be read. Limit 64 MiB. */
enum evo_errc evo_migration_load_up(const struct evo_migration *m, struct evo_strbuf *out,
                                    struct evo_error *err) EVO_CHECK;
/* EVO_ERR_IRREVERSIBLE where there is no down. */
enum evo_errc evo_migration_load_down(const struct evo_migration *m, struct evo_strbuf *out,
                                      const char **ret_path, struct evo_error *err) EVO_CHECK;
bool evo_migration_has_down(const struct evo_migration *m);

/* Hash of the set for promotion: the files of one migration as "path NUL sha256" lines. Appends to lines, paths relative to root. */
enum evo_errc evo_migration_hash_lines(const struct evo_project *p, const struct evo_migration *m,
                                       struct evo_strvec *paths, struct evo_strvec *hashes,
                                       struct evo_error *err) EVO_CHECK;

#endif
