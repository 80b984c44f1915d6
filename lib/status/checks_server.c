/* What the server is doing, and what earlier runs left in it. */
#include "status/checks.h"

#include <inttypes.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/quote.h"

/* ---- who is in the way ---------------------------------------------------------- */

void evo_status_check_lock(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_LOCK);
    if (!f) {
        FINE("free");
        return;
    }
    char age[EVO_HUMAN_MAX];
    FINDING("the migration lock is held by pid %" PRId64 " (%s) for %s", f->pid, f->who,
            evo_status_since(f->age_ms, age));
    c->hint = evo_strdup("Somebody migrates right now: wait for it, or end it.");
    c->next = evo_asprintf("evo-migrate up --wait 5min%s", v->next_options);
}

static char *terminate(const struct evo_status_view *v, const struct evo_fact *f)
{
    return f->pid ? evo_asprintf("evo-locks kill %" PRId64 "%s", f->pid, v->next_options)
                  : evo_status_psql(v, "SELECT gid, owner, prepared FROM pg_prepared_xacts");
}

void evo_status_check_blockers(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_BLOCKER);
    const struct evo_fact *open = evo_facts_first(&v->facts, EVO_FACT_LONG);
    const char *hidden =
        evo_facts_first(&v->facts, EVO_FACT_HIDDEN) ? "; what other roles do is hidden from this one" : "";
    char age[EVO_HUMAN_MAX];
    if (f) {
        EVO_AUTO_STR more = evo_status_more(evo_facts_count(&v->facts, EVO_FACT_BLOCKER));
        FINDING("pid %" PRId64 " (%s) blocks %" PRId64 " other session%s, its transaction open for %s%s",
                f->pid, f->who, f->waiting, f->waiting == 1 ? "" : "s", evo_status_since(f->age_ms, age),
                more);
        c->next = terminate(v, f);
    } else if (open) {
        EVO_AUTO_STR more = evo_status_more(evo_facts_count(&v->facts, EVO_FACT_LONG));
        FINDING("a transaction is open for %s: pid %" PRId64 " (%s)%s", evo_status_since(open->age_ms, age),
                open->pid, open->who, more);
        c->hint = evo_strdup("A migration that needs a lock on what it has touched will wait for it.");
        c->next = terminate(v, open);
    } else {
        FINE("no session blocks another, no transaction is open for more than a minute%s", hidden);
        if (*hidden) {
            EVO_AUTO_STR role = evo_strdup(v->ledger.role);
            c->hint = evo_asprintf("Ask for it: GRANT pg_read_all_stats TO \"%s\";", role);
        }
    }
}

/* The share of the connections in use from which a migration's own may be refused. */
#define CONNECTIONS_FULL 90

void evo_status_check_connections(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_CONNECTIONS);
    if (!f)
        FINE("not known");
    else if (f->waiting * 100 >= f->pid * CONNECTIONS_FULL)
        FINDING("%" PRId64 " of %" PRId64 " connections are in use", f->waiting, f->pid);
    else
        FINE("%" PRId64 " of %" PRId64 " in use", f->waiting, f->pid);
}

/* How far a standby may be behind: what is read from it is old, and a migration makes it older. */
#define STANDBY_LAG_MS    (60 * 1000)
#define STANDBY_LAG_BYTES ((int64_t)1 << 30)

void evo_status_check_standbys(const struct evo_status_view *v, struct evo_status_check *c)
{
    size_t count = evo_facts_count(&v->facts, EVO_FACT_STANDBY);
    char age[EVO_HUMAN_MAX], size[EVO_HUMAN_MAX];
    for (size_t i = 0; i < v->facts.count; i++) {
        const struct evo_fact *f = &v->facts.items[i];
        if (f->kind != EVO_FACT_STANDBY || (f->age_ms < STANDBY_LAG_MS && f->waiting < STANDBY_LAG_BYTES))
            continue;
        FINDING("standby \"%s\" is %s and %s behind", f->object, evo_status_since(f->age_ms, age),
                evo_format_size((uint64_t)(f->waiting > 0 ? f->waiting : 0), size));
        c->hint = evo_strdup("Wait until it has caught up: whatever the migration writes comes on top.");
        return;
    }
    if (count)
        FINE("%zu, none far behind", count);
    else
        FINE("none is connected");
}

void evo_status_check_extensions(const struct evo_status_view *v, struct evo_status_check *c)
{
    EVO_AUTO(strbuf) list = EVO_STRBUF_INIT;
    for (size_t i = 0; i < v->facts.count; i++)
        if (v->facts.items[i].kind == EVO_FACT_EXTENSION)
            evo_strbuf_addf(&list, "%s%s %s", list.len ? ", " : "", v->facts.items[i].object,
                            v->facts.items[i].relation);
    FINE("%s", list.len ? list.buf : "none");
}

void evo_status_check_size(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_SIZE);
    char size[EVO_HUMAN_MAX];
    if (f)
        FINE("about %s, by the server's estimates",
             evo_format_size((uint64_t)(f->waiting > 0 ? f->waiting : 0), size));
    else
        FINE("not known");
}

/* ---- what earlier runs left ------------------------------------------------------ */

void evo_status_check_indexes(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_INDEX);
    if (!f) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = evo_status_more(evo_facts_count(&v->facts, EVO_FACT_INDEX));
    FINDING("index %s on %s is invalid: it is kept up and never used%s", f->object, f->relation, more);
    c->hint =
        evo_strdup("A CREATE INDEX CONCURRENTLY failed. Rebuild it, or drop it: DROP INDEX CONCURRENTLY.");
    c->next = evo_status_psql(v, "REINDEX INDEX CONCURRENTLY %s", f->object);
}

/* Of a migration's backfill.sql, or of a table and a definition that only the command says. */
void evo_status_check_backfills(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_BACKFILL);
    if (!f) {
        FINE("none is half done");
        return;
    }
    char age[EVO_HUMAN_MAX];
    EVO_AUTO_STR more = evo_status_more(evo_facts_count(&v->facts, EVO_FACT_BACKFILL));
    const struct evo_migration *m = evo_project_find(v->project, f->object);
    FINDING("backfill \"%s\" is not done: %" PRId64 " row%s changed so far, the last batch %s ago%s",
            f->object, f->waiting, f->waiting == 1 ? "" : "s", evo_status_since(f->age_ms, age), more);
    if (m && m->companion[EVO_FILE_BACKFILL]) {
        EVO_AUTO_STR word = evo_quote_shell(f->object);
        c->hint = evo_strdup("It goes on where it stopped.");
        c->next = evo_asprintf("evo-backfill %s%s", word, v->next_options);
        return;
    }
    c->hint =
        evo_asprintf("The command that began it goes on where it stopped, with the same --table, --set and "
                     "--where: %s",
                     f->relation);
}

void evo_status_check_constraints(const struct evo_status_view *v, struct evo_status_check *c)
{
    const struct evo_fact *f = evo_facts_first(&v->facts, EVO_FACT_CONSTRAINT);
    if (!f) {
        FINE("none");
        return;
    }
    EVO_AUTO_STR more = evo_status_more(evo_facts_count(&v->facts, EVO_FACT_CONSTRAINT));
    FINDING("constraint %s on %s was never validated: rows from before it may break it%s", f->object,
            f->relation, more);
    c->next = evo_status_psql(v, "ALTER TABLE %s VALIDATE CONSTRAINT %s", f->relation, f->object);
}
