#include "backup/downgrade.h"

#include "backup/parts.h"

enum { OLDEST = 12, TABLE_AM = 14, GROUPS = 16 };

int evo_downgrade_minor_of(int major)
{
    static const struct {
        int major, minor;
    } table[] = { { 17, 16 }, { 16, 15 }, { 12, 14 }, { 11, 13 } };
    for (size_t i = 0; i < EVO_COUNT(table); i++)
        if (major >= table[i].major)
            return table[i].minor;
    return OLDEST;
}

static bool is_not_statistics(const struct evo_toc_entry *e)
{
    return !evo_streq(e->desc, "STATISTICS DATA");
}

static void warn_of_losses(const struct evo_toc *toc, int minor, struct evo_strvec *warnings)
{
    size_t statistics = 0;
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        statistics += !is_not_statistics(e);
        if (minor < TABLE_AM && e->tableam && *e->tableam && !evo_streq(e->tableam, "heap"))
            evo_strvec_pushf(warnings,
                             "%s \"%s.%s\": access method \"%s\" is not kept in an archive of version 1.%d",
                             e->desc, e->schema, e->tag, e->tableam, minor);
    }
    if (statistics)
        evo_strvec_pushf(warnings, "%zu STATISTICS DATA: not kept in an archive of version 1.%d", statistics,
                         minor);
}

/* ---- large objects ---------------------------------------------------------- */

/* The entries as they will be. Those of the archive are moved over. */
struct rewritten {
    struct evo_toc_entry *items;
    size_t count, alloc;
    int32_t next_id;
};

static struct evo_toc_entry *add(struct rewritten *out, struct evo_toc_entry e)
{
    EVO_GROW(out->items, out->count, out->alloc);
    out->items[out->count] = e;
    return &out->items[out->count++];
}

/* One large object of a group: the first keeps the group's id, for those that depend on it. */
static void add_large_object(struct rewritten *out, const struct evo_toc_entry *group, const char *oid,
                             bool first)
{
    (void)add(out, (struct evo_toc_entry){
                       .id = first ? group->id : out->next_id++,
                       .tableoid = evo_strdup(group->tableoid),
                       .oid = evo_strdup(oid),
                       .tag = evo_strdup(oid),
                       .desc = evo_strdup("BLOB"),
                       .section = EVO_TOC_PRE_DATA,
                       .defn = evo_asprintf("SELECT pg_catalog.lo_create('%s');\n", oid),
                       .drop = evo_asprintf("SELECT pg_catalog.lo_unlink('%s');\n", oid),
                       .owner = evo_strdup(group->owner),
                       .with_oids = evo_strdup(group->with_oids),
                       .file = evo_strdup(group->file),
                       .offset = { 3 },
                   });
}

/* Privileges of a group name its first one only. */
static void add_privileges(struct rewritten *out, const struct evo_toc_entry *acl, const char *first_oid,
                           const char *oid)
{
    EVO_AUTO(strbuf) defn = EVO_STRBUF_INIT;
    EVO_AUTO_STR from = evo_asprintf("LARGE OBJECT %s ", first_oid);
    const char *p = acl->defn ? acl->defn : "";
    for (const char *at; (at = strstr(p, from)); p = at + strlen(from)) {
        evo_strbuf_add(&defn, p, (size_t)(at - p));
        evo_strbuf_addf(&defn, "LARGE OBJECT %s ", oid);
    }
    evo_strbuf_adds(&defn, p);
    struct evo_toc_entry *e = add(out, (struct evo_toc_entry){
                                           .id = evo_streq(oid, first_oid) ? acl->id : out->next_id++,
                                           .tableoid = evo_strdup(acl->tableoid),
                                           .oid = evo_strdup(acl->oid),
                                           .tag = evo_asprintf("LARGE OBJECT %s", oid),
                                           .desc = evo_strdup(acl->desc),
                                           .section = acl->section,
                                           .defn = evo_strbuf_detach(&defn),
                                           .drop = evo_strdup(acl->drop),
                                           .owner = evo_strdup(acl->owner),
                                           .with_oids = evo_strdup(acl->with_oids),
                                           .file = evo_strdup(acl->file),
                                           .offset = { 3 },
                                       });
    for (size_t k = 0; k < acl->ndeps; k++) {
        EVO_GROW(e->deps, e->ndeps, e->deps_alloc);
        e->deps[e->ndeps++] = acl->deps[k];
    }
}

