#include "migration/roundtrip_place.h"

#include "crypto/random.h"
#include "migration/session.h"
#include "pg/tools.h"

#define PREFIX "evo_roundtrip_"
/* No PostgreSQL that evo knows is older. */
#define OLDEST_MAJOR     12
#define FORCE_DROP_SINCE 130000

static enum evo_errc open_session(const struct evo_place *p, struct evo_pg **ret, struct evo_error *err)
{
    const struct evo_pg_options options = { .application_name = "evo-verify roundtrip",
                                            .task = p->options->task };
    const struct evo_conninfo *server = p->scratch ? evo_scratch_conninfo(p->scratch) : p->options->scratch;
    return evo_pg_open(server, &options, ret, err);
}

/* ---- the cluster ---------------------------------------------------------------- */

/* The newest server of this machine; the oldest that counts where there is none, so that its lack is told. */
static int newest_major(void)
{
    int newest = OLDEST_MAJOR, major = OLDEST_MAJOR - 1;
    for (;;) {
        EVO_AUTO_STR path = NULL;
        if (evo_pg_tool_find("postgres", major + 1, &path, &major, NULL))
            return newest;
        newest = major;
    }
}

static enum evo_errc start_cluster(struct evo_place *p, struct evo_error *err)
{
    struct evo_pg *target = p->options->target;
    int major = target ? evo_pg_version(target) / 10000 : newest_major();
    enum evo_errc rc = evo_scratch_start(
        &(struct evo_scratch_options){ .major = major, .task = p->options->task }, &p->scratch, err);
    if (!rc && target && evo_scratch_major(p->scratch) != major)
        evo_notice(p->options->task, "the database is of PostgreSQL %d, the round trip runs on %d", major,
                   evo_scratch_major(p->scratch));
    return rc;
}

/* The roles that the project's own migrations make, sorted: the round trip makes them. A file that cannot be read or cut
 * is told when it is its turn. */
static void find_made(const struct evo_project *project, struct evo_strvec *made)
{
    for (size_t i = 0; i < project->count; i++) {
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        EVO_AUTO(sql_script) script = { 0 };
        struct evo_error ignored = EVO_ERROR_INIT;
        const struct evo_migration *m = &project->items[i];
        if (m->by_tool || evo_migration_load_up(m, &text, &ignored) ||
            evo_sql_split(text.buf, text.len, m->path, &script, &ignored))
            continue;
        for (size_t k = 0; k < script.count; k++) {
            char *role = evo_sql_role_made(text.buf + script.items[k].start, script.items[k].len);
            if (role)
                (void)evo_strvec_push_owned(made, role);
        }
    }
    evo_strvec_sort(made);
}

/* Migrations grant to roles, and make policies for them. They come without any right. */
static enum evo_errc copy_roles(const struct evo_place *p, struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    EVO_AUTO(strvec) made = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    if (!p->scratch || !p->options->target)
        return EVO_OK;
    enum evo_errc rc = evo_pg_query(
        p->options->target,
        "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'", 0, NULL,
        &r, err);
    if (rc)
        return evo_error_prefix(err, "could not list the roles");
    find_made(p->options->project, &made);
    for (int i = 0; i < evo_pg_rows(r); i++) {
        EVO_AUTO_STR name = evo_pg_identifier(pg, evo_pg_value(r, i, 0));
        if (!evo_strvec_contains_sorted(&made, evo_pg_value(r, i, 0)))
            evo_strbuf_addf(&sql, "CREATE ROLE %s;", name);
    }
    return sql.len ? evo_pg_exec(pg, sql.buf, err) : EVO_OK;
}

/* ---- the database ----------------------------------------------------------------- */

/* What runs that were killed left on a server: nobody is connected to it. Another run's own always has its session. */
static void name_remains(const struct evo_place *p, struct evo_pg *pg)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (p->scratch ||
        evo_pg_query(pg,
                     "SELECT d.datname, pg_catalog.quote_ident(d.datname) FROM pg_catalog.pg_database d "
                     "WHERE d.datname "
                     "~ '^" PREFIX
                     "[0-9a-f]{10}$' AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE "
                     "a.datid = d.oid) ORDER BY 1",
                     0, NULL, &r, NULL))
        return;
    for (int i = 0; i < evo_pg_rows(r); i++)
        evo_warn(p->options->task,
                 "a run that was killed left database \"%s\"; to remove it: DROP DATABASE %s",
                 evo_pg_value(r, i, 0), evo_pg_value(r, i, 1));
}

