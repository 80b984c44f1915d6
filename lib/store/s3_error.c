#include "store/s3_error.h"

#include "base/secret.h"

/* How the error of a code reads. */
enum text {
    TEXT_PLAIN, /* "the store answered 400 (InvalidArgument)" */
    TEXT_SECRET,
    TEXT_ACCESS_KEY,
    TEXT_TOKEN,
    TEXT_EXPIRED,
    TEXT_DENIED,
    TEXT_BUCKET,
    TEXT_KEY,
    TEXT_UPLOAD,
    TEXT_ARCHIVED,
    TEXT_REGION,
    TEXT_CLOCK,
    TEXT_FULL,
    TEXT_BUSY,
    TEXT_UNSUPPORTED
};

static const struct meaning {
    const char *code;
    enum evo_s3_verdict verdict;
    enum text text;
} meanings[] = {
    { "AccessDenied", EVO_S3_FAIL, TEXT_DENIED },
    { "AllAccessDisabled", EVO_S3_FAIL, TEXT_DENIED },
    { "AuthorizationHeaderMalformed", EVO_S3_MOVED, TEXT_REGION },
    { "BadDigest", EVO_S3_RETRY, TEXT_PLAIN },
    { "ConditionalRequestConflict", EVO_S3_RETRY, TEXT_PLAIN },
    /* versitygw: a put beside a removal that takes the empty folder away; evo's own keys are never folders too. */
    { "ExistingObjectIsDirectory", EVO_S3_RETRY, TEXT_PLAIN },
    { "ExpiredToken", EVO_S3_EXPIRED, TEXT_EXPIRED },
    { "ExpiredTokenException", EVO_S3_EXPIRED, TEXT_EXPIRED },
    { "IllegalLocationConstraintException", EVO_S3_MOVED, TEXT_REGION },
    { "IncompleteBody", EVO_S3_RETRY, TEXT_PLAIN },
    { "IncorrectEndpoint", EVO_S3_MOVED, TEXT_REGION },
    { "InternalError", EVO_S3_RETRY, TEXT_BUSY },
    { "InvalidAccessKeyId", EVO_S3_FAIL, TEXT_ACCESS_KEY },
    { "InvalidObjectState", EVO_S3_FAIL, TEXT_ARCHIVED },
    { "InvalidRegion", EVO_S3_MOVED, TEXT_REGION },
    { "InvalidSecurity", EVO_S3_FAIL, TEXT_SECRET },
    { "InvalidToken", EVO_S3_FAIL, TEXT_TOKEN },
    { "KMS.ThrottlingException", EVO_S3_RETRY, TEXT_BUSY },
    { "NoSuchBucket", EVO_S3_FAIL, TEXT_BUCKET },
    { "NoSuchKey", EVO_S3_FAIL, TEXT_KEY },
    { "NoSuchUpload", EVO_S3_FAIL, TEXT_UPLOAD },
    { "NotImplemented", EVO_S3_FAIL, TEXT_UNSUPPORTED },
    { "OperationAborted", EVO_S3_RETRY, TEXT_PLAIN },
    { "PermanentRedirect", EVO_S3_MOVED, TEXT_REGION },
    { "QuotaExceeded", EVO_S3_FAIL, TEXT_FULL },
    { "Redirect", EVO_S3_MOVED, TEXT_REGION },
    { "RequestTimeTooSkewed", EVO_S3_SKEWED, TEXT_CLOCK },
    { "RequestTimeout", EVO_S3_RETRY, TEXT_BUSY },
    { "ServiceUnavailable", EVO_S3_RETRY, TEXT_BUSY },
    { "SignatureDoesNotMatch", EVO_S3_FAIL, TEXT_SECRET },
    { "SlowDown", EVO_S3_RETRY, TEXT_BUSY },
    { "StorageFull", EVO_S3_FAIL, TEXT_FULL },
    { "TemporaryRedirect", EVO_S3_MOVED, TEXT_REGION },
    { "Throttling", EVO_S3_RETRY, TEXT_BUSY },
    { "ThrottlingException", EVO_S3_RETRY, TEXT_BUSY },
    { "TokenRefreshRequired", EVO_S3_EXPIRED, TEXT_EXPIRED },
    { "XAdminUserNotFound", EVO_S3_FAIL, TEXT_ACCESS_KEY }, /* with 404 */
    { "XAmzContentSHA256Mismatch", EVO_S3_RETRY, TEXT_PLAIN },
    { "XMinioStorageFull", EVO_S3_FAIL, TEXT_FULL },
};

