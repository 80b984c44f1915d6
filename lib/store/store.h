/*
 * store.h - objects under keys: a local folder or an S3 bucket, seen alike.
 *
 * Keys are relative ("backups/staging/shop/20261122T101500Z-3f9a2c/toc.dat"), made
 * of segments that hold no "/", are not "." or "..", and are shorter than 200
 * bytes; evo_store_key_append() makes a segment of any text by percent-encoding.
 * An object is written whole or not at all: nothing under a key can be read before
 * put or writer_commit returned EVO_OK.
 *
 * Errors: EVO_ERR_STORE (credentials, no bucket, refused), EVO_ERR_NETWORK,
 * EVO_ERR_DISK, EVO_ERR_NOT_FOUND for a missing object, err->exists where write-once was refused.
 * Retries of what may be retried happen inside.
 *
 * A struct evo_store may be used by several threads at once.
 */
#ifndef EVO_STORE_STORE_H
#define EVO_STORE_STORE_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "base/task.h"

struct evo_store;

/* How a store is reached; strings are borrowed for the call. */
struct evo_store_options {
    const char *url; /* "s3://bucket/prefix" or a folder */
    const char *s3_endpoint; /* NULL: AWS */
    const char *s3_region; /* NULL: us-east-1 */
    const char *s3_addressing; /* "auto" (or NULL), "path", "virtual" */
    bool s3_allow_http; /* plain http to other than loopback */
    const char *
        s3_provider; /* whose server it is: "auto" (or NULL: by the endpoint's host), "aws", "r2", "gcs", "ceph",
                                "minio", "seaweedfs", "versitygw", "scaleway", "other" */
    const char
        *s3_ca_bundle; /* PEM file of authorities to trust, beside those that curl trusts; NULL: none */
    /* Sent with each object; NULL or 0: not. A server that knows one of them not refuses the object, and the error
     * names which. */
    const char *s3_storage_class; /* "STANDARD_IA"; none that must be thawed */
    const char *s3_sse; /* "AES256", "aws:kms" */
    const char *s3_sse_kms_key_id; /* with "aws:kms" */
    const char *s3_object_lock; /* "governance", "compliance"; with s3_object_lock_days */
    int64_t s3_object_lock_days; /* from the object's start on; 1 to 36500 */
    const struct evo_strvec *s3_tags; /* "KEY=VALUE", at most 10 */
    const char
        *s3_checksum; /* "auto" (or NULL: what the provider takes), "none", "md5", "crc32c", "sha256" */
    struct evo_task *task; /* debug lines about retries; may be NULL; must outlive the store */
};
/* Parses and prepares; no request is sent and no folder made (see evo_store_check). */
enum evo_errc evo_store_open(const struct evo_store_options *o, struct evo_store **ret,
                             struct evo_error *err) EVO_CHECK;
void evo_store_close(struct evo_store *store);
EVO_DEFINE_AUTO_PTR(store, evo_store_close);
/* The URL without credentials, as a person would type it. Borrowed. */
const char *evo_store_url(const struct evo_store *store);
bool evo_store_is_s3(const struct evo_store *store);
/* Can it be read and listed? Names what is wrong: credentials, bucket, clock, endpoint. A local folder
 * that does not exist yet is fine where its parent can be written. */
enum evo_errc evo_store_check(struct evo_store *store, struct evo_error *err) EVO_CHECK;

/* For whoever reads what others wrote: a folder that is not there is EVO_ERR_STORE, not an empty store. A bucket that is not
 * there is found by the first request. */
enum evo_errc evo_store_must_exist(const struct evo_store *store, struct evo_error *err) EVO_CHECK;

struct evo_store_stat {
    uint64_t size;
    int64_t mtime_ms; /* wall */
    /* Object Lock of S3, in either mode: until when the object must stay (wall), -1 for no such time, and whether a
     * legal hold is on it. AWS tells this only to whoever may s3:GetObjectRetention and s3:GetObjectLegalHold: without
     * them it is -1 and false. Whoever prunes leaves a locked object alone; a folder has no locks. */
    int64_t locked_until_ms;
    bool legal_hold;
};

enum {
    EVO_STORE_ONCE = 1, /* fail with err->exists where the key exists */
    EVO_STORE_PASSING =
        2 /* removed again soon: without Object Lock and storage class, which keep it or charge for it */
};
enum evo_errc evo_store_put(struct evo_store *store, const char *key, const void *data, size_t n,
                            unsigned flags, struct evo_error *err) EVO_CHECK;
/* Appends the whole object, at most max bytes; a larger one is EVO_ERR_STORE. */
enum evo_errc evo_store_get(struct evo_store *store, const char *key, size_t max, struct evo_strbuf *out,
                            struct evo_error *err) EVO_CHECK;
