#include "store/s3.h"

#define PAGE_MAX      ((size_t)16 << 20)
#define ENTRIES_MAX   ((size_t)5000000)
#define KEY_BYTES_MAX 1024

static enum evo_errc get_page(struct evo_s3_client *c, const char *prefix, bool flat, const char *token,
                              int max_keys, struct evo_s3_page *ret, struct evo_error *err)
{
    char count[16];
    (void)snprintf(count, sizeof(count), "%d", max_keys);
    struct evo_s3_param params[5] = { { "list-type", "2" }, { "prefix", prefix }, { "max-keys", count } };
    size_t n = 3;
    if (!flat)
        params[n++] = (struct evo_s3_param){ "delimiter", "/" };
    if (token)
        params[n++] = (struct evo_s3_param){ "continuation-token", token };
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "GET",
                                .action = "s3:ListBucket",
                                .params = params,
                                .param_count = n,
                                .max_body = PAGE_MAX,
                                .error_in_200 = true };
    enum evo_errc rc = evo_s3_send(c, &r, &answer, err);
    if (rc)
        return rc;
    if (!evo_s3_xml_page(answer.http.body.buf, answer.http.body.len, ret)) {
        evo_error_set(err, EVO_ERR_STORE, "cannot understand the store's list of bucket \"%s\"",
                      c->url.bucket);
        return evo_error_hint(err, "Check that --s3-endpoint names an S3 server.");
    }
    return EVO_OK;
}

/* Puts a page's entries, relative to the store, into the list. */
static enum evo_errc add_page(const struct evo_s3_client *c, const char *full_prefix,
                              const struct evo_s3_page *page, struct evo_store_list *list,
                              struct evo_error *err)
{
    size_t base = strlen(c->url.prefix), folder = evo_store_prefix_folder(full_prefix);
    for (size_t i = 0; i < page->list.count; i++) {
        const struct evo_store_entry *e = &page->list.items[i];
        if (!evo_starts_with(e->key, full_prefix) || strlen(e->key) > KEY_BYTES_MAX)
            return evo_error_set(err, EVO_ERR_STORE,
                                 "cannot understand the store's list: \"%.200s\" is not below \"%s\"", e->key,
                                 full_prefix);
        /* Names that no key can have ("folder/", "a//b") are somebody else's. */
        if (evo_store_key_valid(e->key + base))
            evo_store_list_add(list, e->key + base, e->size, e->mtime_ms);
    }
    for (size_t i = 0; i < page->list.folders.count; i++) {
        const char *name = page->list.folders.items[i];
        EVO_AUTO_STR key = evo_strndup(name, strlen(name) ? strlen(name) - 1 : 0);
        if (evo_starts_with(name, full_prefix) && evo_ends_with(name, "/") && strlen(key) > base &&
            evo_store_key_valid(key + base))
            evo_strvec_push(&list->folders, name + folder);
    }
    if (list->count > ENTRIES_MAX)
        return evo_error_set(err, EVO_ERR_STORE, "cannot list \"%s\": more than %zu objects", full_prefix,
                             ENTRIES_MAX);
    return EVO_OK;
}

enum evo_errc evo_s3_list(struct evo_s3_client *c, const char *prefix, bool flat, struct evo_store_list *ret,
                          struct evo_error *err)
{
    EVO_AUTO_STR full = evo_asprintf("%s%s", c->url.prefix, prefix);
    EVO_AUTO_STR token = NULL;
    for (;;) {
        EVO_AUTO(s3_page) page = { 0 };
        enum evo_errc rc = get_page(c, full, flat, token, 1000, &page, err);
        if (!rc)
            rc = add_page(c, full, &page, ret, err);
        if (rc || !page.next)
            return rc;
        if (evo_streq(token, page.next))
            return evo_error_set(err, EVO_ERR_STORE, "cannot list \"%s\": the store repeats itself", full);
        free(token);
        token = page.next;
        page.next = NULL;
    }
}

enum evo_errc evo_s3_list_any(struct evo_s3_client *c, struct evo_error *err)
{
    EVO_AUTO(s3_page) page = { 0 };
    return get_page(c, c->url.prefix, true, NULL, 1, &page, err);
}
