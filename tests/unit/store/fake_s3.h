/*
 * fake_s3.h - tests/lib/fake_s3.py as a child of a test, and a store in one of its buckets.
 *
 * A test program runs its tests between fake_s3_start() and fake_s3_stop(), each behind fake_s3_keys().
 */
#ifndef EVO_TEST_FAKE_S3_H
#define EVO_TEST_FAKE_S3_H

#include "base/secret.h"
#include "store/s3.h"
#include "test_server.h"

#define PART ((size_t)5 << 20)

#define SECRET_KEY "canary-secret-key"
#define ACCESS_KEY "CANARYACCESSKEY"

static struct test_server server;

#define assert_ok(call)                                  \
    do {                                                 \
        if ((call) != EVO_OK)                            \
            fail_msg("%s: %s", err.message, err.detail); \
    } while (0)

/* What the store said beside its errors. */
static struct evo_strbuf said = EVO_STRBUF_INIT;
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;

static void remember(void *ctx, enum evo_level level, const char *message)
{
    (void)ctx;
    (void)pthread_mutex_lock(&said_lock);
    evo_strbuf_addf(&said, "%d %s\n", (int)level, message);
    (void)pthread_mutex_unlock(&said_lock);
}

static struct evo_task task = { .log = remember };

/* `more` (NULL: nothing) has the other settings. */
static inline struct evo_store *open_bucket_with(const char *bucket, const struct evo_store_options *more)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store *store = NULL;
    EVO_AUTO_STR url = evo_asprintf("s3://%s/p", bucket);
    struct evo_store_options o = more ? *more : (struct evo_store_options){ 0 };
    o.url = url;
    o.s3_endpoint = server.base;
    o.task = &task;
    assert_ok(evo_store_open(&o, &store, &err));
    evo_s3_of(store)->client.backoff_ms = 1;
    evo_s3_of(store)->client.backoff_cap_ms = 20;
    if (strstr(bucket, "stalls") || strstr(bucket, "unanswered"))
        evo_s3_of(store)->client.stall_ms = 500;
    evo_strbuf_clear(&said);
    return store;
}

static inline struct evo_store *open_bucket(const char *bucket)
{
    return open_bucket_with(bucket, NULL);
}

/* The server's own words about a bucket. */
static inline void ask(const char *what, const char *bucket, struct evo_strbuf *out)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(http) http = NULL;
    EVO_AUTO(http_response) response;
    evo_http_response_init(&response);
    EVO_AUTO_STR url = evo_asprintf("%s/-/%s/%s", server.base, what, bucket);
    struct evo_http_request request = { .method = "GET", .url = url, .despite_cancel = true };
    assert_ok(evo_http_new(&http, &err));
    assert_ok(evo_http_send(http, &request, &response, &err));
    evo_strbuf_add(out, response.body.buf, response.body.len);
}

static inline size_t count(const char *text, const char *needle)
{
    size_t n = 0;
    for (const char *p = strstr(text, needle); p; p = strstr(p + 1, needle))
        n++;
    return n;
}

/* How many requests of a bucket begin so: "PUT", "GET /bucket/?uploads". */
static inline size_t requests(const char *bucket, const char *beginning)
{
    EVO_AUTO(strbuf) log = EVO_STRBUF_INIT;
    evo_strbuf_addch(&log, '\n');
    ask("log", bucket, &log);
    EVO_AUTO_STR needle = evo_asprintf("\n%s", beginning);
    return count(log.buf, needle);
}

static inline void assert_uploads(const char *bucket, const char *expected)
{
    EVO_AUTO(strbuf) uploads = EVO_STRBUF_INIT;
    ask("uploads", bucket, &uploads);
    assert_string_equal(uploads.buf, expected);
}

static inline void assert_no_upload(const char *bucket)
{
    assert_uploads(bucket, "");
}

static inline void assert_gone(struct evo_store *store, const char *key)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_stat st;
    assert_int_equal(evo_store_stat(store, key, &st, &err), EVO_ERR_NOT_FOUND);
}

static inline void assert_no_secret(const struct evo_error *err)
{
    const char *parts[] = { err->message, err->detail, err->hint, err->next, said.buf };
    static const char *const secrets[] = { SECRET_KEY, ACCESS_KEY, "canary-sts-secret", "fresh-token",
                                           "Signature=" };
    for (size_t i = 0; i < EVO_COUNT(parts); i++)
        for (size_t j = 0; j < EVO_COUNT(secrets); j++)
            if (strstr(parts[i], secrets[j]))
                fail_msg("a secret is shown: %s", parts[i]);
}

/* Bytes of which no two thousand are the same. */
static inline unsigned char *sample(size_t n)
{
    unsigned char *p = evo_malloc(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)((i * 0x9e3779b97f4a7c15u) >> 56);
    return p;
}

/* A stream of n bytes of that sample in parts of PART. */
static inline enum evo_errc stream_bytes(struct evo_store *store, const char *key, size_t n,
                                         struct evo_error *err)
{
    EVO_AUTO_PTR(store_writer) w = NULL;
    unsigned char *data = sample(n);
    enum evo_errc rc = evo_store_writer_open(store, key, PART, &w, err);
    if (!rc)
        rc = evo_store_writer_write(w, data, n, err);
    if (!rc)
        rc = evo_store_writer_commit(w, NULL, NULL, err);
    free(data);
    return rc;
}

static inline void assert_sample(struct evo_store *store, const char *key, size_t n)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    unsigned char *data = sample(n);
    assert_ok(evo_store_get(store, key, n, &out, &err));
    assert_int_equal(out.len, n);
    assert_memory_equal(out.buf, data, out.len);
    free(data);
}

static inline int fake_s3_keys(void **state)
{
    (void)state;
    static const char *const others[] = { "AWS_SESSION_TOKEN",
                                          "AWS_PROFILE",
                                          "AWS_WEB_IDENTITY_TOKEN_FILE",
                                          "AWS_ROLE_ARN",
                                          "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                          "AWS_CONTAINER_CREDENTIALS_FULL_URI" };
    for (size_t i = 0; i < EVO_COUNT(others); i++)
        (void)unsetenv(others[i]);
    (void)setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY, 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY, 1);
    (void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    evo_redact_forget();
    return 0;
}

static inline int fake_s3_start(void **state)
{
    test_server_start(&server, "tests/lib/fake_s3.py", NULL);
    return fake_s3_keys(state);
}

static inline int fake_s3_stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    evo_strbuf_release(&said);
    return 0;
}

#endif