/* " ENCODING … LC_COLLATE … LC_CTYPE …" of the target. */
static enum evo_errc add_locale(const struct evo_place *p, struct evo_pg *pg, struct evo_strbuf *sql,
                                struct evo_error *err)
{
    static const char *const words[] = { "ENCODING", "LC_COLLATE", "LC_CTYPE" };
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (!p->options->target)
        return EVO_OK;
    enum evo_errc rc =
        evo_pg_query(p->options->target,
                     "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype FROM "
                     "pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
                     0, NULL, &r, err);
    for (int i = 0; !rc && i < (int)EVO_COUNT(words); i++) {
        EVO_AUTO_STR value = evo_pg_literal(pg, evo_pg_value(r, 0, i));
        evo_strbuf_addf(sql, " %s = %s", words[i], value);
    }
    return rc;
}

static enum evo_errc create(struct evo_place *p, struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO(strbuf) locale = EVO_STRBUF_INIT;
    struct evo_error refused = EVO_ERROR_INIT;
    EVO_AUTO_STR name = evo_pg_identifier(pg, p->info.database);
    enum evo_errc rc = add_locale(p, pg, &locale, err);
    if (rc)
        return rc;
    rc = evo_pg_execf(pg, &refused, "CREATE DATABASE %s TEMPLATE template0%s", name, locale.buf);
    /* invalid_parameter_value and wrong_object_type: no such locale, or none of this encoding */
    if (evo_streq(refused.sqlstate, "22023") || evo_streq(refused.sqlstate, "42809")) {
        evo_notice(p->options->task, "the round trip runs in the server's own locale: %s", refused.message);
        rc = evo_pg_execf(pg, &refused, "CREATE DATABASE %s TEMPLATE template0", name);
    }
    p->created = !rc;
    if (rc && err)
        *err = refused;
    return rc ? evo_error_prefix(err, "could not make a database for the round trip") : EVO_OK;
}

enum evo_errc evo_place_open(const struct evo_roundtrip_options *o, struct evo_place *ret,
                             struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    char word[11];
    ret->options = o;
    enum evo_errc rc = o->scratch ? EVO_OK : start_cluster(ret, err);
    if (!rc)
        rc = open_session(ret, &pg, err);
    if (rc)
        return rc;
    ret->server_version = evo_strdup(evo_pg_version_text(pg));
    EVO_AUTO_STR name = evo_asprintf(PREFIX "%s", evo_random_hex(word, sizeof(word) - 1));
    evo_conninfo_copy(&ret->info, ret->scratch ? evo_scratch_conninfo(ret->scratch) : o->scratch);
    evo_conninfo_set_database(&ret->info, name);
    if (o->schema) {
        free(ret->info.schema);
        ret->info.schema = evo_strdup(o->schema);
    }
    name_remains(ret, pg);
    rc = copy_roles(ret, pg, err);
    return rc ? rc : create(ret, pg, err);
}

static enum evo_errc drop(const struct evo_place *p, struct evo_error *err)
{
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = open_session(p, &pg, err);
    if (rc)
        return rc;
    EVO_AUTO_STR name = evo_pg_identifier(pg, p->info.database);
    return evo_pg_execf(pg, err, "DROP DATABASE %s%s", name,
                        evo_pg_version(pg) >= FORCE_DROP_SINCE ? " WITH (FORCE)" : "");
}

void evo_place_close(struct evo_place *p)
{
    struct evo_error why = EVO_ERROR_INIT;
    int signo = evo_session_grace_begin();
    if (p->created && !p->scratch && drop(p, &why))
        evo_warn(p->options->task, "database \"%s\" of this round trip could not be dropped: %s",
                 p->info.database, why.message);
    evo_scratch_stop(p->scratch);
    evo_session_grace_end(signo);
    evo_conninfo_release(&p->info);
    free(p->server_version);
    *p = (struct evo_place){ 0 };
}
