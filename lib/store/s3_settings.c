#include "store/s3_settings.h"

#include "base/clock.h"
#include "base/encode.h"

#define DAY_MS    ((int64_t)24 * 60 * 60 * 1000)
#define DAYS_MAX  36500
#define TAGS_MAX  10
#define KEY_MAX   128
#define VALUE_MAX 256

static enum evo_errc wrong(struct evo_error *err, const char *hint, const char *option, const char *value)
{
    evo_error_set(err, EVO_ERR_CONFIG, "cannot use %s \"%.64s\"", option, value);
    return evo_error_hint(err, "%s", hint);
}

/* ---- from the options ---- */

static bool is_word(const char *s, size_t max)
{
    size_t n = strlen(s);
    return n && n <= max &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

static bool is_printable(const char *s, size_t max)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= 0x20 || (unsigned char)s[i] >= 0x7f)
            return false;
    return n && n <= max;
}

static enum evo_errc take_storage_class(struct evo_s3_settings *s, const char *name, struct evo_error *err)
{
    if (!is_word(name, 64))
        return wrong(err, "Write it as the server does, such as STANDARD_IA.", "--s3-storage-class", name);
    if (evo_streq(name, "GLACIER") || evo_streq(name, "DEEP_ARCHIVE"))
        return wrong(err,
                     "Objects of that class cannot be read without thawing them first: use GLACIER_IR, or a "
                     "lifecycle rule of the bucket.",
                     "--s3-storage-class", name);
    s->storage_class = evo_strdup(name);
    return EVO_OK;
}

static enum evo_errc take_sse(struct evo_s3_settings *s, const char *sse, const char *key_id,
                              struct evo_error *err)
{
    if (sse && !evo_streq(sse, "AES256") && !evo_streq(sse, "aws:kms"))
        return wrong(err, "Set it to AES256 or aws:kms.", "--s3-sse", sse);
    if (key_id && !evo_streq(sse, "aws:kms"))
        return wrong(err, "It goes with --s3-sse aws:kms.", "--s3-sse-kms-key-id", key_id);
    if (key_id && !is_printable(key_id, 2048))
        return wrong(err, "Set it to the key's id, alias or ARN.", "--s3-sse-kms-key-id", key_id);
    s->sse = evo_strdup(sse);
    s->kms_key_id = evo_strdup(key_id);
    return EVO_OK;
}

static enum evo_errc take_lock(struct evo_s3_settings *s, const char *mode, int64_t days,
                               struct evo_error *err)
{
    if (!mode && !days)
        return EVO_OK;
    if (!mode || !days) {
        evo_error_set(err, EVO_ERR_CONFIG, "cannot lock objects: %s is not set",
                      mode ? "--s3-object-lock-days" : "--s3-object-lock");
        return evo_error_hint(
            err, "Set both, such as --s3-object-lock governance --s3-object-lock-days 30, or neither.");
    }
    bool governance = evo_streq(mode, "governance");
    if (!governance && !evo_streq(mode, "compliance"))
        return wrong(err, "Set it to governance or compliance.", "--s3-object-lock", mode);
    if (days < 1 || days > DAYS_MAX) {
        evo_error_set(err, EVO_ERR_CONFIG, "cannot lock objects for %lld days", (long long)days);
        return evo_error_hint(err, "Set --s3-object-lock-days to a number from 1 to %d.", DAYS_MAX);
    }
    s->lock_mode = evo_strdup(governance ? "GOVERNANCE" : "COMPLIANCE");
    s->lock_days = days;
    return EVO_OK;
}

static enum evo_errc take_tags(struct evo_s3_settings *s, const struct evo_strvec *tags,
                               struct evo_error *err)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO(strvec) keys = EVO_STRVEC_INIT;
    if (tags->count > TAGS_MAX)
        return evo_error_set(err, EVO_ERR_CONFIG, "cannot tag objects with more than %d tags", TAGS_MAX);
    for (size_t i = 0; i < tags->count; i++) {
        const char *tag = tags->items[i], *equals = strchr(tag, '=');
        size_t n = equals ? (size_t)(equals - tag) : 0;
        if (!n || n > KEY_MAX || strlen(equals + 1) > VALUE_MAX)
            return wrong(err, "Write it as KEY=VALUE, with at most 128 and 256 bytes.", "--s3-tag", tag);
        EVO_AUTO_STR key = evo_strndup(tag, n);
        for (size_t k = 0; k < keys.count; k++)
            if (evo_streq(keys.items[k], key))
                return wrong(err, "Name each key once.", "--s3-tag", tag);
        evo_strvec_push(&keys, key);
        if (i)
            evo_strbuf_addch(&out, '&');
        evo_percent_encode(&out, key, n, NULL);
        evo_strbuf_addch(&out, '=');
        evo_percent_encode(&out, equals + 1, strlen(equals + 1), NULL);
    }
    s->tags = out.len ? evo_strbuf_detach(&out) : NULL;
    return EVO_OK;
}

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

