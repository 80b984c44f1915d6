#include "store/s3_multipart.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"
#include "store/s3.h"
#include "store/s3_upload.h"

#define BUFFER_MIN ((size_t)64 << 10)
#define LAND_MS    2000 /* how long a part on its way may still take when the upload is given up */

struct buffer {
    char *data;
    size_t used, size;
};

struct multipart {
    struct evo_store_writer base;
    struct evo_s3_client *client;
    char *key;
    size_t part_size;
    struct buffer filling; /* what is not handed over yet */

    bool started; /* there is a thread */
    pthread_t thread;
    atomic_bool stop; /* ends the request of the thread */
    struct evo_s3_upload upload; /* the thread's while `busy`, and the caller's else */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct buffer sending; /* the thread's while `busy` */
    bool busy;
    bool quit; /* the thread is to end once it is not busy */
    enum evo_errc failed;
    struct evo_error why;
};

static struct multipart *multipart_of(struct evo_store_writer *w)
{
    return (struct multipart *)w;
}

/* ---- the thread ---- */

static void *send_parts(void *ctx)
{
    struct multipart *m = ctx;
    (void)pthread_mutex_lock(&m->lock);
    for (;;) {
        while (!m->busy && !m->quit)
            (void)pthread_cond_wait(&m->changed, &m->lock);
        if (!m->busy)
            break;
        (void)pthread_mutex_unlock(&m->lock);
        struct evo_error why = EVO_ERROR_INIT;
        enum evo_errc rc = evo_s3_upload_part(&m->upload, m->sending.data, m->sending.used, &why);
        (void)pthread_mutex_lock(&m->lock);
        m->busy = false;
        m->sending.used = 0;
        if (rc && !m->failed) {
            m->failed = rc;
            m->why = why;
        }
        (void)pthread_cond_broadcast(&m->changed);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return NULL;
}

static enum evo_errc start_thread(struct multipart *m, struct evo_error *err)
{
    int errnum = pthread_create(&m->thread, NULL, send_parts, m);
    if (errnum)
        return evo_error_errno(err, EVO_ERR_INTERNAL, errnum, "could not start a thread to upload \"%s\"",
                               m->key);
    m->started = true;
    return EVO_OK;
}

/* Under the lock. */
static enum evo_errc failure(const struct multipart *m, struct evo_error *err)
{
    if (m->failed && err)
        *err = m->why;
    return m->failed;
}

/* Gives the full buffer to the thread, once it has sent the former one, and takes that one's. */
static enum evo_errc hand_over(struct multipart *m, struct evo_error *err)
{
    enum evo_errc rc = m->started ? EVO_OK : start_thread(m, err);
    if (rc)
        return rc;
    (void)pthread_mutex_lock(&m->lock);
    while (m->busy)
        (void)pthread_cond_wait(&m->changed, &m->lock);
    rc = failure(m, err);
    if (!rc) {
        struct buffer full = m->filling;
        m->filling = m->sending;
        m->sending = full;
        m->busy = true;
        (void)pthread_cond_broadcast(&m->changed);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return rc;
}

/* Waits until the thread has nothing to do, and ends it. */
static enum evo_errc join(struct multipart *m, struct evo_error *err)
{
    (void)pthread_mutex_lock(&m->lock);
    m->quit = true;
    (void)pthread_cond_broadcast(&m->changed);
    (void)pthread_mutex_unlock(&m->lock);
    (void)pthread_join(m->thread, NULL);
    m->started = false;
    return failure(m, err);
}

/* A part that arrives before the abort needs no second one. */
static void let_land(struct multipart *m)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LAND_MS / 1000;
    (void)pthread_mutex_lock(&m->lock);
    while (m->busy && pthread_cond_timedwait(&m->changed, &m->lock, &until) == 0)
        ;
    (void)pthread_mutex_unlock(&m->lock);
    atomic_store(&m->stop, true);
}

/* ---- the caller ---- */

/* What one object may hold. */
static uint64_t capacity(const struct multipart *m)
{
    uint64_t parts = m->client->parts_max, most = m->client->object_max;
    return parts > most / m->part_size ? most : parts * m->part_size;
}

static uint64_t multipart_room(const struct evo_store_writer *base)
{
    const struct multipart *m = (const struct multipart *)base;
    return capacity(m) - base->size;
}

static enum evo_errc too_much(const struct multipart *m, struct evo_error *err)
{
    char part[EVO_HUMAN_MAX], most[EVO_HUMAN_MAX];
    evo_format_size(m->part_size, part);
    evo_format_size(capacity(m), most);
    evo_error_set(err, EVO_ERR_STORE, "cannot write \"%s\": an object of the store holds at most %s", m->key,
                  most);
    evo_error_detail(err, "An object of S3 has at most %zu parts, and these are of %s.", m->client->parts_max,
                     part);
    return evo_error_hint(err, "Use larger parts: give evo-backup more memory by --memory.");
}

/* Grows by doubling: a small stream costs what it holds. */
static void add(struct buffer *b, size_t most, const char *p, size_t n)
{
    if (n > b->size - b->used) {
        size_t size = b->size < BUFFER_MIN / 2 ? BUFFER_MIN : b->size * 2;
        if (size < b->used + n)
            size = b->used + n;
        b->size = size < most ? size : most;
        b->data = evo_realloc_array(b->data, b->size, 1);
    }
    memcpy(b->data + b->used, p, n);
    b->used += n;
}

static enum evo_errc multipart_write(struct evo_store_writer *base, const void *data, size_t n,
                                     struct evo_error *err)
{
    struct multipart *m = multipart_of(base);
    const char *p = data;
    enum evo_errc rc = evo_cancel_check(err);
    if (!rc && n > multipart_room(base))
        rc = too_much(m, err);
    if (!rc && m->started) {
        (void)pthread_mutex_lock(&m->lock);
        rc = failure(m, err);
        (void)pthread_mutex_unlock(&m->lock);
    }
    while (n && !rc) {
        /* A full buffer goes when more comes: what fits into one is a plain put. */
        if (m->filling.used == m->part_size) {
            rc = hand_over(m, err);
            if (rc)
                break;
        }
        size_t room = m->part_size - m->filling.used, take = room < n ? room : n;
        add(&m->filling, m->part_size, p, take);
        p += take;
        n -= take;
    }
    return rc;
}

static enum evo_errc multipart_commit(struct evo_store_writer *base, struct evo_error *err)
{
    struct multipart *m = multipart_of(base);
    enum evo_errc rc;
    if (!m->started) {
        rc = evo_s3_put_object(m->client, m->key, m->filling.data, m->filling.used, err);
    } else {
        rc = join(m, err);
        if (!rc) /* never empty: a full buffer goes when more comes */
            rc = evo_s3_upload_part(&m->upload, m->filling.data, m->filling.used, err);
        if (!rc)
            rc = evo_s3_upload_complete(&m->upload, m->base.size, err);
    }
    return rc;
}

static void multipart_free(struct evo_store_writer *base)
{
    struct multipart *m = multipart_of(base);
    if (m->started) {
        let_land(m);
        (void)join(m, NULL); /* what failed does not matter any more */
    }
    evo_s3_upload_abandon(&m->upload);
    evo_s3_upload_release(&m->upload);
    (void)pthread_cond_destroy(&m->changed);
    (void)pthread_mutex_destroy(&m->lock);
    free(m->filling.data);
    free(m->sending.data);
    free(m->key);
    free(m);
}

static const struct evo_store_writer_ops multipart_ops = {
    .write = multipart_write, .commit = multipart_commit, .room = multipart_room, .free = multipart_free
};

struct evo_store_writer *evo_s3_multipart_new(struct evo_s3_client *c, const char *key, size_t part_size)
{
    struct multipart *m = evo_calloc(1, sizeof(*m));
    m->base.ops = &multipart_ops;
    m->client = c;
    m->key = evo_strdup(key);
    m->part_size = part_size < EVO_S3_PART_MIN ? EVO_S3_PART_MIN : part_size;
    m->upload = (struct evo_s3_upload){ .client = c, .key = m->key, .stop = &m->stop };
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&m->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&m->lock, NULL);
    return &m->base;
}
