/* evo_integrity_run: the lists, the sessions, and who looks at what. One object is integrity_look.c. */
#include "verify/integrity.h"

#include <pthread.h>

#include "base/parallel.h"
#include "verify/integrity_impl.h"

#define TRANSACTION_TIMEOUT_SINCE 170000
/* For a query of the catalog, however large it is. */
#define CATALOG_TIMEOUT_MS 300000

/* The rows in the savepoint of a check, and nothing else: neither other people's settings nor their objects. */
#define SETTINGS                             \
    "SET LOCAL search_path = '';"            \
    "SET LOCAL row_security = off;"          \
    "SET LOCAL quote_all_identifiers = off;" \
    "SET LOCAL idle_in_transaction_session_timeout = 0;"

struct work {
    const struct evo_integrity_options *options;
    struct evo_integrity *found;
    char *tables, *schemas; /* of type text[] */
    char *amcheck; /* its schema; NULL: not installed */
    bool may_amcheck;
    struct evo_row_item *items;
    size_t count, alloc;
    pthread_mutex_t mutex; /* of all below */
    struct evo_pg *sessions[EVO_PARALLEL_MAX];
    struct evo_pg *idle[EVO_PARALLEL_MAX];
    size_t nsessions, nidle;
    size_t done;
    size_t *made, *sampled; /* by position in evo_row_checks */
};

static void release(struct work *w)
{
    for (size_t i = 0; i < w->count; i++)
        evo_row_item_release(&w->items[i]);
    free(w->items);
    for (size_t i = 0; i < w->nsessions; i++)
        evo_pg_close(w->sessions[i]);
    free(w->tables);
    free(w->schemas);
    free(w->amcheck);
    free(w->made);
    free(w->sampled);
    (void)pthread_mutex_destroy(&w->mutex);
}

/* ---- findings ------------------------------------------------------------------ */

/* Takes the texts of f over. */
static void add(struct work *w, struct evo_finding f)
{
    struct evo_integrity *found = w->found;
    EVO_GROW(found->items, found->count, found->alloc);
    found->items[found->count++] = f;
    found->failed += f.verdict == EVO_FINDING_FAIL;
    found->warned += f.verdict == EVO_FINDING_WARN;
}

static char *copy(const struct evo_pg_result *r, int row, int column)
{
    return evo_strdup(evo_pg_value(r, row, column));
}

/* ---- sessions ------------------------------------------------------------------ */