/* OIDs, one a line. */
static enum evo_errc split_group(const struct evo_toc_entry *group, struct evo_strvec *oids,
                                 struct evo_error *err)
{
    for (const char *p = group->defn ? group->defn : ""; *p;) {
        size_t n = strcspn(p, "\n");
        if (!n || n != strspn(p, "0123456789"))
            return evo_error_set(err, EVO_ERR_INTEGRITY,
                                 "table of contents is damaged: a group of large objects makes no sense");
        evo_strvec_push_owned(oids, evo_strndup(p, n));
        p += n + (p[n] == '\n');
    }
    return EVO_OK;
}

static const struct evo_toc_entry *group_of(const struct evo_toc *toc, const struct evo_toc_entry *acl)
{
    if (!evo_streq(acl->desc, "ACL") || !acl->tag || !evo_starts_with(acl->tag, "LARGE OBJECTS ") ||
        !acl->ndeps)
        return NULL;
    for (size_t i = 0; i < toc->count; i++)
        if (toc->items[i].id == acl->deps[0] && evo_streq(toc->items[i].desc, "BLOB METADATA"))
            return &toc->items[i];
    return NULL;
}

/* An entry becomes those of its large objects; any other one is left to the caller. */
static enum evo_errc expand(const struct evo_toc *toc, const struct evo_toc_entry *e, struct rewritten *out,
                            bool *ret_done, struct evo_error *err)
{
    EVO_AUTO(strvec) oids = EVO_STRVEC_INIT;
    bool metadata = evo_streq(e->desc, "BLOB METADATA");
    const struct evo_toc_entry *group = metadata ? e : group_of(toc, e);
    *ret_done = group != NULL;
    enum evo_errc rc = group ? split_group(group, &oids, err) : EVO_OK;
    for (size_t i = 0; !rc && i < oids.count; i++)
        if (metadata)
            add_large_object(out, e, oids.items[i], i == 0);
        else
            add_privileges(out, e, oids.items[0], oids.items[i]);
    return rc;
}

static enum evo_errc ungroup_large_objects(struct evo_toc *toc, struct evo_error *err)
{
    struct rewritten out = { .next_id = evo_toc_free_id(toc) };
    EVO_AUTO(toc) before = *toc;
    bool *moved = evo_calloc(before.count + 1, sizeof(*moved));
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < before.count; i++) {
        bool done = false;
        rc = expand(&before, &before.items[i], &out, &done, err);
        if (!rc && !done) {
            (void)add(&out, before.items[i]);
            moved[i] = true;
        }
    }
    /* What moved has a new owner. */
    for (size_t i = 0; i < before.count; i++)
        if (moved[i])
            before.items[i] = (struct evo_toc_entry){ 0 };
    free(moved);
    toc->items = out.items;
    toc->count = out.count;
    toc->alloc = out.alloc;
    before.database = before.server_version = before.dump_version = NULL;
    return rc;
}

enum evo_errc evo_toc_downgrade(struct evo_toc *toc, int minor, struct evo_strvec *warnings,
                                struct evo_error *err)
{
    if (minor >= toc->minor)
        return EVO_OK;
    if (minor < OLDEST)
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "cannot write an archive of version 1.%d", minor);
    enum evo_errc rc = toc->minor >= GROUPS ? ungroup_large_objects(toc, err) : EVO_OK;
    if (rc)
        return rc;
    warn_of_losses(toc, minor, warnings);
    evo_toc_filter(toc, is_not_statistics);
    toc->minor = minor;
    return EVO_OK;
}
