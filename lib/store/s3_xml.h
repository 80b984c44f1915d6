/*
 * s3_xml.h - the XML that S3 and STS answer with; the only file that includes expat.
 *
 * Elements are told by their path ("ListBucketResult/Contents/Key"), name-space prefixes
 * cut. A document type, more than 16 levels or a text over 64 KiB ends the parse: no answer
 * of S3 has any. Element texts are decoded (servers write ETags with &quot; or &#34;).
 *
 * The functions return false for what is no such document; then *ret is as it was or
 * half filled, and is released by the caller either way.
 */
#ifndef EVO_STORE_S3_XML_H
#define EVO_STORE_S3_XML_H

#include "base/strbuf.h"
#include "base/strvec.h"
#include "store/store.h"

/* <Error>, or STS's <ErrorResponse>. Texts are cut to fit. */
struct evo_s3_fault {
    char code[64];
    char message[512];
    char region[64];
    char about[64]; /* the header or argument that it is about; "" where it does not tell */
    int64_t server_time_ms; /* of RequestTimeTooSkewed; 0: not told */
};
bool evo_s3_xml_fault(const char *xml, size_t n, struct evo_s3_fault *ret);

/* One page of ListObjectsV2. Keys and folders as the server names them, with the store's prefix. */
struct evo_s3_page {
    struct evo_store_list list;
    char *next; /* the continuation token; NULL on the last page */
};
bool evo_s3_xml_page(const char *xml, size_t n, struct evo_s3_page *ret);
void evo_s3_page_release(struct evo_s3_page *page);
EVO_DEFINE_AUTO(s3_page);

/* The UploadId of InitiateMultipartUploadResult. The caller frees. */
bool evo_s3_xml_upload_id(const char *xml, size_t n, char **ret);
/* True for a CompleteMultipartUploadResult. */
bool evo_s3_xml_completed(const char *xml, size_t n);
/* One page of ListMultipartUploads. */
struct evo_s3_uploads_page {
    struct evo_store_uploads list;
    bool truncated;
    char *next_key, *next_id; /* the markers of the page that follows; NULL where the server names none */
};
bool evo_s3_xml_uploads(const char *xml, size_t n, struct evo_s3_uploads_page *ret);
void evo_s3_uploads_page_release(struct evo_s3_uploads_page *page);
EVO_DEFINE_AUTO(s3_uploads_page);
/* True for a ListPartsResult that holds a part. */
bool evo_s3_xml_has_parts(const char *xml, size_t n);

/* Credentials of AssumeRoleWithWebIdentityResponse. The caller wipes. */
struct evo_sts_answer {
    struct evo_strbuf access_key, secret_key, token;
    int64_t expires_ms; /* wall */
};
bool evo_s3_xml_sts(const char *xml, size_t n, struct evo_sts_answer *ret);

#endif
