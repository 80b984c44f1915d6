/* Before anything of ours: its macros name functions that base/banned.h poisons. */
#include <libpq-fe.h>

#include "pg/conninfo.h"

#include "base/encode.h"
#include "base/parse.h"
#include "pg/conninfo_url.h"

/* PQconninfoOption lists end in a row without a keyword. */
static void options_free(PQconninfoOption **options)
{
    for (PQconninfoOption *o = *options; o && o->keyword; o++)
        if (o->val)
            explicit_bzero(o->val, strlen(o->val));
    PQconninfoFree(*options);
}
#define AUTO_OPTIONS __attribute__((cleanup(options_free))) PQconninfoOption *

static const PQconninfoOption *find_option(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options;
    return NULL;
}

static bool is_keyword(void *ctx, const char *name)
{
    return find_option(ctx, name) != NULL;
}

/* ---- the pairs ---------------------------------------------------------------- */

const char *evo_conninfo_get(const struct evo_conninfo *c, const char *keyword)
{
    for (size_t i = 0; i + 1 < c->keywords.count; i += 2)
        if (strcmp(c->keywords.items[i], keyword) == 0)
            return c->keywords.items[i + 1];
    return NULL;
}

static void set(struct evo_conninfo *c, const char *keyword, const char *value)
{
    for (size_t i = 0; i + 1 < c->keywords.count; i += 2) {
        if (strcmp(c->keywords.items[i], keyword) == 0) {
            char *copy = evo_strdup(value);
            free(c->keywords.items[i + 1]);
            c->keywords.items[i + 1] = copy;
            return;
        }
    }
    evo_strvec_push(&c->keywords, keyword);
    evo_strvec_push(&c->keywords, value);
}

void evo_conninfo_environment_wipe(struct evo_strvec *env)
{
    for (size_t i = 0; i < env->count; i++)
        explicit_bzero(env->items[i], strlen(env->items[i]));
    evo_strvec_release(env);
}

void evo_conninfo_release(struct evo_conninfo *c)
{
    if (!c)
        return;
    evo_conninfo_environment_wipe(&c->keywords); /* sslpassword may be among them */
    evo_secret_release(&c->password);
    free(c->schema);
    free(c->database);
    free(c->redacted);
    *c = (struct evo_conninfo){ 0 };
}

void evo_conninfo_copy(struct evo_conninfo *dst, const struct evo_conninfo *src)
{
    *dst = (struct evo_conninfo){ 0 };
    for (size_t i = 0; i < src->keywords.count; i++)
        evo_strvec_push(&dst->keywords, src->keywords.items[i]);
    if (evo_secret_is_set(&src->password))
        evo_secret_set(&dst->password, evo_secret_reveal(&src->password));
    dst->schema = evo_strdup(src->schema);
    dst->database = evo_strdup(src->database);
    dst->redacted = evo_strdup(src->redacted);
}

/* ---- the redacted form -------------------------------------------------------- */

/* The i-th of a comma-separated list; a list of one holds for all, as with libpq. */
static const char *list_item(const char *list, size_t i, size_t *ret_len)
{
    const char *item = list;
    for (size_t at = 0; at < i && strchr(item, ','); at++)
        item = strchr(item, ',') + 1;
    *ret_len = strcspn(item, ",");
    return item;
}

static void add_host(struct evo_strbuf *out, const char *host, size_t n)
{
    bool ipv6 = memchr(host, ':', n) && host[0] != '/';
    if (ipv6)
        evo_strbuf_addch(out, '[');
    evo_percent_encode(out, host, n, ipv6 ? ":" : NULL);
    if (ipv6)
        evo_strbuf_addch(out, ']');
}

/* One socket, or libpq's default one. */
static bool is_socket(const char *hosts)
{
    return !hosts || (!strchr(hosts, ',') && (hosts[0] == '/' || hosts[0] == '@'));
}

