#include "backup/drill.h"

#include "backup/archive.h"
#include "backup/drill_rows.h"
#include "backup/object.h"
#include "backup/plan.h"
#include "backup/proof.h"
#include "backup/restore.h"
#include "backup/roles.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"
#include "catalog/catalog.h"
#include "crypto/random.h"
#include "pg/scratch.h"

enum { DIFFERENCES_MAX = 100 };
/* Of an archive of large objects only the beginning, its table of contents, is looked at. */
#define LO_HEAD_MAX ((size_t)16 << 20)
#define TEXT_MAX    ((size_t)512 << 20)

struct drill {
    const struct evo_drill_options *options;
    const struct evo_manifest *manifest;
    struct evo_drill *result;
    struct evo_toc toc;
    struct evo_scratch *scratch; /* NULL: a server of the caller's */
    struct evo_conninfo target;
    bool created; /* the database, on a server of the caller's */
    bool begun; /* the restore: from then on a failure says something of the backup */
    int jobs;
    int server_major;
};

static const struct evo_conninfo *server_of(const struct drill *d)
{
    return d->scratch ? evo_scratch_conninfo(d->scratch) : d->options->scratch;
}

static enum evo_errc open_session(const struct drill *d, const struct evo_conninfo *info, struct evo_pg **ret,
                                  struct evo_error *err)
{
    const struct evo_pg_options options = { .application_name = "evo-backup drill",
                                            .task = d->options->task };
    return evo_pg_open(info, &options, ret, err);
}

/* ---- roles ------------------------------------------------------------------ */

static enum evo_errc gather_head(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct evo_strbuf *out = ctx;
    evo_strbuf_add(out, data, n);
    return out->len < LO_HEAD_MAX ? EVO_OK : evo_error_set(err, EVO_ERR_CANCELLED, "enough was read");
}

struct head {
    const struct evo_strbuf *bytes;
    size_t pos;
};

static enum evo_errc fill_from_head(void *ctx, void *buf, size_t size, size_t *ret_n, struct evo_error *err)
{
    struct head *h = ctx;
    (void)err;
    *ret_n = h->bytes->len - h->pos < size ? h->bytes->len - h->pos : size;
    memcpy(buf, h->bytes->buf + h->pos, *ret_n);
    h->pos += *ret_n;
    return EVO_OK;
}

/* Those of the large objects' privileges. What cannot be read here, the restore will say. */
static void add_large_object_roles(const struct drill *d, struct evo_strvec *roles)
{
    const struct evo_backup_object *lo = evo_manifest_object(d->manifest, EVO_OBJECT_LARGE_OBJECTS);
    const struct evo_object_source from = evo_object_source(d->options->store, d->options->backup);
    EVO_AUTO(strbuf) bytes = EVO_STRBUF_INIT_MAX(LO_HEAD_MAX + ((size_t)8 << 20));
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    struct head head = { .bytes = &bytes };
    struct evo_error ignored = EVO_ERROR_INIT;
    if (!lo)
        return;
    (void)!evo_object_read(&from, lo, gather_head, &bytes, &ignored);
    if (!evo_toc_read(fill_from_head, &head, &toc, NULL, &ignored))
        evo_toc_roles(&toc, NULL, roles);
}

/* A new cluster has none of them. */
static enum evo_errc make_roles(const struct drill *d, struct evo_pg *pg, struct evo_error *err)
{
    EVO_AUTO(strvec) roles = EVO_STRVEC_INIT;
    evo_toc_roles(&d->toc, NULL, &roles);
    add_large_object_roles(d, &roles);
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; i < roles.count && !rc; i++) {
        const char *const params[] = { roles.items[i] };
        EVO_AUTO_PTR(pg_result) found = NULL;
        EVO_AUTO_STR name = evo_pg_identifier(pg, roles.items[i]);
        rc = evo_pg_query(pg, "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", 1, params, &found, err);
        /* The server's own ("pg_…") cannot be made where it does not know them. */
        if (!rc && !evo_pg_rows(found) && !evo_starts_with(roles.items[i], "pg_"))
            rc = evo_pg_execf(pg, err, "CREATE ROLE %s", name);
    }
    return rc;
}

/* ---- the database ----------------------------------------------------------- */

