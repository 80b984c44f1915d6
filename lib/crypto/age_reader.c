#include "crypto/age_header.h"

#include "base/banned.h"

struct evo_age_reader {
    const struct evo_age_identities *identities;
    evo_age_sink *sink;
    void *ctx;
    struct evo_age_header header;
    unsigned char file_key[AGE_FILE_KEY]; /* between the header and the payload's nonce */
    unsigned char nonce[AGE_NONCE];
    size_t nonce_len;
    struct evo_chachapoly *payload; /* NULL: the nonce is not complete */
    uint64_t chunks; /* that were opened */
    bool failed, finished;
    size_t held; /* bytes of `sealed`: whether they are the last chunk is known when more come, or none */
    unsigned char sealed[AGE_SEALED_CHUNK];
    unsigned char plain[AGE_CHUNK];
};

struct evo_age_reader *evo_age_reader_new(const struct evo_age_identities *ids, evo_age_sink *sink, void *ctx)
{
    struct evo_age_reader *r = evo_calloc(1, sizeof(*r));
    r->identities = ids;
    r->sink = sink;
    r->ctx = ctx;
    evo_age_header_init(&r->header);
    return r;
}

void evo_age_reader_free(struct evo_age_reader *r)
{
    if (!r)
        return;
    evo_age_header_release(&r->header);
    evo_chachapoly_free(r->payload);
    explicit_bzero(r->file_key, sizeof(r->file_key));
    explicit_bzero(r->plain, sizeof(r->plain));
    free(r);
}

static enum evo_errc damaged(const struct evo_age_reader *r, const char *what, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_INTEGRITY, "the age file %s", what);
    if (!r->chunks)
        return EVO_ERR_INTEGRITY;
    return evo_error_detail(err, "The %llu bytes of content before that are as they were sealed.",
                            (unsigned long long)(r->chunks * AGE_CHUNK));
}

/* Why a chunk did not open. One that opens as what it should not be tells that its neighbours are missing or added. */
static enum evo_errc not_authentic(struct evo_age_reader *r, const unsigned char *sealed, size_t n, bool last,
                                   struct evo_error *err)
{
    unsigned char nonce[EVO_CHACHAPOLY_NONCE];
    evo_age_chunk_nonce(r->chunks, !last, nonce);
    bool misplaced = evo_chachapoly_open(r->payload, nonce, sealed, n, r->plain);
    explicit_bzero(r->plain, sizeof(r->plain));
    if (misplaced)
        return damaged(r, last ? "is cut: the chunks at its end are missing" : "goes on behind its end", err);
    char what[64];
    (void)snprintf(what, sizeof(what), "is damaged%s in chunk %llu",
                   last && n < AGE_SEALED_CHUNK ? " or cut" : "", (unsigned long long)r->chunks + 1);
    return damaged(r, what, err);
}

static enum evo_errc open_chunk(struct evo_age_reader *r, const unsigned char *sealed, size_t n, bool last,
                                struct evo_error *err)
{
    unsigned char nonce[EVO_CHACHAPOLY_NONCE];
    evo_age_chunk_nonce(r->chunks, last, nonce);
    if (!evo_chachapoly_open(r->payload, nonce, sealed, n, r->plain))
        return not_authentic(r, sealed, n, last, err);
    n -= EVO_CHACHAPOLY_TAG;
    if (last && !n && r->chunks)
        return damaged(r, "has an empty chunk at its end, which age does not write", err);
    r->chunks++;
    return n ? r->sink(r->ctx, r->plain, n, err) : EVO_OK;
}

/* What stands before the first chunk. *ret_used of the n bytes were that. */
static enum evo_errc read_start(struct evo_age_reader *r, const unsigned char *p, size_t n, size_t *ret_used,
                                struct evo_error *err)
{
    if (r->header.expected != EVO_AGE_HEADER_END) {
        enum evo_errc rc = evo_age_header_read(&r->header, (const char *)p, n, ret_used, err);
        if (!rc && r->header.expected == EVO_AGE_HEADER_END)
            rc = evo_age_header_unwrap(&r->header, r->identities, r->file_key, err);
        return rc;
    }
    size_t take = n < AGE_NONCE - r->nonce_len ? n : AGE_NONCE - r->nonce_len;
    memcpy(r->nonce + r->nonce_len, p, take);
    r->nonce_len += take;
    if (r->nonce_len == AGE_NONCE) {
        r->payload = evo_age_payload(r->file_key, r->nonce);
        explicit_bzero(r->file_key, sizeof(r->file_key));
    }
    *ret_used = take;
    return EVO_OK;
}

static enum evo_errc read_piece(struct evo_age_reader *r, const unsigned char *p, size_t n,
                                struct evo_error *err)
{
    while (n) {
        enum evo_errc rc = EVO_OK;
        size_t take = 0;
        if (!r->payload) {
            rc = read_start(r, p, n, &take, err);
        } else if (!r->held && n > AGE_SEALED_CHUNK) {
            take = AGE_SEALED_CHUNK;
            rc = open_chunk(r, p, take, false, err);
        } else if (r->held == AGE_SEALED_CHUNK) {
            rc = open_chunk(r, r->sealed, AGE_SEALED_CHUNK, false, err);
            r->held = 0;
        } else {
            take = n < AGE_SEALED_CHUNK - r->held ? n : AGE_SEALED_CHUNK - r->held;
            memcpy(r->sealed + r->held, p, take);
            r->held += take;
        }
        if (rc)
            return rc;
        p += take;
        n -= take;
    }
    return EVO_OK;
}

static enum evo_errc failed_already(struct evo_error *err)
{
    return evo_error_set(err, EVO_ERR_INTERNAL, "reading the age file has failed already");
}

enum evo_errc evo_age_read(struct evo_age_reader *r, const void *data, size_t n, struct evo_error *err)
{
    EVO_ASSERT(!r->finished);
    if (r->failed)
        return failed_already(err);
    enum evo_errc rc = read_piece(r, data, n, err);
    r->failed = rc != EVO_OK;
    return rc;
}

enum evo_errc evo_age_read_finish(struct evo_age_reader *r, struct evo_error *err)
{
    EVO_ASSERT(!r->finished);
    if (r->failed)
        return failed_already(err);
    r->finished = true;
    if (r->header.expected != EVO_AGE_HEADER_END)
        return evo_age_header_cut(&r->header, err);
    if (!r->payload)
        return damaged(r, "is cut: it ends behind its header", err);
    if (r->held < EVO_CHACHAPOLY_TAG)
        return damaged(r, "is cut: its last chunk is missing", err);
    return open_chunk(r, r->sealed, r->held, true, err);
}