static enum evo_errc begin(const struct work *w, struct evo_pg *pg, const char *snapshot,
                           struct evo_error *err)
{
    const struct evo_integrity_options *o = w->options;
    enum evo_errc rc = evo_pg_exec(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
    if (!rc && snapshot) {
        EVO_AUTO_STR id = evo_pg_literal(pg, snapshot);
        rc = evo_pg_execf(pg, err, "SET TRANSACTION SNAPSHOT %s", id);
    }
    if (!rc)
        rc = evo_pg_execf(pg, err, SETTINGS "SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %lld",
                          CATALOG_TIMEOUT_MS, (long long)o->lock_timeout_ms);
    if (!rc && evo_pg_version(pg) >= TRANSACTION_TIMEOUT_SINCE)
        rc = evo_pg_exec(pg, "SET LOCAL transaction_timeout = 0", err);
    return rc;
}

static enum evo_errc open_session(struct work *w, const char *snapshot, struct evo_error *err)
{
    const struct evo_integrity_options *o = w->options;
    const struct evo_pg_options options = { .application_name = "evo-verify", .task = o->task };
    EVO_AUTO_PTR(pg) pg = NULL;
    enum evo_errc rc = evo_pg_open(o->info, &options, &pg, err);
    if (!rc && !snapshot)
        rc = evo_pg_guard(pg, o->expect_database, o->expect_system_identifier, err);
    if (!rc)
        rc = begin(w, pg, snapshot, err);
    if (rc)
        return rc;
    w->sessions[w->nsessions++] = pg;
    w->idle[w->nidle++] = pg;
    pg = NULL;
    return EVO_OK;
}

/* More sessions in the first one's snapshot. One that is not to be had only makes it slower. */
static enum evo_errc open_more(struct work *w, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    size_t wanted = (size_t)(w->options->jobs > 0 ? w->options->jobs : 1);
    if (wanted > EVO_PARALLEL_MAX)
        wanted = EVO_PARALLEL_MAX;
    if (wanted > w->count)
        wanted = w->count;
    if (wanted <= 1)
        return EVO_OK;
    enum evo_errc rc = evo_pg_query(w->sessions[0], "SELECT pg_export_snapshot()", 0, NULL, &r, err);
    while (!rc && w->nsessions < wanted) {
        struct evo_error why = EVO_ERROR_INIT;
        rc = open_session(w, evo_pg_value(r, 0, 0), &why);
        if (rc == EVO_ERR_CANCELLED) {
            if (err)
                *err = why;
            return rc;
        }
        if (rc) {
            evo_notice(w->options->task, "%zu session%s instead of %zu: %s", w->nsessions,
                       w->nsessions == 1 ? "" : "s", wanted, why.message);
            return EVO_OK;
        }
    }
    return rc;
}

static struct evo_pg *take_session(struct work *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    struct evo_pg *pg = w->idle[--w->nidle];
    (void)pthread_mutex_unlock(&w->mutex);
    return pg;
}

static void give_session(struct work *w, struct evo_pg *pg)
{
    (void)pthread_mutex_lock(&w->mutex);
    w->idle[w->nidle++] = pg;
    (void)pthread_mutex_unlock(&w->mutex);
}

/* ---- what there is -------------------------------------------------------------- */

static enum evo_errc ask(struct work *w, const char *sql, struct evo_pg_result **ret, struct evo_error *err)
{
    return evo_pg_query(w->sessions[0], sql, 2, (const char *const[]){ w->tables, w->schemas }, ret, err);
}

/* The server's words for an expression wait for whoever has locked its table. */
static enum evo_errc refused(struct evo_error *err, const char *what, const char *of)
{
    if (err && err->code == EVO_ERR_LOCK_UNAVAILABLE)
        (void)evo_error_hint(err, "Somebody changes a table: try again later, or choose others by --table.");
    return evo_error_prefix(err, "%s %s", what, of);
}

/* A name that was misspelt must not look like a database without faults. */
static enum evo_errc find_names(struct work *w, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = ask(w,
                           "SELECT 'table', t FROM unnest($1::text[]) t WHERE NOT EXISTS (SELECT FROM "
                           "pg_class c JOIN pg_namespace n ON "
                           "n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND (c.relname = t OR "
                           "n.nspname::text || '.' || "
                           "c.relname = t)) UNION ALL SELECT 'schema', s FROM unnest($2::text[]) s WHERE NOT "
                           "EXISTS (SELECT FROM "
                           "pg_namespace n WHERE n.nspname = s)",
                           &r, err);
    if (rc || evo_pg_rows(r) == 0)
        return rc;
    (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "no %s \"%s\" in database \"%s\"", evo_pg_value(r, 0, 0),
                        evo_pg_value(r, 0, 1), evo_pg_database(w->sessions[0]));
    return evo_error_hint(err, "Names are exact, as in \"orders\" or \"public.orders\".");
}

static enum evo_errc find_amcheck(struct work *w, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    enum evo_errc rc = evo_pg_query(
        w->sessions[0],
        "SELECT quote_ident(n.nspname), bool_and(has_function_privilege(p.oid, 'EXECUTE')) FROM "
        "pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace JOIN pg_depend d ON d.refclassid "
        "= 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass JOIN "
        "pg_proc p ON p.oid = d.objid WHERE e.extname = 'amcheck' AND p.proname = 'bt_index_check' "
        "GROUP BY 1",
        0, NULL, &r, err);
    if (rc)
        return rc;
    if (evo_pg_rows(r)) {
        w->amcheck = copy(r, 0, 0);
        w->may_amcheck = evo_pg_value_bool(r, 0, 1);
    }
    if (!w->options->heapallindexed || w->may_amcheck)
        return EVO_OK;
    if (w->amcheck) {
        (void)evo_error_set(err, EVO_ERR_PERMISSION, "permission denied for the functions of amcheck");
        return evo_error_hint(err, "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %s TO the role that evo uses.",
                              w->amcheck);
    }
    (void)evo_error_set(err, EVO_ERR_UNSUPPORTED,
                        "indexes cannot be held against rows without the extension amcheck");
    (void)evo_error_hint(err, "As a superuser: CREATE EXTENSION amcheck");
    return evo_error_next(err, "psql \"%s\" -c 'CREATE EXTENSION amcheck'", evo_pg_redacted(w->sessions[0]));
}

static enum evo_errc list_objects(struct work *w, const struct evo_row_check *check, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (check == evo_row_check_structure && !w->may_amcheck)
        return EVO_OK;
    enum evo_errc rc = ask(w, check->list, &r, err);
    if (rc)
        return refused(err, "could not list the", check->many);
    for (int row = 0; row < evo_pg_rows(r); row++) {
        EVO_GROW(w->items, w->count, w->alloc);
        struct evo_row_item *item = &w->items[w->count++];
        *item = (struct evo_row_item){ .check = check,
                                       .table = copy(r, row, 0),
                                       .object = copy(r, row, 1),
                                       .rows = evo_pg_value_int(r, row, 2, 0),
                                       .bytes = evo_pg_value_int(r, row, 3, 0),
                                       .why_not = copy(r, row, 4) };
        for (int part = 0; part < EVO_INTEGRITY_PARTS && 5 + part < evo_pg_columns(r); part++)
            item->part[part] = copy(r, row, 5 + part);
    }
    return EVO_OK;
}

/* The longest work first, so that no session has it alone at the end. */
static int compare_items(const void *a, const void *b)
{
    const struct evo_row_item *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    int order = strcmp(x->table, y->table);
    return order ? order : strcmp(x->object, y->object);
}

static enum evo_errc look_at_catalog(struct work *w, const struct evo_catalog_check *check,
                                     struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) r = NULL;
    if (evo_pg_version(w->sessions[0]) < check->since)
        return EVO_OK;
    enum evo_errc rc = ask(w, check->sql, &r, err);
    if (rc)
        return refused(err, "could not look for", check->name);
    for (int row = 0; row < evo_pg_rows(r); row++) {
        bool fails = evo_streq(evo_pg_value(r, row, 0), "fail");
        add(w, (struct evo_finding){ .check = check->name,
                                     .verdict = fails ? EVO_FINDING_FAIL : EVO_FINDING_WARN,
                                     .table = copy(r, row, 1),
                                     .object = copy(r, row, 2),
                                     .count = evo_pg_value_int(r, row, 3, -1),
                                     .sampled = -1,
                                     .message = copy(r, row, 4),
                                     .statement = copy(r, row, 5),
                                     .next = copy(r, row, 6) });
    }
    return EVO_OK;
}