static enum evo_errc create_database(struct drill *d, struct evo_pg *pg, struct evo_error *err)
{
    const struct evo_manifest *m = d->manifest;
    EVO_AUTO_STR name = evo_pg_identifier(pg, d->target.database);
    EVO_AUTO_STR options = evo_toc_database_options(&d->toc);
    struct evo_error refused = EVO_ERROR_INIT;
    enum evo_errc rc = evo_pg_execf(pg, &refused, "CREATE DATABASE %s %s", name,
                                    options ? options : "WITH TEMPLATE = template0");
    /* invalid_parameter_value and wrong_object_type: no such locale, or none of this encoding. */
    if (evo_streq(refused.sqlstate, "22023") || evo_streq(refused.sqlstate, "42809")) {
        EVO_AUTO_STR encoding = evo_pg_literal(pg, m->encoding);
        evo_warn(d->options->task, "the server has no locale \"%s\": the drill goes on with \"C\" (%s)",
                 m->collate, refused.message);
        rc = evo_pg_execf(
            pg, &refused,
            "CREATE DATABASE %s WITH TEMPLATE = template0 ENCODING = %s LC_COLLATE = 'C' LC_CTYPE = 'C'",
            name, encoding);
    }
    d->created = !rc;
    if (!rc)
        return EVO_OK;
    if (err)
        *err = refused;
    return evo_error_prefix(err, "could not make a database for the drill");
}

static enum evo_errc prepare(struct drill *d, struct evo_error *err)
{
    const struct evo_drill_options *o = d->options;
    enum evo_errc rc = evo_archive_load_toc(o->store, o->backup, &d->toc, err);
    if (!rc && !o->scratch)
        rc =
            evo_scratch_start(&(struct evo_scratch_options){ .major = d->manifest->server_version_num / 10000,
                                                             .task = o->task },
                              &d->scratch, err);
    if (rc)
        return rc;
    EVO_AUTO_PTR(pg) pg = NULL;
    char word[11];
    EVO_AUTO_STR name = evo_asprintf("evo_drill_%s", evo_random_hex(word, sizeof(word) - 1));
    rc = open_session(d, server_of(d), &pg, err);
    if (rc)
        return rc;
    d->server_major = evo_pg_version(pg) / 10000;
    d->result->server_version = evo_strdup(evo_pg_version_text(pg));
    evo_conninfo_copy(&d->target, server_of(d));
    evo_conninfo_set_database(&d->target, name);
    if (d->scratch)
        rc = make_roles(d, pg, err);
    return rc ? rc : create_database(d, pg, err);
}

/* Whatever happened, and after a cancel too. */
static void clean_up(struct drill *d)
{
    struct evo_error why = EVO_ERROR_INIT;
    int signo = evo_cancel_signal();
    evo_cancel_acknowledge();
    if (d->created && !d->scratch) {
        EVO_AUTO_PTR(pg) pg = NULL;
        enum evo_errc rc = open_session(d, d->options->scratch, &pg, &why);
        if (!rc) {
            EVO_AUTO_STR name = evo_pg_identifier(pg, d->target.database);
            rc = evo_pg_execf(pg, &why, "DROP DATABASE %s%s", name,
                              evo_pg_version(pg) >= 130000 ? " WITH (FORCE)" : "");
        }
        if (rc)
            evo_warn(d->options->task, "database \"%s\" of this drill could not be dropped: %s",
                     d->target.database, why.message);
    }
    evo_scratch_stop(d->scratch);
    if (signo)
        evo_cancel_request(signo);
}

/* ---- the schema ------------------------------------------------------------- */

static enum evo_errc gather(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct evo_strbuf *out = ctx;
    evo_strbuf_add(out, data, n);
    return evo_strbuf_ok(out) ? EVO_OK
                              : evo_error_set(err, EVO_ERR_INTEGRITY, "the schema's text is too large");
}

static enum evo_errc unpack(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    return evo_decompressor_write(ctx, data, n, err);
}

/* The schema as it was, where the backup holds it. */
static enum evo_errc read_schema_text(const struct drill *d, struct evo_strbuf *out, struct evo_error *err)
{
    const struct evo_backup_object *o = evo_manifest_object(d->manifest, EVO_OBJECT_CATALOG);
    const struct evo_object_source from = evo_object_source(d->options->store, d->options->backup);
    if (!o)
        return EVO_OK;
    EVO_AUTO_PTR(decompressor)
    z = evo_decompressor_new(strstr(o->name, ".gz") ? EVO_CODEC_GZIP : EVO_CODEC_NONE, gather, out);
    enum evo_errc rc = evo_object_read(&from, o, unpack, z, err);
    return rc ? rc : evo_decompressor_finish(z, err);
}

