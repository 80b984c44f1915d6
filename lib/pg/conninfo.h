/*
 * conninfo.h - where the database is: URLs and keyword strings, read and rewritten for libpq.
 *
 * Takes what people have in DATABASE_URL: libpq's URLs and keyword strings
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING), the schemes postgres://,
 * postgresql://, postgresql+driver:// and pgsql://, and the parameters that other clients put into a URL and libpq
 * refuses: Prisma's (schema, connection_limit, pgbouncer, pool_timeout, sslaccept …) and a few of other frameworks.
 * They are understood, not passed on; the table is in conninfo_url.c. A parameter that nobody knows is refused: it
 * may be a misspelt sslmode.
 *
 * Parsing settles everything that libpq would look up later by itself (PG* variables, a service file), so that the
 * redacted form names the real server, and so that a child started with evo_conninfo_environment() reaches the same
 * one. Only ~/.pgpass stays libpq's to read. Parse before starting threads: a `service` is looked up by way of the
 * environment.
 *
 * PQconninfoParse's own message echoes its input, password included: it is never shown.
 *
 *	EVO_AUTO(conninfo) info = { 0 };
 *	rc = evo_conninfo_parse(getenv("DATABASE_URL"), &info, err);
 *	if (!rc)
 *	    evo_info(task, "database \"%s\"", info.redacted);
 */
#ifndef EVO_PG_CONNINFO_H
#define EVO_PG_CONNINFO_H

#include "base/error.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "base/strvec.h"

/* The longest connection string that is read. */
#define EVO_CONNINFO_MAX 8192

struct evo_conninfo {
    struct evo_strvec keywords; /* libpq keywords and values without the password, in pairs: k, v, k, v … */
    struct evo_secret password; /* from the text or PGPASSWORD; unset: ~/.pgpass, or none is needed */
    char *schema; /* Prisma's ?schema=, else the one schema of ?search_path=; NULL: "public" */
    char *database; /* what libpq will connect to; never NULL after parse (falls back to PGDATABASE, user) */
    char *
        redacted; /* "postgresql://user@host:5432/db": the only form fit for messages; psql takes it as it is */
};

/* text NULL or "" (blanks at the ends do not count): libpq's PG* variables alone. On success the password has been
 * given to evo_redact_add(), unless it is the user's name itself, which no redactor can hide. EVO_ERR_CONFIG with a
 * message that does not hold the text. */
enum evo_errc evo_conninfo_parse(const char *text, struct evo_conninfo *ret, struct evo_error *err) EVO_CHECK;
/* Wipes and frees. */
void evo_conninfo_release(struct evo_conninfo *c);
/* dst is overwritten: it must be zeroed or released. */
void evo_conninfo_copy(struct evo_conninfo *dst, const struct evo_conninfo *src);
EVO_DEFINE_AUTO(conninfo);

/* True when text (as typed on a command line) carries a password. Malformed text that looks as if it did counts. */
bool evo_conninfo_has_password(const char *text);
/* The value of a libpq keyword ("host", "port", "user" …), NULL where it is not set. Borrowed. */
const char *evo_conninfo_get(const struct evo_conninfo *c, const char *keyword);
/* The same server and settings, another database name. */
void evo_conninfo_set_database(struct evo_conninfo *c, const char *database);

/* Changes to the environment for pg_dump, pg_restore and psql, as base/process.h takes them: "PGHOST=…", "PGPORT=…",
 * "PGUSER=…", "PGDATABASE=…", "PGPASSWORD=…", "PGSSLMODE=…" …, and "PGSERVICE" alone, which removes it (a service
 * would win over the variables). Nothing of it ever stands in argv. Keywords that have no variable (keepalives,
 * sslpassword) do not reach the child. Appends to env; wipe it after the start. */
void evo_conninfo_environment(const struct evo_conninfo *c, struct evo_strvec *env);
/* Appends a URL with the password in it, for a child that takes one by environment: "scheme://user:password@host:port/db",
 * with the sslmode where one is set. out is to be wiped (evo_strbuf_wipe). */
void evo_conninfo_url(const struct evo_conninfo *c, const char *scheme, struct evo_strbuf *out);
/* Wipes the strings, then releases. */
void evo_conninfo_environment_wipe(struct evo_strvec *env);

#endif
