/*
 * s3_uploads.h - the unfinished multipart uploads of a bucket: find them, end them; included by lib/store alone.
 */
#ifndef EVO_STORE_S3_UPLOADS_H
#define EVO_STORE_S3_UPLOADS_H

#include "base/clock.h"
#include "store/s3_request.h"

/* What both functions share: how long it may take, and whether a cancel ends it. */
struct evo_s3_patience {
    struct evo_deadline deadline;
    bool despite_cancel;
};

/* The unfinished uploads of exactly this key (with the store's prefix, as all keys here). */
enum evo_errc evo_s3_uploads_of(struct evo_s3_client *c, const char *key, struct evo_s3_patience patience,
                                struct evo_store_uploads *ret, struct evo_error *err) EVO_CHECK;
/* Those below a prefix, perhaps twice. Where the server takes the prefix for one key, as some do, those of the whole
 * bucket are asked for as well, and filtered. */
enum evo_errc evo_s3_uploads_below(struct evo_s3_client *c, const char *prefix,
                                   struct evo_s3_patience patience, struct evo_store_uploads *ret,
                                   struct evo_error *err) EVO_CHECK;
/* Ends one, and again while the server still lists parts of it: a part that was on its way when the abort arrived keeps
 * an upload alive. One that is not there is fine. */
enum evo_errc evo_s3_upload_abort(struct evo_s3_client *c, const char *key, const char *id,
                                  struct evo_s3_patience patience, struct evo_error *err) EVO_CHECK;

#endif
