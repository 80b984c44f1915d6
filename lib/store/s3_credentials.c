#include "store/s3_credentials.h"

#include "base/clock.h"
#include "base/file.h"
#include "store/s3_metadata.h"
#include "store/s3_process.h"
#include "store/s3_profile.h"
#include "store/s3_sts.h"

#define FILE_MAX   ((size_t)1 << 20)
#define REFRESH_MS ((int64_t)5 * 60 * 1000)

struct evo_s3_credentials {
    char *region, *ca_bundle;
    bool allow_http;
    struct evo_task *task;
    struct evo_s3_keys keys;
    bool loaded;
    bool no_machine; /* no metadata service answered: it is not waited for again */
};

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* What a source found: `configured` false means that the next one is asked. */
struct load {
    struct evo_s3_credentials *credentials;
    bool despite_cancel;
    bool configured;
    struct evo_s3_keys keys;
};

static void take(struct load *l, const char *access_key, const char *secret_key, const char *token)
{
    evo_s3_keys_set(&l->keys, access_key, secret_key, token);
    l->configured = true;
}

/* ---- 1: the environment ---- */

static enum evo_errc from_environment(struct load *l, struct evo_error *err)
{
    const char *access_key = env("AWS_ACCESS_KEY_ID"), *secret_key = env("AWS_SECRET_ACCESS_KEY");
    if (!access_key && !secret_key)
        return EVO_OK;
    if (!access_key || !secret_key) {
        const char *missing = access_key ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID";
        evo_error_set(err, EVO_ERR_STORE, "cannot sign requests to the store: %s is not set", missing);
        return evo_error_hint(err, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither.");
    }
    take(l, access_key, secret_key, env("AWS_SESSION_TOKEN"));
    (void)snprintf(l->keys.source, sizeof(l->keys.source), "AWS_ACCESS_KEY_ID");
    return EVO_OK;
}

/* ---- 2: web identity ---- */

static enum evo_errc assume(struct load *l, const char *token_file, const char *role_arn,
                            const char *session_name, struct evo_error *err)
{
    struct evo_sts_options o = { .token_file = token_file,
                                 .role_arn = role_arn,
                                 .session_name = session_name,
                                 .endpoint = env("AWS_ENDPOINT_URL_STS"),
                                 .region = l->credentials->region,
                                 .ca_bundle = l->credentials->ca_bundle,
                                 .allow_http = l->credentials->allow_http,
                                 .despite_cancel = l->despite_cancel,
                                 .task = l->credentials->task };
    l->configured = true;
    (void)snprintf(l->keys.source, sizeof(l->keys.source), "the web identity token in \"%s\"", token_file);
    return evo_s3_sts_assume(&o, &l->keys, err);
}

static enum evo_errc from_web_identity(struct load *l, struct evo_error *err)
{
    const char *token_file = env("AWS_WEB_IDENTITY_TOKEN_FILE"), *role_arn = env("AWS_ROLE_ARN");
    if (!token_file || !role_arn)
        return EVO_OK;
    return assume(l, token_file, role_arn, env("AWS_ROLE_SESSION_NAME"), err);
}

/* ---- 3: profile files ---- */

struct profile_file {
    char *path;
    struct evo_strbuf text;
    char *section;
};

static void profile_file_auto(struct profile_file *f)
{
    free(f->path);
    free(f->section);
    evo_strbuf_wipe(&f->text);
}

/* A file that does not exist is an empty one. */
static enum evo_errc load_profile_file(struct profile_file *f, const char *variable, const char *name,
                                       struct evo_error *err)
{
    const char *path = env(variable), *home = env("HOME");
    evo_strbuf_init(&f->text, FILE_MAX + 65536);
    f->path = path ? evo_strdup(path) : home ? evo_asprintf("%s/.aws/%s", home, name) : NULL;
    if (!f->path)
        return EVO_OK;
    struct evo_error why = EVO_ERROR_INIT;
    enum evo_errc rc = evo_file_read(f->path, FILE_MAX, &f->text, &why);
    if (!rc || rc == EVO_ERR_NOT_FOUND)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_STORE, "could not read the AWS profiles: %s", why.message);
    return evo_error_hint(err, "Check %s, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.", variable);
}

