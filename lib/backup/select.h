/*
 * select.h - which entries of an archive are restored. Pure.
 *
 * A table that is asked for brings its partitions, and everything that is part of it: rows, defaults, the sequences of its own
 * columns, constraints, indexes, triggers, rules, policies, statistics, comments and privileges. It also brings what it
 * needs to exist, and its parts need: schema, types, domains, functions, extensions, collations, sequences; these are
 * marked as needed, so that what a database has already need not be made. It does not bring other tables
 * and views: a foreign key to one that is not restored is left out and named, a view's tables must be there. Publications, default
 * privileges and large objects come only with the whole backup.
 * A schema brings all that lies in it, by the same rules.
 *
 * Names are "schema.name" or "name" (in every schema, or in those of --schema), each part as it is or in double quotes. No
 * patterns.
 */
#ifndef EVO_BACKUP_SELECT_H
#define EVO_BACKUP_SELECT_H

#include "backup/toc_map.h"
#include "base/strvec.h"

struct evo_select_options {
    const struct evo_strvec *tables, *schemas; /* NULL or empty: all */
    bool data_only; /* rows, values of sequences, views with rows */
    bool schema_only; /* all but these */
    bool no_privileges; /* no GRANT and REVOKE */
    bool no_privileged; /* not what only a superuser may make, nor what needs it */
    const struct evo_strvec
        *extensions; /* no_privileged: those that may be made all the same, or are there */
};
struct evo_selection {
    bool *take; /* by the place in toc->items */
    bool *needed; /* of these, what nobody asked for by name */
    struct evo_strvec
        skipped; /* "FK CONSTRAINT \"public.orders orders_user\": \"public.users\" is not restored" */
    struct evo_strvec wanting; /* "VIEW \"public.v\" needs \"public.t\", which is not restored" */
    bool whole; /* neither tables nor schemas were asked for */
    bool large_objects;
};
void evo_selection_release(struct evo_selection *s);
EVO_DEFINE_AUTO(selection);

/* EVO_ERR_NOT_FOUND for a name that the archive does not have, with the nearest one; EVO_ERR_USAGE for what is no name. */
enum evo_errc evo_select(const struct evo_toc *toc, const struct evo_toc_map *map,
                         const struct evo_select_options *o, struct evo_selection *ret,
                         struct evo_error *err) EVO_CHECK;

/* Rows and what follows from them: not part of the schema. */
bool evo_select_is_data(const struct evo_toc_entry *e);

#endif