/* ---- one object ------------------------------------------------------------------ */

static void note(struct work *w, const struct evo_row_item *item, const struct evo_row_outcome *outcome)
{
    size_t check = (size_t)(item->check - evo_row_checks);
    (void)pthread_mutex_lock(&w->mutex);
    if (outcome->found)
        add(w, outcome->finding);
    w->found->unmade += !outcome->made && !item->why_not;
    w->made[check] += outcome->made;
    w->sampled[check] += outcome->sampled >= 0;
    w->done++;
    const struct evo_progress progress = { .what = "integrity",
                                           .items = w->done,
                                           .items_total = w->count,
                                           .item = "checks",
                                           .current = item->table,
                                           .done = w->done == w->count };
    evo_task_progress(w->options->task, &progress);
    (void)pthread_mutex_unlock(&w->mutex);
}

static enum evo_errc look(void *ctx, size_t i, struct evo_error *err)
{
    struct work *w = ctx;
    const struct evo_row_item *item = &w->items[i];
    struct evo_row_outcome outcome = { .sampled = -1 };
    struct evo_pg *pg = take_session(w);
    enum evo_errc rc = evo_row_look(pg, item, w->options, &outcome, err);
    give_session(w, pg);
    if (rc)
        return evo_error_prefix(err, "%s \"%s\"", item->check->one, item->object);
    note(w, item, &outcome);
    return EVO_OK;
}

