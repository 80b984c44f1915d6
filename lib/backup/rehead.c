#include "backup/rehead.h"

#include "backup/downgrade.h"

#define TOC_SIZE_MAX ((size_t)512 << 20)
/* So much first, then each time twice as much, before it is tried again whether that is all of it. */
#define FIRST_TRY ((size_t)64 << 10)

struct evo_rehead {
    int minor;
    evo_pack_sink *sink;
    void *ctx;
    struct evo_strbuf held;
    size_t next_try;
    bool through; /* the table of contents has been handed on */
};

struct evo_rehead *evo_rehead_new(int minor, evo_pack_sink *sink, void *ctx)
{
    struct evo_rehead *r = evo_calloc(1, sizeof(*r));
    *r = (struct evo_rehead){ .minor = minor, .sink = sink, .ctx = ctx, .next_try = FIRST_TRY };
    evo_strbuf_init(&r->held, TOC_SIZE_MAX);
    return r;
}

void evo_rehead_free(struct evo_rehead *r)
{
    if (!r)
        return;
    evo_strbuf_release(&r->held);
    free(r);
}

struct memory {
    const char *p;
    size_t left;
};

static enum evo_errc fill(void *ctx, void *buf, size_t size, size_t *ret_n, struct evo_error *err)
{
    (void)err;
    struct memory *m = ctx;
    *ret_n = m->left < size ? m->left : size;
    memcpy(buf, m->p, *ret_n);
    m->p += *ret_n;
    m->left -= *ret_n;
    return EVO_OK;
}

/* EVO_ERR_INTEGRITY also where more is to come. */
static enum evo_errc hand_on(struct evo_rehead *r, struct evo_error *err)
{
    struct memory m = { .p = r->held.buf, .left = r->held.len };
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    EVO_AUTO(strbuf) rest = EVO_STRBUF_INIT_MAX(TOC_SIZE_MAX);
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT_MAX(TOC_SIZE_MAX);
    EVO_AUTO(strvec) lost = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_toc_read(fill, &m, &toc, &rest, err);
    if (!rc)
        rc = evo_toc_downgrade(&toc, r->minor, &lost, err);
    if (!rc)
        rc = evo_toc_format(&toc, EVO_TOC_CUSTOM, &out, err);
    if (rc)
        return rc;
    r->through = true;
    rc = r->sink(r->ctx, out.buf, out.len, err);
    if (!rc && rest.len)
        rc = r->sink(r->ctx, rest.buf, rest.len, err);
    if (!rc && m.left)
        rc = r->sink(r->ctx, m.p, m.left, err);
    evo_strbuf_release(&r->held);
    return rc;
}

enum evo_errc evo_rehead_write(void *rehead, const void *data, size_t n, struct evo_error *err)
{
    struct evo_rehead *r = rehead;
    if (r->through)
        return r->sink(r->ctx, data, n, err);
    evo_strbuf_add(&r->held, data, n);
    if (!evo_strbuf_ok(&r->held))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "table of contents is larger than allowed");
    if (r->held.len < r->next_try)
        return EVO_OK;
    struct evo_error early = EVO_ERROR_INIT;
    enum evo_errc rc = hand_on(r, &early);
    r->next_try *= 2;
    if (!rc || (rc == EVO_ERR_INTEGRITY && !r->through))
        return EVO_OK;
    if (err)
        *err = early;
    return rc;
}

enum evo_errc evo_rehead_finish(struct evo_rehead *r, struct evo_error *err)
{
    return r->through ? EVO_OK : hand_on(r, err);
}