/* A socket's folder and port, where they are legible: behind the "?". */
static void add_socket(struct evo_strbuf *out, const char *host, const char *ports)
{
    size_t n;
    const char *port = list_item(ports, 0, &n);
    if (host) {
        evo_strbuf_adds(out, "?host=");
        evo_percent_encode(out, host, strlen(host), "/");
    }
    if (n > 0 && !(n == 4 && memcmp(port, "5432", 4) == 0))
        evo_strbuf_addf(out, "%cport=%.*s", host ? '&' : '?', (int)n, port);
}

/* "host:5432", or several. */
static void add_hosts(struct evo_strbuf *out, const char *hosts, const char *ports)
{
    size_t n;
    const char *host = hosts;
    for (size_t i = 0;; i++) {
        size_t host_len = strcspn(host, ",");
        add_host(out, host, host_len);
        const char *port = list_item(ports, i, &n);
        evo_strbuf_addf(out, ":%.*s", n > 0 ? (int)n : 4, n > 0 ? port : "5432");
        host += host_len;
        if (*host++ != ',')
            return;
        evo_strbuf_addch(out, ',');
    }
}

/* "scheme://user[:password]@host:port/database", a socket's folder and port behind the "?". */
static void build_url(const struct evo_conninfo *c, const char *scheme, bool with_password,
                      struct evo_strbuf *out)
{
    const char *user = evo_conninfo_get(c, "user");
    const char *host = evo_conninfo_get(c, "host");
    const char *port = evo_conninfo_get(c, "port");
    if (!host)
        host = evo_conninfo_get(c, "hostaddr");
    evo_strbuf_addf(out, "%s://", scheme);
    if (user) {
        evo_percent_encode(out, user, strlen(user), NULL);
        if (with_password && evo_secret_is_set(&c->password)) {
            const char *password = evo_secret_reveal(&c->password);
            evo_strbuf_addch(out, ':');
            evo_percent_encode(out, password, strlen(password), NULL);
        }
        evo_strbuf_addch(out, '@');
    }
    if (!is_socket(host))
        add_hosts(out, host, port ? port : "");
    evo_strbuf_addch(out, '/');
    evo_percent_encode(out, c->database, strlen(c->database), NULL);
    if (is_socket(host))
        add_socket(out, host, port ? port : "");
}

static void build_redacted(struct evo_conninfo *c)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    build_url(c, "postgresql", false, &out);
    free(c->redacted);
    c->redacted = evo_strbuf_detach(&out);
}

void evo_conninfo_url(const struct evo_conninfo *c, const char *scheme, struct evo_strbuf *out)
{
    size_t from = out->len;
    build_url(c, scheme, true, out);
    const char *sslmode = evo_conninfo_get(c, "sslmode");
    if (sslmode)
        evo_strbuf_addf(out, "%csslmode=%s", strchr(out->buf + from, '?') ? '&' : '?', sslmode);
}

void evo_conninfo_set_database(struct evo_conninfo *c, const char *database)
{
    char *copy = evo_strdup(database);
    set(c, "dbname", copy);
    free(c->database);
    c->database = copy;
    build_redacted(c);
}

/* ---- parsing ------------------------------------------------------------------ */

static enum evo_errc refuse(struct evo_error *err, const char *detail)
{
    (void)evo_error_set(err, EVO_ERR_CONFIG, "the connection string is malformed");
    (void)evo_error_detail(err, "%s", detail);
    return evo_error_hint(err,
                          "Write it as postgresql://user:password@host:5432/database, special characters "
                          "percent-encoded (\"%%\" is %%25, \"@\" is %%40), or as host=... dbname=...");
}

