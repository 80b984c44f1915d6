#include "store/s3_process.h"

#include "base/process.h"
#include "json/json.h"

#define OUTPUT_MAX ((size_t)64 << 10)
#define RUN_MS     60000

bool evo_s3_process_split(const char *line, struct evo_strvec *words)
{
    EVO_AUTO(strbuf) word = EVO_STRBUF_INIT;
    bool begun = false;
    char quote = '\0';
    for (const char *p = line; *p; p++) {
        bool escape = *p == '\\' && quote != '\'' && (!quote || p[1] == '"' || p[1] == '\\');
        if (escape) {
            if (!*++p)
                return false;
            evo_strbuf_addch(&word, *p);
            begun = true;
        } else if (quote) {
            if (*p == quote)
                quote = '\0';
            else
                evo_strbuf_addch(&word, *p);
        } else if (*p == '"' || *p == '\'') {
            quote = *p;
            begun = true;
        } else if (*p == ' ' || *p == '\t') {
            if (begun)
                evo_strvec_push(words, word.buf);
            evo_strbuf_clear(&word);
            begun = false;
        } else {
            evo_strbuf_addch(&word, *p);
            begun = true;
        }
    }
    if (begun)
        evo_strvec_push(words, word.buf);
    return !quote && words->count;
}

static enum evo_errc failed(const char *profile, const char *why, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_STORE,
                  "could not get keys by the credential_process of the AWS profile \"%s\": %s", profile, why);
    return evo_error_hint(err, "Run it by hand: aws configure get credential_process --profile %s", profile);
}

enum evo_errc evo_s3_process_keys(const char *line, const char *profile, struct evo_s3_keys *keys,
                                  struct evo_error *err)
{
    EVO_AUTO(strvec) argv = EVO_STRVEC_INIT;
    if (!evo_s3_process_split(line, &argv))
        return failed(profile, "a quote in it is not closed", err);
    (void)snprintf(keys->source, sizeof(keys->source), "the credential_process of profile \"%.60s\"",
                   profile);
    struct evo_process_options o = { .argv = argv.items };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT_MAX(OUTPUT_MAX);
    struct evo_error why = EVO_ERROR_INIT;
    int status = -1;
    enum evo_errc rc = evo_process_run(&o, NULL, &out, NULL, evo_deadline_in(RUN_MS), &status, &why);
    if (rc == EVO_ERR_CANCELLED && err)
        *err = why;
    if (rc == EVO_ERR_CANCELLED)
        return rc;
    EVO_AUTO_STR ended = evo_asprintf("it ended with exit status %d", status);
    if (rc || status) {
        evo_strbuf_wipe(&out);
        return failed(profile, rc ? why.message : ended, err);
    }
    EVO_AUTO_STR what = evo_asprintf("what the credential_process of the AWS profile \"%s\" prints", profile);
    EVO_AUTO_PTR(json) json = NULL;
    if (!evo_strbuf_ok(&out))
        rc = failed(profile, "it prints too much", err);
    else if (!evo_json_parse(out.buf, out.len, what, EVO_ERR_STORE, &json, &why) &&
             evo_json_get_int(json, "Version", 0) != 1)
        rc = failed(profile, "it prints another version than 1", err);
    else
        rc = evo_s3_keys_parse(keys, &out, "SessionToken", what, err);
    evo_strbuf_wipe(&out);
    return rc;
}