/* Streams [offset, offset + length), as far as the object reaches, to the sink in order, each byte once (a lost
 * connection is resumed where it stopped). length UINT64_MAX: to the end. The sink's error ends it and is returned. */
typedef enum evo_errc evo_store_sink(void *ctx, const void *data, size_t n, struct evo_error *err);
enum evo_errc evo_store_read(struct evo_store *store, const char *key, uint64_t offset, uint64_t length,
                             evo_store_sink *sink, void *ctx, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_store_stat(struct evo_store *store, const char *key, struct evo_store_stat *ret,
                             struct evo_error *err) EVO_CHECK;
/* Missing is fine. */
enum evo_errc evo_store_remove(struct evo_store *store, const char *key, struct evo_error *err) EVO_CHECK;

struct evo_store_entry {
    char *key; /* relative to the store, as given to put */
    uint64_t size;
    int64_t mtime_ms;
};
struct evo_store_list {
    struct evo_store_entry *items;
    size_t count, alloc;
    struct evo_strvec
        folders; /* with flat false: the next segments alone ("shop/" for "backups/staging/shop/…") */
};
void evo_store_list_release(struct evo_store_list *list);
EVO_DEFINE_AUTO(store_list);
/* All objects whose key starts with prefix, in byte order of the key (sorted here: servers differ).
 * `flat` false: only the next level, deeper keys as `folders`; some servers name for a while a folder whose last
 * object is gone. Nothing there is an empty list, not an error. */
enum evo_errc evo_store_list_prefix(struct evo_store *store, const char *prefix, bool flat,
                                    struct evo_store_list *ret, struct evo_error *err) EVO_CHECK;

/* A stream of unknown length into one object. Bytes are gathered into parts of part_size (S3: at least 5 MiB; a
 * stream that ends within its first part is one plain put, and takes no more memory than it is long). From its second
 * part on a writer for S3 sends one part in a thread of its own while write() fills the next: two parts of memory,
 * and write() waits only while both are full. What fails there is returned by the next write or by the commit. A
 * folder needs no part and no thread: the kernel gathers and writes.
 * Commit makes the object appear; free without commit aborts: no object and no upload stays behind. Free does so
 * after a cancel too (the request is sent all the same, for at most about two seconds; without a cancel it first gives
 * a part on its way two seconds to arrive), so on every path out a writer is freed by the thread that has it. A writer
 * that failed takes nothing more. */
struct evo_store_writer;
enum evo_errc evo_store_writer_open(struct evo_store *store, const char *key, size_t part_size,
                                    struct evo_store_writer **ret, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_store_writer_write(struct evo_store_writer *w, const void *data, size_t n,
                                     struct evo_error *err) EVO_CHECK;
/* Bytes that may still be written to this object: what 10 000 parts of part_size, and the 5 TiB of an S3 object, leave;
 * UINT64_MAX for a folder. More than that is refused as a whole, with EVO_ERR_STORE: whoever may have more than an
 * object holds looks here before each write, and goes on in another object in time. */
uint64_t evo_store_writer_room(const struct evo_store_writer *w);
/* sha256 (may be NULL) receives the hex digest of all bytes, size (may be NULL) their number. */
enum evo_errc evo_store_writer_commit(struct evo_store_writer *w, char sha256[65], uint64_t *ret_size,
                                      struct evo_error *err) EVO_CHECK;
void evo_store_writer_free(struct evo_store_writer *w);
EVO_DEFINE_AUTO_PTR(store_writer, evo_store_writer_free);

/* What runs that were killed left behind: it costs space, and no listing of objects shows it. */
struct evo_store_upload {
    char *key; /* S3: of the object to be; a folder: of the temporary file itself */
    char *id; /* S3: of the multipart upload; a folder: the temporary file's name */
    int64_t started_ms; /* wall; a folder: when it was last written to. -1: not told */
};
struct evo_store_uploads {
    struct evo_store_upload *items;
    size_t count, alloc;
};
void evo_store_uploads_release(struct evo_store_uploads *uploads);
EVO_DEFINE_AUTO(store_uploads);
/* Unfinished uploads below a prefix (empty, or with "/" at its end), by key. Those of runs that are still at work
 * are among them: their age tells, and whoever aborts one makes that run fail. */
enum evo_errc evo_store_list_uploads(struct evo_store *store, const char *prefix,
                                     struct evo_store_uploads *ret, struct evo_error *err) EVO_CHECK;
/* Missing is fine. Repeated until the store lists no part of it any more. */
enum evo_errc evo_store_abort_upload(struct evo_store *store, const struct evo_store_upload *u,
                                     struct evo_error *err) EVO_CHECK;

/* Appends "/" (unless key is empty) and the segment, percent-encoded where needed. */
void evo_store_key_append(struct evo_strbuf *key, const char *segment);

#endif