/* What libpq's message begins with, and what may be said of it: the rest of the message echoes the input. */
static enum evo_errc explain(const char *libpq_message, struct evo_error *err)
{
    static const struct {
        const char *prefix, *detail;
    } table[] = {
        { "invalid percent-encoded", "There is a \"%\" in it that begins no escape." },
        { "forbidden value %00", "There is a %00 in it." },
        { "end of string reached", "A \"[\" of an IPv6 address is not closed." },
        { "IPv6 host address may not", "The IPv6 address is empty." },
        { "unexpected character", "What stands behind the host is neither a port nor a database." },
        { "missing \"=\"", "A keyword has no \"=\" and value." },
        { "unterminated quoted", "A quote in it is not closed." },
        { "invalid connection option", "A keyword in it is not one that PostgreSQL knows." },
    };
    for (size_t i = 0; libpq_message && i < EVO_COUNT(table); i++)
        if (evo_starts_with(libpq_message, table[i].prefix))
            return refuse(err, table[i].detail);
    return refuse(err, "It is neither a URL nor keywords and values.");
}

/* PQconninfoParse; its message is wiped unseen. */
static enum evo_errc parse_text(const char *text, PQconninfoOption **ret, struct evo_error *err)
{
    char *message = NULL;
    *ret = PQconninfoParse(text, &message);
    enum evo_errc rc = *ret ? EVO_OK : explain(message, err);
    if (message) {
        explicit_bzero(message, strlen(message));
        PQfreemem(message);
    }
    return rc;
}

/* A port that is no number is most likely the rest of an unescaped password; libpq would show it. */
static bool ports_valid(const char *ports)
{
    EVO_AUTO(strvec) list = EVO_STRVEC_INIT;
    evo_strvec_split(&list, ports);
    for (size_t i = 0; i < list.count; i++) {
        int64_t port;
        if (!evo_parse_int64(list.items[i], 1, 65535, &port))
            return false;
    }
    return true;
}

/* The values libpq would fill in later: PG* variables, the service's file, the user's name. A service named in the
 * text is put where libpq looks for it, since nothing else makes it read the file without connecting. */
static PQconninfoOption *look_up_defaults(const PQconninfoOption *given)
{
    const PQconninfoOption *service = find_option(given, "service");
    if (!service || !service->val)
        return PQconndefaults();
    EVO_AUTO_STR before = evo_strdup(getenv("PGSERVICE"));
    (void)setenv("PGSERVICE", service->val, 1);
    PQconninfoOption *defaults = PQconndefaults();
    if (before)
        (void)setenv("PGSERVICE", before, 1);
    else
        (void)unsetenv("PGSERVICE");
    return defaults;
}

static void take_password(struct evo_conninfo *c, const char *password)
{
    evo_secret_set(&c->password, password);
    if (!evo_streq(password, evo_conninfo_get(c, "user")))
        evo_redact_add(password);
}

static enum evo_errc settle(const PQconninfoOption *given, struct evo_conninfo *c, struct evo_error *err)
{
    AUTO_OPTIONS defaults = look_up_defaults(given);
    const char *password = NULL;
    for (const PQconninfoOption *d = defaults; d && d->keyword; d++) {
        const PQconninfoOption *g = find_option(given, d->keyword);
        const char *value = g ? g->val : NULL;
        bool given_here = value && *value; /* libpq takes an empty value for none */
        if (!given_here)
            value = d->val && !evo_streq(d->val, d->compiled) ? d->val : NULL;
        if (!value || !*value)
            continue;
        if (strcmp(d->keyword, "password") == 0)
            password = value;
        else
            set(c, d->keyword, value);
        if (strcmp(d->keyword, "sslpassword") == 0)
            evo_redact_add(value);
    }
    const char *port = evo_conninfo_get(c, "port");
    if (port && !ports_valid(port))
        return refuse(err, "The port is not a number between 1 and 65535.");
    if (password)
        take_password(c, password);
    const char *user = evo_conninfo_get(c, "user");
    const char *database = evo_conninfo_get(c, "dbname");
    if (!database)
        database = user;
    if (!database)
        return refuse(err, "It names no database.");
    evo_conninfo_set_database(c, database);
    return EVO_OK;
}

