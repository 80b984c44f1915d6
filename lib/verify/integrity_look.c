/* evo_row_look: the rows of one object. */
#include "verify/integrity_impl.h"

struct answer {
    int64_t count, sampled;
    const char *extra;
};

static char *shown(const struct evo_row_item *item, const struct evo_integrity_options *o)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    item->check->show(item, o, &sql);
    return evo_strbuf_detach(&sql);
}

static struct evo_finding finding_of(const struct evo_row_item *item, const struct evo_integrity_options *o,
                                     const struct answer *a)
{
    const struct evo_row_check *check = item->check;
    EVO_AUTO(strbuf) message = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) mend = EVO_STRBUF_INIT;
    const char *lenient = check->lenient_part ? item->part[check->lenient_part] : NULL;
    check->say(item, a->count, a->extra, &message);
    if (a->sampled >= 0)
        evo_strbuf_addf(&message, ", in a sample of %lld", (long long)a->sampled);
    if (check->mend)
        check->mend(item, &mend);
    return (struct evo_finding){ .check = check->name,
                                 .verdict = evo_streq(lenient, "t") ? EVO_FINDING_WARN : EVO_FINDING_FAIL,
                                 .table = evo_strdup(item->table),
                                 .object = evo_strdup(item->object),
                                 .count = a->count,
                                 .sampled = a->sampled,
                                 .message = evo_strbuf_detach(&message),
                                 .statement = shown(item, o),
                                 .next = check->mend ? evo_strbuf_detach(&mend) : NULL };
}

static struct evo_finding not_made(const struct evo_row_item *item, const struct evo_integrity_options *o,
                                   const char *why)
{
    return (struct evo_finding){ .check = item->check->name,
                                 .verdict = EVO_FINDING_WARN,
                                 .table = evo_strdup(item->table),
                                 .object = evo_strdup(item->object),
                                 .count = -1,
                                 .sampled = -1,
                                 .message = evo_asprintf("%s \"%s\" of \"%s\" was not looked at: %s",
                                                         item->check->one, item->object, item->table, why),
                                 .statement = shown(item, o),
                                 .unmade = true };
}

/* Damage that the server met while it read. */
static struct evo_finding damage(const struct evo_row_item *item, const struct evo_integrity_options *o,
                                 const struct evo_error *e)
{
    if (item->check->error_is_finding)
        return finding_of(item, o, &(struct answer){ .count = -1, .sampled = -1, .extra = e->message });
    return (struct evo_finding){ .check = item->check->name,
                                 .verdict = EVO_FINDING_FAIL,
                                 .table = evo_strdup(item->table),
                                 .object = evo_strdup(item->object),
                                 .count = -1,
                                 .sampled = -1,
                                 .message = evo_asprintf("the rows of \"%s\" cannot be read: %s", item->table,
                                                         e->message),
                                 .statement = shown(item, o) };
}

enum evo_errc evo_row_look(struct evo_pg *pg, const struct evo_row_item *item,
                           const struct evo_integrity_options *o, struct evo_row_outcome *ret,
                           struct evo_error *err)
{
    EVO_AUTO(strbuf) sql = EVO_STRBUF_INIT;
    EVO_AUTO_PTR(pg_result) r = NULL;
    struct evo_error failure = EVO_ERROR_INIT;
    *ret = (struct evo_row_outcome){ .sampled = -1 };
    if (item->why_not) {
        ret->found = true;
        ret->finding = not_made(item, o, item->why_not);
        return EVO_OK;
    }
    item->check->count(item, o, &sql);
    enum evo_errc rc =
        evo_pg_execf(pg, err, "SAVEPOINT evo_check; SET LOCAL statement_timeout = %lld; %s",
                     (long long)o->statement_timeout_ms, item->check->settings ? item->check->settings : "");
    if (rc)
        return rc;
    enum evo_errc asked = evo_pg_query(pg, sql.buf, 0, NULL, &r, &failure);
    if (asked == EVO_ERR_CANCELLED || !evo_pg_alive(pg)) {
        if (err)
            *err = failure;
        return failure.code;
    }
    rc = evo_pg_exec(pg, "ROLLBACK TO SAVEPOINT evo_check; RELEASE SAVEPOINT evo_check", err);
    if (rc)
        return rc;
    if (asked) {
        ret->found = true;
        ret->made = evo_starts_with(failure.sqlstate, "XX");
        ret->finding = ret->made ? damage(item, o, &failure) : not_made(item, o, failure.message);
        return EVO_OK;
    }
    ret->made = true;
    if (!evo_pg_rows(r))
        return EVO_OK;
    const char *extra = evo_pg_value(r, 0, 2);
    const struct answer a = { .count = evo_pg_value_int(r, 0, 0, 0),
                              .sampled = evo_pg_value_int(r, 0, 1, -1),
                              .extra = extra ? extra : "" };
    ret->sampled = a.sampled;
    ret->found = a.count > 0;
    if (ret->found)
        ret->finding = finding_of(item, o, &a);
    return EVO_OK;
}
