/*
 * s3_url.h - where a bucket is: "s3://bucket/prefix", endpoint and addressing; included by lib/store alone.
 *
 *   AWS, virtual host     https://shop.s3.eu-central-1.amazonaws.com/prefix/key
 *   AWS, path             https://s3.eu-central-1.amazonaws.com/my.bucket/prefix/key
 *   custom endpoint       http://127.0.0.1:9000/shop/prefix/key (a path in the endpoint stays in front)
 *
 * "auto" is path for a custom endpoint and for bucket names that no certificate covers (with
 * dots, capitals or underscores), else virtual. Plain http is taken for loopback only, unless allowed.
 */
#ifndef EVO_STORE_S3_URL_H
#define EVO_STORE_S3_URL_H

#include "base/error.h"
#include "base/strbuf.h"

struct evo_s3_url {
    char *bucket;
    char *prefix; /* "" or with "/" at its end */
    char *scheme, *host; /* of the endpoint; host with a port unless it is the scheme's own. host NULL: AWS */
    char *base_path; /* of the endpoint: "" or "/storage/v1/s3" */
    bool virtual_host;
};

/* EVO_ERR_CONFIG names what is wrong, never what may be a credential. */
enum evo_errc evo_s3_url_init(struct evo_s3_url *ret, const char *url, const char *endpoint,
                              const char *addressing, bool allow_http, struct evo_error *err) EVO_CHECK;
void evo_s3_url_release(struct evo_s3_url *u);
EVO_DEFINE_AUTO(s3_url);

/* Appends host and encoded path of an object; key NULL: the bucket itself. */
void evo_s3_url_locate(const struct evo_s3_url *u, const char *region, const char *key,
                       struct evo_strbuf *host, struct evo_strbuf *path);

/* A region's name becomes part of a host name and of the signature. */
bool evo_s3_region_valid(const char *region);
/* localhost and names below it, 127.0.0.0/8, ::1 (with or without brackets). */
bool evo_s3_is_loopback(const char *host);
/* Splits an endpoint into "http" or "https", host with port, and path without a "/" at its end. `what` names the
 * setting it came from. The caller frees the three. */
enum evo_errc evo_s3_endpoint_parse(const char *endpoint, bool allow_http, const char *what,
                                    char **ret_scheme, char **ret_host, char **ret_path,
                                    struct evo_error *err) EVO_CHECK;

#endif
