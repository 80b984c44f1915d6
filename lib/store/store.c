#include "store/store.h"

#include "base/encode.h"
#include "base/file.h"
#include "base/utf8.h"
#include "store/backend.h"
#include "store/local.h"
#include "store/s3.h"

#define SEGMENT_MAX 200
#define KEY_MAX     900 /* S3 takes 1024 bytes; the rest is for the store's own prefix */

/* ---- keys ---- */

/* One segment of n bytes. */
static bool segment_valid(const char *s, size_t n)
{
    if (n == 0 || n >= SEGMENT_MAX)
        return false;
    if (s[0] == '.' && (n == 1 || (n == 2 && s[1] == '.')))
        return false;
    if (n >= strlen(EVO_LOCAL_TEMPORARY) && strncmp(s, EVO_LOCAL_TEMPORARY, strlen(EVO_LOCAL_TEMPORARY)) == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
    return evo_utf8_valid(s, n);
}

bool evo_store_key_valid(const char *key)
{
    if (strlen(key) > KEY_MAX)
        return false;
    for (;;) {
        size_t n = strcspn(key, "/");
        if (!segment_valid(key, n))
            return false;
        if (!key[n])
            return true;
        key += n + 1;
    }
}

/* A prefix is a key whose last segment may be unfinished or missing. */
static bool prefix_valid(const char *prefix)
{
    EVO_AUTO_STR probe = evo_asprintf("%sx", prefix);
    return evo_store_key_valid(probe);
}

static enum evo_errc check_key(const char *key, struct evo_error *err)
{
    if (evo_store_key_valid(key))
        return EVO_OK;
    evo_error_set(err, EVO_ERR_USAGE, "cannot use \"%s\" as the name of an object in the store", key);
    return evo_error_detail(err,
                            "A name is made of segments between \"/\" that are not empty, \".\" or \"..\", "
                            "hold no control characters, and are shorter than %d bytes.",
                            SEGMENT_MAX);
}

void evo_store_key_append(struct evo_strbuf *key, const char *segment)
{
    if (key->len)
        evo_strbuf_addch(key, '/');
    size_t start = key->len;
    if (segment[0] == '.') {
        /* ".", "..", and the names of temporary files; a leading dot would also hide the folder. */
        evo_strbuf_adds(key, "%2E");
        segment++;
    }
    evo_percent_encode(key, segment, strlen(segment), NULL);
    if (key->len == start)
        evo_strbuf_adds(key, "%"); /* a segment cannot be empty; nothing else becomes a lone percent sign */
}

/* ---- open and close ---- */

enum evo_errc evo_store_open(const struct evo_store_options *o, struct evo_store **ret, struct evo_error *err)
{
    if (!o->url || !*o->url) {
        evo_error_set(err, EVO_ERR_CONFIG, "no store is configured");
        return evo_error_hint(err, "Set EVO_STORE or --store to s3://bucket/prefix or to a folder.");
    }
    if (evo_starts_with(o->url, "s3://"))
        return evo_s3_open(o, ret, err);
    /* "s3:/bucket" too: a slip must not write a backup into the checkout. */
    size_t word = strspn(o->url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    const char *scheme_end = word && o->url[word] == ':' ? o->url + word : NULL;
    if (scheme_end) {
        evo_error_set(err, EVO_ERR_CONFIG, "cannot use a store of kind \"%.*s\"",
                      (int)(scheme_end - o->url > 32 ? 32 : scheme_end - o->url), o->url);
        return evo_error_hint(err, "Set EVO_STORE or --store to s3://bucket/prefix or to a folder.");
    }
    return evo_local_open(o, ret, err);
}

void evo_store_close(struct evo_store *store)
{
    if (store)
        store->ops->close(store);
}

const char *evo_store_url(const struct evo_store *store)
{
    return store->url;
}

enum evo_errc evo_store_must_exist(const struct evo_store *store, struct evo_error *err)
{
    if (evo_store_is_s3(store) || evo_is_dir(store->url))
        return EVO_OK;
    bool there = access(store->url, F_OK) == 0;
    evo_error_set(err, EVO_ERR_STORE, "the store's folder \"%s\" %s", store->url,
                  there ? "is no folder" : "does not exist");
    return evo_error_hint(err, "Is it mounted? See to --store and EVO_STORE: evo-backup list --show-config");
}

bool evo_store_is_s3(const struct evo_store *store)
{
    return evo_starts_with(store->url, "s3://");
}

enum evo_errc evo_store_check(struct evo_store *store, struct evo_error *err)
{
    return store->ops->check(store, err);
}

/* ---- objects ---- */

enum evo_errc evo_store_put(struct evo_store *store, const char *key, const void *data, size_t n,
                            unsigned flags, struct evo_error *err)
{
    enum evo_errc rc = check_key(key, err);
    return rc ? rc : store->ops->put(store, key, data, n, flags, err);
}

enum evo_errc evo_store_read(struct evo_store *store, const char *key, uint64_t offset, uint64_t length,
                             evo_store_sink *sink, void *ctx, struct evo_error *err)
{
    enum evo_errc rc = check_key(key, err);
    return rc ? rc : store->ops->read(store, key, offset, length, sink, ctx, err);
}

struct collector {
    struct evo_strbuf *out;
    size_t max, got;
    const char *key;
};

static enum evo_errc collect(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct collector *c = ctx;
    if (n > c->max - c->got || !evo_strbuf_reserve(c->out, n))
        return evo_error_set(err, EVO_ERR_STORE, "cannot read \"%s\": larger than %zu bytes", c->key, c->max);
    evo_strbuf_add(c->out, data, n);
    c->got += n;
    return EVO_OK;
}

enum evo_errc evo_store_get(struct evo_store *store, const char *key, size_t max, struct evo_strbuf *out,
                            struct evo_error *err)
{
    struct collector c = { .out = out, .max = max, .key = key };
    size_t before = out->len;
    enum evo_errc rc = evo_store_read(store, key, 0, UINT64_MAX, collect, &c, err);
    if (rc)
        evo_strbuf_truncate(out, before);
    return rc;
}

enum evo_errc evo_store_stat(struct evo_store *store, const char *key, struct evo_store_stat *ret,
                             struct evo_error *err)
{
    enum evo_errc rc = check_key(key, err);
    return rc ? rc : store->ops->stat(store, key, ret, err);
}

enum evo_errc evo_store_remove(struct evo_store *store, const char *key, struct evo_error *err)
{
    enum evo_errc rc = check_key(key, err);
    return rc ? rc : store->ops->remove(store, key, err);
}

/* ---- listing ---- */

void evo_store_list_release(struct evo_store_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].key);
    free(list->items);
    evo_strvec_release(&list->folders);
    memset(list, 0, sizeof(*list));
}

