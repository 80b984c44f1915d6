#include "store/s3_sign.h"

#include "base/clock.h"
#include "base/encode.h"

void evo_s3_path(struct evo_strbuf *out, const char *path)
{
    evo_percent_encode(out, path, strlen(path), "/");
}

struct pair {
    struct evo_strbuf name, value;
};

static int by_name_then_value(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = strcmp(x->name.buf, y->name.buf);
    return order ? order : strcmp(x->value.buf, y->value.buf);
}

void evo_s3_query(struct evo_strbuf *out, const struct evo_s3_param *params, size_t count)
{
    if (!count)
        return;
    struct pair *pairs = evo_calloc(count, sizeof(*pairs));
    for (size_t i = 0; i < count; i++) {
        evo_strbuf_init(&pairs[i].name, 0);
        evo_strbuf_init(&pairs[i].value, 0);
        evo_percent_encode(&pairs[i].name, params[i].name, strlen(params[i].name), NULL);
        if (params[i].value)
            evo_percent_encode(&pairs[i].value, params[i].value, strlen(params[i].value), NULL);
    }
    qsort(pairs, count, sizeof(*pairs), by_name_then_value);
    for (size_t i = 0; i < count; i++) {
        evo_strbuf_addf(out, "%s%s=%s", i ? "&" : "", pairs[i].name.buf, pairs[i].value.buf);
        evo_strbuf_release(&pairs[i].name);
        evo_strbuf_release(&pairs[i].value);
    }
    free(pairs);
}

/* "name:value" with the name in lower case, blanks around the value cut and inner runs made one. */
static void add_canonical_header(struct evo_strvec *list, const char *header)
{
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    const char *p = header;
    for (; *p && *p != ':'; p++)
        evo_strbuf_addch(&line, (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p));
    evo_strbuf_addch(&line, ':');
    p += *p == ':';
    bool blank = true; /* leading ones are dropped */
    for (; *p; p++) {
        bool is_blank = *p == ' ' || *p == '\t';
        if (!is_blank)
            evo_strbuf_addch(&line, *p);
        else if (!blank)
            evo_strbuf_addch(&line, ' ');
        blank = is_blank;
    }
    evo_strbuf_trim(&line);
    evo_strvec_push_owned(list, evo_strbuf_detach(&line));
}

/* Not whole lines: "-" and digits sort before ":". */
static int by_header_name(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t n = strcspn(x, ":"), m = strcspn(y, ":");
    int order = strncmp(x, y, n < m ? n : m);
    return order ? order : n < m ? -1 : n > m;
}

void evo_s3_canonical_request(const struct evo_s3_sign *s, struct evo_strbuf *out,
                              struct evo_strbuf *signed_headers)
{
    EVO_AUTO(strvec) headers = EVO_STRVEC_INIT;
    EVO_AUTO_STR host = evo_asprintf("host:%s", s->host);
    add_canonical_header(&headers, host);
    for (size_t i = 0; i < s->headers->count; i++)
        add_canonical_header(&headers, s->headers->items[i]);
    qsort(headers.items, headers.count, sizeof(*headers.items), by_header_name);

    evo_strbuf_addf(out, "%s\n%s\n%s\n", s->method, s->path, s->query);
    for (size_t i = 0; i < headers.count; i++) {
        const char *line = headers.items[i];
        evo_strbuf_addf(out, "%s\n", line);
        evo_strbuf_addf(signed_headers, "%s%.*s", i ? ";" : "", (int)strcspn(line, ":"), line);
    }
    evo_strbuf_addf(out, "\n%s\n%s", signed_headers->buf, s->payload_sha256);
}

/* "20130524/us-east-1/s3/aws4_request" */
static void add_scope(struct evo_strbuf *out, const struct evo_s3_sign *s)
{
    char time[EVO_TIME_MAX];
    evo_strbuf_addf(out, "%.8s/%s/s3/aws4_request", evo_format_time_compact(s->wall_ms, time), s->region);
}

void evo_s3_string_to_sign(const struct evo_s3_sign *s, const char *canonical_request, struct evo_strbuf *out)
{
    char time[EVO_TIME_MAX], hex[EVO_SHA256_HEX];
    evo_strbuf_addf(out, "AWS4-HMAC-SHA256\n%s\n", evo_format_time_compact(s->wall_ms, time));
    add_scope(out, s);
    evo_strbuf_addf(out, "\n%s", evo_sha256_hex(canonical_request, strlen(canonical_request), hex));
}

static void signing_key(const struct evo_s3_sign *s, unsigned char key[EVO_SHA256_SIZE])
{
    char time[EVO_TIME_MAX];
    EVO_AUTO(strbuf) start = EVO_STRBUF_INIT;
    evo_strbuf_addf(&start, "AWS4%s", s->secret_key);
    evo_hmac_sha256(start.buf, start.len, evo_format_time_compact(s->wall_ms, time), 8, key);
    evo_strbuf_wipe(&start);
    const char *steps[] = { s->region, "s3", "aws4_request" };
    for (size_t i = 0; i < EVO_COUNT(steps); i++) {
        unsigned char next[EVO_SHA256_SIZE];
        evo_hmac_sha256(key, EVO_SHA256_SIZE, steps[i], strlen(steps[i]), next);
        memcpy(key, next, EVO_SHA256_SIZE);
        explicit_bzero(next, sizeof(next));
    }
}

void evo_s3_authorization(const struct evo_s3_sign *s, struct evo_strbuf *out)
{
    EVO_AUTO(strbuf) canonical = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) signed_headers = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) to_sign = EVO_STRBUF_INIT;
    evo_s3_canonical_request(s, &canonical, &signed_headers);
    evo_s3_string_to_sign(s, canonical.buf, &to_sign);

    unsigned char key[EVO_SHA256_SIZE], signature[EVO_SHA256_SIZE];
    signing_key(s, key);
    evo_hmac_sha256(key, sizeof(key), to_sign.buf, to_sign.len, signature);
    explicit_bzero(key, sizeof(key));

    evo_strbuf_addf(out, "AWS4-HMAC-SHA256 Credential=%s/", s->access_key);
    add_scope(out, s);
    evo_strbuf_addf(out, ",SignedHeaders=%s,Signature=", signed_headers.buf);
    evo_hex(out, signature, sizeof(signature));
    /* The canonical request holds the session token. */
    evo_strbuf_wipe(&canonical);
}
