/*
 * roundtrip_place.h - the database of a round trip: made, and gone whatever happens. Of use to roundtrip.c only.
 */
#ifndef EVO_MIGRATION_ROUNDTRIP_PLACE_H
#define EVO_MIGRATION_ROUNDTRIP_PLACE_H

#include "migration/roundtrip.h"
#include "pg/scratch.h"

struct evo_place {
    const struct evo_roundtrip_options *options; /* borrowed */
    struct evo_scratch *scratch; /* NULL: on a server of the caller's */
    struct evo_conninfo info; /* of the database */
    bool created;
    char *server_version;
};

/* A database as the target's: encoding, locale where the server has it, and (in a cluster of evo's own) names of roles.
 * On failure evo_place_close() removes what is there. */
enum evo_errc evo_place_open(const struct evo_roundtrip_options *o, struct evo_place *ret,
                             struct evo_error *err) EVO_CHECK;
/* Drops it, also behind a cancel. Sessions with it are closed by the caller. A database that cannot be dropped is named
 * in a warning. */
void evo_place_close(struct evo_place *p);

#endif
