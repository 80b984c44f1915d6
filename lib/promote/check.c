#include "promote/check.h"

#include "base/strbuf.h"

const char *evo_difference_name(enum evo_difference_kind kind)
{
    static const char *const name[] = { "unknown", "changed", "reordered", "state", "schema" };
    return name[kind];
}

void evo_differences_release(struct evo_differences *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++) {
        free(d->items[i].migration);
        free(d->items[i].file);
        free(d->items[i].message);
        evo_strvec_release(&d->items[i].lines);
    }
    free(d->items);
    *d = (struct evo_differences){ 0 };
}

struct evo_json *evo_differences_json(const struct evo_differences *d)
{
    struct evo_json *array = evo_json_array();
    for (size_t i = 0; i < d->count; i++) {
        struct evo_json *one = evo_json_object();
        evo_json_set_string(one, "kind", evo_difference_name(d->items[i].kind));
        evo_json_set_string(one, "migration", d->items[i].migration);
        evo_json_set_string(one, "file", d->items[i].file);
        evo_json_set_string(one, "message", d->items[i].message);
        if (d->items[i].kind == EVO_DIFFERENCE_SCHEMA) {
            struct evo_json *lines = evo_json_array();
            for (size_t k = 0; k < d->items[i].lines.count; k++)
                evo_json_append_string(lines, d->items[i].lines.items[k]);
            evo_json_set(one, "lines", lines);
        }
        evo_json_append(array, one);
    }
    return array;
}

struct evo_difference *evo_differences_add(struct evo_differences *d, enum evo_difference_kind kind,
                                           const char *migration, const char *message)
{
    EVO_GROW(d->items, d->count, d->alloc);
    struct evo_difference *one = &d->items[d->count++];
    *one = (struct evo_difference){ .kind = kind,
                                    .migration = evo_strdup(migration),
                                    .message = evo_strdup(message) };
    return one;
}

/* Takes message over. */
static void add(struct evo_differences *d, enum evo_difference_kind kind, const char *migration,
                const char *file, char *message)
{
    EVO_GROW(d->items, d->count, d->alloc);
    d->items[d->count++] = (struct evo_difference){
        .kind = kind, .migration = evo_strdup(migration), .file = evo_strdup(file), .message = message
    };
}

/* Index of a name, count where there is none. In nearly every case it is where it is looked for first. */
static size_t find(const struct evo_passport *p, const char *name, size_t guess)
{
    size_t i = 0;
    if (guess < p->count && strcmp(p->items[guess].name, name) == 0)
        return guess;
    while (i < p->count && strcmp(p->items[i].name, name) != 0)
        i++;
    return i;
}

/* The first file that is not the same on both sides; NULL where all are. */
static const char *differing_file(const struct evo_passport_migration *there,
                                  const struct evo_passport_migration *here)
{
    for (size_t i = 0; i < here->paths.count; i++) {
        size_t k = 0;
        while (k < there->paths.count && strcmp(there->paths.items[k], here->paths.items[i]) != 0)
            k++;
        if (k == there->paths.count || strcmp(there->hashes.items[k], here->hashes.items[i]) != 0)
            return here->paths.items[i];
    }
    for (size_t k = 0; k < there->paths.count; k++)
        if (!evo_strvec_contains(&here->paths, there->paths.items[k]))
            return there->paths.items[k];
    return NULL;
}

static void compare_applied(const struct evo_passport *there, const struct evo_passport_migration *m,
                            size_t i, size_t applied, struct evo_differences *ret)
{
    size_t at = find(there, m->name, i);
    if (at == there->count)
        add(ret, EVO_DIFFERENCE_STATE, m->name, NULL,
            evo_asprintf("\"%s\" is applied here but was never applied in \"%s\"", m->name,
                         there->environment));
    else if (at >= applied)
        add(ret, EVO_DIFFERENCE_STATE, m->name, NULL,
            evo_asprintf("\"%s\" is applied here before others that \"%s\" applied first", m->name,
                         there->environment));
    else if (!evo_streq(there->items[at].checksum, m->checksum))
        add(ret, EVO_DIFFERENCE_STATE, m->name, NULL,
            evo_asprintf("\"%s\" was applied here with other content than in \"%s\"", m->name,
                         there->environment));
}

static void compare_pending(const struct evo_passport *there, const struct evo_passport_migration *m,
                            size_t expected_at, struct evo_differences *ret)
{
    size_t at = find(there, m->name, expected_at);
    if (at == there->count) {
        add(ret, EVO_DIFFERENCE_UNKNOWN, m->name, NULL,
            evo_asprintf("\"%s\" was never applied in \"%s\"", m->name, there->environment));
        return;
    }
    const struct evo_passport_migration *proven = &there->items[at];
    if (!evo_streq(proven->hash, m->hash)) {
        const char *file = differing_file(proven, m);
        add(ret, EVO_DIFFERENCE_CHANGED, m->name, file,
            evo_asprintf("\"%s\" is not the file that was applied in \"%s\"", file ? file : m->name,
                         there->environment));
        return;
    }
    if (at != expected_at)
        add(ret, EVO_DIFFERENCE_REORDERED, m->name, NULL,
            evo_asprintf("\"%s\" would be applied as number %zu, but was number %zu in \"%s\"", m->name,
                         expected_at + 1, at + 1, there->environment));
}

void evo_promote_compare(const struct evo_passport *there, const struct evo_passport *here, size_t applied,
                         struct evo_differences *ret)
{
    for (size_t i = 0; i < applied; i++)
        compare_applied(there, &here->items[i], i, applied, ret);
    for (size_t i = applied; i < here->count; i++)
        compare_pending(there, &here->items[i], i, ret);
}
