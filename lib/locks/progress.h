/*
 * progress.h - how far index builds, vacuums, rewrites, COPYs, ANALYZEs and base backups are.
 *
 * From pg_stat_progress_* (https://www.postgresql.org/docs/current/progress-reporting.html), versions 13 to 18: what
 * differs between them is in the table of progress.c. A command goes through phases, and each counts something of its
 * own from nothing: done, total and the time left are those of the phase. The time left is measured where the same phase
 * was seen before (evo_progress_compare()); at the first look it is known only of a phase with which the command begins.
 */
#ifndef EVO_LOCKS_PROGRESS_H
#define EVO_LOCKS_PROGRESS_H

#include "pg/conn.h"

struct evo_progress_item {
    int64_t pid;
    char *command; /* "CREATE INDEX CONCURRENTLY", "VACUUM", "COPY FROM" … */
    char *relation; /* qualified and quoted; NULL: none, or of another database */
    char *index; /* that is being built; NULL */
    char *phase; /* as the server says it; NULL: COPY has none */
    const char *unit; /* "blocks", "bytes", "tuples" … static; NULL: nothing is counted */
    int64_t done, total; /* total -1: not known */
    int64_t elapsed_ms; /* since the query began; -1 not known */
    int64_t waits_for; /* pid of the session that it waits for (CREATE INDEX); 0: none */
    bool first_phase; /* it began with the query, or close to it */
    int64_t left_ms; /* of the phase; -1 not known */
    /* of the measurement: when this phase was first seen, and how far it was then */
    int64_t since, since_done;
};
struct evo_progress_list {
    struct evo_progress_item *items;
    size_t count, alloc;
};
void evo_progress_list_release(struct evo_progress_list *l);
EVO_DEFINE_AUTO(progress_list);

/* Of this database, and base backups; longest first. What a plain role may not see of another's work is not listed: the
 * server gives no more than its pid. */
enum evo_errc evo_progress_look(struct evo_pg *pg, struct evo_progress_list *ret,
                                struct evo_error *err) EVO_CHECK;
/* Sets what is left by what was seen before at monotonic `now`; before may be empty. Pure. */
void evo_progress_compare(const struct evo_progress_list *before, int64_t now, struct evo_progress_list *l);
/* 0 to 100, 100 only when all is done; -1: not known. Pure. */
int evo_progress_percent(const struct evo_progress_item *p);

#endif
