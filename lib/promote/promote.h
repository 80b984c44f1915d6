/*
 * promote.h - writing a passport, finding the one that lets production start.
 */
#ifndef EVO_PROMOTE_PROMOTE_H
#define EVO_PROMOTE_PROMOTE_H

#include "base/task.h"
#include "layout/state.h"
#include "pg/conn.h"
#include "promote/check.h"
#include "promote/schema.h"
#include "store/store.h"

/* What both directions look at: the folder, the ledger, and the two side by side. */
struct evo_promote_view {
    struct evo_project project;
    struct evo_ledger ledger;
    struct evo_state state;
};
void evo_promote_view_release(struct evo_promote_view *v);
EVO_DEFINE_AUTO(promote_view);
enum evo_errc evo_promote_look(struct evo_pg *pg, const char *schema, const char *root, const char *layout,
                               const char *migrations, struct evo_promote_view *ret,
                               struct evo_error *err) EVO_CHECK;

/* Writes the passport of what the run directory (NULL: none) and the ledger show, write-once, and the tar of the files
 * beside it. Refuses (EVO_ERR_PROMOTION_REFUSED, said why) what is not green: a failed or edited migration, a probe or
 * health check of this run that did not pass. ret->… describes it; *ret_key is its key in the store (heap). */
enum evo_errc evo_promote_record(struct evo_store *store, struct evo_pg *pg,
                                 const struct evo_promote_view *view, const char *environment,
                                 const char *run_dir, struct evo_task *task, struct evo_passport *ret,
                                 char **ret_key, struct evo_error *err) EVO_CHECK;

/* Newest first, at most `limit` (0: all), of one environment; those older than max_age_ms (-1: any age) are left out.
 * A passport that cannot be read as one is EVO_ERR_INTEGRITY, named. */
struct evo_passports {
    struct evo_passport *items;
    char **keys;
    size_t count;
    size_t expired; /* left out for their age */
};
void evo_passports_release(struct evo_passports *p);
EVO_DEFINE_AUTO(passports);
enum evo_errc evo_promote_list(struct evo_store *store, const char *environment, int64_t max_age_ms,
                               size_t limit, struct evo_passports *ret, struct evo_error *err) EVO_CHECK;

/* Looks for a passport of `from` that allows what the view would apply. EVO_OK: *ret_passport (borrowed from `passports`) is
 * it. EVO_ERR_PROMOTION_REFUSED: differences to the newest one. */
enum evo_errc evo_promote_check(const struct evo_passports *passports, const struct evo_promote_view *view,
                                const char *from, size_t *ret_index, struct evo_differences *differences,
                                struct evo_error *err) EVO_CHECK;

/* Is the schema here one that `from` passed through? Asked when the migrations are allowed. EVO_ERR_PROMOTION_REFUSED: it
 * is another one, with what differs in `differences`; *ret_verdict is set then, too. What no passport says is no reason
 * to refuse: the verdict says so. */
enum evo_errc evo_promote_check_schema(const struct evo_passports *passports,
                                       const struct evo_promote_view *view, struct evo_store *store,
                                       struct evo_pg *pg, const char *from, struct evo_task *task,
                                       enum evo_schema_verdict *ret_verdict,
                                       struct evo_differences *differences, struct evo_error *err) EVO_CHECK;

#endif
