#include "layout/versions.h"

#include "base/banned.h"
#include "base/parse.h"
#include "layout/order.h"

/* Files sorted by version. */
struct index {
    const struct evo_migration **files;
    size_t count;
    enum evo_versions same;
};

static void index_auto(struct index *index)
{
    free(index->files);
}

static int compare(const char *a, const char *b, enum evo_versions same)
{
    return same == EVO_VERSIONS_TEXT ? strcmp(a, b) : evo_order_versions(a, b);
}

static int compare_files(const void *va, const void *vb, void *ctx)
{
    const struct evo_migration *a = *(const struct evo_migration *const *)va;
    const struct evo_migration *b = *(const struct evo_migration *const *)vb;
    const struct index *index = ctx;
    int order = compare(a->version, b->version, index->same);
    return order ? order : strcmp(a->name, b->name);
}

static struct index index_of(const struct evo_project *p, enum evo_versions same)
{
    struct index index = { evo_calloc(p->count + 1, sizeof(*index.files)), p->count, same };
    for (size_t i = 0; i < p->count; i++)
        index.files[i] = &p->items[i];
    if (index.count)
        qsort_r(index.files, index.count, sizeof(*index.files), compare_files, &index);
    return index;
}

static const struct evo_migration *find(const struct index *index, const char *version)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(index->files[middle]->version, version, index->same);
        if (order == 0)
            return index->files[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t evo_version_digits(const char *name)
{
    return strspn(name, "0123456789");
}

enum evo_errc evo_versions_unique(const struct evo_project *p, enum evo_versions same, const char *tool,
                                  struct evo_error *err)
{
    __attribute__((cleanup(index_auto))) struct index index = index_of(p, same);
    for (size_t i = 1; i < index.count; i++) {
        const struct evo_migration *a = index.files[i - 1], *b = index.files[i];
        if (compare(a->version, b->version, same) != 0)
            continue;
        evo_error_set(err, EVO_ERR_CONFIG, "migrations \"%s\" and \"%s\" have the same version", a->path,
                      b->path);
        evo_error_detail(err, "%s records the version alone: it could not tell which of them is applied.",
                         tool);
        evo_error_hint(err, "Give the one that is not applied yet a version of its own.");
        return evo_error_migration(err, b->name);
    }
    return EVO_OK;
}

enum evo_errc evo_versions_fit(const struct evo_project *p, const char *tool, struct evo_error *err)
{
    for (size_t i = 0; i < p->count; i++) {
        uint64_t number = 0;
        const char *version = p->items[i].version;
        if (evo_parse_digits(version, strlen(version), &number) && number <= INT64_MAX)
            continue;
        evo_error_set(err, EVO_ERR_CONFIG, "the version of migration \"%s\" is too large a number for %s",
                      p->items[i].path, tool);
        evo_error_hint(err, "Its table takes versions up to 9223372036854775807.");
        return evo_error_migration(err, p->items[i].name);
    }
    return EVO_OK;
}

void evo_versions_name_rows(struct evo_ledger *l, const struct evo_project *p, enum evo_versions same)
{
    __attribute__((cleanup(index_auto))) struct index index = index_of(p, same);
    for (size_t i = 0; i < l->count; i++) {
        const struct evo_migration *file = find(&index, l->items[i].name);
        if (!file)
            continue;
        free(l->items[i].name);
        l->items[i].name = evo_strdup(file->name);
    }
}