/* "+ extension hstore: version 1.8" */
static bool is_extension_version(const char *difference)
{
    const char *at = evo_starts_with(difference + 2, "extension ") ? strstr(difference, ": version ") : NULL;
    return at != NULL;
}

/* True where the two texts differ in nothing that a restore could have brought back. */
static bool note_differences(struct drill *d, const char *before, const char *after)
{
    EVO_AUTO(strbuf) diff = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    size_t others = 0;
    d->result->ndifferences = evo_catalog_diff(before, after, SIZE_MAX, &diff);
    for (const char *p = diff.buf; *p;) {
        size_t n = strcspn(p, "\n");
        EVO_AUTO_STR line = evo_strndup(p, n);
        others += !is_extension_version(line);
        if (d->result->differences.count < DIFFERENCES_MAX)
            evo_strvec_push(&d->result->differences, line);
        if (is_extension_version(line))
            evo_notice(d->options->task, "the versions of extensions differ: %s", line);
        p += n + (p[n] == '\n');
    }
    return others == 0 && evo_strbuf_ok(&diff);
}

static enum evo_errc compare_schema(struct drill *d, struct evo_error *err)
{
    struct evo_drill *ret = d->result;
    const struct evo_manifest *m = d->manifest;
    EVO_AUTO_PTR(pg) pg = NULL;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    EVO_AUTO(strbuf) before = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    const struct evo_fingerprint_options options = { .task = d->options->task };
    enum evo_errc rc = open_session(d, &d->target, &pg, err);
    if (!rc)
        rc = evo_catalog_fingerprint(pg, &options, ret->fingerprint, &text, err);
    if (rc)
        return rc;
    if (!m->fingerprint)
        ret->remark = evo_strdup("the backup has no fingerprint of the schema");
    else if (m->filtered)
        ret->remark = evo_strdup("the backup is not of the whole database");
    else if (m->server_version_num / 10000 != d->server_major)
        ret->remark = evo_asprintf("the backup is of PostgreSQL %d, the drill ran on %d",
                                   m->server_version_num / 10000, d->server_major);
    if (ret->remark)
        return EVO_OK;
    ret->fingerprint_equal = evo_streq(m->fingerprint, ret->fingerprint) ? EVO_YES : EVO_NO;
    if (ret->fingerprint_equal == EVO_YES)
        return EVO_OK;
    rc = read_schema_text(d, &before, err);
    if (!rc && before.len && note_differences(d, before.buf, text.buf))
        ret->fingerprint_equal = EVO_YES;
    return rc;
}

/* ---- verdict and record ----------------------------------------------------- */

static enum evo_errc verdict(const struct drill *d, struct evo_error *err)
{
    const struct evo_drill *r = d->result;
    EVO_AUTO(strbuf) detail = EVO_STRBUF_INIT_MAX(1800);
    bool schema = r->fingerprint_equal == EVO_NO;
    if (!r->wrong && !schema)
        return EVO_OK;
    char tables[64] = "";
    if (r->wrong)
        (void)snprintf(tables, sizeof(tables), "rows of %zu table%s differ", r->wrong,
                       r->wrong == 1 ? "" : "s");
    evo_error_set(err, EVO_ERR_INTEGRITY, "backup \"%s\" does not come back as it was: %s%s%s",
                  d->manifest->id, tables, r->wrong && schema ? ", and " : "",
                  schema ? "the schema differs" : "");
    size_t named = 0;
    for (size_t i = 0; i < r->count && named < 5; i++) {
        const struct evo_drilled_table *t = &r->tables[i];
        if (!t->wrong)
            continue;
        evo_strbuf_addf(&detail, "%s\"%s\" has %lld rows instead of %lld", named++ ? ", " : "", t->name,
                        (long long)(t->rows_found < 0 ? 0 : t->rows_found), (long long)t->rows_expected);
    }
    if (r->wrong)
        evo_strbuf_adds(&detail, r->wrong > named ? ", …. " : ". ");
    for (size_t i = 0; schema && i < r->differences.count && i < 6; i++)
        evo_strbuf_addf(&detail, "%s%.200s", i ? "; " : "", r->differences.items[i]);
    if (schema && !r->differences.count)
        evo_strbuf_addf(&detail, "Its fingerprint was %.12s… and is %.12s….", d->manifest->fingerprint,
                        r->fingerprint);
    evo_strbuf_trim(&detail);
    evo_error_detail(err, "%s", detail.buf);
    return evo_error_hint(
        err, "Keep another backup until one passes: evo-backup create, then evo-backup drill latest");
}