static const struct meaning statuses[] = {
    { "301", EVO_S3_MOVED, TEXT_REGION }, { "307", EVO_S3_MOVED, TEXT_REGION },
    { "401", EVO_S3_FAIL, TEXT_DENIED },  { "403", EVO_S3_FAIL, TEXT_DENIED },
    { "404", EVO_S3_FAIL, TEXT_KEY },     { "408", EVO_S3_RETRY, TEXT_BUSY },
    { "429", EVO_S3_RETRY, TEXT_BUSY },   { "501", EVO_S3_FAIL, TEXT_UNSUPPORTED },
    { "507", EVO_S3_FAIL, TEXT_FULL },
};

static struct meaning meaning_of(int status, const char *code)
{
    for (size_t i = 0; i < EVO_COUNT(meanings); i++)
        if (evo_streq(meanings[i].code, code))
            return meanings[i];
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", status);
    for (size_t i = 0; i < EVO_COUNT(statuses); i++)
        if (evo_streq(statuses[i].code, text))
            return statuses[i];
    return (struct meaning){ "", status >= 500 ? EVO_S3_RETRY : EVO_S3_FAIL,
                             status >= 500 ? TEXT_BUSY : TEXT_PLAIN };
}

enum evo_s3_verdict evo_s3_judge(int status, const char *code)
{
    if (status >= 200 && status < 300)
        return EVO_S3_DONE;
    return meaning_of(status, code).verdict;
}

bool evo_s3_tells_missing(int status, const char *code)
{
    enum text text = meaning_of(status, code).text;
    return status == 404 && (text == TEXT_KEY || text == TEXT_UPLOAD);
}

enum evo_s3_verdict evo_s3_judge_failure(enum evo_http_failure failure)
{
    switch (failure) {
    case EVO_HTTP_DNS:
    case EVO_HTTP_REFUSED:
    case EVO_HTTP_RESET:
    case EVO_HTTP_TIMEOUT:
    case EVO_HTTP_OTHER:
        return EVO_S3_RETRY;
    case EVO_HTTP_NONE:
    case EVO_HTTP_URL:
    case EVO_HTTP_TLS:
    case EVO_HTTP_TOO_LARGE:
    case EVO_HTTP_SINK:
        break;
    }
    return EVO_S3_FAIL;
}

int64_t evo_s3_backoff_ms(int attempt, int64_t base_ms, int64_t cap_ms, int64_t retry_after_ms,
                          uint64_t random)
{
    int64_t bound = base_ms;
    for (int i = 0; i < attempt && bound < cap_ms; i++)
        bound *= 2;
    if (bound > cap_ms)
        bound = cap_ms;
    int64_t ms = (int64_t)(random % ((uint64_t)bound + 1));
    int64_t asked = retry_after_ms > cap_ms ? cap_ms : retry_after_ms;
    return asked > ms ? asked : ms;
}

const char *evo_s3_format_skew(int64_t skew_ms, char buf[EVO_S3_SKEW_MAX])
{
    /* The Date header has whole seconds. */
    int64_t seconds = ((skew_ms < 0 ? -skew_ms : skew_ms) + 500) / 1000;
    bool minutes = seconds >= 120;
    (void)snprintf(buf, EVO_S3_SKEW_MAX, "%lld %s %s", (long long)(minutes ? (seconds + 30) / 60 : seconds),
                   minutes ? "minutes" : "seconds", skew_ms > 0 ? "behind" : "ahead of");
    return buf;
}

