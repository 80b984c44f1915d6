/*
 * s3_body.h - bytes of an object on their way, with their checksum; included by lib/store alone.
 */
#ifndef EVO_STORE_S3_BODY_H
#define EVO_STORE_S3_BODY_H

#include "store/s3_request.h"

/* As evo_s3_send(), for a put of an object or of a part. The checksum of the client's settings is added to `headers`
 * (the request's own, which may be empty) and returned in *ret_digest. An answer that tells of other bytes than were
 * sent is a failed attempt: after three of them it is EVO_ERR_STORE, with *ret_damaged. */
enum evo_errc evo_s3_send_body(struct evo_s3_client *c, struct evo_s3_request *r, struct evo_strvec *headers,
                               struct evo_s3_answer *answer, struct evo_s3_digest *ret_digest,
                               bool *ret_damaged, struct evo_error *err) EVO_CHECK;
/* Removes an object that is not what was sent, so that nobody reads it; after a cancel too, for at most two
 * seconds. */
void evo_s3_remove_wrong(struct evo_s3_client *c, const char *key);

#endif
