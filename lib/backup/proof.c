#include "backup/proof.h"

#include "base/clock.h"

#define PROOF_MAX ((size_t)16 << 20)
/* Of two that share a second, the later goes a second on; nobody verifies that often. */
#define NAME_TRIES 10

static const char *const kinds[EVO_PROOF_KINDS] = {
    [EVO_PROOF_VERIFY] = "verify", [EVO_PROOF_DRILL] = "drill"
};

const char *evo_proof_kind_name(enum evo_proof_kind kind)
{
    return kinds[kind];
}

void evo_proof_list_release(struct evo_proof_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].key);
    free(list->items);
    *list = (struct evo_proof_list){ 0 };
}

/* ---- record ---- */

static bool copy_member(void *ctx, const char *key, struct evo_json *value)
{
    evo_json_set(ctx, key, evo_json_ref(value));
    return true;
}

enum evo_errc evo_proof_record(struct evo_store *store, const char *prefix, enum evo_proof_kind kind,
                               int64_t at_ms, const struct evo_json *finding, struct evo_error *err)
{
    EVO_AUTO_PTR(json) v = evo_json_object();
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(PROOF_MAX);
    evo_json_set_int(v, "schema", 1);
    evo_json_set_string(v, "kind", kinds[kind]);
    evo_json_set_string(v, "backup", strrchr(prefix, '/') ? strrchr(prefix, '/') + 1 : prefix);
    evo_json_set_time(v, "at", at_ms);
    evo_json_set_string(v, "evo_version", EVO_VERSION);
    evo_json_each(finding, copy_member, v);
    EVO_ASSERT(evo_json_type_of(evo_json_get(v, "ok")) == EVO_JSON_BOOL);
    evo_json_format(v, EVO_JSON_INDENT, &text);
    evo_strbuf_addch(&text, '\n');
    if (!evo_strbuf_ok(&text))
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "cannot record what %s found: larger than %zu MiB",
                             kinds[kind], PROOF_MAX >> 20);
    for (int i = 0;; i++) {
        char time[EVO_TIME_MAX];
        struct evo_error failed = EVO_ERROR_INIT;
        EVO_AUTO_STR key =
            evo_asprintf("%s/" EVO_BACKUP_PROOF "%s-%s.json", prefix,
                         evo_format_time_compact(at_ms + i * (int64_t)1000, time), kinds[kind]);
        enum evo_errc rc = evo_store_put(store, key, text.buf, text.len, EVO_STORE_ONCE, &failed);
        if (!rc)
            return EVO_OK;
        if (failed.exists && i < NAME_TRIES)
            continue;
        if (err)
            *err = failed;
        return rc;
    }
}

/* ---- list and read ---- */

/* "20261122T101500Z-verify.json" */
static bool parse_name(const char *name, struct evo_proof *ret)
{
    static const char form[] = "ddddddddTddddddZ-";
    enum { TIME = sizeof(form) - 1 };
    if (strnlen(name, TIME) < TIME)
        return false;
    for (size_t i = 0; i < TIME; i++)
        if (form[i] == 'd' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
            return false;
    char time[EVO_TIME_MAX];
    (void)snprintf(time, sizeof(time), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", name, name + 4, name + 6, name + 9,
                   name + 11, name + 13);
    if (!evo_parse_time(time, &ret->at_ms))
        return false;
    for (size_t k = 0; k < EVO_PROOF_KINDS; k++) {
        size_t n = strlen(kinds[k]);
        if (strncmp(name + TIME, kinds[k], n) == 0 && evo_streq(name + TIME + n, ".json")) {
            ret->kind = (enum evo_proof_kind)k;
            return true;
        }
    }
    return false;
}

enum evo_errc evo_proof_list(struct evo_store *store, const char *prefix, struct evo_proof_list *ret,
                             struct evo_error *err)
{
    EVO_AUTO(store_list) found = { 0 };
    EVO_AUTO(proof_list) list = { 0 };
    EVO_AUTO_STR under = evo_asprintf("%s/" EVO_BACKUP_PROOF, prefix);
    enum evo_errc rc = evo_store_list_prefix(store, under, true, &found, err);
    if (rc)
        return rc;
    /* By the name, and so by the time: its form is fixed. */
    for (size_t i = 0; i < found.count; i++) {
        struct evo_proof proof = { 0 };
        if (!parse_name(found.items[i].key + strlen(under), &proof))
            continue;
        proof.key = evo_strdup(found.items[i].key);
        EVO_GROW(list.items, list.count, list.alloc);
        list.items[list.count++] = proof;
    }
    evo_proof_list_release(ret);
    *ret = list;
    list = (struct evo_proof_list){ 0 };
    return EVO_OK;
}

enum evo_errc evo_proof_load(struct evo_store *store, const struct evo_proof *proof, struct evo_json **ret,
                             struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(PROOF_MAX);
    EVO_AUTO_PTR(json) v = NULL;
    EVO_AUTO_STR what = evo_asprintf("proof \"%s\"", proof->key);
    enum evo_errc rc = evo_store_get(store, proof->key, PROOF_MAX, &text, err);
    if (!rc)
        rc = evo_json_parse(text.buf, text.len, what, EVO_ERR_INTEGRITY, &v, err);
    if (rc)
        return rc;
    if (!evo_streq(evo_json_get_string(v, "kind", NULL), kinds[proof->kind]) ||
        evo_json_type_of(evo_json_get(v, "ok")) != EVO_JSON_BOOL)
        return evo_error_set(err, EVO_ERR_INTEGRITY, "%s is no finding of %s", what, kinds[proof->kind]);
    *ret = v;
    v = NULL;
    return EVO_OK;
}

enum evo_errc evo_proof_verdicts(struct evo_store *store, const char *prefix,
                                 struct evo_verdict ret[EVO_PROOF_KINDS], struct evo_error *err)
{
    EVO_AUTO(proof_list) list = { 0 };
    struct evo_verdict found[EVO_PROOF_KINDS];
    for (size_t k = 0; k < EVO_PROOF_KINDS; k++)
        found[k] = (struct evo_verdict){ .at_ms = -1 };
    enum evo_errc rc = evo_proof_list(store, prefix, &list, err);
    if (rc)
        return rc;
    for (size_t i = list.count; i-- > 0;) {
        const struct evo_proof *proof = &list.items[i];
        EVO_AUTO_PTR(json) v = NULL;
        struct evo_error why = EVO_ERROR_INIT;
        if (found[proof->kind].at_ms >= 0)
            continue;
        rc = evo_proof_load(store, proof, &v, &why);
        /* One that was spoilt, or removed in between, says nothing; the one before it may. */
        if (rc == EVO_ERR_INTEGRITY || rc == EVO_ERR_NOT_FOUND)
            continue;
        if (rc && err)
            *err = why;
        if (rc)
            return rc;
        found[proof->kind] = (struct evo_verdict){ .at_ms = proof->at_ms,
                                                   .ok = evo_json_get_bool(v, "ok", false),
                                                   .data = evo_streq(evo_json_get_string(v, "reason", NULL),
                                                                     evo_errc_reason(EVO_ERR_PROBE_FALSE)) };
    }
    memcpy(ret, found, sizeof(found));
    return EVO_OK;
}
