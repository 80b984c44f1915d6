/*
 * describe.h - a session in words. Pure.
 *
 * Queries and names come from strangers: white space becomes one blank, control characters (C0, DEL and C1) go, and what
 * is too long is cut on a character's boundary and ends in "…". A query that speaks of a password is not shown at all;
 * other literals are, as every monitor of PostgreSQL shows them.
 */
#ifndef EVO_LOCKS_DESCRIBE_H
#define EVO_LOCKS_DESCRIBE_H

#include "base/strbuf.h"
#include "locks/view.h"

#define EVO_LOCKS_NAME_MAX  ((size_t)256)
#define EVO_LOCKS_QUERY_MAX ((size_t)200)

/* At most max bytes and the ellipsis. NULL gives NULL. The caller frees. */
char *evo_locks_clean(const char *text, size_t max) EVO_CHECK;
/* The same for a query; NULL for one that may hold a password. */
char *evo_locks_query(const char *text) EVO_CHECK;

/* Who it is and since when: "pid 42 (user "app", application "web", idle in transaction for 12.0 s)", without a name for
 * what a plain role may not see ("hidden"); or "prepared transaction "gid" (user "app", prepared for 12.0 s)". */
void evo_locks_who(const struct evo_locks_session *s, struct evo_strbuf *out);
/* The same with the query behind it: "…): UPDATE …", or "…): its query is hidden". */
void evo_locks_describe(const struct evo_locks_session *s, struct evo_strbuf *out);

#endif