enum evo_errc evo_s3_settings_init(struct evo_s3_settings *ret, const struct evo_store_options *o,
                                   const struct evo_s3_provider *provider, struct evo_error *err)
{
    EVO_AUTO(s3_settings) s = { 0 };
    const char *checksum = given(o->s3_checksum);
    enum evo_errc rc = EVO_OK;
    if (given(o->s3_storage_class))
        rc = take_storage_class(&s, o->s3_storage_class, err);
    if (!rc)
        rc = take_sse(&s, given(o->s3_sse), given(o->s3_sse_kms_key_id), err);
    if (!rc)
        rc = take_lock(&s, given(o->s3_object_lock), o->s3_object_lock_days, err);
    if (!rc && o->s3_tags)
        rc = take_tags(&s, o->s3_tags, err);
    if (rc)
        return rc;
    if (!checksum || evo_streq(checksum, "auto"))
        s.checksum = s.lock_mode ? provider->checksum_locked : provider->checksum;
    else if (!evo_s3_checksum_parse(checksum, &s.checksum))
        return wrong(err, "Set it to auto, none, md5, crc32c or sha256.", "--s3-checksum", checksum);
    *ret = s;
    memset(&s, 0, sizeof(s));
    return EVO_OK;
}

void evo_s3_settings_release(struct evo_s3_settings *s)
{
    if (!s)
        return;
    free(s->storage_class);
    free(s->sse);
    free(s->kms_key_id);
    free(s->lock_mode);
    free(s->tags);
    memset(s, 0, sizeof(*s));
}

/* ---- into headers ---- */

void evo_s3_settings_headers(const struct evo_s3_settings *s, int64_t wall_ms, struct evo_strvec *out)
{
    if (s->storage_class)
        evo_strvec_pushf(out, "x-amz-storage-class: %s", s->storage_class);
    if (s->sse)
        evo_strvec_pushf(out, "x-amz-server-side-encryption: %s", s->sse);
    if (s->kms_key_id)
        evo_strvec_pushf(out, "x-amz-server-side-encryption-aws-kms-key-id: %s", s->kms_key_id);
    if (s->tags)
        evo_strvec_pushf(out, "x-amz-tagging: %s", s->tags);
    if (s->lock_mode) {
        char until[EVO_TIME_MAX];
        (void)evo_format_time(wall_ms + s->lock_days * DAY_MS, until);
        evo_strvec_pushf(out, "x-amz-object-lock-mode: %s", s->lock_mode);
        /* Whole seconds: the fraction is not understood everywhere. */
        evo_strvec_pushf(out, "x-amz-object-lock-retain-until-date: %.19sZ", until);
    }
}

/* ---- what was refused ---- */

/* How an answer tells of a header: by its name, by the code, or by words in its message. */
static const struct meaning {
    const char *header, *option;
    const char *codes; /* separated by blanks, with one at each end */
    const char *words; /* separated by "|" */
    const char *hint;
} meanings[] = {
    { "x-amz-storage-class", "--s3-storage-class", " InvalidStorageClass ", "storage class|storage-class",
      "Leave out --s3-storage-class, or set it to a class that this server has." },
    { "x-amz-server-side-encryption-aws-kms-key-id", "--s3-sse-kms-key-id",
      " KMS.NotFoundException KMS.DisabledException KMS.KMSInvalidStateException ", "key id|kms key|keyid",
      "Check the key: aws kms describe-key --key-id KEY." },
    { "x-amz-server-side-encryption", "--s3-sse",
      " InvalidEncryptionAlgorithmError ServerSideEncryptionConfigurationNotFoundError ", "encrypt|kms",
      "Leave out --s3-sse: this server does not encrypt so." },
    { "x-amz-tagging", "--s3-tag", " InvalidTag ", "tag",
      "Leave out --s3-tag, or check the characters in it: letters, digits, blank and + - = . _ : / @" },
    { "x-amz-object-lock-mode", "--s3-object-lock",
      " ObjectLockConfigurationNotFoundError InvalidRetentionPeriod InvalidBucketState ",
      "object lock|objectlock|object-lock|retention|retain",
      "Use a bucket that was made with Object Lock, or leave out --s3-object-lock." },
    { "x-amz-checksum-algorithm", "--s3-checksum", " ", "checksum",
      "Set --s3-checksum md5, or none: this server knows no such checksum." },
    { "x-amz-checksum-crc32c", "--s3-checksum", " ", "checksum|crc32c",
      "Set --s3-checksum md5, or none: this server knows no such checksum." },
    { "x-amz-checksum-sha256", "--s3-checksum", " ", "checksum",
      "Set --s3-checksum md5, or none: this server knows no such checksum." },
    { "Content-MD5", "--s3-checksum", " InvalidDigest ", "md5|digest",
      "Set --s3-checksum none: this server does not take Content-MD5." },
};