/* "kms:GenerateDataKey" where the server says that it is that permission which lacks. */
static const char *kms_action(const struct evo_s3_context *c, char buf[64])
{
    const char *kms = c->server_message ? strstr(c->server_message, "kms:") : NULL;
    size_t n = kms ? 4 + strspn(kms + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
    if (n < 5 || n > 63)
        return NULL;
    (void)snprintf(buf, 64, "%.*s", (int)n, kms);
    return buf;
}

static void explain_denied(const struct evo_s3_context *c, struct evo_error *err)
{
    char kms[64];
    if (c->key)
        evo_error_set(err, EVO_ERR_STORE, "access to \"%s\" in bucket \"%s\" was denied", c->key, c->bucket);
    else
        evo_error_set(err, EVO_ERR_STORE, "access to bucket \"%s\" was denied", c->bucket);
    if (kms_action(c, kms)) {
        evo_error_detail(err, "The credentials from %s lack the permission %s on the key of --s3-sse.",
                         c->source, kms);
        evo_error_hint(err, "Allow %s on the key for these credentials, in the key's policy too.", kms);
        return;
    }
    evo_error_detail(err, "The credentials from %s lack the permission %s.", c->source, c->action);
    evo_error_hint(err, "Allow %s on arn:aws:s3:::%s%s for these credentials.", c->action, c->bucket,
                   c->key ? "/*" : "");
}

static void explain(enum text text, int status, const char *code, const struct evo_s3_context *c,
                    struct evo_error *err)
{
    char skew[EVO_S3_SKEW_MAX];
    switch (text) {
    case TEXT_SECRET:
        evo_error_set(err, EVO_ERR_STORE, "the store refused the signature: the secret key from %s is wrong",
                      c->source);
        evo_error_hint(err,
                       "Check AWS_SECRET_ACCESS_KEY: it must belong to AWS_ACCESS_KEY_ID, with no blank or "
                       "line end around it.");
        return;
    case TEXT_ACCESS_KEY:
        evo_error_set(err, EVO_ERR_STORE, "the store does not know the access key from %s", c->source);
        evo_error_hint(err,
                       c->custom_endpoint
                           ? "Check AWS_ACCESS_KEY_ID, and that --s3-endpoint is the server it belongs to."
                           : "Check AWS_ACCESS_KEY_ID; for another server than AWS set --s3-endpoint.");
        return;
    case TEXT_TOKEN:
        evo_error_set(err, EVO_ERR_STORE, "the store refused the session token from %s", c->source);
        evo_error_hint(
            err, "Set AWS_SESSION_TOKEN to the token that came with the key, or unset it for a key that "
                 "has none.");
        return;
    case TEXT_EXPIRED:
        evo_error_set(err, EVO_ERR_STORE, "the credentials from %s have expired", c->source);
        evo_error_hint(err,
                       "Get new ones: aws sts get-session-token, aws sso login, or the step of the workflow "
                       "that assumes the role.");
        return;
    case TEXT_DENIED:
        explain_denied(c, err);
        return;
    case TEXT_BUCKET:
        evo_error_set(err, EVO_ERR_STORE, "bucket \"%s\" does not exist", c->bucket);
        evo_error_hint(err, "Check the name in EVO_STORE or --store, or create it: aws s3 mb s3://%s",
                       c->bucket);
        return;
    case TEXT_KEY:
        if (c->key)
            evo_error_set(err, EVO_ERR_NOT_FOUND, "\"s3://%s/%s\" does not exist", c->bucket, c->key);
        else
            explain(TEXT_BUCKET, status, code, c, err);
        return;
    case TEXT_UPLOAD:
        evo_error_set(err, EVO_ERR_STORE, "the unfinished upload of \"%s\" is gone from bucket \"%s\"",
                      c->key ? c->key : "", c->bucket);
        evo_error_hint(err,
                       "Run the command again. Where it happens again, look who aborts uploads: a lifecycle "
                       "rule of the bucket, or a clean-up that runs beside this.");
        return;
    case TEXT_ARCHIVED: /* by a lifecycle rule: evo itself stores nothing so */
        evo_error_set(err, EVO_ERR_STORE, "cannot read \"s3://%s/%s\": it lies in an archive", c->bucket,
                      c->key ? c->key : "");
        evo_error_hint(
            err,
            "Thaw it first, and what belongs to it: aws s3api restore-object --bucket %s --key '%s' "
            "--restore-request Days=7",
            c->bucket, c->key ? c->key : "");
        return;
    case TEXT_REGION:
        if (c->moved_to[0]) {
            evo_error_set(err, EVO_ERR_STORE, "bucket \"%s\" is in region \"%s\", not in \"%s\"", c->bucket,
                          c->moved_to, c->region);
            evo_error_hint(err, "Set --s3-region %s (AWS_REGION).", c->moved_to);
            return;
        }
        evo_error_set(err, EVO_ERR_STORE,
                      "bucket \"%s\" is not served here: region \"%s\" or the endpoint is wrong", c->bucket,
                      c->region);
        evo_error_hint(err, "Set --s3-region (AWS_REGION) and --s3-endpoint to those of the bucket.");
        return;
    case TEXT_CLOCK:
        if (c->skew_ms)
            evo_error_set(err, EVO_ERR_STORE,
                          "the store refused the request: this machine's clock is %s the store's",
                          evo_s3_format_skew(c->skew_ms, skew));
        else
            evo_error_set(err, EVO_ERR_STORE, "the store refused the request: this machine's clock is wrong");
        evo_error_hint(err, "Set the clock: timedatectl set-ntp true");
        return;
    case TEXT_FULL:
        evo_error_set(err, EVO_ERR_STORE, "bucket \"%s\" is full", c->bucket);
        evo_error_hint(err, "Free space in the bucket, or raise its quota.");
        return;
    case TEXT_BUSY:
        evo_error_set(err, EVO_ERR_STORE, "the store could not answer: %d%s%s%s", status, *code ? " (" : "",
                      code, *code ? ")" : "");
        evo_error_hint(err, "Try again in a few minutes.");
        err->retryable = true;
        return;
    case TEXT_UNSUPPORTED:
        evo_error_set(err, EVO_ERR_STORE, "the store does not offer %s as evo uses it: %d%s%s%s", c->action,
                      status, *code ? " (" : "", code, *code ? ")" : "");
        evo_error_hint(err, "Check that --s3-endpoint names an S3 server.");
        return;
    case TEXT_PLAIN:
        break;
    }
    evo_error_set(err, EVO_ERR_STORE, "the store refused %s: %d%s%s%s", c->action, status, *code ? " (" : "",
                  code, *code ? ")" : "");
    evo_error_hint(err, "Check --store, --s3-endpoint and --s3-region.");
}

/* What the server says may repeat what it was sent. */
static void add_server_message(const struct evo_s3_context *c, struct evo_error *err)
{
    if (!c->server_message || !*c->server_message || err->detail[0] ||
        (c->access_key && *c->access_key && strstr(c->server_message, c->access_key)))
        return;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_redact(&text, c->server_message);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.buf[i] < 0x20 || text.buf[i] == 0x7f)
            text.buf[i] = ' ';
    evo_strbuf_trim(&text);
    evo_error_detail(err, "The store says: %s", text.buf);
}

