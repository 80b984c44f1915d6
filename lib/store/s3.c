#include "store/s3.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "store/s3_body.h"
#include "store/s3_multipart.h"
#include "store/s3_uploads.h"

#define REGION_DEFAULT "us-east-1"

static struct evo_s3_client *client_of(struct evo_store *store)
{
    return &evo_s3_of(store)->client;
}

static char *full_key(struct evo_store *store, const char *key)
{
    return evo_asprintf("%s%s", client_of(store)->url.prefix, key);
}

/* ---- head ---- */

static enum evo_errc head_from(const struct evo_http_response *http, const char *key, struct evo_s3_head *ret,
                               struct evo_error *err)
{
    struct evo_s3_head head = { .mtime_ms = evo_http_date_ms(evo_http_header(http, "last-modified")),
                                .locked_until_ms = -1 };
    uint64_t start;
    const char *length = evo_http_header(http, "content-length"), *etag = evo_http_header(http, "etag");
    if (!evo_s3_parse_content_range(evo_http_header(http, "content-range"), &start, &head.size) &&
        !(length && evo_parse_uint64(length, INT64_MAX, &head.size)))
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand the store: no size told of \"%s\"", key);
    (void)snprintf(head.etag, sizeof(head.etag), "%s", etag ? etag : "");
    const char *until = evo_http_header(http, "x-amz-object-lock-retain-until-date");
    const char *hold = evo_http_header(http, "x-amz-object-lock-legal-hold");
    /* A time that cannot be read is none that has passed. */
    if (until && *until && !evo_parse_time(until, &head.locked_until_ms))
        head.locked_until_ms = INT64_MAX;
    head.encrypted = evo_http_header(http, EVO_S3_HEADER_SSE) != NULL;
    head.legal_hold = hold && strcasecmp(hold, "ON") == 0;
    *ret = head;
    return EVO_OK;
}

static enum evo_errc take_nothing(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)ctx, (void)data, (void)n, (void)err;
    return EVO_OK;
}

enum evo_errc evo_s3_head(struct evo_s3_client *c, const char *key, struct evo_s3_head *ret,
                          struct evo_error *err)
{
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "HEAD", .action = "s3:GetObject", .key = key };
    enum evo_errc rc = evo_s3_send(c, &r, &answer, err);
    if (!rc)
        return head_from(&answer.http, key, ret, err);
    if (answer.http.status < 400 || answer.http.status >= 500)
        return rc;
    /* A refused HEAD has no body: no such object, or no such bucket? GET tells. */
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    evo_strvec_push(&headers, "Range: bytes=0-0");
    r.method = "GET";
    r.headers = &headers;
    r.sink = take_nothing;
    rc = evo_s3_send(c, &r, &answer, err);
    return rc ? rc : head_from(&answer.http, key, ret, err);
}

static enum evo_errc s3_stat(struct evo_store *store, const char *key, struct evo_store_stat *ret,
                             struct evo_error *err)
{
    EVO_AUTO_STR full = full_key(store, key);
    struct evo_s3_head head;
    enum evo_errc rc = evo_s3_head(client_of(store), full, &head, err);
    if (!rc)
        *ret = (struct evo_store_stat){ .size = head.size,
                                        .mtime_ms = head.mtime_ms,
                                        .locked_until_ms = head.locked_until_ms,
                                        .legal_hold = head.legal_hold };
    return rc;
}

static enum evo_errc s3_read(struct evo_store *store, const char *key, uint64_t offset, uint64_t length,
                             evo_store_sink *sink, void *ctx, struct evo_error *err)
{
    EVO_AUTO_STR full = full_key(store, key);
    return evo_s3_read(client_of(store), full, offset, length, sink, ctx, err);
}

/* ---- put, remove ---- */

static enum evo_errc put(struct evo_s3_client *c, const char *key, const void *data, size_t n, unsigned flags,
                         struct evo_s3_answer *answer, struct evo_error *err)
{
    bool once = flags & EVO_STORE_ONCE;
    struct evo_s3_settings settings = c->settings; /* borrowed */
    if (flags & EVO_STORE_PASSING)
        settings.storage_class = settings.lock_mode = NULL;
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    evo_strvec_push(&headers, "Content-Type: application/octet-stream");
    evo_s3_settings_headers(&settings, evo_wall_ms(), &headers);
    if (once)
        evo_strvec_push(&headers, "If-None-Match: *");
    struct evo_s3_request r = {
        .method = "PUT", .action = "s3:PutObject", .key = key, .body = n ? data : "", .body_len = n
    };
    struct evo_s3_digest digest;
    bool damaged;
    enum evo_errc rc = evo_s3_send_body(c, &r, &headers, answer, &digest, &damaged, err);
    bool plain = false;
    if (!rc) {
        bool encrypted = evo_http_header(&answer->http, EVO_S3_HEADER_SSE) != NULL;
        rc = evo_s3_settings_honoured(&c->settings, key, encrypted, err);
        plain = rc != EVO_OK;
    }
    if (plain || (damaged && !once)) /* damaged, and once: it may be another's */
        evo_s3_remove_wrong(c, key);
    return rc;
}

