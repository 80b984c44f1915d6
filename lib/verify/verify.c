#include "verify/verify.h"

#include "base/file.h"

enum { VERIFY_FILE_MAX = 4 << 20 };

void evo_verify_release(struct evo_verify *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->items[i].name);
        evo_probe_file_release(&v->items[i].file);
        evo_probe_report_release(&v->items[i].report);
    }
    free(v->items);
    *v = (struct evo_verify){ 0 };
}

static enum evo_errc load_file(const char *path, bool script, struct evo_probe_file *ret,
                               struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    enum evo_errc rc = evo_file_read(path, VERIFY_FILE_MAX, &text, err);
    if (rc) /* whatever was wrong with it, the project is at fault */
        return evo_error_set(err, EVO_ERR_CONFIG, "could not read the probes in \"%s\"", path);
    return script ? evo_probe_parse_script(text.buf, text.len, path, ret, err)
                  : evo_probe_parse(text.buf, text.len, path, ret, err);
}

static enum evo_errc load_all(const struct evo_project *project, enum evo_verify_direction direction,
                              const struct evo_strvec *names, struct evo_verify *v, struct evo_error *err)
{
    enum evo_companion which = direction == EVO_VERIFY_UP ? EVO_FILE_VERIFY_UP : EVO_FILE_VERIFY_DOWN;
    for (size_t i = 0; i < names->count; i++) {
        const struct evo_migration *m = evo_project_find(project, names->items[i]);
        const char *path = m ? m->companion[which] : NULL;
        EVO_GROW(v->items, v->count, v->alloc);
        struct evo_verify_item *item = &v->items[v->count++];
        *item = (struct evo_verify_item){ .name = evo_strdup(names->items[i]), .gone = !m };
        v->without += !path;
        bool script = path && m->verify_script && which == EVO_FILE_VERIFY_UP;
        enum evo_errc rc = path ? load_file(path, script, &item->file, err) : EVO_OK;
        if (rc) {
            evo_error_migration(err, item->name);
            return rc;
        }
    }
    return EVO_OK;
}

enum evo_errc evo_verify_load(const struct evo_project *project, enum evo_verify_direction direction,
                              const struct evo_strvec *names, struct evo_verify *ret, struct evo_error *err)
{
    struct evo_verify v = { 0 };
    enum evo_errc rc = load_all(project, direction, names, &v, err);
    if (rc)
        evo_verify_release(&v);
    else
        *ret = v;
    return rc;
}

enum evo_errc evo_verify_run(struct evo_verify *v, struct evo_pg *pg, const char *role,
                             int64_t statement_timeout_ms, struct evo_task *task, struct evo_error *err)
{
    const struct evo_verify_item *first = NULL;
    for (size_t i = 0; i < v->count; i++) {
        struct evo_verify_item *item = &v->items[i];
        if (!item->file.path)
            continue;
        evo_debug(task, "verifying migration \"%s\"", item->name);
        enum evo_errc rc = evo_probe_run(pg, &item->file, role, statement_timeout_ms, &item->report, err);
        v->probes += item->report.count;
        v->failed += item->report.failed;
        if (rc) {
            evo_error_migration(err, item->name);
            return rc;
        }
        if (item->report.failed > 0 && !first)
            first = item;
    }
    if (!first)
        return EVO_OK;
    enum evo_errc rc = evo_probe_error(&first->file, &first->report, err);
    evo_error_migration(err, first->name);
    return rc;
}

void evo_verify_json(const struct evo_verify *v, struct evo_json *data)
{
    struct evo_json *probes = evo_json_array(), *migrations = evo_json_array();
    for (size_t i = 0; i < v->count; i++) {
        const struct evo_verify_item *item = &v->items[i];
        struct evo_json *migration = evo_json_object();
        evo_json_set_string(migration, "name", item->name);
        evo_json_set_string(migration, "file", item->file.path);
        evo_json_set_int(migration, "probes", (int64_t)item->report.count);
        evo_json_set_int(migration, "failed", (int64_t)item->report.failed);
        evo_json_append(migrations, migration);
        evo_probe_report_json(&item->report, item->name, probes);
    }
    evo_json_set(data, "probes", probes);
    evo_json_set(data, "migrations", migrations);
}
