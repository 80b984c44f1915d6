/*
 * check.h - may production start? Pure: a passport and what production holds and would apply, compared.
 *
 * Production may start when
 *   - its own state is one that the other environment passed through: what is applied here are the first k migrations
 *     that were applied there, with the same checksums;
 *   - what it would apply are the next ones there, in that order, and every file of them has the same hash.
 * The other environment may be ahead by any number.
 */
#ifndef EVO_PROMOTE_CHECK_H
#define EVO_PROMOTE_CHECK_H

#include "promote/passport.h"
#include "json/json.h"

enum evo_difference_kind {
    EVO_DIFFERENCE_UNKNOWN, /* pending here, never applied there */
    EVO_DIFFERENCE_CHANGED, /* pending here, with other bytes than there */
    EVO_DIFFERENCE_REORDERED, /* pending here, applied there in another order */
    EVO_DIFFERENCE_STATE, /* applied here, but not so there */
    EVO_DIFFERENCE_SCHEMA /* the same is applied, and the schema is another one (schema.h) */
};
const char *evo_difference_name(enum evo_difference_kind kind);

struct evo_difference {
    enum evo_difference_kind kind;
    char *migration; /* SCHEMA: the last one applied; NULL: none is */
    char *file; /* of CHANGED: the first file that differs; else NULL */
    char *message; /* a sentence for people */
    struct evo_strvec lines; /* of SCHEMA: what differs, "- " there, "+ " here */
};
struct evo_differences {
    struct evo_difference *items;
    size_t count, alloc;
};
void evo_differences_release(struct evo_differences *d);
EVO_DEFINE_AUTO(differences);
/* The new one. migration may be NULL. */
struct evo_difference *evo_differences_add(struct evo_differences *d, enum evo_difference_kind kind,
                                           const char *migration, const char *message);
struct evo_json *evo_differences_json(const struct evo_differences *d) EVO_CHECK;

/* What is here, as a passport of it would say: `here` lists what is applied (in order), then what is pending, from index
 * `applied` on. Appends every difference found; none means: allowed. */
void evo_promote_compare(const struct evo_passport *there, const struct evo_passport *here, size_t applied,
                         struct evo_differences *ret);

#endif
