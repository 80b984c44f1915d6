/* "migrations" of TypeORM: a row an applied migration, in order of application. It holds no times and no checksums. */
#include "base/banned.h"
#include "base/encode.h"
#include "crypto/sha1.h"
#include "layout/ledger_impl.h"
#include "pg/lock.h"

/* Its names of constraints end in so much of a SHA-1 (DefaultNamingStrategy). */
#define HASH_DIGITS 27

static enum evo_errc create(struct evo_pg *pg, const struct evo_ledger *l, struct evo_error *err)
{
    unsigned char digest[EVO_SHA1_SIZE];
    EVO_AUTO(strbuf) hash = EVO_STRBUF_INIT;
    EVO_AUTO_STR key = evo_asprintf("%s_id", l->table);
    if (!evo_sha1_of(key, strlen(key), digest))
        return evo_error_set(err, EVO_ERR_INTERNAL,
                             "libcrypto computes no SHA-1 here, which TypeORM's names need");
    evo_hex(&hash, digest, sizeof(digest));
    EVO_AUTO_STR sql =
        evo_asprintf("CREATE TABLE IF NOT EXISTS @ (\"id\" SERIAL NOT NULL, \"timestamp\" bigint NOT NULL, "
                     "\"name\" character varying NOT NULL, "
                     "CONSTRAINT \"PK_%.*s\" PRIMARY KEY (\"id\"))",
                     HASH_DIGITS, hash.buf);
    return evo_ledger_create_in_schema(pg, l, sql, err);
}

static enum evo_errc insert(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                            int64_t started_ms, int64_t finished_ms, int steps, const char *logs,
                            char **ret_id, struct evo_error *err)
{
    (void)started_ms;
    (void)finished_ms;
    (void)steps;
    (void)logs;
    const char *const params[] = { m->version, m->name };
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc =
        evo_ledger_query(pg, l, "INSERT INTO @ (\"timestamp\", \"name\") VALUES ($1, $2) RETURNING \"id\"",
                         EVO_COUNT(params), params, &r, err);
    if (!rc && ret_id)
        *ret_id = evo_strdup(evo_pg_value(r, 0, 0));
    return rc;
}

static enum evo_errc take_back(struct evo_pg *pg, const struct evo_ledger *l, const struct evo_migration *m,
                               struct evo_error *err)
{
    return evo_ledger_delete(pg, l, "DELETE FROM @ WHERE \"name\"::text OPERATOR(pg_catalog.=) $1", m->name,
                             err);
}

const struct evo_ledger_kind evo_ledger_typeorm = {
    .schema = NULL,
    .table = "migrations",
    .columns = " id timestamp name ",
    .in_path = true,
    .lock_key = EVO_LOCK_MIGRATION,
    .privileges = "SELECT, INSERT, DELETE",
    /* migration:revert takes the highest id. */
    .select = "SELECT \"id\", \"name\", NULL, NULL, 0, NULL, 0, NULL FROM @ ORDER BY \"id\"",
    .select_one = "SELECT true, false FROM @ WHERE \"name\"::text OPERATOR(pg_catalog.=) $1",
    .create = create,
    .insert = insert,
    .take_back = take_back,
};
