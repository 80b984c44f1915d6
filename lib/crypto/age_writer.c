#include "crypto/age_header.h"
#include "crypto/random.h"

#include "base/banned.h"

struct evo_age_writer {
    const struct evo_age_recipients *recipients;
    evo_age_sink *sink;
    void *ctx;
    struct evo_chachapoly *payload; /* NULL: nothing was written yet, the header neither */
    uint64_t chunks; /* that were sealed */
    bool failed, finished;
    size_t held; /* bytes of `plain`: whether they are the last chunk is known when more come, or none */
    unsigned char plain[AGE_CHUNK];
    unsigned char sealed[AGE_SEALED_CHUNK];
};

struct evo_age_writer *evo_age_writer_new(const struct evo_age_recipients *r, evo_age_sink *sink, void *ctx)
{
    struct evo_age_writer *w = evo_calloc(1, sizeof(*w));
    w->recipients = r;
    w->sink = sink;
    w->ctx = ctx;
    return w;
}

void evo_age_writer_free(struct evo_age_writer *w)
{
    if (!w)
        return;
    evo_chachapoly_free(w->payload);
    explicit_bzero(w->plain, sizeof(w->plain));
    free(w);
}

static enum evo_errc emit(struct evo_age_writer *w, const void *data, size_t n, struct evo_error *err)
{
    enum evo_errc rc = w->sink(w->ctx, data, n, err);
    w->failed = rc != EVO_OK;
    return rc;
}

/* The header and the payload's nonce, before the first chunk. */
static enum evo_errc begin(struct evo_age_writer *w, struct evo_error *err)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    unsigned char file_key[AGE_FILE_KEY], nonce[AGE_NONCE];
    evo_random_bytes(file_key, sizeof(file_key));
    evo_random_bytes(nonce, sizeof(nonce));
    evo_age_header_write(&out, w->recipients, file_key);
    evo_strbuf_add(&out, nonce, sizeof(nonce));
    w->payload = evo_age_payload(file_key, nonce);
    explicit_bzero(file_key, sizeof(file_key));
    return emit(w, out.buf, out.len, err);
}

static enum evo_errc seal_chunk(struct evo_age_writer *w, const void *plain, size_t n, bool last,
                                struct evo_error *err)
{
    unsigned char nonce[EVO_CHACHAPOLY_NONCE];
    enum evo_errc rc = w->payload ? EVO_OK : begin(w, err);
    if (rc)
        return rc;
    evo_age_chunk_nonce(w->chunks++, last, nonce);
    evo_chachapoly_seal(w->payload, nonce, plain, n, w->sealed);
    return emit(w, w->sealed, n + EVO_CHACHAPOLY_TAG, err);
}

static enum evo_errc failed_already(struct evo_error *err)
{
    return evo_error_set(err, EVO_ERR_INTERNAL, "writing the age file has failed already");
}

enum evo_errc evo_age_write(struct evo_age_writer *w, const void *data, size_t n, struct evo_error *err)
{
    const unsigned char *p = data;
    EVO_ASSERT(!w->finished);
    if (w->failed)
        return failed_already(err);
    while (n) {
        enum evo_errc rc = EVO_OK;
        size_t take = 0;
        if (!w->held && n > AGE_CHUNK) {
            take = AGE_CHUNK;
            rc = seal_chunk(w, p, take, false, err);
        } else if (w->held == AGE_CHUNK) {
            rc = seal_chunk(w, w->plain, AGE_CHUNK, false, err);
            w->held = 0;
        } else {
            take = n < AGE_CHUNK - w->held ? n : AGE_CHUNK - w->held;
            memcpy(w->plain + w->held, p, take);
            w->held += take;
        }
        if (rc)
            return rc;
        p += take;
        n -= take;
    }
    return EVO_OK;
}

enum evo_errc evo_age_finish(struct evo_age_writer *w, struct evo_error *err)
{
    EVO_ASSERT(!w->finished);
    if (w->failed)
        return failed_already(err);
    w->finished = true;
    return seal_chunk(w, w->plain, w->held, true, err);
}
