/*
 * lo.dump: an archive of pg_dump's own that holds the large objects and nothing else.
 *
 * pg_dump has no option for it. Leaving out every table leaves it without a lock to wait for; what else its table of
 * contents lists is filtered out here, and its data, which is only theirs, is passed on as it comes.
 */
#include "backup/pgdump.h"
#include "backup/run.h"

static bool keep(const struct evo_toc_entry *e)
{
    return evo_toc_is_large_object(e) || evo_toc_is_setting(e);
}

static enum evo_errc pass_on(struct evo_pgdump *dump, struct evo_backup_run *run, struct evo_output *out,
                             struct evo_error *err)
{
    EVO_AUTO(strbuf) buf = EVO_STRBUF_INIT;
    enum { SIZE = 128 * 1024 };
    for (;;) {
        size_t n = 0;
        evo_strbuf_clear(&buf);
        if (!evo_strbuf_reserve(&buf, SIZE))
            return evo_error_set(err, EVO_ERR_INTERNAL, "no room for a block");
        if (atomic_load(&run->stop))
            return evo_error_set(err, EVO_ERR_CANCELLED, "the backup ended early");
        enum evo_errc rc = evo_pgdump_fill(dump, buf.buf, SIZE, &n, err);
        if (!rc && !n)
            return EVO_OK;
        if (!rc)
            rc = evo_output_write(out, buf.buf, n, err);
        if (rc)
            return rc;
        atomic_fetch_add(&run->raw_bytes, n);
    }
}

static enum evo_errc write_archive(struct evo_pgdump *dump, struct evo_backup_run *run,
                                   struct evo_output *out, struct evo_error *err)
{
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    EVO_AUTO(strbuf) rest = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) head = EVO_STRBUF_INIT;
    enum evo_errc rc = evo_toc_read(evo_pgdump_fill, dump, &toc, &rest, err);
    if (rc == EVO_ERR_INTEGRITY)
        return evo_pgdump_failed(dump, err);
    if (rc)
        return rc;
    evo_toc_filter(&toc, keep);
    rc = evo_toc_format(&toc, EVO_TOC_CUSTOM, &head, err);
    if (!rc)
        rc = evo_output_write(out, head.buf, head.len, err);
    if (!rc && rest.len)
        rc = evo_output_write(out, rest.buf, rest.len, err);
    if (!rc)
        rc = pass_on(dump, run, out, err);
    return rc ? rc : evo_pgdump_finish(dump, err);
}

static enum evo_errc stream(struct evo_backup_run *run, struct evo_backup_object *o, struct evo_error *err)
{
    /* As much as the rows are compressed; pg_dump does it itself, the archive is one stream. */
    const char *const arguments[] = { "--blobs", "--exclude-table=*.*",
                                      evo_streq(run->manifest->compress, "none") ? "--compress=0"
                                                                                 : "--compress=1",
                                      NULL };
    EVO_AUTO(pgdump) dump = EVO_PGDUMP_INIT;
    EVO_AUTO_PTR(output) out = NULL;
    enum evo_errc rc = evo_output_open(&run->output, o->name, EVO_CODEC_NONE, &out, err);
    if (!rc)
        rc = evo_pgdump_start(&dump, run->pg_dump, run->options->conninfo, run->snapshot, arguments, false,
                              err);
    if (!rc)
        rc = write_archive(&dump, run, out, err);
    return rc ? rc : evo_output_commit(out, o, err);
}

enum evo_errc evo_large_objects_dump(struct evo_backup_run *run, const struct evo_backup_piece *piece,
                                     struct evo_error *err)
{
    struct evo_backup_object o = { .kind = EVO_OBJECT_LARGE_OBJECTS };
    if (!evo_run_reserve(run))
        return evo_error_set(err, EVO_ERR_CANCELLED, "the backup ended early");
    o.name = evo_output_name(&run->output, EVO_BACKUP_LO, EVO_CODEC_NONE);
    evo_run_begun(run, o.name);
    enum evo_errc rc = stream(run, &o, err);
    evo_run_unreserve(run);
    if (rc) {
        free(o.name);
        return evo_error_prefix(err, "large objects");
    }
    uint64_t raw_bytes = o.raw_bytes;
    evo_run_written(run, &o, NULL);
    evo_run_piece_done(run, piece, raw_bytes);
    return EVO_OK;
}
