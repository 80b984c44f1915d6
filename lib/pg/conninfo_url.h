/*
 * conninfo_url.h - what other clients write into a connection URL, rewritten as libpq takes it. Pure text work;
 * of use to conninfo.c only.
 */
#ifndef EVO_PG_CONNINFO_URL_H
#define EVO_PG_CONNINFO_URL_H

#include "base/error.h"
#include "base/strbuf.h"

/* Length of the scheme when text begins with one and "://", else 0. */
size_t evo_conninfo_url_scheme(const char *text);

/* Appends to `out` the URL that libpq takes, without the parameters it would refuse. *ret_schema: Prisma's schema,
 * NULL for none; the caller frees. `is_keyword` says what libpq knows by name. EVO_ERR_CONFIG never holds any text
 * that could be part of a password. */
enum evo_errc evo_conninfo_url_rewrite(const char *url, bool (*is_keyword)(void *ctx, const char *name),
                                       void *ctx, struct evo_strbuf *out, char **ret_schema,
                                       struct evo_error *err) EVO_CHECK;

#endif