enum evo_errc evo_s3_put_object(struct evo_s3_client *c, const char *key, const void *data, size_t n,
                                struct evo_error *err)
{
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    return put(c, key, data, n, 0, &answer, err);
}

struct comparison {
    const char *data;
    size_t n, at;
    bool equal;
};

static enum evo_errc compare(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    struct comparison *c = ctx;
    c->equal = c->equal && n <= c->n - c->at && memcmp(c->data + c->at, data, n) == 0;
    if (c->equal)
        c->at += n;
    return EVO_OK;
}

static enum evo_errc exists_error(const char *bucket, const char *key, int status, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_STORE, "cannot create \"s3://%s/%s\": it exists already", bucket, key);
    if (err) {
        err->exists = true;
        err->http_status = status;
    }
    return EVO_ERR_STORE;
}

/* Is what lies under the key what we wrote? It may be another's, where the server ignores If-None-Match. */
static enum evo_errc read_back(struct evo_s3_client *c, const char *full, const void *data, size_t n,
                               struct evo_error *err)
{
    struct comparison seen = { .data = data, .n = n, .equal = true };
    enum evo_errc rc = evo_s3_read(c, full, 0, UINT64_MAX, compare, &seen, err);
    if (rc)
        return evo_error_prefix(err, "could not read back what was written");
    return seen.equal && seen.at == n ? EVO_OK : exists_error(c->url.bucket, full, 412, err);
}

static enum evo_errc put_once(struct evo_store *store, const char *key, const void *data, size_t n,
                              unsigned flags, struct evo_error *err)
{
    struct evo_s3_client *c = client_of(store);
    EVO_AUTO_STR full = full_key(store, key);
    struct evo_error why = EVO_ERROR_INIT;
    struct evo_s3_head head;
    enum evo_errc rc = evo_s3_head(c, full, &head, &why);
    if (!rc)
        return exists_error(c->url.bucket, full, 412, err);
    if (rc == EVO_ERR_NOT_FOUND) {
        EVO_AUTO(s3_answer) answer;
        evo_s3_answer_init(&answer);
        rc = put(c, full, data, n, flags, &answer, &why);
        if (rc && answer.http.status == 501) /* the server does not know the header */
            rc = put(c, full, data, n, flags & ~(unsigned)EVO_STORE_ONCE, &answer, &why);
        /* It exists now: another's, or ours, where the answer to a first try was lost. */
        if (rc && answer.http.status == 412)
            rc = EVO_OK;
    }
    if (rc) {
        if (err)
            *err = why;
        return rc;
    }
    return read_back(c, full, data, n, err);
}

static enum evo_errc s3_put(struct evo_store *store, const char *key, const void *data, size_t n,
                            unsigned flags, struct evo_error *err)
{
    if (flags & EVO_STORE_ONCE)
        return put_once(store, key, data, n, flags, err);
    EVO_AUTO_STR full = full_key(store, key);
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    return put(client_of(store), full, data, n, flags, &answer, err);
}

static enum evo_errc s3_remove(struct evo_store *store, const char *key, struct evo_error *err)
{
    EVO_AUTO_STR full = full_key(store, key);
    EVO_AUTO(s3_answer) answer;
    evo_s3_answer_init(&answer);
    struct evo_s3_request r = { .method = "DELETE", .action = "s3:DeleteObject", .key = full };
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_s3_send(client_of(store), &r, &answer, &why);
    if (!rc || rc == EVO_ERR_NOT_FOUND)
        return EVO_OK;
    if (err)
        *err = why;
    return rc;
}

/* ---- listings ---- */

static enum evo_errc s3_list(struct evo_store *store, const char *prefix, bool flat,
                             struct evo_store_list *ret, struct evo_error *err)
{
    return evo_s3_list(client_of(store), prefix, flat, ret, err);
}

static enum evo_errc s3_check(struct evo_store *store, struct evo_error *err)
{
    return evo_s3_list_any(client_of(store), err);
}

