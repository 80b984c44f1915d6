/* Keys, a sink, and sealing and opening in one call. */
#ifndef EVO_TESTS_AGE_TESTING_H
#define EVO_TESTS_AGE_TESTING_H

#include "base/strbuf.h"
#include "crypto/age.h"

/* The specification's own pair, and two that age-keygen made. */
static const char spec_recipient[] = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
static const char spec_identity[] =
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
static const char second_recipient[] = "age1qmuyvz4hpp6dxqud83nnvklawkel2rldpj2umrp4n7fxexct3seqzrmd4t";
static const char second_identity[] =
    "AGE-SECRET-KEY-1JSY6M6UHLQNXRS9VLPN7KSTHPNEC2KPHHARZX846S2MKAUPUFC2Q9X3KSY";
static const char third_recipient[] = "age1hewsv83yqr40tz20sgeu8n6mhn6q4fkfgxtnt7phxxm444urvdvqk5ntzq";

static inline enum evo_errc collect(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    assert_true(n > 0);
    evo_strbuf_add(ctx, data, n);
    return EVO_OK;
}

static inline struct evo_age_recipients *recipients(const char *const *texts, size_t count)
{
    struct evo_age_recipients *r = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_age_recipients_parse(texts, count, &r, &err))
        fail_msg("%s", err.message);
    return r;
}

static inline struct evo_age_identities *identities(const char *text)
{
    struct evo_age_identities *ids = NULL;
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_age_identities_parse(text, strlen(text), "identity", &ids, &err))
        fail_msg("%s", err.message);
    return ids;
}

/* Handed over in pieces of `piece` bytes. */
static inline void seal(struct evo_strbuf *out, const struct evo_age_recipients *r, const void *data,
                        size_t n, size_t piece)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO_PTR(age_writer) w = evo_age_writer_new(r, collect, out);
    for (size_t i = 0; i < n; i += piece)
        assert_int_equal(evo_age_write(w, (const char *)data + i, n - i < piece ? n - i : piece, &err),
                         EVO_OK);
    assert_int_equal(evo_age_finish(w, &err), EVO_OK);
}

static inline enum evo_errc unseal(struct evo_strbuf *out, const struct evo_age_identities *ids,
                                   const void *data, size_t n, size_t piece, struct evo_error *err)
{
    EVO_AUTO_PTR(age_reader) r = evo_age_reader_new(ids, collect, out);
    for (size_t i = 0; i < n; i += piece) {
        enum evo_errc rc = evo_age_read(r, (const char *)data + i, n - i < piece ? n - i : piece, err);
        if (rc)
            return rc;
    }
    return evo_age_read_finish(r, err);
}

/* A pair for the whole program: the specification's. */
static struct evo_age_recipients *spec_to;
static struct evo_age_identities *spec_ids;

static inline int make_keys(void **state)
{
    (void)state;
    const char *texts[] = { spec_recipient };
    spec_to = recipients(texts, 1);
    spec_ids = identities(spec_identity);
    return 0;
}

static inline int drop_keys(void **state)
{
    (void)state;
    evo_age_recipients_free(spec_to);
    evo_age_identities_free(spec_ids);
    return 0;
}

static inline void fill(struct evo_strbuf *sb, size_t n)
{
    assert_true(evo_strbuf_reserve(sb, n));
    for (size_t i = 0; i < n; i++)
        sb->buf[i] = (char)(i ^ i >> 8 ^ i >> 16);
    evo_strbuf_advance(sb, n);
}

static inline void expect_content(const struct evo_strbuf *file, const struct evo_strbuf *content,
                                  size_t piece)
{
    EVO_AUTO(strbuf) back = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    if (unseal(&back, spec_ids, file->buf, file->len, piece, &err))
        fail_msg("%zu bytes in pieces of %zu: %s", content->len, piece, err.message);
    assert_int_equal(back.len, content->len);
    assert_memory_equal(back.buf, content->buf, content->len);
}

/* A sink that fails the nth time it is called. */
struct failing {
    int calls, fails_at;
};

static inline enum evo_errc fail_nth(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct failing *f = ctx;
    (void)data;
    (void)n;
    if (++f->calls == f->fails_at)
        return evo_error_set(err, EVO_ERR_DISK, "no room");
    return EVO_OK;
}

#endif
