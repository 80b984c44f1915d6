#include "layout/companions.h"

#include "base/banned.h"
#include "base/file.h"

static const char *const file_names[EVO_COMPANIONS] = {
    [EVO_FILE_DOWN] = "down.sql",
    [EVO_FILE_VERIFY_UP] = "verify_up.sql",
    [EVO_FILE_VERIFY_DOWN] = "verify_down.sql",
    [EVO_FILE_BACKFILL] = "backfill.sql",
};

const char *evo_companion_file(enum evo_companion which)
{
    return file_names[which];
}

/* EVO_COMPANIONS: none of them. */
static int companion_of(const char *name)
{
    int i = 0;
    while (i < EVO_COMPANIONS && strcmp(name, file_names[i]) != 0)
        i++;
    return i;
}

void evo_companions_in_folder(struct evo_project *p, struct evo_migration *m, const char *folder,
                              const struct evo_strvec *names, const char *forward)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        int which = companion_of(name);
        if (which == EVO_FILE_DOWN && m->by_tool)
            evo_strvec_pushf(&p->warnings, "nothing reads \"%s/%s\": %s takes its migrations back itself",
                             folder, name, evo_layout_name(p->kind));
        else if (which < EVO_COMPANIONS)
            m->companion[which] = evo_path_join(folder, name);
        else if (evo_ends_with(name, ".sql") && (!forward || strcmp(name, forward) != 0))
            evo_strvec_pushf(&p->warnings, "nothing reads \"%s/%s\"", folder, name);
    }
}

/* The migrations by their names: there may be thousands of folders, one for each. */
struct by_name {
    struct evo_migration **items;
    size_t count;
};

static void by_name_auto(struct by_name *index)
{
    free(index->items);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct evo_migration *const *)a)->name, (*(struct evo_migration *const *)b)->name);
}

static struct by_name sort_by_name(const struct evo_project *p)
{
    struct by_name index = { evo_calloc(p->count, sizeof(struct evo_migration *)), p->count };
    for (size_t i = 0; i < p->count; i++)
        index.items[i] = &p->items[i];
    if (index.count)
        qsort(index.items, index.count, sizeof(*index.items), compare_names);
    return index;
}

static struct evo_migration *find(const struct by_name *index, const char *name)
{
    struct evo_migration wanted = { .name = (char *)(uintptr_t)name }, *key = &wanted;
    struct evo_migration **found =
        index->count ? bsearch(&key, index->items, index->count, sizeof(*index->items), compare_names) : NULL;
    return found ? *found : NULL;
}

/* evo/<name>/ of one migration, or of none. */
static enum evo_errc read_beside(struct evo_project *p, const struct by_name *index, const char *folder,
                                 struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_dir_list(folder, &names, err);
    if (rc) {
        if (err)
            err->code = EVO_ERR_CONFIG;
        return EVO_ERR_CONFIG;
    }
    const char *name = evo_path_base(folder);
    struct evo_migration *m = find(index, name);
    EVO_AUTO_STR in_folder = evo_path_join(p->migrations, name);
    if (!m || evo_is_dir(in_folder)) {
        for (size_t i = 0; i < names.count; i++)
            if (companion_of(names.items[i]) < EVO_COMPANIONS)
                evo_strvec_pushf(&p->warnings,
                                 m ? "nothing reads \"%s/%s\": that migration has a folder of its own"
                                   : "nothing reads \"%s/%s\": no migration has that name",
                                 folder, names.items[i]);
        return EVO_OK;
    }
    if ((m->companion[EVO_FILE_DOWN] || m->down_in_file) && evo_strvec_contains(&names, "down.sql")) {
        evo_error_set(err, EVO_ERR_CONFIG, "migration \"%s\" has two ways down: \"%s/down.sql\" and \"%s\"",
                      name, folder, m->down_in_file ? m->path : m->companion[EVO_FILE_DOWN]);
        return evo_error_hint(err, "Remove one of them.");
    }
    if (m->verify_script && evo_strvec_contains(&names, "verify_up.sql")) {
        evo_error_set(err, EVO_ERR_CONFIG,
                      "migration \"%s\" has two verify files: \"%s/verify_up.sql\" and \"%s\"", name, folder,
                      m->companion[EVO_FILE_VERIFY_UP]);
        return evo_error_hint(err, "Remove one of them.");
    }
    evo_companions_in_folder(p, m, folder, &names, NULL);
    return EVO_OK;
}

enum evo_errc evo_companions_in_root(struct evo_project *p, struct evo_error *err)
{
    EVO_AUTO_STR evo = evo_path_join(p->root, "evo");
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_dir_list(evo, &names, &ignored))
        return EVO_OK;
    __attribute__((cleanup(by_name_auto))) struct by_name index = sort_by_name(p);
    for (size_t i = 0; i < names.count; i++) {
        EVO_AUTO_STR folder = evo_path_join(evo, names.items[i]);
        enum evo_errc rc = evo_is_dir(folder) ? read_beside(p, &index, folder, err) : EVO_OK;
        if (rc)
            return rc;
    }
    return EVO_OK;
}
