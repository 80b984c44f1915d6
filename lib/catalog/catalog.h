/*
 * catalog.h - the schema of a database as text, and the text's fingerprint.
 *
 * The text has one line for each object or property, in UTF-8, sorted bytewise behind a first line that names the
 * format. It holds no OID and nothing that depends on the session that asks (search_path, TimeZone, DateStyle …), on
 * the order in which things were made, or on where the database lies; so it is the same again after a dump and its
 * restore. The fingerprint is the SHA-256 of exactly these bytes: sha256sum of a file that holds the text says the
 * same.
 *
 *	evo schema fingerprint, format 1
 *	column public.users.email: text not null
 *	constraint public.users.users_pkey: PRIMARY KEY (id)
 *	index public.users_pkey: CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id)
 *	table public.users
 *
 * Line ends within a definition are written "\n", "\r", a backslash "\\". Columns come by their names: a restore
 * changes their order where a table inherits some.
 *
 * Left out, always: pg_catalog, information_schema, temporary objects, what belongs to an extension (the extension
 * itself is a line), and the schema "evo" with all that is in it. Left out because no dump brings it back: INVALID
 * indexes, values of sequences, whether a materialized view is populated, tablespaces, subscriptions but for their names,
 * what is said of the database as a whole; that a schema "public" is there. Options of a user mapping are left out: who
 * may see them depends on who asks. Of other options those whose names speak of a secret are shown by name alone.
 *
 * Compare within one major version. Across majors the definitions may differ, since each server writes them in its
 * own words: views and function bodies (16 qualifies fewer columns), NOT NULL constraints have names from 18 on,
 * virtual generated columns (18), the privilege MAINTAIN (17), the owner of "public" (15).
 *
 * Concurrent DDL: the server deparses with the newest catalog, not with the transaction's snapshot. What is changed
 * while it is read may show either way, or fail the call; hold the tables' locks where that matters. Views are read
 * under ACCESS SHARE locks, on them and on what they select from, as pg_dump does: lock_timeout is the caller's to set.
 */
#ifndef EVO_CATALOG_CATALOG_H
#define EVO_CATALOG_CATALOG_H

#include "base/strbuf.h"
#include "base/task.h"
#include "crypto/sha256.h"
#include "pg/conn.h"

/* The first line, without its end. A change of what the lines hold is another format. */
#define EVO_CATALOG_FORMAT "evo schema fingerprint, format 1"

struct evo_fingerprint_options {
    bool grants; /* owners, privileges and default privileges as well */
    struct evo_task *task;
};

/* Appends the readable form to out. In a transaction of the caller's it works under a savepoint that is rolled back:
 * settings and transaction are as before, also after a server error, and READ ONLY is enough. Outside one it begins
 * its own (REPEATABLE READ, READ ONLY) and ends it. options may be NULL. Needs no privilege on what it describes.
 * EVO_ERR_UNSUPPORTED: a server older than 13, or a text that out cannot hold. On failure out is as before. */
enum evo_errc evo_catalog_describe(struct evo_pg *pg, const struct evo_fingerprint_options *o,
                                   struct evo_strbuf *out, struct evo_error *err) EVO_CHECK;

/* The SHA-256 of that text, lower-case hex. text (may be NULL) gets the readable form appended. */
enum evo_errc evo_catalog_fingerprint(struct evo_pg *pg, const struct evo_fingerprint_options *o,
                                      char ret_hex[EVO_SHA256_HEX], struct evo_strbuf *text,
                                      struct evo_error *err) EVO_CHECK;

/* What two readable forms do not share: appends at most `max` lines, "- " and what only `before` has, "+ " and what
 * only `after` has, in the order of the lines. Returns how many there are in all. Pure. */
size_t evo_catalog_diff(const char *before, const char *after, size_t max, struct evo_strbuf *out);

#endif
