/*
 * s3_multipart.h - a stream of unknown length into one object of S3; included by lib/store alone.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html. One buffer of
 * part_size holds what is not yet sent; parts are all of that size but the last, as some
 * servers demand. A stream that fits into the buffer is one plain put.
 *
 * Committing looks at the object afterwards: servers exist that complete an upload with a part
 * cut short. A lost answer to the completion is settled by the same look. Freeing without a commit
 * aborts the upload, also after a cancel, for at most two seconds; where the answer to the upload's
 * start was lost, uploads of this key that nobody knows are found and aborted too.
 */
#ifndef EVO_STORE_S3_MULTIPART_H
#define EVO_STORE_S3_MULTIPART_H

#include "store/backend.h"
#include "store/s3_request.h"

#define EVO_S3_PART_MIN ((size_t)5 << 20)

struct evo_store_writer *evo_s3_multipart_new(struct evo_s3_client *c, const char *key,
                                              size_t part_size) EVO_CHECK;
/* The ids of the unfinished uploads of exactly this key. */
enum evo_errc evo_s3_multipart_list(struct evo_s3_client *c, const char *key, int64_t time_ms,
                                    struct evo_strvec *ids, struct evo_error *err) EVO_CHECK;

#endif
