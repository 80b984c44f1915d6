/*
 * s3_upload.h - the requests of one multipart upload; included by lib/store alone.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html. It holds what the server said
 * and no bytes of the stream: s3_multipart.c gathers those, and decides which thread asks.
 *
 * Completing looks at the object afterwards: servers exist that complete an upload with a part
 * cut short. A lost answer to the completion is settled by the same look.
 */
#ifndef EVO_STORE_S3_UPLOAD_H
#define EVO_STORE_S3_UPLOAD_H

#include "base/clock.h"
#include "store/s3_request.h"

struct evo_s3_part {
    char *etag; /* as the server wrote it */
    char checksum[48]; /* as it was sent; "": none */
};

/* Zeroed but for the first three fields. Used by one thread at a time. */
struct evo_s3_upload {
    struct evo_s3_client *client;
    const char *key; /* with the store's prefix; borrowed */
    const atomic_bool *stop; /* ends a part on its way; may be NULL */
    char *id; /* NULL: not begun */
    struct evo_s3_part *parts; /* 1, 2, ... */
    size_t count, alloc;
    bool start_lost; /* an upload may have been begun whose id we do not know */
    bool completed;
};
void evo_s3_upload_release(struct evo_s3_upload *u);

/* Sends the next part; the first one begins the upload. */
enum evo_errc evo_s3_upload_part(struct evo_s3_upload *u, const void *data, size_t n,
                                 struct evo_error *err) EVO_CHECK;
/* Makes the object appear, of `size` bytes. After a failure no wrong object lies there, but the upload may still. */
enum evo_errc evo_s3_upload_complete(struct evo_s3_upload *u, uint64_t size, struct evo_error *err) EVO_CHECK;
/* Ends what was begun and not completed, after a cancel too, for at most two seconds. What cannot be ended is told as a warning. Uploads of
 * this key whose start was never confirmed are found and ended too: a key is written by one writer. */
void evo_s3_upload_abandon(struct evo_s3_upload *u);

#endif