enum evo_errc evo_s3_explain(int status, const char *code, const struct evo_s3_context *context,
                             struct evo_error *err)
{
    struct evo_error made = EVO_ERROR_INIT;
    explain(meaning_of(status, code).text, status, code, context, &made);
    made.http_status = status;
    add_server_message(context, &made);
    if (err)
        *err = made;
    return made.code;
}

enum evo_errc evo_s3_explain_failure(enum evo_http_failure failure, bool custom_endpoint,
                                     struct evo_error *err)
{
    switch (failure) {
    case EVO_HTTP_DNS:
    case EVO_HTTP_REFUSED:
        return evo_error_hint(
            err, custom_endpoint
                     ? "Check --s3-endpoint (AWS_ENDPOINT_URL_S3) and that the server runs."
                     : "Check --s3-region (AWS_REGION) and the way to the internet; for another server "
                       "than AWS set --s3-endpoint.");
    case EVO_HTTP_TLS:
        return evo_error_hint(
            err, "Check the server's certificate; name its authority by --s3-ca-bundle (AWS_CA_BUNDLE) "
                 "where it is not a public one.");
    case EVO_HTTP_NONE:
    case EVO_HTTP_URL:
    case EVO_HTTP_RESET:
    case EVO_HTTP_TIMEOUT:
    case EVO_HTTP_TOO_LARGE:
    case EVO_HTTP_SINK:
    case EVO_HTTP_OTHER:
        break;
    }
    return err ? err->code : EVO_ERR_NETWORK;
}
