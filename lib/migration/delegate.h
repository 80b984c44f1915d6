/*
 * delegate.h - migrations whose files are no SQL, run by the project's own tool: Alembic, TypeORM, Laravel.
 *
 * The tool runs exactly one migration, as a child of ours, while our session holds evo's lock. Its exit status is not
 * believed, in neither direction: the ledger is read before it and behind it, under the lock, and what changed in it is
 * the verdict. The migration asked for must have come (down: gone), and nothing else; anything else is
 * EVO_ERR_MIGRATION_FAILED, with the end of what the tool said as the detail, and schema_clean as far as the tool's own
 * transaction lets it be known.
 *
 * The connection goes in by environment only: DATABASE_URL and libpq's PG* variables, among them PGOPTIONS with evo's
 * time-outs (a pooler refuses those, and is named) and PGAPPNAME with a name of this one run, by which its sessions are
 * found at the server: to see who stands in their way, to cancel them, and to know that none is left before the ledger
 * is read. Drivers that are not built on libpq's environment (asyncpg, pg8000) do not take the time-outs.
 *
 * Locks that were not to be had (55P03, 40P01 in what the tool said) are tried for again where the command is atomic and
 * nothing happened. A cancel goes to the tool's process group (SIGINT) and to its statement at the server; what has not
 * ended then is killed, and its sessions terminated.
 *
 * One more tool: a file delegate_<tool>.c with a struct evo_delegate, its declaration below, a row in delegate.c.
 */
#ifndef EVO_MIGRATION_DELEGATE_H
#define EVO_MIGRATION_DELEGATE_H

#include "base/error.h"
#include "base/strvec.h"
#include "layout/layout.h"

struct evo_ledger;
struct evo_session;
struct evo_step;
struct evo_applied;

/* In argv: the path of `script`. */
#define EVO_DELEGATE_SCRIPT "{script}"

/* What to run for one migration. */
struct evo_delegate_command {
    struct evo_strvec argv; /* argv[0] as it is started in `cwd`; no secret */
    struct evo_strvec env; /* "NAME=value" beside the connection's, "NAME" alone removes; no secret */
    char *cwd; /* NULL: the project root */
    const char *script, *script_name; /* a file made for the run, and removed behind it; NULL: none */
    char *shown; /* for people: "alembic upgrade 1a2b3c4d5e6f" */
    bool atomic; /* fails without a trace: the tool has this migration and its ledger in one transaction */
};
void evo_delegate_command_release(struct evo_delegate_command *c);
EVO_DEFINE_AUTO(delegate_command);

/* A variable of the tool's own for what is in its environment under another name. */
struct evo_delegate_alias {
    const char *name, *of;
};

struct evo_delegate {
    const char *tool; /* as a person calls it: "alembic" */
    /* Fills ret (empty before). EVO_ERR_CONFIG names the program that is missing and how to install it. Pure but for
     * looking at files. */
    enum evo_errc (*command)(const struct evo_project *p, const struct evo_migration *m, bool down,
                             struct evo_delegate_command *ret, struct evo_error *err);
    /* The same for a rendering of the migration as SQL on standard output (render.h); NULL: the tool has none. */
    enum evo_errc (*render)(const struct evo_project *p, const struct evo_migration *m,
                            struct evo_delegate_command *ret, struct evo_error *err);
    const char
        *elsewhere; /* a hint, where it succeeded and our ledger knows nothing of it: another database? */
    /* What follows may be missing. */
    const char *const *tells; /* signs of the line that says what went wrong, the best first, up to NULL */
    const struct evo_delegate_alias *aliases; /* up to one without a name */
    bool url_by_host; /* it takes no URL of a socket: DATABASE_URL is empty then, and the aliases say it */
    /* Behind command(): what depends on the ledger. EVO_ERR_CONFIG where the tool would do more than was asked for. */
    enum evo_errc (*admit)(const struct evo_project *p, const struct evo_ledger *l, bool down,
                           struct evo_delegate_command *ret, struct evo_error *err);
    /* The tool writes its ledger behind the migration's COMMIT. What it said when it failed: may that have been between the
     * two? Where it was ended, or says that it succeeded, it may. Pure. */
    bool (*may_have_committed)(const struct evo_ledger *l, const char *output);
};

extern const struct evo_delegate evo_delegate_alembic, evo_delegate_typeorm, evo_delegate_laravel;

/* By the layout; NULL: evo applies its files itself. */
const struct evo_delegate *evo_delegate_of(enum evo_layout_kind kind);

/* The program to start: the first of `places` (relative to the project root; NULL ends them) that can be executed, else
 * `name` on PATH, as a path that is valid in the project root. NULL: neither. The caller frees. */
char *evo_delegate_find(const struct evo_project *p, const char *const *places, const char *name);

/* Fills step->command, so that everything which can be refused is refused before the first step is run. */
enum evo_errc evo_delegate_prepare(const struct evo_project *p, struct evo_step *step,
                                   struct evo_error *err) EVO_CHECK;
/* Behind it, with the ledger at hand. */
enum evo_errc evo_delegate_admit(const struct evo_session *s, struct evo_step *step,
                                 struct evo_error *err) EVO_CHECK;

/* Runs the step (mode EVO_STEP_DELEGATED, prepared) with the contract of evo_apply() in apply.h. The session's state is
 * read again: it is that of behind the step. */
enum evo_errc evo_delegate_apply(struct evo_session *s, struct evo_step *step, struct evo_applied *ret,
                                 struct evo_error *err) EVO_CHECK;

/* ---- for delegate.c, its tests, and nobody else -------------------------------------------------------------- */

/* What is applied, as names. */
struct evo_delegate_change {
    bool done; /* exactly what was asked for */
    struct evo_strvec came, gone; /* names */
};
void evo_delegate_change_release(struct evo_delegate_change *c);
EVO_DEFINE_AUTO(delegate_change);
/* The verdict: two lists of what is applied, and what should differ between them. Pure. */
void evo_delegate_compare(const struct evo_strvec *before, const struct evo_strvec *after, const char *name,
                          bool down, struct evo_delegate_change *ret);
/* The SQLSTATE that a tool's output tells of, by its number or as drivers call it; "" for none that matters here
 * (55P03, 40P01, 57014). Pure. */
const char *evo_delegate_sqlstate(const char *output);

#endif
