#include "backup/archive.h"

#include "backup/object.h"
#include "json/json.h"

#define TOC_SIZE_MAX ((size_t)512 << 20)

static enum evo_errc gather(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct evo_strbuf *out = ctx;
    evo_strbuf_add(out, data, n);
    return evo_strbuf_ok(out) ? EVO_OK
                              : evo_error_set(err, EVO_ERR_INTEGRITY, "toc.dat is larger than allowed");
}

enum evo_errc evo_archive_load_toc(struct evo_store *store, const struct evo_backup *backup,
                                   struct evo_toc *ret, struct evo_error *err)
{
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT_MAX(TOC_SIZE_MAX);
    struct evo_object_source from = evo_object_source(store, backup);
    enum evo_errc rc =
        evo_object_read(&from, evo_manifest_object(&backup->manifest, EVO_OBJECT_TOC), gather, &bytes, err);
    return rc ? rc : evo_toc_parse(bytes.buf, bytes.len, ret, err);
}

char *evo_archive_object_name(const struct evo_manifest *m, const struct evo_toc *toc,
                              const struct evo_toc_entry *e)
{
    return evo_asprintf("%s%s%s", e->file ? e->file : "", evo_codec_suffix(toc->codec),
                        m->recipients.count ? EVO_BACKUP_SEALED : "");
}

const struct evo_backup_object *evo_archive_object(const struct evo_manifest *m, const struct evo_toc *toc,
                                                   const struct evo_toc_entry *e)
{
    EVO_AUTO_STR name = evo_archive_object_name(m, toc, e);
    return evo_manifest_find(m, name);
}

/* The archive is in the database's encoding. What of that is no UTF-8 stands in the manifest as JSON has it. */
static bool is_same(const char *in_manifest, const char *in_archive)
{
    if (!in_manifest || evo_streq(in_manifest, in_archive))
        return true;
    EVO_AUTO_PTR(json) as_json = in_archive ? evo_json_string_new(in_archive) : NULL;
    return as_json && evo_streq(in_manifest, evo_json_string(as_json, ""));
}

bool evo_archive_fits(const struct evo_backup_object *o, const struct evo_toc_entry *e)
{
    return o->dump_id == e->id && is_same(o->schema, e->schema) && is_same(o->table, e->tag);
}
