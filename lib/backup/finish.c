/*
 * What is written when all rows are in the store: the table of contents, the instructions, at last the manifest. And
 * taking everything back when it does not come to that.
 */
#include <errno.h>

#include "backup/globals.h"
#include "backup/instructions.h"
#include "backup/run.h"
#include "base/cancel.h"
#include "base/clock.h"

#define GLOBALS_MAX ((size_t)64 << 20)
enum { TAKE_BACK_MS = 3000 };

/* Adds what was written under o->name. */
static enum evo_errc put(struct evo_backup_run *run, enum evo_object_kind kind, const char *base,
                         enum evo_codec codec, const struct evo_strbuf *text, struct evo_error *err)
{
    struct evo_backup_object o = { .kind = kind };
    struct evo_output_options open = run->output;
    /* These are for a reader without a key. */
    if (kind == EVO_OBJECT_INSTRUCTIONS)
        open.recipients = NULL;
    o.name = evo_output_name(&open, base, codec);
    evo_run_begun(run, o.name);
    enum evo_errc rc = evo_output_put(&open, o.name, codec, text->buf, text->len, &o, err);
    if (rc) {
        free(o.name);
        return rc;
    }
    evo_run_written(run, &o, NULL);
    return EVO_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct evo_backup_written *x = a;
    const struct evo_backup_written *y = b;
    if (x->entry_id != y->entry_id)
        return x->entry_id < y->entry_id ? -1 : 1;
    if (x->range != y->range)
        return x->range < y->range ? -1 : 1;
    return (x->turn > y->turn) - (x->turn < y->turn);
}

static int by_dump_id(const void *a, const void *b)
{
    const struct evo_backup_object *x = a;
    const struct evo_backup_object *y = b;
    return (x->dump_id > y->dump_id) - (x->dump_id < y->dump_id);
}

/* Numbers the objects of each table in the order of its rows, and gives each an entry in the table of contents. */
static void name_parts(struct evo_backup_run *run)
{
    struct evo_manifest *m = run->manifest;
    struct evo_toc_part *parts = evo_calloc(run->rows_count + 1, sizeof(*parts));
    size_t n = 0;
    int32_t part = 0;
    if (run->rows_count) {
        qsort(run->rows, run->rows_count, sizeof(*run->rows), by_place);
        qsort(m->objects, m->count, sizeof(*m->objects), by_dump_id);
    }
    for (size_t i = 0; i < run->rows_count; i++) {
        const struct evo_backup_written *w = &run->rows[i];
        struct evo_backup_object key = { .dump_id = w->dump_id };
        struct evo_backup_object *o = bsearch(&key, m->objects, m->count, sizeof(*m->objects), by_dump_id);
        part = i && run->rows[i - 1].entry_id == w->entry_id ? part + 1 : 1;
        EVO_ASSERT(o);
        o->part = part;
        if (w->dump_id != w->entry_id)
            parts[n++] = (struct evo_toc_part){ .of = w->entry_id, .id = w->dump_id };
    }
    evo_toc_add_parts(&run->toc, parts, n);
    free(parts);
}

static enum evo_errc put_toc(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX((size_t)512 << 20);
    name_parts(run);
    evo_toc_name_files(&run->toc);
    run->toc.codec = run->codec;
    enum evo_errc rc = evo_toc_format(&run->toc, EVO_TOC_DIRECTORY, &text, err);
    return rc ? rc : put(run, EVO_OBJECT_TOC, EVO_BACKUP_TOC, EVO_CODEC_NONE, &text, err);
}

static enum evo_errc put_globals(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(GLOBALS_MAX);
    const struct evo_backup_options *o = run->options;
    if (!o->globals)
        return EVO_OK;
    enum evo_errc rc = evo_globals_dump(o->conninfo, evo_pg_version(o->pg) / 10000, &text, err);
    if (!rc && !evo_strbuf_ok(&text))
        rc = evo_error_set(err, EVO_ERR_UNSUPPORTED, "the server's roles are more than %zu bytes of SQL",
                           GLOBALS_MAX);
    /* Always by gzip: psql's user unpacks it by hand. */
    return rc ? rc : put(run, EVO_OBJECT_GLOBALS, "globals.sql", EVO_CODEC_GZIP, &text, err);
}

