#include "backup/output.h"

struct evo_output {
    struct evo_store_writer *writer;
    struct evo_rate *rate;
    struct evo_age_writer *age; /* NULL: not encrypted */
    struct evo_compressor *compressor;
    uint64_t stored;
};

char *evo_output_name(const struct evo_output_options *o, const char *base, enum evo_codec codec)
{
    return evo_asprintf("%s%s%s", base, evo_codec_suffix(codec), o->recipients ? EVO_BACKUP_SEALED : "");
}

static enum evo_errc to_store(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct evo_output *out = ctx;
    enum evo_errc rc = out->rate ? evo_rate_take(out->rate, n, err) : EVO_OK;
    out->stored += n;
    return rc ? rc : evo_store_writer_write(out->writer, data, n, err);
}

static enum evo_errc to_age(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct evo_output *out = ctx;
    return evo_age_write(out->age, data, n, err);
}

enum evo_errc evo_output_open(const struct evo_output_options *o, const char *name, enum evo_codec codec,
                              struct evo_output **ret, struct evo_error *err)
{
    EVO_AUTO_STR key = evo_asprintf("%s/%s", o->prefix, name);
    struct evo_output *out = evo_calloc(1, sizeof(*out));
    enum evo_errc rc = evo_store_writer_open(o->store, key, o->part_size, &out->writer, err);
    if (rc) {
        free(out);
        return rc;
    }
    out->rate = o->rate;
    if (o->recipients)
        out->age = evo_age_writer_new(o->recipients, to_store, out);
    out->compressor =
        evo_compressor_new(codec, o->level, EVO_CODEC_MEMBER, out->age ? to_age : to_store, out);
    *ret = out;
    return EVO_OK;
}

enum evo_errc evo_output_write(struct evo_output *out, const void *data, size_t n, struct evo_error *err)
{
    return evo_compressor_write(out->compressor, data, n, err);
}

uint64_t evo_output_stored(const struct evo_output *out)
{
    return out->stored;
}

uint64_t evo_output_room(const struct evo_output *out)
{
    return evo_store_writer_room(out->writer);
}

enum evo_errc evo_output_commit(struct evo_output *out, struct evo_backup_object *o, struct evo_error *err)
{
    enum evo_errc rc = evo_compressor_finish(out->compressor, err);
    if (!rc && out->age)
        rc = evo_age_finish(out->age, err);
    if (!rc)
        rc = evo_store_writer_commit(out->writer, o->sha256, &o->size, err);
    o->raw_bytes = evo_compressor_raw_bytes(out->compressor);
    o->members = evo_compressor_members(out->compressor);
    return rc;
}

void evo_output_free(struct evo_output *out)
{
    if (!out)
        return;
    evo_compressor_free(out->compressor);
    evo_age_writer_free(out->age);
    evo_store_writer_free(out->writer);
    free(out);
}

enum evo_errc evo_output_put(const struct evo_output_options *o, const char *name, enum evo_codec codec,
                             const void *data, size_t n, struct evo_backup_object *ret, struct evo_error *err)
{
    EVO_AUTO_PTR(output) out = NULL;
    enum evo_errc rc = evo_output_open(o, name, codec, &out, err);
    if (!rc)
        rc = evo_output_write(out, data, n, err);
    return rc ? rc : evo_output_commit(out, ret, err);
}
