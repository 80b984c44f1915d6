#include "pg/conninfo_url.h"

#include "base/encode.h"
#include "base/strvec.h"

/* How a parameter that libpq does not know is taken. */
enum rule {
    DROP, /* about the other client's pool or statements: no matter to evo */
    PRISMA, /* the same, and the URL is one for Prisma */
    SCHEMA,
    SEARCH_PATH, /* a run-time setting to the drivers of dbmate, golang-migrate and goose; one schema is taken as SCHEMA */
};

/* One row a parameter. Prisma's: https://www.prisma.io/docs/orm/overview/databases/postgresql (Arguments). */
static const struct {
    const char *name;
    enum rule rule;
} foreign[] = {
    { "schema", SCHEMA },
    { "connection_limit", PRISMA },
    { "pool_timeout", PRISMA },
    { "socket_timeout", PRISMA },
    { "pgbouncer", PRISMA },
    { "statement_cache_size", PRISMA },
    { "max_connection_lifetime", PRISMA },
    { "max_idle_connection_lifetime", PRISMA },
    { "single_use_connections", PRISMA },
    { "sslaccept", PRISMA }, /* see ssl_rules() */
    { "sslidentity", PRISMA }, /* a PKCS#12 file: libpq reads none */
    { "search_path", SEARCH_PATH },
    { "async_fallback", DROP }, /* SQLAlchemy with asyncpg */
    { "prepared_statement_cache_size", DROP },
    { "charset", DROP }, /* Laravel, Doctrine */
    { "serverVersion", DROP },
    { "uselibpqcompat", DROP }, /* node-postgres */
    { "pool", DROP }, /* Rails */
    { "prepared_statements", DROP },
    { "supa", DROP }, /* what Supabase's integrations add */
};

struct parameters {
    struct evo_strvec names; /* decoded */
    struct evo_strvec values; /* as written, percent-encoded */
};

static void parameters_release(struct parameters *p)
{
    for (size_t i = 0; i < p->values.count; i++)
        explicit_bzero(p->values.items[i], strlen(p->values.items[i]));
    evo_strvec_release(&p->names);
    evo_strvec_release(&p->values);
}

/* The last one counts, as with libpq. */
static const char *find(const struct parameters *p, const char *name)
{
    for (size_t i = p->names.count; i > 0; i--)
        if (evo_streq(p->names.items[i - 1], name))
            return p->values.items[i - 1];
    return NULL;
}

