/*
 * s3_multipart.h - a stream of unknown length into one object of S3; included by lib/store alone.
 *
 * Bytes are gathered in a buffer that grows up to part_size. A stream that fits into it is one plain put. Once it is
 * full and more comes, a thread of the writer begins a multipart upload (s3_upload.h) and sends it, while the
 * caller fills a second buffer: one part is on its way, one is being made, and no more memory than those two
 * is held. Parts are all of that size but the last, as some servers demand.
 *
 * What goes wrong in the thread is returned by the next write or by the commit. Freeing without a commit lets the part
 * that is on its way arrive, for at most two seconds, then ends it, and aborts the upload, also after a cancel, for at
 * most two seconds.
 */
#ifndef EVO_STORE_S3_MULTIPART_H
#define EVO_STORE_S3_MULTIPART_H

#include "store/backend.h"
#include "store/s3_request.h"

#define EVO_S3_PART_MIN ((size_t)5 << 20)

struct evo_store_writer *evo_s3_multipart_new(struct evo_s3_client *c, const char *key,
                                              size_t part_size) EVO_CHECK;

#endif
