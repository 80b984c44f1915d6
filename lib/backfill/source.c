#include "backfill/source.h"

#include "base/file.h"
#include "base/nearest.h"
#include "layout/ledger.h"
#include "layout/state.h"

static enum evo_errc refuse_name(const struct evo_project *p, const char *name, bool exists,
                                 struct evo_error *err)
{
    const char **names = evo_calloc(p->count + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (!exists || p->items[i].companion[EVO_FILE_BACKFILL])
            names[count++] = p->items[i].name;
    const char *nearest = exists ? NULL : evo_nearest_or_part(name, names, count);
    const char *only = exists && count ? names[count - 1] : NULL;
    free(names);
    if (exists)
        evo_error_set(err, EVO_ERR_USAGE, "migration \"%s\" has no backfill.sql", name);
    else
        evo_error_set(err, EVO_ERR_USAGE, "no migration \"%s\" in \"%s\"", name, p->migrations);
    if (nearest)
        return evo_error_hint(err, "Did you mean \"%s\"?", nearest);
    if (only)
        return evo_error_hint(err, "The last one that has is \"%s\".", only);
    return evo_error_hint(err, "A backfill without a file is given by --table and --set.");
}

enum evo_errc evo_backfill_source_load(const struct evo_project *p, const char *name,
                                       struct evo_backfill_form *ret, const char **ret_path,
                                       struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    const struct evo_migration *m = evo_project_find(p, name);
    const char *path = m ? m->companion[EVO_FILE_BACKFILL] : NULL;
    if (!path)
        return refuse_name(p, name, m != NULL, err);
    enum evo_errc rc = evo_file_read(path, EVO_BACKFILL_MAX, &text, err);
    if (rc) {
        if (err)
            err->code = EVO_ERR_CONFIG;
        return EVO_ERR_CONFIG;
    }
    rc = evo_backfill_form_parse(text.buf, text.len, path, ret, err);
    if (!rc)
        *ret_path = path;
    return rc;
}

static enum evo_errc check_state(const struct evo_state *s, const char *name, const char *more,
                                 struct evo_error *err)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct evo_state_item *item = &s->items[i];
        if (!evo_streq(item->name, name))
            continue;
        if (item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED)
            return EVO_OK;
        evo_error_set(err, EVO_ERR_PENDING, "migration \"%s\" is %s: its backfill comes after it", name,
                      evo_state_name(item->state));
        evo_error_migration(err, name);
        return evo_error_next(err, "evo-migrate up%s", more);
    }
    return EVO_OK; /* not in the project: that was refused before */
}

enum evo_errc evo_backfill_source_applied(struct evo_pg *pg, struct evo_project *p, const char *schema,
                                          const char *name, const char *more, struct evo_error *err)
{
    EVO_AUTO(ledger) ledger = { 0 };
    EVO_AUTO(state) state = { 0 };
    enum evo_errc rc = evo_project_settle(pg, schema, p, err);
    if (!rc)
        rc = evo_ledger_load(pg, p, schema, &ledger, err);
    if (!rc)
        rc = evo_state_of(p, &ledger, &state, err);
    return rc ? rc : check_state(&state, name, more, err);
}