size_t evo_conninfo_url_scheme(const char *text)
{
    size_t n = 0;
    while (
        (text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z') ||
        (n > 0 && ((text[n] >= '0' && text[n] <= '9') || text[n] == '+' || text[n] == '-' || text[n] == '.')))
        n++;
    return n > 0 && n <= 40 && strncmp(text + n, "://", 3) == 0 ? n : 0;
}

static bool scheme_is_ours(const char *s, size_t n)
{
    static const char *const names[] = { "postgresql", "postgres", "pgsql" };
    size_t plain = 0;
    while (plain < n && s[plain] != '+')
        plain++;
    for (size_t i = 0; i < EVO_COUNT(names); i++)
        if (plain == strlen(names[i]) && strncasecmp(s, names[i], plain) == 0)
            return plain == n || plain + 1 < n;
    return false;
}

static enum evo_errc refuse_scheme(const char *url, size_t n, struct evo_error *err)
{
    (void)evo_error_set(err, EVO_ERR_CONFIG, "cannot use a connection string of scheme \"%.*s\"", (int)n,
                        url);
    if (strncmp(url, "prisma", 6) == 0)
        return evo_error_hint(err, "Set DIRECT_URL to the database's own address: "
                                   "export DIRECT_URL=\"postgresql://user:password@host:5432/database\"");
    return evo_error_hint(err, "A PostgreSQL URL looks like postgresql://user:password@host:5432/database");
}

static enum evo_errc malformed(struct evo_error *err, const char *detail)
{
    (void)evo_error_set(err, EVO_ERR_CONFIG, "the connection string is malformed");
    if (detail)
        (void)evo_error_detail(err, "%s", detail);
    return evo_error_hint(err, "Percent-encode special characters of user, password and database: "
                               "\"%%\" is %%25, \"@\" is %%40, \"/\" is %%2F, \"?\" is %%3F, \"#\" is %%23, "
                               "\"&\" is %%26, \":\" is %%3A");
}

static enum evo_errc split_query(const char *query, struct parameters *p, struct evo_error *err)
{
    while (*query) {
        size_t n = strcspn(query, "&");
        size_t name = strcspn(query, "=&");
        if (n > 0) {
            EVO_AUTO(strbuf) decoded = EVO_STRBUF_INIT;
            if (name >= n || !evo_percent_decode(&decoded, query, name))
                return malformed(err,
                                 "A parameter behind \"?\" has no \"=\", or a \"%\" that begins no escape.");
            evo_strvec_push(&p->names, decoded.buf);
            evo_strvec_push_owned(&p->values, evo_strndup(query + name + 1, n - name - 1));
        }
        query += n;
        if (*query == '&')
            query++;
    }
    return EVO_OK;
}

/* A name is shown only when it cannot be a piece of a password that was cut by an unescaped "?" or "&". */
static bool presentable(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= 40 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == n;
}

static const enum rule *find_rule(const char *name)
{
    for (size_t i = 0; i < EVO_COUNT(foreign); i++)
        if (evo_streq(foreign[i].name, name))
            return &foreign[i].rule;
    return NULL;
}

/* What TLS settings of other clients come to in libpq's words. Returns the value; *name may be changed. */
static const char *ssl_rules(const struct parameters *p, bool prisma, const char **name, const char *value)
{
    if (evo_streq(*name, "ssl")) { /* asyncpg gives the mode here, JDBC and node-postgres true */
        *name = "sslmode";
        if (evo_streq(value, "true") || evo_streq(value, "1"))
            return "require";
        return evo_streq(value, "false") || evo_streq(value, "0") ? "prefer" : value;
    }
    if (evo_streq(*name, "sslmode")) {
        if (evo_streq(value, "no-verify"))
            return "require";
        const char *accept = find(p, "sslaccept");
        return evo_streq(value, "require") && accept && evo_streq(accept, "strict") ? "verify-full" : value;
    }
    /* Prisma's sslcert is the server's authority, libpq's the client's own certificate, which has a key. */
    if (evo_streq(*name, "sslcert") && prisma && !find(p, "sslkey") && !find(p, "sslrootcert"))
        *name = "sslrootcert";
    return value;
}

static enum evo_errc write_query(const struct parameters *p, bool (*is_keyword)(void *ctx, const char *name),
                                 void *ctx, struct evo_strbuf *out, struct evo_error *err)
{
    bool prisma = false;
    for (size_t i = 0; i < p->names.count; i++) {
        const enum rule *rule = find_rule(p->names.items[i]);
        prisma = prisma || (rule && *rule != DROP && *rule != SEARCH_PATH);
    }
    char separator = '?';
    for (size_t i = 0; i < p->names.count; i++) {
        const char *name = p->names.items[i];
        if (find_rule(name) || (evo_streq(name, "sslpassword") && find(p, "sslidentity")))
            continue;
        if (!evo_streq(name, "ssl") && !is_keyword(ctx, name)) {
            (void)malformed(err, NULL);
            return presentable(name)
                       ? evo_error_detail(err, "The parameter \"%s\" is not one that PostgreSQL knows.", name)
                       : evo_error_detail(err, "A parameter behind \"?\" is not one that PostgreSQL knows.");
        }
        const char *value = ssl_rules(p, prisma, &name, p->values.items[i]);
        evo_strbuf_addf(out, "%c%s=%s", separator, name, value);
        separator = '&';
    }
    return EVO_OK;
}

/* As the server would read it: an identifier without quotes that is lower case already. */
static bool is_one_schema(const char *path)
{
    return path[strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' &&
           !strchr("0123456789", path[0]);
}

static enum evo_errc refuse_path(struct evo_error *err)
{
    (void)malformed(err, NULL);
    (void)evo_error_detail(
        err, "Its parameter \"search_path\" is not the plain name of one schema in lower case.");
    return evo_error_hint(err, "Leave it out, and give the role its path: ALTER ROLE … SET search_path = …");
}

enum evo_errc evo_conninfo_url_rewrite(const char *url, bool (*is_keyword)(void *ctx, const char *name),
                                       void *ctx, struct evo_strbuf *out, char **ret_schema,
                                       struct evo_error *err)
{
    size_t scheme = evo_conninfo_url_scheme(url);
    if (!scheme_is_ours(url, scheme))
        return refuse_scheme(url, scheme, err);
    const char *rest = url + scheme + 3;
    /* As libpq: the first "@" before any "/" ends the user's part. */
    const char *server = rest + strcspn(rest, "@/");
    server = *server == '@' ? server + 1 : rest;
    size_t address = strcspn(server, "?");
    /* libpq would take the end of the password for a host or database, and messages would show it. */
    if (memchr(server, '@', address))
        return malformed(err, "There is a \"@\" or \"/\" in it that is not percent-encoded.");

    __attribute__((cleanup(parameters_release))) struct parameters p = { 0 };
    enum evo_errc rc = server[address] ? split_query(server + address + 1, &p, err) : EVO_OK;
    if (rc)
        return rc;
    evo_strbuf_adds(out, "postgresql://");
    evo_strbuf_add(out, rest, (size_t)(server - rest) + address);
    rc = write_query(&p, is_keyword, ctx, out, err);
    if (rc)
        return rc;
    const char *schema = find(&p, "schema"), *path = schema ? NULL : find(&p, "search_path");
    EVO_AUTO(strbuf) decoded = EVO_STRBUF_INIT;
    if (schema && !evo_percent_decode(&decoded, schema, strlen(schema)))
        return malformed(err, "The parameter \"schema\" has a \"%\" that begins no escape.");
    if (path && !(evo_percent_decode(&decoded, path, strlen(path)) && is_one_schema(decoded.buf)))
        return refuse_path(err);
    *ret_schema = decoded.len > 0 ? evo_strdup(decoded.buf) : NULL;
    return EVO_OK;
}