void evo_store_list_add(struct evo_store_list *list, const char *key, uint64_t size, int64_t mtime_ms)
{
    EVO_GROW(list->items, list->count, list->alloc);
    list->items[list->count++] =
        (struct evo_store_entry){ .key = evo_strdup(key), .size = size, .mtime_ms = mtime_ms };
}

size_t evo_store_prefix_folder(const char *prefix)
{
    const char *slash = strrchr(prefix, '/');
    return slash ? (size_t)(slash - prefix) + 1 : 0;
}

static int by_key(const void *a, const void *b)
{
    const struct evo_store_entry *x = a, *y = b;
    return strcmp(x->key, y->key);
}

/* Sorts, and keeps one of each: a server that pages in another order may tell an entry twice. */
static void tidy(struct evo_store_list *list)
{
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), by_key);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept && evo_streq(list->items[kept - 1].key, list->items[i].key))
            free(list->items[i].key);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
    if (!list->folders.count)
        return;
    evo_strvec_sort(&list->folders);
    EVO_AUTO(strvec) once = EVO_STRVEC_INIT;
    for (size_t i = 0; i < list->folders.count; i++)
        if (!i || !evo_streq(list->folders.items[i - 1], list->folders.items[i]))
            evo_strvec_push(&once, list->folders.items[i]);
    struct evo_strvec old = list->folders;
    list->folders = once;
    once = old;
}

enum evo_errc evo_store_list_prefix(struct evo_store *store, const char *prefix, bool flat,
                                    struct evo_store_list *ret, struct evo_error *err)
{
    if (!prefix_valid(prefix))
        return evo_error_set(err, EVO_ERR_USAGE, "cannot list \"%s\": not a possible beginning of a name",
                             prefix);
    EVO_AUTO(store_list) list = { 0 };
    enum evo_errc rc = store->ops->list(store, prefix, flat, &list, err);
    if (rc)
        return rc;
    tidy(&list);
    evo_store_list_release(ret);
    *ret = list;
    memset(&list, 0, sizeof(list));
    return EVO_OK;
}

/* ---- unfinished uploads ---- */

