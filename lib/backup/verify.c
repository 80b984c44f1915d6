#include "backup/verify.h"

#include <pthread.h>

#include "backup/archive.h"
#include "backup/object.h"
#include "backup/plan.h"
#include "base/parallel.h"

void evo_verification_release(struct evo_verification *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->count; i++) {
        free(v->damaged[i].object);
        free(v->damaged[i].reason);
    }
    free(v->damaged);
    *v = (struct evo_verification){ 0 };
}

static void add_damage(struct evo_verification *v, const char *object, const char *reason)
{
    for (size_t i = 0; i < v->count; i++)
        if (evo_streq(v->damaged[i].object, object))
            return; /* one reason each: the first */
    EVO_GROW(v->damaged, v->count, v->alloc);
    v->damaged[v->count++] =
        (struct evo_damage){ .object = evo_strdup(object), .reason = evo_strdup(reason) };
}

static int by_key(const void *key, const void *entry)
{
    const struct evo_store_entry *e = entry;
    return strcmp(key, e->key);
}

/* What the store lists against what the manifest names. */
static enum evo_errc compare_listing(struct evo_store *store, const struct evo_backup *backup,
                                     struct evo_verification *v, struct evo_error *err)
{
    EVO_AUTO(store_list) list = { 0 };
    EVO_AUTO_STR prefix = evo_asprintf("%s/", backup->prefix);
    const struct evo_manifest *m = &backup->manifest;
    enum evo_errc rc = evo_store_list_prefix(store, prefix, true, &list, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < m->count; i++) {
        const struct evo_backup_object *o = &m->objects[i];
        EVO_AUTO_STR key = evo_asprintf("%s%s", prefix, o->name);
        const struct evo_store_entry *found =
            list.count ? bsearch(key, list.items, list.count, sizeof(*list.items), by_key) : NULL;
        if (!found)
            add_damage(v, o->name, "is missing");
        else if (found->size != o->size)
            add_damage(v, o->name,
                       found->size < o->size ? "is shorter than was written" : "is longer than was written");
        v->objects++;
        v->bytes += found ? found->size : 0;
    }
    for (size_t i = 0; i < list.count; i++) {
        const char *name = list.items[i].key + strlen(prefix);
        if (!evo_streq(name, EVO_BACKUP_MANIFEST) && !evo_streq(name, EVO_BACKUP_RUNNING) &&
            !evo_starts_with(name, EVO_BACKUP_PROOF) && !evo_manifest_find(m, name))
            add_damage(v, name, "is not in the manifest");
    }
    return EVO_OK;
}

/* The object's own complaint without its name before it. */
static const char *reason_of(const struct evo_error *err, const char *name)
{
    EVO_AUTO_STR head = evo_asprintf("object \"%s\" ", name);
    EVO_AUTO_STR context = evo_asprintf("object \"%s\": ", name);
    if (evo_starts_with(err->message, head))
        return err->message + strlen(head);
    if (evo_starts_with(err->message, context))
        return err->message + strlen(context);
    return err->message;
}

/* Says it where the bytes are those of another object. */
static const char *swapped_with(const struct evo_manifest *m, const struct evo_backup_object *o,
                                const char *sha256)
{
    for (size_t i = 0; i < m->count; i++)
        if (&m->objects[i] != o && evo_streq(m->objects[i].sha256, sha256))
            return m->objects[i].name;
    return NULL;
}

static enum evo_errc hash_on(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)err;
    evo_sha256_update(ctx, data, n);
    return EVO_OK;
}

static void explain(struct evo_store *store, const struct evo_backup *backup,
                    const struct evo_backup_object *o, const struct evo_error *why,
                    struct evo_verification *v)
{
    EVO_AUTO_PTR(sha256) hash = evo_sha256_new();
    EVO_AUTO_STR key = evo_asprintf("%s/%s", backup->prefix, o->name);
    struct evo_error ignored = EVO_ERROR_INIT;
    unsigned char digest[EVO_SHA256_SIZE];
    char hex[EVO_SHA256_HEX];
    const char *other = NULL;
    if (!evo_store_read(store, key, 0, UINT64_MAX, hash_on, hash, &ignored)) {
        evo_sha256_final(hash, digest);
        other = swapped_with(&backup->manifest, o, evo_sha256_format(digest, hex));
    }
    EVO_AUTO_STR swapped = other ? evo_asprintf("holds the bytes of \"%s\"", other) : NULL;
    add_damage(v, o->name, swapped ? swapped : reason_of(why, o->name));
}

/* The objects while several threads read them. */
struct reading {
    struct evo_store *store;
    const struct evo_backup *backup;
    struct evo_object_source from;
    struct evo_task *task;
    struct evo_verification *found; /* under the lock, as is the progress */
    struct evo_progress progress;
    pthread_mutex_t lock;
};

static enum evo_errc read_one(void *ctx, size_t i, struct evo_error *err)
{
    struct reading *r = ctx;
    const struct evo_manifest *m = &r->backup->manifest;
    const struct evo_backup_object *o = &m->objects[i];
    struct evo_error why = EVO_ERROR_INIT;
    bool rows = o->kind == EVO_OBJECT_TABLE && (!m->recipients.count || r->backup->identities);
    enum evo_errc rc = rows ? evo_object_read_rows(&r->from, o, NULL, NULL, &why)
                            : evo_object_read(&r->from, o, NULL, NULL, &why);
    if (rc && rc != EVO_ERR_INTEGRITY) {
        *err = why;
        return rc;
    }
    EVO_ASSERT(pthread_mutex_lock(&r->lock) == 0);
    if (rc)
        explain(r->store, r->backup, o, &why, r->found);
    r->progress.items++;
    r->progress.bytes += o->size;
    r->progress.current = o->name;
    evo_task_progress(r->task, &r->progress);
    EVO_ASSERT(pthread_mutex_unlock(&r->lock) == 0);
    return EVO_OK;
}