static bool was_sent(const struct evo_strvec *headers, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < headers->count; i++)
        if (strncmp(headers->items[i], name, n) == 0 && headers->items[i][n] == ':')
            return true;
    return false;
}

static bool has_word(const char *text, const char *words)
{
    for (const char *p = words; *p;) {
        char word[32];
        size_t n = strcspn(p, "|");
        (void)snprintf(word, sizeof(word), "%.*s", (int)n, p);
        if (strcasestr(text, word))
            return true;
        p += n + (p[n] == '|');
    }
    return false;
}

/* The surest sign first. */
static bool means(const struct meaning *m, int sign, const struct evo_s3_fault *fault)
{
    char code[sizeof(fault->code) + 2];
    (void)snprintf(code, sizeof(code), " %s ", fault->code);
    switch (sign) {
    case 0:
        return strcasecmp(fault->about, m->header) == 0;
    case 1:
        return *fault->code && strstr(m->codes, code);
    case 2:
        return strcasestr(fault->message, m->header) != NULL;
    default:
        return has_word(fault->message, m->words);
    }
}

static const struct meaning *find(const struct evo_strvec *headers, int status,
                                  const struct evo_s3_fault *fault)
{
    const struct meaning *only = NULL;
    size_t sent = 0;
    for (int sign = 0; sign < 4; sign++)
        for (size_t i = 0; i < EVO_COUNT(meanings); i++)
            if (was_sent(headers, meanings[i].header) && means(&meanings[i], sign, fault))
                return &meanings[i];
    for (size_t i = 0; i < EVO_COUNT(meanings); i++)
        if (was_sent(headers, meanings[i].header)) {
            only = &meanings[i];
            sent++;
        }
    return sent == 1 && status == 501 ? only : NULL;
}

void evo_s3_settings_explain(const struct evo_strvec *headers, int status, const struct evo_s3_fault *fault,
                             struct evo_error *err)
{
    if (!err || !headers || (status != 400 && status != 501))
        return;
    const struct meaning *m = find(headers, status, fault);
    char detail[sizeof(err->detail)];
    memcpy(detail, err->detail, sizeof(detail));
    if (m) {
        evo_error_set(err, EVO_ERR_STORE, "the store refused the header %s (%s): %d%s%s%s", m->header,
                      m->option, status, *fault->code ? " (" : "", fault->code, *fault->code ? ")" : "");
        err->http_status = status;
        evo_error_detail(err, "%s", detail);
        evo_error_hint(err, "%s", m->hint);
        return;
    }
    EVO_AUTO(strbuf) list = EVO_STRBUF_INIT;
    for (size_t i = 0; i < EVO_COUNT(meanings); i++)
        if (was_sent(headers, meanings[i].header))
            evo_strbuf_addf(&list, "%s%s (%s)", list.len ? ", " : "", meanings[i].header, meanings[i].option);
    if (!list.len)
        return;
    const char *end = !*detail ? "" : evo_ends_with(detail, ".") ? " " : ". ";
    evo_error_detail(err, "%s%sSent with it: %s.", detail, end, list.buf);
    evo_error_hint(err, "Leave one of them out to see which of them this server does not take.");
}

enum evo_errc evo_s3_settings_honoured(const struct evo_s3_settings *s, const char *key, bool encrypted,
                                       struct evo_error *err)
{
    if (!s->sse || encrypted)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_STORE, "the store did not encrypt \"%s\" (--s3-sse)", key);
    evo_error_detail(err, "It took the header " EVO_S3_HEADER_SSE " and ignored it.");
    return evo_error_hint(
        err, "Leave out --s3-sse, and encrypt before the upload: evo backup create --encrypt-to.");
}