/* ---- the result ---------------------------------------------------------------------- */

static bool has_finding(const struct work *w, const char *check)
{
    for (size_t i = 0; i < w->found->count; i++)
        if (evo_streq(w->found->items[i].check, check))
            return true;
    return false;
}

static void add_fine(struct work *w, const char *check, char *message)
{
    if (has_finding(w, check)) {
        free(message);
        return;
    }
    add(w, (struct evo_finding){ .check = check, .count = 0, .sampled = -1, .message = message });
}

static void add_amcheck(struct work *w)
{
    const char *check = evo_row_check_structure->name;
    if (w->amcheck)
        add(w, (struct evo_finding){
                   .check = check,
                   .verdict = EVO_FINDING_WARN,
                   .count = -1,
                   .sampled = -1,
                   .message = evo_strdup("not looked at: permission denied for the functions of amcheck"),
                   .unmade = true });
    else
        add(w, (struct evo_finding){ .check = check,
                                     .count = -1,
                                     .sampled = -1,
                                     .message =
                                         evo_strdup("not looked at: the extension amcheck is not installed"),
                                     .next = evo_strdup("CREATE EXTENSION amcheck"),
                                     .unmade = true });
}

/* Each check says something, so that one that was never made cannot be taken for one that found nothing. */
static void add_rest(struct work *w)
{
    for (size_t i = 0; i < evo_row_checks_count; i++) {
        const struct evo_row_check *check = &evo_row_checks[i];
        if (check == evo_row_check_structure && !w->may_amcheck)
            add_amcheck(w);
        else if (w->made[i])
            add_fine(w, check->name,
                     evo_asprintf("%zu %s: %s%s", w->made[i], w->made[i] == 1 ? check->one : check->many,
                                  check->none, w->sampled[i] ? ", in a sample of the rows" : ""));
        else
            add_fine(w, check->name, evo_asprintf("no %s", check->one));
    }
    for (size_t i = 0; i < evo_catalog_checks_count; i++)
        add_fine(w, evo_catalog_checks[i].name, evo_strdup("none"));
    evo_integrity_sort(w->found);
}

static enum evo_errc run(struct work *w, struct evo_error *err)
{
    enum evo_errc rc = open_session(w, NULL, err);
    if (!rc)
        rc = find_names(w, err);
    if (!rc)
        rc = find_amcheck(w, err);
    for (size_t i = 0; i < evo_catalog_checks_count && !rc; i++)
        rc = look_at_catalog(w, &evo_catalog_checks[i], err);
    for (size_t i = 0; i < evo_row_checks_count && !rc; i++)
        rc = list_objects(w, &evo_row_checks[i], err);
    if (rc)
        return rc;
    if (w->count)
        qsort(w->items, w->count, sizeof(*w->items), compare_items);
    rc = open_more(w, err);
    if (!rc)
        rc = evo_parallel(w->count, (int)w->nsessions, look, w, err);
    if (rc)
        return rc;
    add_rest(w);
    return evo_integrity_verdict(w->found, err);
}

enum evo_errc evo_integrity_run(const struct evo_integrity_options *o, struct evo_integrity *ret,
                                struct evo_error *err)
{
    EVO_AUTO(integrity) found = { 0 };
    struct work w = { .options = o,
                      .found = &found,
                      .tables = evo_integrity_array(o->tables),
                      .schemas = evo_integrity_array(o->schemas),
                      .made = evo_calloc(evo_row_checks_count, sizeof(*w.made)),
                      .sampled = evo_calloc(evo_row_checks_count, sizeof(*w.sampled)) };
    (void)pthread_mutex_init(&w.mutex, NULL);
    enum evo_errc rc = run(&w, err);
    release(&w);
    if (!rc || rc == EVO_ERR_INCONSISTENT || rc == EVO_ERR_INCOMPLETE) {
        *ret = found;
        found = (struct evo_integrity){ 0 };
    }
    return rc;
}
