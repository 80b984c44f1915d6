/*
 * conninfo.h - where the database is: URLs and keyword strings, read and rewritten for libpq.
 *
 * Takes what people have in DATABASE_URL: libpq URLs and keyword strings
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING), Prisma's parameters
 * (schema, connection_limit, pgbouncer, pool_timeout, socket_timeout, sslaccept, sslidentity …: understood, not
 * passed on), and the schemes postgres://, postgresql://, postgresql+driver://, pgsql://.
 * PQconninfoParse's own message echoes its input, password included: it is never shown.
 */
#ifndef EVO_PG_CONNINFO_H
#define EVO_PG_CONNINFO_H

#include "base/error.h"
#include "base/secret.h"
#include "base/strvec.h"

struct evo_conninfo {
    struct evo_strvec keywords; /* libpq keywords and values without the password, in pairs: k, v, k, v … */
    struct evo_secret password; /* unset: libpq's own ways (PGPASSWORD, .pgpass) */
    char *schema; /* Prisma's ?schema=; NULL: "public" */
    char *database; /* what libpq will connect to; never NULL after parse (falls back to PGDATABASE, user) */
    char *redacted; /* "postgresql://user@host:5432/db": the only form fit for messages */
};

/* text NULL or "": libpq's PG* variables alone. On success every password in it has been given to
 * evo_redact_add(). EVO_ERR_CONFIG with a message that does not hold the text. */
enum evo_errc evo_conninfo_parse(const char *text, struct evo_conninfo *ret, struct evo_error *err) EVO_CHECK;
void evo_conninfo_release(struct evo_conninfo *c);
void evo_conninfo_copy(struct evo_conninfo *dst, const struct evo_conninfo *src);
EVO_DEFINE_AUTO(conninfo);
/* True when text (as typed on a command line) carries a password. */
bool evo_conninfo_has_password(const char *text);
/* The same server and settings, another database name. */
void evo_conninfo_set_database(struct evo_conninfo *c, const char *database);
/* "NAME=value" environment for pg_dump, pg_restore and psql (PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGSSL…): nothing
 * of it ever stands in argv. Appends to env; the caller wipes it (evo_strvec of secrets) after the start. */
void evo_conninfo_environment(const struct evo_conninfo *c, struct evo_strvec *env);

#endif
