/*
 * s3_servers.h - what the tests over a real S3 server share: the store that EVO_STORE and AWS_* name, and what is known of
 * the server behind it. S3_SERVER names its row, as tests/lib/s3.bash sets it.
 *
 * A row tells what the server does. Where it does less than another one, no test is skipped: the test asserts what evo
 * makes of that instead.
 */
#ifndef EVO_TEST_S3_SERVERS_H
#define EVO_TEST_S3_SERVERS_H

#include <stdlib.h>

#include "store/contract_helpers.h"
#include "store/s3.h"

struct s3_server {
    const char *name;
    const char *profile; /* of --s3-profile-of */
    bool compares_sha256; /* x-amz-content-sha256 with the body */
    bool compares_region; /* of the signature with its own */
    bool encrypts; /* and does not ignore x-amz-server-side-encryption */
    bool nests; /* "a" may be an object beside "a/b" */
    bool tells_why; /* names what it refuses of Object Lock */
    bool
        revives; /* on a busy machine: a part that arrives after the abort brings the upload back, and gc has to end it */
};

static const struct s3_server s3_servers[] = {
    { "seaweedfs", "seaweedfs", .encrypts = true, .nests = true },
    { "versitygw", "versitygw", .compares_sha256 = true, .compares_region = true, .tells_why = true,
      .revives = true },
};

static inline const struct s3_server *s3_server_find(const char *name)
{
    for (size_t i = 0; i < EVO_COUNT(s3_servers); i++)
        if (evo_streq(s3_servers[i].name, name))
            return &s3_servers[i];
    return NULL;
}

/* Of this run: s3_set_up() has seen that there is one. */
static inline const struct s3_server *s3_server(void)
{
    const struct s3_server *found = s3_server_find(getenv("S3_SERVER"));
    return found ? found : &s3_servers[0];
}

static inline struct evo_store_options s3_options(void)
{
    return (struct evo_store_options){ .url = getenv("EVO_STORE"),
                                       .s3_endpoint = getenv("AWS_ENDPOINT_URL_S3"),
                                       .s3_region = getenv("AWS_REGION"),
                                       .s3_addressing = getenv("EVO_S3_ADDRESSING") };
}

static inline struct evo_store *s3_open(const struct evo_store_options *o)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store *store = NULL;
    assert_ok(evo_store_open(o, &store, &err));
    return store;
}

static struct evo_store *contract_open(void)
{
    struct evo_store_options o = s3_options();
    struct evo_store *store = s3_open(&o);
    assert_true(evo_store_is_s3(store));
    return store;
}

/* The same store with the settings of `o`; its URL too where that has one. */
static inline struct evo_store *s3_open_changed(const struct evo_store_options *o)
{
    struct evo_store_options all = *o, usual = s3_options();
    all.url = o->url ? o->url : usual.url;
    all.s3_endpoint = usual.s3_endpoint;
    all.s3_region = o->s3_region ? o->s3_region : usual.s3_region;
    return s3_open(&all);
}

/* No secret in any part of the message: the key's own value is the canary. */
static inline void assert_no_secret(const struct evo_error *err)
{
    const char *parts[] = { err->message, err->detail, err->hint, err->next };
    const char *secrets[] = { getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_ACCESS_KEY_ID") };
    for (size_t i = 0; i < EVO_COUNT(parts); i++)
        for (size_t j = 0; j < EVO_COUNT(secrets); j++)
            if (!secrets[j] || strstr(parts[i], secrets[j]))
                fail_msg("a key is shown in a message");
}

/* A request about an object that no function of the store makes; key NULL: about the bucket. */
static inline void s3_send_about(struct evo_store *store, const char *method, const char *what,
                                 const char *key, const struct evo_strvec *headers,
                                 struct evo_s3_answer *answer)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_STR full = key ? evo_asprintf("%s%s", evo_s3_of(store)->client.url.prefix, key) : NULL;
    const struct evo_s3_param params[] = { { what, NULL } };
    struct evo_s3_request r = { .method = method,
                                .action = "s3:*",
                                .key = full,
                                .params = params,
                                .param_count = what ? 1 : 0,
                                .headers = headers };
    enum evo_errc rc = evo_s3_send(&evo_s3_of(store)->client, &r, answer, &err);
    /* A bucket whose first answer was lost is there when it is asked for again. */
    bool made_before = rc && answer->http.status == 409 && evo_streq(method, "PUT") && !key;
    if (!made_before)
        assert_ok(rc);
}

static inline int s3_set_up(void **state)
{
    (void)state;
    static const char *const needed[] = { "EVO_STORE", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID",
                                          "AWS_SECRET_ACCESS_KEY", "S3_SERVER" };
    for (size_t i = 0; i < EVO_COUNT(needed); i++)
        if (!getenv(needed[i])) {
            print_error("%s must be set: an S3 server is needed\n", needed[i]);
            return -1;
        }
    if (!s3_server_find(getenv("S3_SERVER"))) {
        print_error("S3_SERVER is no server of s3_servers.h: \"%s\"\n", getenv("S3_SERVER"));
        return -1;
    }
    return 0;
}

#endif
