/*
 * s3_metadata.h - the keys of the role that a container or a machine of AWS has; included by lib/store alone.
 *
 * Containers: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html (ECS by a relative
 * URI, EKS Pod Identity by a full one with a token file that is read anew each time). Machines: version 2 of
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html, where a token is fetched
 * by PUT first. Version 1 is not spoken: whatever makes a program fetch a URL could read the keys by it.
 *
 * These services are on the link, never behind a proxy.
 */
#ifndef EVO_STORE_S3_METADATA_H
#define EVO_STORE_S3_METADATA_H

#include "store/s3_keys.h"

struct evo_s3_metadata_options {
    const char *ca_bundle; /* for a full URI by https; may be NULL */
    const char *container_origin; /* what a relative URI is of; NULL: http://169.254.170.2 */
    bool despite_cancel;
    struct evo_task *task;
};

/* AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or
 * AWS_CONTAINER_AUTHORIZATION_TOKEN. *ret_configured false: neither is set. A full URI by plain http is taken for this
 * machine, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23] only: to others it would show the keys. */
enum evo_errc evo_s3_container_keys(const struct evo_s3_metadata_options *o, bool *ret_configured,
                                    struct evo_s3_keys *keys, struct evo_error *err) EVO_CHECK;
/* The machine's role, from AWS_EC2_METADATA_SERVICE_ENDPOINT or 169.254.169.254 ([fd00:ec2::254] where
 * AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is IPv6). *ret_configured false: AWS_EC2_METADATA_DISABLED is true, no such
 * service answers within a second (asked once, so that a machine elsewhere is not kept waiting), or it knows no role.
 * Where the endpoint was set, that it does not answer is an error. */
enum evo_errc evo_s3_machine_keys(const struct evo_s3_metadata_options *o, bool *ret_configured,
                                  struct evo_s3_keys *keys, struct evo_error *err) EVO_CHECK;

#endif