/* What is said of a backup for good: not that a server was away, that a given one lacks a role or an extension, or that
 * somebody pressed Ctrl-C. */
static bool is_finding(const struct drill *d, enum evo_errc rc)
{
    return !rc || rc == EVO_ERR_INTEGRITY || rc == EVO_ERR_PROBE_FALSE ||
           (d->begun && rc == EVO_ERR_DATABASE && !d->options->scratch);
}

static void record(struct drill *d, enum evo_errc rc, const struct evo_error *err)
{
    const struct evo_drill_options *o = d->options;
    EVO_AUTO_PTR(json) finding = evo_json_object();
    struct evo_error why = EVO_ERROR_INIT;
    evo_drill_json(d->result, finding);
    evo_json_set_bool(finding, "ok", !rc);
    evo_json_set_string(finding, "reason", rc ? evo_errc_reason(rc) : NULL);
    evo_json_set_string(finding, "problem", rc ? err->message : NULL);
    evo_json_set_string(finding, "source_version", d->manifest->server_version);
    if (d->manifest->recipients.count) {
        /* What lies beside an encrypted backup tells nothing of what is in it. */
        evo_json_set_null(finding, "tables");
        evo_json_set_null(finding, "differences");
        evo_json_set_null(finding, "probes");
        evo_json_set_string(finding, "problem", rc ? evo_errc_reason(rc) : NULL);
    }
    d->result->recorded =
        !evo_proof_record(o->store, o->backup->prefix, EVO_PROOF_DRILL, evo_wall_ms(), finding, &why);
    if (!d->result->recorded)
        evo_warn(o->task, "could not record beside the backup what was found: %s", why.message);
}

/* ---- all of it -------------------------------------------------------------- */

static enum evo_errc restore(struct drill *d, struct evo_error *err)
{
    EVO_AUTO(restoration) restored = { 0 };
    int64_t began = evo_clock_ms();
    d->begun = true;
    const struct evo_restore_options options = { .store = d->options->store,
                                                 .backup = d->options->backup,
                                                 .target = &d->target,
                                                 .no_owner = true,
                                                 .no_analyze = true,
                                                 .disposable = true,
                                                 .jobs = d->options->jobs,
                                                 .task = d->options->task };
    enum evo_errc rc = evo_restore(&options, &restored, err);
    d->result->restore_ms = evo_clock_ms() - began;
    return rc;
}

static enum evo_errc run(struct drill *d, struct evo_error *err)
{
    const struct evo_drill_options *o = d->options;
    enum evo_errc rc = prepare(d, err);
    if (!rc)
        rc = restore(d, err);
    if (!rc)
        rc = evo_drill_rows(&d->target, d->manifest, &d->toc, d->jobs, o->task, d->result, err);
    if (!rc)
        rc = compare_schema(d, err);
    if (rc)
        return rc;
    struct evo_error probe = EVO_ERROR_INIT;
    enum evo_errc asked = o->probes ? o->probes(o->ctx, &d->target, d->result->probes, &probe) : EVO_OK;
    /* A probe that does not hold on rows that are not there says nothing new. */
    rc = asked && asked != EVO_ERR_PROBE_FALSE ? EVO_OK : verdict(d, err);
    if (!rc && asked && err)
        *err = probe;
    return rc ? rc : asked;
}

enum evo_errc evo_backup_drill(const struct evo_drill_options *o, struct evo_drill *ret,
                               struct evo_error *err)
{
    struct drill d = { .options = o, .manifest = &o->backup->manifest, .result = ret };
    struct evo_error why = EVO_ERROR_INIT;
    int64_t began = evo_clock_ms();
    d.jobs = o->jobs ? o->jobs : evo_plan_jobs(sysconf(_SC_NPROCESSORS_ONLN));
    ret->probes = evo_json_array();
    enum evo_errc rc = run(&d, &why);
    ret->elapsed_ms = evo_clock_ms() - began;
    clean_up(&d);
    if (is_finding(&d, rc))
        record(&d, rc, &why);
    evo_conninfo_release(&d.target);
    evo_toc_release(&d.toc);
    if (rc && err)
        *err = why;
    return rc;
}