static enum evo_errc read_text(const char *text, struct evo_conninfo *c, struct evo_error *err)
{
    AUTO_OPTIONS given = NULL;
    EVO_AUTO(strbuf) url = EVO_STRBUF_INIT_MAX(EVO_CONNINFO_MAX * 2);
    enum evo_errc rc = EVO_OK;
    if (text[0] == '"' || (text[0] == '\'' && text[strlen(text) - 1] == '\''))
        return refuse(err, "It is in quotes. They are not part of a connection string.");
    if (evo_conninfo_url_scheme(text) > 0) {
        AUTO_OPTIONS known = PQconndefaults();
        rc = evo_conninfo_url_rewrite(text, is_keyword, known, &url, &c->schema, err);
        text = url.buf;
    } else if (strstr(text, "://") && !strchr(text, '=')) {
        rc = refuse(err, "What stands before \"://\" is no scheme.");
    }
    if (!rc)
        rc = parse_text(text, &given, err);
    if (!rc)
        rc = settle(given, c, err);
    explicit_bzero(url.buf, url.len);
    return rc;
}

enum evo_errc evo_conninfo_parse(const char *text, struct evo_conninfo *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) trimmed = EVO_STRBUF_INIT_MAX(EVO_CONNINFO_MAX);
    evo_strbuf_adds(&trimmed, text ? text : "");
    if (!evo_strbuf_ok(&trimmed))
        return evo_error_set(err, EVO_ERR_CONFIG, "the connection string is longer than %d bytes",
                             EVO_CONNINFO_MAX);
    evo_strbuf_trim(&trimmed);
    EVO_AUTO(conninfo) c = { 0 };
    enum evo_errc rc = read_text(trimmed.buf, &c, err);
    evo_strbuf_wipe(&trimmed);
    if (rc)
        return rc;
    *ret = c;
    c = (struct evo_conninfo){ 0 };
    return EVO_OK;
}

static bool holds_password(const char *text)
{
    EVO_AUTO(strbuf) url = EVO_STRBUF_INIT_MAX(EVO_CONNINFO_MAX * 2);
    AUTO_OPTIONS given = NULL;
    EVO_AUTO_STR schema = NULL;
    size_t scheme = evo_conninfo_url_scheme(text);
    enum evo_errc rc = EVO_OK;
    const char *parsed = text;
    if (scheme > 0) {
        AUTO_OPTIONS known = PQconndefaults();
        rc = evo_conninfo_url_rewrite(text, is_keyword, known, &url, &schema, NULL);
        parsed = url.buf;
    }
    if (!rc)
        rc = parse_text(parsed, &given, NULL);
    bool found;
    if (rc) { /* a guess that errs on the safe side */
        const char *user = text + (scheme > 0 ? scheme + 3 : 0);
        const char *at = strchr(user, '@');
        found = strcasestr(text, "password") || (at && memchr(user, ':', (size_t)(at - user)));
    } else {
        const PQconninfoOption *password = find_option(given, "password");
        found = (password && password->val && *password->val) || strstr(text, "sslpassword");
    }
    explicit_bzero(url.buf, url.len);
    return found;
}

bool evo_conninfo_has_password(const char *text)
{
    EVO_AUTO(strbuf) trimmed = EVO_STRBUF_INIT_MAX(EVO_CONNINFO_MAX);
    evo_strbuf_adds(&trimmed, text);
    evo_strbuf_trim(&trimmed);
    bool found = holds_password(trimmed.buf);
    evo_strbuf_wipe(&trimmed);
    return found;
}

void evo_conninfo_environment(const struct evo_conninfo *c, struct evo_strvec *env)
{
    AUTO_OPTIONS known = PQconndefaults();
    evo_strvec_push(env, "PGSERVICE");
    for (size_t i = 0; i + 1 < c->keywords.count; i += 2) {
        const PQconninfoOption *o = find_option(known, c->keywords.items[i]);
        if (o && o->envvar && strcmp(o->keyword, "service") != 0)
            evo_strvec_pushf(env, "%s=%s", o->envvar, c->keywords.items[i + 1]);
    }
    if (evo_secret_is_set(&c->password))
        evo_strvec_pushf(env, "PGPASSWORD=%s", evo_secret_reveal(&c->password));
}