static enum evo_errc s3_list_uploads(struct evo_store *store, const char *prefix,
                                     struct evo_store_uploads *ret, struct evo_error *err)
{
    EVO_AUTO_STR full = full_key(store, prefix);
    EVO_AUTO(store_uploads) found = { 0 };
    struct evo_s3_patience patience = { EVO_DEADLINE_NEVER, .despite_cancel = false };
    enum evo_errc rc = evo_s3_uploads_below(client_of(store), full, patience, &found, err);
    size_t base = strlen(client_of(store)->url.prefix);
    /* Names that no key can have are somebody else's. */
    for (size_t i = 0; i < found.count && !rc; i++)
        if (evo_store_key_valid(found.items[i].key + base))
            evo_store_uploads_add(ret, found.items[i].key + base, found.items[i].id,
                                  found.items[i].started_ms);
    return rc;
}

static enum evo_errc s3_abort_upload(struct evo_store *store, const struct evo_store_upload *u,
                                     struct evo_error *err)
{
    if (!evo_store_key_valid(u->key) || !*u->id)
        return evo_error_set(err, EVO_ERR_USAGE, "cannot abort \"%s\": not an upload of the store", u->key);
    EVO_AUTO_STR full = full_key(store, u->key);
    struct evo_s3_patience patience = { EVO_DEADLINE_NEVER, .despite_cancel = false };
    enum evo_errc rc = evo_s3_upload_abort(client_of(store), full, u->id, patience, err);
    return rc ? evo_error_prefix(err, "could not abort the upload of \"%s\"", full) : EVO_OK;
}

/* ---- open, close ---- */

static void s3_close(struct evo_store *store)
{
    struct evo_s3 *s = evo_s3_of(store);
    evo_s3_client_release(&s->client);
    free(s->base.url);
    free(s);
}

static enum evo_errc s3_writer_open(struct evo_store *store, const char *key, size_t part_size,
                                    struct evo_store_writer **ret, struct evo_error *err)
{
    (void)err;
    EVO_AUTO_STR full = full_key(store, key);
    *ret = evo_s3_multipart_new(client_of(store), full, part_size);
    return EVO_OK;
}

static const struct evo_store_ops s3_ops = {
    .close = s3_close,
    .check = s3_check,
    .put = s3_put,
    .read = s3_read,
    .stat = s3_stat,
    .remove = s3_remove,
    .list = s3_list,
    .list_uploads = s3_list_uploads,
    .abort_upload = s3_abort_upload,
    .writer_open = s3_writer_open,
};

enum evo_errc evo_s3_open(const struct evo_store_options *o, struct evo_store **ret, struct evo_error *err)
{
    const char *region = o->s3_region && *o->s3_region ? o->s3_region : REGION_DEFAULT;
    if (!evo_s3_region_valid(region)) {
        evo_error_set(err, EVO_ERR_CONFIG, "\"%.64s\" is not the name of a region", region);
        return evo_error_hint(err, "Set --s3-region (AWS_REGION) to a name such as eu-central-1.");
    }
    EVO_AUTO(s3_url) url = { 0 };
    enum evo_errc rc = evo_s3_url_init(&url, o->url, o->s3_endpoint, o->s3_addressing, o->s3_allow_http, err);
    if (rc)
        return rc;
    const struct evo_s3_provider *provider = evo_s3_provider_find(o->s3_provider, url.host);
    if (!provider) {
        evo_error_set(err, EVO_ERR_CONFIG, "cannot use --s3-profile-of \"%.64s\"", o->s3_provider);
        return evo_error_hint(
            err, "Set it to auto, aws, r2, gcs, ceph, minio, seaweedfs, versitygw, scaleway or other.");
    }
    const char *ca_bundle = o->s3_ca_bundle && *o->s3_ca_bundle ? o->s3_ca_bundle : NULL;
    if (ca_bundle && access(ca_bundle, R_OK) != 0) {
        evo_error_errno(err, EVO_ERR_CONFIG, errno, "could not read the authorities in \"%s\"", ca_bundle);
        return evo_error_hint(err, "Check --s3-ca-bundle (AWS_CA_BUNDLE).");
    }
    EVO_AUTO(s3_settings) settings = { 0 };
    rc = evo_s3_settings_init(&settings, o, provider, err);
    if (rc)
        return rc;
    struct evo_s3 *s = evo_calloc(1, sizeof(*s));
    s->base.ops = &s3_ops;
    s->base.url = evo_strdup(o->url);
    s->base.task = o->task;
    evo_s3_client_init(&s->client);
    s->client.url = url;
    memset(&url, 0, sizeof(url));
    s->client.provider = provider;
    s->client.parts_max = provider->parts_max;
    s->client.settings = settings;
    memset(&settings, 0, sizeof(settings));
    s->client.ca_bundle = evo_strdup(ca_bundle);
    s->client.custom_endpoint = s->client.url.host != NULL;
    s->client.task = o->task;
    s->client.region = evo_strdup(region);
    s->client.credentials = evo_s3_credentials_new(region, o->s3_allow_http, ca_bundle, o->task);
    *ret = &s->base;
    return EVO_OK;
}
