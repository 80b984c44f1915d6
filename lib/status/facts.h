/*
 * facts.h - what the server knows that bears on starting now, in one query.
 */
#ifndef EVO_STATUS_FACTS_H
#define EVO_STATUS_FACTS_H

#include "layout/ledger.h"
#include "pg/conn.h"

enum evo_fact_kind {
    EVO_FACT_LOCK, /* the session that holds the migration lock */
    EVO_FACT_BLOCKER, /* a session that others wait for */
    EVO_FACT_LONG, /* a transaction open for more than EVO_FACT_LONG_MS */
    EVO_FACT_INDEX, /* an invalid index: object, on relation */
    EVO_FACT_CONSTRAINT, /* a constraint that is not validated: object, on relation */
    EVO_FACT_BACKFILL, /* one that is not done: object, its statement in relation; waiting: rows changed so far */
    EVO_FACT_HIDDEN, /* sessions of other roles cannot be seen */
    EVO_FACT_CONNECTIONS, /* waiting: in use, of pid that an ordinary role may open */
    EVO_FACT_STANDBY, /* object: its name; it is age_ms and `waiting` bytes behind */
    EVO_FACT_EXTENSION, /* object, of version `relation` */
    EVO_FACT_SIZE /* waiting: bytes of the database, as the last VACUUM or ANALYZE counted them */
};
#define EVO_FACT_LONG_MS 60000

/* Texts are never NULL, "" where unknown. Names of objects are quoted as SQL wants them. */
struct evo_fact {
    enum evo_fact_kind kind;
    int64_t pid; /* 0: a prepared transaction */
    char *who; /* "role app, application \"web\"" */
    int64_t age_ms; /* of its transaction, or of its state; -1 unknown */
    int64_t waiting; /* sessions that wait for it */
    char *object, *relation;
};
struct evo_facts {
    struct evo_fact *items;
    size_t count, alloc;
};
void evo_facts_release(struct evo_facts *f);
EVO_DEFINE_AUTO(facts);

enum evo_errc evo_facts_load(struct evo_pg *pg, const struct evo_ledger *l, struct evo_facts *ret,
                             struct evo_error *err) EVO_CHECK;
/* How many there are of a kind. */
size_t evo_facts_count(const struct evo_facts *f, enum evo_fact_kind kind);
/* The first of a kind; NULL. Borrowed. */
const struct evo_fact *evo_facts_first(const struct evo_facts *f, enum evo_fact_kind kind);

#endif
