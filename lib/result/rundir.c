#include "result/rundir.h"

#include <errno.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/secret.h"

#define ENVELOPE_MAX ((size_t)16 << 20)

void evo_rundir_release(struct evo_rundir *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        evo_envelope_release(&r->items[i]);
    free(r->items);
    *r = (struct evo_rundir){ 0 };
}

/* The number that a name of ours begins with; false for other files. */
static bool number_of(const char *name, uint64_t *ret)
{
    size_t n = strspn(name, "0123456789");
    return n >= 2 && name[n] == '-' && evo_ends_with(name, ".json") && evo_parse_digits(name, n, ret);
}

static enum evo_errc next_number(const char *dir, uint64_t *ret, struct evo_error *err)
{
    const char *given = getenv("EVO_STEP");
    if (given && *given) {
        if (!evo_parse_uint64(given, 9999, ret))
            return evo_error_set(err, EVO_ERR_CONFIG, "invalid value \"%.40s\" for EVO_STEP", given);
        return EVO_OK;
    }
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_dir_list(dir, &names, err);
    if (rc)
        return rc;
    *ret = 1;
    for (size_t i = 0; i < names.count; i++) {
        uint64_t number;
        if (number_of(names.items[i], &number) && number >= *ret)
            *ret = number + 1;
    }
    return EVO_OK;
}

enum evo_errc evo_rundir_store(const char *dir, const struct evo_envelope *e, struct evo_error *err)
{
    uint64_t number;
    enum evo_errc rc = evo_dir_make(dir, err);
    if (!rc)
        rc = next_number(dir, &number, err);
    if (rc)
        return evo_error_prefix(err, "run directory");
    EVO_AUTO_STR step = evo_strdup(e->command);
    for (char *p = step; *p; p++)
        if (*p == ' ')
            *p = '-';
    EVO_AUTO_STR path = evo_asprintf("%s/%02u-%s.json", dir, (unsigned)number, step);
    EVO_AUTO_PTR(json) json = evo_envelope_json(e);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT, redacted = EVO_STRBUF_INIT;
    evo_json_format(json, EVO_JSON_INDENT, &text);
    evo_strbuf_addch(&text, '\n');
    evo_redact(&redacted, text.buf);
    rc = evo_file_write(path, redacted.buf, redacted.len, err);
    return rc ? evo_error_prefix(err, "run directory") : EVO_OK;
}

enum evo_errc evo_rundir_check(const char *dir, struct evo_error *err)
{
    enum evo_errc rc = evo_dir_make(dir, err);
    if (!rc && access(dir, W_OK | X_OK) != 0)
        rc = evo_error_errno(err, EVO_ERR_DISK, errno, "cannot write to \"%s\"", dir);
    if (!rc)
        return EVO_OK;
    (void)evo_error_prefix(err, "run directory");
    return evo_error_hint(
        err, "Nothing was started. Give --run-dir (or EVO_RUN_DIR) a folder that can be written to.");
}

struct numbered {
    uint64_t number;
    const char *name;
};

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->name, y->name);
}

enum evo_errc evo_rundir_load(const char *dir, struct evo_rundir *ret, struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_dir_list(dir, &names, err);
    if (rc)
        return evo_error_prefix(err, "run directory");
    struct numbered *order = evo_calloc(names.count, sizeof(*order));
    EVO_AUTO(rundir) run = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < names.count; i++)
        if (number_of(names.items[i], &order[n].number))
            order[n++].name = names.items[i];
    qsort(order, n, sizeof(*order), by_number);
    for (size_t i = 0; i < n && !rc; i++) {
        EVO_AUTO_STR path = evo_path_join(dir, order[i].name);
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        rc = evo_file_read(path, ENVELOPE_MAX, &text, err);
        EVO_GROW(run.items, run.count, run.alloc);
        if (!rc)
            rc = evo_envelope_parse(text.buf, text.len, path, &run.items[run.count], err);
        run.count += rc == EVO_OK;
    }
    free(order);
    if (rc)
        return evo_error_prefix(err, "run directory");
    *ret = run;
    run = (struct evo_rundir){ 0 };
    return EVO_OK;
}

const struct evo_envelope *evo_rundir_find(const struct evo_rundir *r, const char *command)
{
    for (size_t i = r->count; i > 0; i--)
        if (strcmp(r->items[i - 1].command, command) == 0)
            return &r->items[i - 1];
    return NULL;
}
