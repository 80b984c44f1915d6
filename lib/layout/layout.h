/*
 * layout.h - migrations on disk: which layout, which files, in which order.
 *
 * A layout says how migrations lie on disk and which table records them. What differs between layouts stands in one
 * table (kinds.c); what evo recognises but cannot apply is a table too (signs.c). The parts of this folder:
 *   layout.h   the folder:  evo_project_open() finds the layout and reads the migrations (no database)
 *   ledger.h   the table:   evo_ledger_load() reads what the database records
 *   state.h    both:        evo_state_of() says applied, pending, failed, edited, missing (pure)
 *
 * A migration's name is the ledger's: prisma's is its folder's name, sql's is "<version>_<name>". Where a ledger holds
 * less than a name (a version, the heads of a graph), the name is the file's without its suffix.
 *
 *	EVO_AUTO(project) project = { 0 };
 *	rc = evo_project_open(root, "auto", NULL, &project, err);
 *	for (size_t i = 0; !rc && i < project.count; i++)
 *	    printf("%s\n", project.items[i].name);       // in the order of application
 */
#ifndef EVO_LAYOUT_LAYOUT_H
#define EVO_LAYOUT_LAYOUT_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "crypto/sha256.h"
#include "layout/directives.h"

enum evo_layout_kind {
    EVO_LAYOUT_PRISMA,
    EVO_LAYOUT_SQL,
    EVO_LAYOUT_DBMATE,
    EVO_LAYOUT_GOLANG_MIGRATE,
    EVO_LAYOUT_GOOSE,
    EVO_LAYOUT_FLYWAY,
    EVO_LAYOUT_SQITCH,
    EVO_LAYOUT_ALEMBIC,
    EVO_LAYOUT_TYPEORM,
    EVO_LAYOUT_LARAVEL,
    EVO_LAYOUTS
};

/* What callers have to know of a layout beyond its files and its ledger. */
struct evo_layout {
    const char *name; /* as --layout takes it */
    bool supported; /* evo applies it */
    bool delegated; /* its files are no SQL: the project's own tool runs them */
    bool
        in_schema; /* migrations run with search_path set to the ledger's schema (public, where the URL names none) */
    bool strict_order; /* what arrives behind an applied migration is refused unless --out-of-order */
    bool by_row; /* the ledger's rows are in order of application; else its times are */
    bool graph; /* what a migration builds upon is said by itself (graph.h), not by the order */
    const char *merge; /* the tool's own command that joins several heads; NULL: its migrations are a list */
    bool no_attempts; /* the ledger has no row for what was begun and not finished: only evo.journal knows */
    bool
        by_files; /* the ledger says where it stands, not what was applied: that follows from the files' order */
    bool like_sql; /* its folders lie where those of `sql` do, and may look like them */
    bool
        schema_first; /* migrations run in the ledger's schema where the project names one: it stands first in search_path */
    bool wants_baseline; /* tables without a record of how they came to be are refused */
    bool tells_failures; /* the ledger has a place for a failure that left nothing, too */
    const char *adds; /* the tool's own command for a new migration, where evo-migrate new makes none; NULL */
};
const struct evo_layout *evo_layout_of(enum evo_layout_kind kind);
/* "prisma", "sql" … */
const char *evo_layout_name(enum evo_layout_kind kind);

/* The files that may lie beside a migration (companions.h says where). */
enum evo_companion {
    EVO_FILE_DOWN,
    EVO_FILE_VERIFY_UP,
    EVO_FILE_VERIFY_DOWN,
    EVO_FILE_BACKFILL,
    EVO_COMPANIONS
};

/* The largest migration file that is read. */
#define EVO_MIGRATION_MAX ((size_t)64 << 20)

/* How one file holds both ways. */
enum evo_parts {
    EVO_PARTS_NONE, /* it does not: the way back is a file of its own */
    EVO_PARTS_MIGRATE, /* "-- migrate:up", "-- migrate:down": dbmate's, and one form of sql */
    EVO_PARTS_GOOSE /* "-- +goose Up", "-- +goose Down" */
};