void evo_store_uploads_release(struct evo_store_uploads *uploads)
{
    if (!uploads)
        return;
    for (size_t i = 0; i < uploads->count; i++) {
        free(uploads->items[i].key);
        free(uploads->items[i].id);
    }
    free(uploads->items);
    memset(uploads, 0, sizeof(*uploads));
}

void evo_store_uploads_add(struct evo_store_uploads *uploads, const char *key, const char *id,
                           int64_t started_ms)
{
    EVO_GROW(uploads->items, uploads->count, uploads->alloc);
    uploads->items[uploads->count++] =
        (struct evo_store_upload){ .key = evo_strdup(key), .id = evo_strdup(id), .started_ms = started_ms };
}

static int by_key_and_id(const void *a, const void *b)
{
    const struct evo_store_upload *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : strcmp(x->id, y->id);
}

static void tidy_uploads(struct evo_store_uploads *u)
{
    if (u->count)
        qsort(u->items, u->count, sizeof(*u->items), by_key_and_id);
    size_t kept = 0;
    for (size_t i = 0; i < u->count; i++) {
        if (kept && by_key_and_id(&u->items[kept - 1], &u->items[i]) == 0) {
            free(u->items[i].key);
            free(u->items[i].id);
        } else {
            u->items[kept++] = u->items[i];
        }
    }
    u->count = kept;
}

enum evo_errc evo_store_list_uploads(struct evo_store *store, const char *prefix,
                                     struct evo_store_uploads *ret, struct evo_error *err)
{
    if (!prefix_valid(prefix) || (*prefix && !evo_ends_with(prefix, "/")))
        return evo_error_set(err, EVO_ERR_USAGE, "cannot list uploads below \"%s\": not the name of a folder",
                             prefix);
    EVO_AUTO(store_uploads) uploads = { 0 };
    enum evo_errc rc = store->ops->list_uploads(store, prefix, &uploads, err);
    if (rc)
        return rc;
    tidy_uploads(&uploads);
    evo_store_uploads_release(ret);
    *ret = uploads;
    memset(&uploads, 0, sizeof(uploads));
    return EVO_OK;
}

enum evo_errc evo_store_abort_upload(struct evo_store *store, const struct evo_store_upload *u,
                                     struct evo_error *err)
{
    return store->ops->abort_upload(store, u, err);
}

/* ---- streams ---- */

enum evo_errc evo_store_writer_open(struct evo_store *store, const char *key, size_t part_size,
                                    struct evo_store_writer **ret, struct evo_error *err)
{
    enum evo_errc rc = check_key(key, err);
    if (rc)
        return rc;
    struct evo_store_writer *w = NULL;
    rc = store->ops->writer_open(store, key, part_size, &w, err);
    if (rc)
        return rc;
    w->sha256 = evo_sha256_new();
    *ret = w;
    return EVO_OK;
}

static enum evo_errc refuse_ended(const struct evo_store_writer *w, struct evo_error *err)
{
    if (!w->ended)
        return EVO_OK;
    return evo_error_set(err, EVO_ERR_INTERNAL, "cannot continue a stream that has ended");
}

enum evo_errc evo_store_writer_write(struct evo_store_writer *w, const void *data, size_t n,
                                     struct evo_error *err)
{
    enum evo_errc rc = refuse_ended(w, err);
    if (rc || !n)
        return rc;
    rc = w->ops->write(w, data, n, err);
    if (rc) {
        w->ended = true;
        return rc;
    }
    evo_sha256_update(w->sha256, data, n);
    w->size += n;
    return EVO_OK;
}

uint64_t evo_store_writer_room(const struct evo_store_writer *w)
{
    return w->ops->room ? w->ops->room(w) : UINT64_MAX;
}

enum evo_errc evo_store_writer_commit(struct evo_store_writer *w, char sha256[65], uint64_t *ret_size,
                                      struct evo_error *err)
{
    enum evo_errc rc = refuse_ended(w, err);
    if (rc)
        return rc;
    w->ended = true;
    rc = w->ops->commit(w, err);
    if (rc)
        return rc;
    if (sha256) {
        unsigned char digest[EVO_SHA256_SIZE];
        evo_sha256_final(w->sha256, digest);
        evo_sha256_format(digest, sha256);
    }
    if (ret_size)
        *ret_size = w->size;
    return EVO_OK;
}

void evo_store_writer_free(struct evo_store_writer *w)
{
    if (!w)
        return;
    evo_sha256_free(w->sha256);
    w->sha256 = NULL;
    w->ops->free(w);
}
