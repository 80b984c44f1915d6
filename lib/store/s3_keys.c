#include "store/s3_keys.h"

#include "base/clock.h"
#include "json/json.h"

void evo_s3_keys_release(struct evo_s3_keys *keys)
{
    if (!keys)
        return;
    evo_secret_release(&keys->access_key);
    evo_secret_release(&keys->secret_key);
    evo_secret_release(&keys->token);
}

void evo_s3_keys_set(struct evo_s3_keys *keys, const char *access_key, const char *secret_key,
                     const char *token)
{
    evo_redact_add(secret_key);
    evo_redact_add(token);
    evo_secret_set(&keys->access_key, access_key);
    evo_secret_set(&keys->secret_key, secret_key);
    evo_secret_set(&keys->token, token);
}

/* What the source says instead of keys: "Code" other than Success, as machines do. */
static enum evo_errc refused(const char *code, const char *what, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_STORE, "%s holds no keys: %.64s", what, code);
    return evo_error_hint(
        err, "Check the role that is given to this machine or container, and that it may be assumed.");
}

enum evo_errc evo_s3_keys_parse(struct evo_s3_keys *keys, const struct evo_strbuf *text,
                                const char *token_member, const char *what, struct evo_error *err)
{
    EVO_AUTO_PTR(json) json = NULL;
    struct evo_error unshown = EVO_ERROR_INIT; /* it may repeat a piece of the text */
    if (evo_json_parse(text->buf, text->len, what, EVO_ERR_STORE, &json, &unshown))
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand %s: it is no JSON", what);
    const char *code = evo_json_get_string(json, "Code", "Success");
    const char *access_key = evo_json_get_string(json, "AccessKeyId", "");
    const char *secret_key = evo_json_get_string(json, "SecretAccessKey", "");
    const char *token = evo_json_get_string(json, token_member, NULL);
    const char *expiration = evo_json_get_string(json, "Expiration", NULL);
    int64_t expires_ms = -1;
    if (!evo_streq(code, "Success"))
        return refused(code, what, err);
    if (!*access_key || !*secret_key)
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand %s: it holds no keys", what);
    if (expiration && !evo_parse_time(expiration, &expires_ms))
        return evo_error_set(err, EVO_ERR_STORE, "cannot understand %s: its Expiration is no time", what);
    evo_s3_keys_set(keys, access_key, secret_key, token && *token ? token : NULL);
    keys->expires_ms = expires_ms;
    return EVO_OK;
}