/* So that a restore whose fingerprint differs can be told what differs. */
static enum evo_errc put_catalog(struct evo_backup_run *run, struct evo_error *err)
{
    return run->catalog.len ? put(run, EVO_OBJECT_CATALOG, "schema.txt", EVO_CODEC_GZIP, &run->catalog, err)
                            : EVO_OK;
}

static enum evo_errc put_instructions(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    const char *url = evo_store_url(run->options->store);
    bool s3 = evo_store_is_s3(run->options->store);
    /* Who reads it later stands elsewhere. */
    EVO_AUTO_STR absolute = s3 ? NULL : realpath(url, NULL);
    evo_instructions(run->manifest, absolute ? absolute : url, run->prefix, s3, &text);
    return put(run, EVO_OBJECT_INSTRUCTIONS, EVO_BACKUP_INSTRUCTIONS, EVO_CODEC_NONE, &text, err);
}

static int by_key(const void *key, const void *entry)
{
    const struct evo_store_entry *e = entry;
    return strcmp(key, e->key);
}

/* The store's own word for what it holds: a body cut by a lost connection can have been taken for the whole. */
static enum evo_errc compare_with_store(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(store_list) list = { 0 };
    EVO_AUTO_STR prefix = evo_asprintf("%s/", run->prefix);
    enum evo_errc rc = evo_store_list_prefix(run->options->store, prefix, true, &list, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < run->manifest->count; i++) {
        const struct evo_backup_object *o = &run->manifest->objects[i];
        EVO_AUTO_STR key = evo_asprintf("%s%s", prefix, o->name);
        const struct evo_store_entry *found =
            list.count ? bsearch(key, list.items, list.count, sizeof(*list.items), by_key) : NULL;
        if (!found || found->size != o->size)
            return evo_error_set(
                err, EVO_ERR_STORE, "object \"%s\" was written with %llu bytes, but the store %s", o->name,
                (unsigned long long)o->size, found ? "holds another number" : "does not list it");
    }
    return EVO_OK;
}

static enum evo_errc put_manifest(struct evo_backup_run *run, struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO_STR key = evo_asprintf("%s/" EVO_BACKUP_MANIFEST, run->prefix);
    run->manifest->finished_ms = evo_wall_ms();
    EVO_AUTO_PTR(json) v = evo_manifest_json(run->manifest);
    evo_json_format(v, EVO_JSON_INDENT, &text);
    evo_strbuf_addch(&text, '\n');
    if (!evo_strbuf_ok(&text))
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "the manifest would be larger than %zu bytes",
                             EVO_STRBUF_MAX);
    /* The first to go if this fails halfway: a manifest whose objects are gone would be worse than none. */
    evo_strvec_push(&run->written, key);
    return evo_store_put(run->options->store, key, text.buf, text.len, EVO_STORE_ONCE, err);
}

/* Takes back what is in the store: without a manifest it is no backup, only cost. Works behind a cancel as well. */
void evo_run_take_back(struct evo_backup_run *run)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    struct evo_deadline deadline = evo_deadline_in(TAKE_BACK_MS);
    int signo = evo_cancel_signal();
    size_t left = run->written.count;
    evo_cancel_acknowledge();
    for (; left && !evo_deadline_passed(deadline); left--)
        if (evo_store_remove(run->options->store, run->written.items[left - 1], &ignored))
            break;
    if (left)
        evo_warn(run->options->task, "%zu object%s of the unfinished backup \"%s\" %s left in the store",
                 left, left == 1 ? "" : "s", run->manifest->id, left == 1 ? "is" : "are");
    if (signo)
        evo_cancel_request(signo);
}

enum evo_errc evo_run_finish(struct evo_backup_run *run, struct evo_error *err)
{
    enum evo_errc rc = put_toc(run, err);
    if (!rc)
        rc = put_globals(run, err);
    if (!rc)
        rc = put_catalog(run, err);
    if (!rc)
        rc = put_instructions(run, err);
    if (!rc)
        rc = compare_with_store(run, err);
    if (!rc)
        rc = evo_cancel_check(err);
    return rc ? rc : put_manifest(run, err);
}
