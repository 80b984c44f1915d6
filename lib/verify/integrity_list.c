/* What was found, as a list; and what is computed without a server. */
#include "verify/integrity_impl.h"

/* A sample is of several blocks: rows of one were often written together. */
#define SAMPLE_BLOCKS 20
#define BLOCK_SIZE    8192

const char *evo_finding_verdict_name(enum evo_finding_verdict v)
{
    static const char *const names[] = { "ok", "warn", "fail" };
    return names[v];
}

void evo_integrity_release(struct evo_integrity *i)
{
    for (size_t k = 0; k < i->count; k++) {
        struct evo_finding *f = &i->items[k];
        free(f->table);
        free(f->object);
        free(f->message);
        free(f->statement);
        free(f->next);
    }
    free(i->items);
    *i = (struct evo_integrity){ 0 };
}

size_t evo_integrity_rank(const char *check)
{
    for (size_t k = 0; k < evo_row_checks_count; k++)
        if (evo_streq(evo_row_checks[k].name, check))
            return k;
    for (size_t k = 0; k < evo_catalog_checks_count; k++)
        if (evo_streq(evo_catalog_checks[k].name, check))
            return evo_row_checks_count + k;
    EVO_BUG("no check \"%s\"", check);
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare(const void *a, const void *b)
{
    const struct evo_finding *x = a, *y = b;
    size_t p = evo_integrity_rank(x->check), q = evo_integrity_rank(y->check);
    if (p != q)
        return p < q ? -1 : 1;
    if (x->verdict != y->verdict)
        return x->verdict > y->verdict ? -1 : 1;
    int order = compare_text(x->table, y->table);
    return order ? order : compare_text(x->object, y->object);
}

void evo_integrity_sort(struct evo_integrity *i)
{
    if (i->count)
        qsort(i->items, i->count, sizeof(*i->items), compare);
}

void evo_integrity_json(const struct evo_integrity *i, struct evo_json *data)
{
    struct evo_json *checks = evo_json_array();
    for (size_t k = 0; k < i->count; k++) {
        const struct evo_finding *f = &i->items[k];
        struct evo_json *o = evo_json_object();
        evo_json_set_string(o, "name", f->check);
        evo_json_set_string(o, "verdict", evo_finding_verdict_name(f->verdict));
        evo_json_set_string(o, "table", f->table);
        evo_json_set_string(o, "object", f->object);
        if (f->count >= 0)
            evo_json_set_int(o, "count", f->count);
        else
            evo_json_set_null(o, "count");
        if (f->sampled >= 0)
            evo_json_set_int(o, "sampled", f->sampled);
        else
            evo_json_set_null(o, "sampled");
        evo_json_set_bool(o, "made", !f->unmade);
        evo_json_set_string(o, "message", f->message);
        evo_json_set_string(o, "statement", f->statement);
        evo_json_set_string(o, "next", f->next);
        evo_json_append(checks, o);
    }
    evo_json_set(data, "checks", checks);
}

double evo_integrity_percent(int64_t sample, int64_t rows, int64_t bytes)
{
    if (sample <= 0 || rows <= sample || bytes <= (int64_t)SAMPLE_BLOCKS * BLOCK_SIZE)
        return 0;
    double percent = 100.0 * (double)sample / (double)rows;
    double least = 100.0 * SAMPLE_BLOCKS * BLOCK_SIZE / (double)bytes;
    if (percent < least)
        percent = least;
    return percent < 100 ? percent : 0;
}

void evo_integrity_tablesample(int64_t sample, const struct evo_row_item *item, struct evo_strbuf *sql)
{
    double percent = evo_integrity_percent(sample, item->rows, item->bytes);
    if (percent > 0)
        evo_strbuf_addf(sql, " TABLESAMPLE SYSTEM (%.9f)", percent);
}

char *evo_integrity_array(const struct evo_strvec *list)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_strbuf_addch(&out, '{');
    for (size_t i = 0; list && i < list->count; i++) {
        evo_strbuf_adds(&out, i ? ",\"" : "\"");
        for (const char *p = list->items[i]; *p; p++) {
            if (*p == '"' || *p == '\\')
                evo_strbuf_addch(&out, '\\');
            evo_strbuf_addch(&out, *p);
        }
        evo_strbuf_addch(&out, '"');
    }
    evo_strbuf_addch(&out, '}');
    return evo_strbuf_detach(&out);
}

static const struct evo_finding *first(const struct evo_integrity *found, bool unmade)
{
    for (size_t i = 0; i < found->count; i++)
        if (unmade ? found->items[i].unmade && found->items[i].verdict == EVO_FINDING_WARN
                   : found->items[i].verdict == EVO_FINDING_FAIL)
            return &found->items[i];
    EVO_BUG("a count without its finding");
}

enum evo_errc evo_integrity_verdict(const struct evo_integrity *found, struct evo_error *err)
{
    size_t n = found->failed ? found->failed : found->unmade;
    if (!n)
        return EVO_OK;
    const struct evo_finding *f = first(found, !found->failed);
    char more[48] = "";
    if (n > 1)
        (void)snprintf(more, sizeof(more), " (and %zu more)", n - 1);
    (void)evo_error_set(err, found->failed ? EVO_ERR_INCONSISTENT : EVO_ERR_INCOMPLETE, "%s%s", f->message,
                        more);
    if (f->statement)
        (void)evo_error_detail(err, "%s", f->statement);
    if (!found->failed)
        return evo_error_hint(
            err, "Give it more time (--statement-timeout), less to read (--sample), or the privilege.");
    if (f->next)
        (void)evo_error_hint(err, "%s", f->next);
    return err ? err->code : EVO_ERR_INCONSISTENT;
}