static char *value_of(const struct profile_file *files, const char *key)
{
    for (size_t i = 0; i < 2; i++) {
        char *v = evo_s3_profile_value(files[i].text.buf, files[i].section, key);
        if (v)
            return v;
    }
    return NULL;
}

static void secret_str_auto(char **s)
{
    if (*s)
        explicit_bzero(*s, strlen(*s));
    free(*s);
}
#define SECRET_STR __attribute__((cleanup(secret_str_auto))) char *

/* Settings that say how to get keys in a way evo does not know. */
static enum evo_errc refuse_unknown_ways(const struct profile_file *files, const char *profile,
                                         struct evo_error *err)
{
    static const char *const ways[] = { "sso_session", "sso_start_url", "source_profile",
                                        "credential_source" };
    for (size_t i = 0; i < EVO_COUNT(ways); i++) {
        EVO_AUTO_STR v = value_of(files, ways[i]);
        if (!v)
            continue;
        evo_error_set(err, EVO_ERR_STORE, "cannot use the AWS profile \"%s\": it gets its keys by \"%s\"",
                      profile, ways[i]);
        return evo_error_hint(
            err,
            "Let the AWS tools get them: eval \"$(aws configure export-credentials --profile "
            "%s --format env)\"",
            profile);
    }
    return EVO_OK;
}

static enum evo_errc from_profile(struct load *l, struct evo_error *err)
{
    const char *named = env("AWS_PROFILE"), *profile = named ? named : "default";
    __attribute__((cleanup(profile_file_auto))) struct profile_file credentials = { 0 };
    __attribute__((cleanup(profile_file_auto))) struct profile_file config = { 0 };
    enum evo_errc rc = load_profile_file(&credentials, "AWS_SHARED_CREDENTIALS_FILE", "credentials", err);
    if (!rc)
        rc = load_profile_file(&config, "AWS_CONFIG_FILE", "config", err);
    if (rc)
        return rc;
    credentials.section = evo_strdup(profile);
    config.section =
        evo_streq(profile, "default") ? evo_strdup("default") : evo_asprintf("profile %s", profile);
    const struct profile_file files[2] = { credentials, config };

    SECRET_STR access_key = value_of(files, "aws_access_key_id");
    SECRET_STR secret_key = value_of(files, "aws_secret_access_key");
    SECRET_STR token = value_of(files, "aws_session_token");
    if (access_key && secret_key) {
        take(l, access_key, secret_key, token);
        EVO_AUTO_STR own = evo_s3_profile_value(credentials.text.buf, profile, "aws_access_key_id");
        (void)snprintf(l->keys.source, sizeof(l->keys.source), "profile \"%.60s\" in \"%.150s\"", profile,
                       own ? credentials.path : config.path);
        return EVO_OK;
    }
    EVO_AUTO_STR token_file = value_of(files, "web_identity_token_file");
    EVO_AUTO_STR role_arn = value_of(files, "role_arn");
    if (token_file && role_arn) {
        EVO_AUTO_STR session_name = value_of(files, "role_session_name");
        return assume(l, token_file, role_arn, session_name, err);
    }
    rc = refuse_unknown_ways(files, profile, err);
    if (rc)
        return rc;
    EVO_AUTO_STR process = value_of(files, "credential_process");
    if (process) {
        l->configured = true;
        return evo_s3_process_keys(process, profile, &l->keys, err);
    }
    if (!named)
        return EVO_OK;
    bool there = evo_s3_profile_has(credentials.text.buf, credentials.section) ||
                 evo_s3_profile_has(config.text.buf, config.section);
    evo_error_set(err, EVO_ERR_STORE,
                  there ? "the AWS profile \"%s\" holds no keys" : "the AWS profile \"%s\" does not exist",
                  profile);
    return evo_error_hint(err, "Set AWS_PROFILE to one that aws configure list-profiles shows.");
}

/* ---- 4 and 5: the platform ---- */

static struct evo_s3_metadata_options metadata_options(const struct load *l)
{
    return (struct evo_s3_metadata_options){ .ca_bundle = l->credentials->ca_bundle,
                                             .despite_cancel = l->despite_cancel,
                                             .task = l->credentials->task };
}