struct evo_migration {
    char *name; /* in the ledger */
    char *version; /* what orders it, as written (digits; a revision's id); prisma: NULL */
    char
        *path; /* of the file with the forward SQL (delegated: of the tool's own file), as it can be opened */
    char *companion[EVO_COMPANIONS]; /* paths; NULL where absent */
    enum evo_parts parts; /* of `path` */
    bool down_in_file; /* … and one of them is the way back */
    bool down_no_transaction; /* the way back runs outside a transaction, in its tool's own words */
    bool by_tool; /* its file is no SQL: the project's own tool runs it, and takes it back */
    char checksum[EVO_SHA256_HEX]; /* of the raw bytes of `path`, as the ledger wants it */
    char *own_checksum; /* of the file as the tool's ledger holds it, where that is another; NULL */
    char *
        wants_down; /* the file in which its tool looks for the way back, where there is none; NULL: down.sql */
    bool
        unwrap; /* its tool runs it apart from the record: a file that is one BEGIN … COMMIT is run with it, as one */
    bool
        verify_script; /* its EVO_FILE_VERIFY_UP is a script of the tool: it passes where it raises no error */
    struct evo_directives directives; /* of the forward SQL */
    /* Where the layout is a graph (graph.h): names of what it follows on its branch, and of what else it needs; labels of
     * its branch; and the versions of all that it builds upon, as the ledger writes them. */
    struct evo_strvec down, depends, labels, upon;
};

struct evo_project {
    enum evo_layout_kind kind;
    bool told; /* the layout was named by the caller, not found */
    char *root; /* project root, "." for the working directory */
    char *migrations; /* the folder, as it can be opened */
    struct evo_strvec locations; /* flyway: folders that are read beside it */
    char *ledger_schema,
        *ledger_table; /* where the project's own configuration names others; NULL: the tool's default */
    char
        *ledger_by; /* who the ledger says did it, where that configuration tells; NULL: the tool's default */
    struct evo_sqitch *sqitch; /* sqitch: its plan; else NULL */
    struct evo_migration *items; /* in the order of application */
    size_t count, alloc;
    struct evo_strvec
        heads; /* of a graph: the names that nothing comes after; none where migrations are a list */
    struct evo_strvec warnings; /* whole sentences without a full stop, for status and plan */
};
void evo_project_release(struct evo_project *p);
EVO_DEFINE_AUTO(project);

/* Finds and reads the migrations. root: the project root ("" or "." for the working directory). layout: "auto" (or
 * NULL), "prisma", "sql", or another name of the contract, which is refused by name. dir: the folder, relative to the
 * root or absolute; NULL to look in the places of the layout (README.md lists them).
 *
 * EVO_ERR_CONFIG: none found (says where it looked), two found (names both and the option), a layout evo cannot apply
 * yet (names it and what it saw), a folder that cannot be read, a file whose name says that it is a migration but not
 * which (a directory without migration.sql, a .down.sql without .up.sql), an unknown "-- evo:" line (file and line),
 * the same name twice. What is merely odd stands in warnings. ret is untouched on failure. */
enum evo_errc evo_project_open(const char *root, const char *layout, const char *dir, struct evo_project *ret,
                               struct evo_error *err) EVO_CHECK;
/* The migration of that name; NULL where there is none. Borrowed. */
const struct evo_migration *evo_project_find(const struct evo_project *p, const char *name);

/* Neither this nor the next is for a migration `by_tool`.
 * Appends the forward SQL: without BOM; of the one-file form only the up part, with the lines above it kept, so that
 * line numbers are the file's. The bytes are those `checksum` was made of: a file that changed in between is
 * EVO_ERR_CONFIG, as is one that cannot be read. */
enum evo_errc evo_migration_load_up(const struct evo_migration *m, struct evo_strbuf *out,
                                    struct evo_error *err) EVO_CHECK;
/* Appends the SQL that takes it back, likewise (lines above the down part come as empty lines). *ret_path (may be
 * NULL) is the file it stands in, borrowed. EVO_ERR_IRREVERSIBLE where there is none, or where the migration says so
 * ("-- evo:irreversible", the reason is the detail). */
enum evo_errc evo_migration_load_down(const struct evo_migration *m, struct evo_strbuf *out,
                                      const char **ret_path, struct evo_error *err) EVO_CHECK;
/* True where evo_migration_load_down() finds something to load, or its tool takes it back. */
bool evo_migration_has_down(const struct evo_migration *m);

/* What promotion hashes: for each file of the migration (forward SQL, then companions) its path and the SHA-256 of its
 * raw bytes, appended to paths and hashes in step. Paths are relative to the project root with '/' between, so that
 * they are the same on every machine; a folder outside the root counts from its own name. */
enum evo_errc evo_migration_hash_lines(const struct evo_project *p, const struct evo_migration *m,
                                       struct evo_strvec *paths, struct evo_strvec *hashes,
                                       struct evo_error *err) EVO_CHECK;

#endif
