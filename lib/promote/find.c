/*
 * The reading half of promote.h: passports of another environment, and the one that allows what is pending here. Apart from
 * promote.c, so that a program that only reads (evo-status) need not load what writing takes: codecs and libarchive.
 */
#include "base/clock.h"
#include "base/file.h"
#include "promote/promote.h"

/* How far the clocks of two runners may differ. */
#define AHEAD_MS     (5 * 60 * 1000)
#define PASSPORT_MAX ((size_t)16 << 20)

void evo_passports_release(struct evo_passports *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++) {
        evo_passport_release(&p->items[i]);
        free(p->keys[i]);
    }
    free(p->items);
    free(p->keys);
    *p = (struct evo_passports){ 0 };
}

/* A passport counts only for the environment it was written for and the time it was written at: one copied into another
 * folder, or dated ahead, is no evidence. */
static enum evo_errc check_place(const struct evo_passport *p, const char *key, const char *environment,
                                 struct evo_error *err)
{
    char when[EVO_TIME_MAX];
    if (!evo_streq(p->environment, environment))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" is the passport of environment \"%s\"", key,
                             p->environment ? p->environment : "");
    if (p->created_ms > evo_wall_ms() + AHEAD_MS)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" says it was written at %s, which is not yet",
                             key, evo_format_time(p->created_ms, when));
    if (!evo_starts_with(evo_path_base(key), evo_format_time_compact(p->created_ms, when)))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" says another time than its name", key);
    return EVO_OK;
}

static enum evo_errc load(struct evo_store *store, const char *key, struct evo_passport *ret,
                          struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    enum evo_errc rc = evo_store_get(store, key, PASSPORT_MAX, &text, err);
    return rc ? rc : evo_passport_parse(text.buf, text.len, key, ret, err);
}

enum evo_errc evo_promote_list(struct evo_store *store, const char *environment, int64_t max_age_ms,
                               size_t limit, struct evo_passports *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) prefix = EVO_STRBUF_INIT;
    evo_store_key_append(&prefix, "passports");
    evo_store_key_append(&prefix, environment);
    evo_strbuf_addch(&prefix, '/');
    EVO_AUTO(store_list) list = { 0 };
    enum evo_errc rc = evo_store_list_prefix(store, prefix.buf, true, &list, err);
    if (rc)
        return rc;
    ret->items = evo_calloc(list.count, sizeof(*ret->items));
    ret->keys = evo_calloc(list.count, sizeof(*ret->keys));
    int64_t now = evo_wall_ms();
    /* Names begin with the time: byte order is the order in time, the newest last. */
    for (size_t i = list.count; i > 0 && !rc && (!limit || ret->count < limit); i--) {
        const char *key = list.items[i - 1].key;
        if (!evo_ends_with(key, ".json"))
            continue;
        EVO_AUTO(passport) p = { 0 };
        rc = load(store, key, &p, err);
        if (!rc)
            rc = check_place(&p, key, environment, err);
        if (rc)
            break;
        if (max_age_ms >= 0 && now - p.created_ms > max_age_ms) {
            ret->expired++;
            continue;
        }
        ret->items[ret->count] = p;
        ret->keys[ret->count++] = evo_strdup(key);
        p = (struct evo_passport){ 0 };
    }
    return rc;
}

/* Here, in a passport's form: what is applied in order, then what would be applied. */
static enum evo_errc view_as_passport(const struct evo_promote_view *v, struct evo_passport *here,
                                      size_t *ret_applied, struct evo_error *err)
{
    enum evo_errc rc = evo_passport_fill(here, &v->project, &v->state, err);
    *ret_applied = here->count;
    for (size_t i = 0; i < v->state.count && !rc; i++) {
        const struct evo_state_item *item = &v->state.items[i];
        if (item->state != EVO_STATE_PENDING)
            continue;
        EVO_GROW(here->items, here->count, here->alloc);
        struct evo_passport_migration *m = &here->items[here->count++];
        *m = (struct evo_passport_migration){ .name = evo_strdup(item->name),
                                              .checksum = evo_strdup(item->file->checksum) };
        rc = evo_passport_hash(&v->project, item->file, &m->paths, &m->hashes, &m->hash, err);
    }
    return rc;
}

static enum evo_errc refuse(const struct evo_differences *d, const char *from, struct evo_error *err)
{
    EVO_AUTO(strbuf) detail = EVO_STRBUF_INIT;
    for (size_t i = 0; i < d->count; i++)
        evo_strbuf_addf(&detail, "%s%s.", i ? "\n" : "", d->items[i].message);
    (void)evo_error_set(err, EVO_ERR_PROMOTION_REFUSED, "\"%s\" has not proved what would be applied here",
                        from);
    (void)evo_error_detail(err, "%s", detail.buf);
    (void)evo_error_migration(err, d->items[0].migration);
    (void)evo_error_hint(err, "Deploy this commit to \"%s\" first, then here; nothing was changed.", from);
    return evo_error_next(err, "evo deploy --environment %s", from);
}

enum evo_errc evo_promote_check(const struct evo_passports *passports, const struct evo_promote_view *view,
                                const char *from, size_t *ret_index, struct evo_differences *differences,
                                struct evo_error *err)
{
    if (!passports->count) {
        (void)evo_error_set(err, EVO_ERR_PROMOTION_REFUSED, "there is no passport of \"%s\"", from);
        if (passports->expired)
            (void)evo_error_detail(err, "%zu older than the maximum age were left out.", passports->expired);
        (void)evo_error_hint(err, "Deploy to \"%s\" first: a green run there writes one.", from);
        return evo_error_next(err, "evo deploy --environment %s", from);
    }
    EVO_AUTO(passport) here = { 0 };
    size_t applied = 0;
    enum evo_errc rc = view_as_passport(view, &here, &applied, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < passports->count; i++) {
        EVO_AUTO(differences) found = { 0 };
        evo_promote_compare(&passports->items[i], &here, applied, &found);
        if (!found.count) {
            *ret_index = i;
            return EVO_OK;
        }
        if (i == 0) { /* the newest one says best what is missing */
            *differences = found;
            found = (struct evo_differences){ 0 };
        }
    }
    return refuse(differences, from, err);
}