static enum evo_errc read_objects(struct evo_store *store, const struct evo_backup *backup, int jobs,
                                  struct evo_task *task, struct evo_verification *v, struct evo_error *err)
{
    const struct evo_manifest *m = &backup->manifest;
    struct reading r = { .store = store,
                         .backup = backup,
                         .from = evo_object_source(store, backup),
                         .task = task,
                         .found = v,
                         .progress = { .what = "verify",
                                       .bytes_total = evo_manifest_totals(m).stored_bytes,
                                       .items_total = m->count,
                                       .item = "objects" },
                         .lock = PTHREAD_MUTEX_INITIALIZER };
    evo_task_progress(task, &r.progress);
    enum evo_errc rc =
        evo_parallel(m->count, jobs ? jobs : evo_plan_jobs(sysconf(_SC_NPROCESSORS_ONLN)), read_one, &r, err);
    (void)pthread_mutex_destroy(&r.lock);
    return rc;
}

/* The archive's own contents against the manifest's tables. */
static enum evo_errc compare_toc(struct evo_store *store, const struct evo_backup *backup,
                                 struct evo_verification *v, struct evo_error *err)
{
    EVO_AUTO(toc) toc = EVO_TOC_INIT;
    const struct evo_manifest *m = &backup->manifest;
    const char *toc_name = evo_manifest_object(m, EVO_OBJECT_TOC)->name;
    struct evo_error why = EVO_ERROR_INIT;
    if (m->recipients.count && !backup->identities)
        return EVO_OK; /* nobody here can read it */
    enum evo_errc rc = evo_archive_load_toc(store, backup, &toc, &why);
    if (rc == EVO_ERR_INTEGRITY || rc == EVO_ERR_UNSUPPORTED) {
        /* Where it is missing or not what was written, that has been found already. */
        add_damage(v, toc_name, why.message);
        return EVO_OK;
    }
    if (rc) {
        if (err)
            *err = why;
        return rc;
    }
    size_t tables = 0;
    for (size_t i = 0; i < toc.count; i++) {
        if (!evo_toc_is_table_data(&toc.items[i]))
            continue;
        EVO_AUTO_STR name = evo_archive_object_name(m, &toc, &toc.items[i]);
        const struct evo_backup_object *o = evo_manifest_find(m, name);
        tables++;
        if (!o)
            add_damage(v, name, "is named by toc.dat but not by the manifest");
        else if (!evo_archive_fits(o, &toc.items[i]))
            add_damage(v, name, "is of another table in toc.dat than in the manifest");
    }
    size_t named = 0;
    for (size_t i = 0; i < m->count; i++)
        named += m->objects[i].kind == EVO_OBJECT_TABLE;
    if (tables != named)
        add_damage(v, toc_name, "names another number of tables than the manifest");
    return EVO_OK;
}

static int by_object(const void *a, const void *b)
{
    const struct evo_damage *x = a;
    const struct evo_damage *y = b;
    return strcmp(x->object, y->object);
}

enum evo_errc evo_backup_verify(struct evo_store *store, const struct evo_backup *backup, bool quick,
                                int jobs, struct evo_task *task, struct evo_verification *ret,
                                struct evo_error *err)
{
    EVO_AUTO(verification) v = { 0 };
    enum evo_errc rc = EVO_OK;
    if (!quick)
        rc = read_objects(store, backup, jobs, task, &v, err);
    if (!rc)
        rc = compare_listing(store, backup, &v, err);
    if (!rc && !quick)
        rc = compare_toc(store, backup, &v, err);
    if (rc)
        return rc;
    if (v.count)
        qsort(v.damaged, v.count, sizeof(*v.damaged), by_object);
    *ret = v;
    v = (struct evo_verification){ 0 };
    return EVO_OK;
}

enum evo_errc evo_verification_error(const struct evo_verification *v, const struct evo_manifest *m,
                                     struct evo_error *err)
{
    if (!v->count)
        return EVO_OK;
    EVO_AUTO(strbuf) list = EVO_STRBUF_INIT;
    for (size_t i = 0; i < v->count && i < 20; i++)
        evo_strbuf_addf(&list, "%s\"%s\" %s", i ? "; " : "", v->damaged[i].object, v->damaged[i].reason);
    evo_error_set(err, EVO_ERR_INTEGRITY, "backup \"%s\" is damaged: %zu object%s", m->id, v->count,
                  v->count == 1 ? "" : "s");
    evo_error_detail(err, "%s%s.", list.buf, v->count > 20 ? "; …" : "");
    bool named = !evo_streq(m->environment, "default");
    return evo_error_hint(err,
                          "Restore from another backup (evo-backup list%s%s --backup-of %s), and make a new "
                          "one: evo-backup create%s%s",
                          named ? " --environment " : "", named ? m->environment : "", m->database,
                          named ? " --environment " : "", named ? m->environment : "");
}