static enum evo_errc from_container(struct load *l, struct evo_error *err)
{
    struct evo_s3_metadata_options o = metadata_options(l);
    return evo_s3_container_keys(&o, &l->configured, &l->keys, err);
}

static enum evo_errc from_machine(struct load *l, struct evo_error *err)
{
    struct evo_s3_metadata_options o = metadata_options(l);
    if (l->credentials->no_machine)
        return EVO_OK;
    enum evo_errc rc = evo_s3_machine_keys(&o, &l->configured, &l->keys, err);
    l->credentials->no_machine = !rc && !l->configured && !l->credentials->loaded;
    return rc;
}

/* ---- the chain ---- */

static const struct source {
    const char *what;
    enum evo_errc (*load)(struct load *l, struct evo_error *err);
} sources[] = {
    { "AWS_ACCESS_KEY_ID", from_environment },
    { "AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN", from_web_identity },
    { "the profile files under ~/.aws", from_profile },
    { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI", from_container },
    { "the machine's role (AWS_EC2_METADATA_DISABLED unset)", from_machine },
};

static enum evo_errc none_found(struct evo_error *err)
{
    EVO_AUTO(strbuf) places = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(sources); i++)
        evo_strbuf_addf(&places, "%s%s", i ? ", " : "", sources[i].what);
    evo_error_set(err, EVO_ERR_STORE, "no credentials for the store were found");
    evo_error_detail(err, "Looked at: %s.", places.buf);
    return evo_error_hint(err, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
}

static enum evo_errc load(struct evo_s3_credentials *c, bool despite_cancel, struct evo_error *err)
{
    struct load l = { .credentials = c, .despite_cancel = despite_cancel, .keys = { .expires_ms = -1 } };
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; i < EVO_COUNT(sources) && !rc && !l.configured; i++)
        rc = sources[i].load(&l, err);
    if (!rc && !l.configured)
        rc = none_found(err);
    if (rc) {
        evo_s3_keys_release(&l.keys);
        return rc;
    }
    evo_s3_keys_release(&c->keys);
    c->keys = l.keys;
    c->loaded = true;
    return EVO_OK;
}

struct evo_s3_credentials *evo_s3_credentials_new(const char *region, bool allow_http, const char *ca_bundle,
                                                  struct evo_task *task)
{
    struct evo_s3_credentials *c = evo_calloc(1, sizeof(*c));
    c->region = evo_strdup(region);
    c->ca_bundle = evo_strdup(ca_bundle);
    c->allow_http = allow_http;
    c->task = task;
    return c;
}

void evo_s3_credentials_free(struct evo_s3_credentials *c)
{
    if (!c)
        return;
    evo_s3_keys_release(&c->keys);
    free(c->region);
    free(c->ca_bundle);
    free(c);
}

enum evo_errc evo_s3_credentials_get(struct evo_s3_credentials *c, bool fresh, bool despite_cancel,
                                     struct evo_s3_keys *ret, struct evo_error *err)
{
    int64_t now = evo_wall_ms();
    bool expiring = c->loaded && c->keys.expires_ms >= 0 && now > c->keys.expires_ms - REFRESH_MS;
    if (!c->loaded || fresh || expiring) {
        struct evo_error why = EVO_ERROR_INIT;
        enum evo_errc rc = load(c, despite_cancel, &why);
        /* Keys that still hold are better than none: the token service is asked again next time. */
        if (rc && (fresh || !expiring || now >= c->keys.expires_ms || rc == EVO_ERR_CANCELLED)) {
            if (err)
                *err = why;
            return rc;
        }
        if (rc)
            evo_debug(c->task, "store: could not renew the credentials yet: %s", why.message);
    }
    evo_s3_keys_release(ret);
    evo_secret_set(&ret->access_key, evo_secret_reveal(&c->keys.access_key));
    evo_secret_set(&ret->secret_key, evo_secret_reveal(&c->keys.secret_key));
    evo_secret_set(&ret->token, evo_secret_is_set(&c->keys.token) ? evo_secret_reveal(&c->keys.token) : NULL);
    ret->expires_ms = c->keys.expires_ms;
    memcpy(ret->source, c->keys.source, sizeof(ret->source));
    return EVO_OK;
}
