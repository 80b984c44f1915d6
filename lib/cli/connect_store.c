#include "cli/connect.h"

enum evo_errc evo_cmd_store(struct evo_cmd *cmd, struct evo_store **ret, struct evo_error *err)
{
    const struct evo_shared *s = cmd->shared;
    if (!s->store) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "no store is configured");
        return evo_error_hint(err, "Give --store s3://bucket/prefix or --store FOLDER, or set EVO_STORE.");
    }
    struct evo_store_options options = { .url = s->store,
                                         .s3_endpoint = s->s3_endpoint,
                                         .s3_region = s->s3_region,
                                         .s3_addressing = s->s3_addressing,
                                         .s3_allow_http = s->s3_allow_http,
                                         .s3_provider = s->s3_profile_of,
                                         .s3_ca_bundle = s->s3_ca_bundle,
                                         .s3_storage_class = s->s3_storage_class,
                                         .s3_sse = s->s3_sse,
                                         .s3_sse_kms_key_id = s->s3_sse_kms_key_id,
                                         .s3_object_lock = s->s3_object_lock,
                                         .s3_object_lock_days = s->s3_object_lock_days,
                                         .s3_tags = &s->s3_tags,
                                         .s3_checksum = s->s3_checksum,
                                         .task = cmd->task };
    return evo_store_open(&options, ret, err);
}
