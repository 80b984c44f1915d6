#include "migration/losses.h"

#include <inttypes.h>
#include <strings.h>

/* What of a table a statement drops; NULL: nothing. */
static const char *dropped_by(const char *line)
{
    static const char table[] = "DROP TABLE ", alter[] = "ALTER TABLE ";
    if (strncasecmp(line, table, sizeof(table) - 1) == 0)
        return "table";
    if (strncasecmp(line, alter, sizeof(alter) - 1) == 0 && strcasestr(line, " DROP COLUMN "))
        return "a column of table";
    return NULL;
}

static enum evo_errc add_loss(struct evo_session *s, struct evo_step *step, const char *what,
                              const char *relation, struct evo_error *err)
{
    static const char sql[] =
        "SELECT c.reltuples::bigint FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) "
        "pg_catalog.to_regclass($1) AND pg_catalog.pg_relation_size(c.oid) OPERATOR(pg_catalog.>) 0";
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(s->pg, sql, 1, (const char *const[]){ relation }, &r, err);
    if (rc || !evo_pg_rows(r))
        return rc;
    int64_t rows = evo_pg_value_int(r, 0, 0, 0);
    if (rows > 0)
        evo_strvec_pushf(&step->warnings, "it drops %s %s, with about %" PRId64 " row%s", what, relation,
                         rows, rows == 1 ? "" : "s");
    else
        evo_strvec_pushf(&step->warnings, "it drops %s %s, with rows that nobody has counted yet", what,
                         relation);
    return EVO_OK;
}

enum evo_errc evo_losses_look(struct evo_session *s, struct evo_step *step, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < step->script.count; i++) {
        const struct evo_sql_statement *st = &step->script.items[i];
        EVO_AUTO(sql_locks) locks = { 0 };
        EVO_AUTO_STR line = evo_sql_one_line(step->text.buf + st->start, st->len, st->len);
        const char *what = dropped_by(line);
        if (what)
            evo_sql_locks_of(step->text.buf + st->start, st->len, &locks);
        for (size_t k = 0; !rc && k < locks.count; k++)
            rc = add_loss(s, step, what, locks.items[k].relation, err);
    }
    return rc;
}
