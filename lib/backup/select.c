#include "backup/select.h"

#include <stdlib.h>

#include "backup/dumped.h"
#include "backup/privileged.h"
#include "base/nearest.h"

#define NONE ((size_t)-1)

void evo_selection_release(struct evo_selection *s)
{
    if (!s)
        return;
    free(s->take);
    free(s->needed);
    evo_strvec_release(&s->skipped);
    evo_strvec_release(&s->wanting);
    *s = (struct evo_selection){ 0 };
}

struct choice {
    const struct evo_toc *toc;
    const struct evo_toc_map *map;
    struct evo_selection *out;
    bool *judged; /* entries that were left out with a reason: once */
};

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (evo_streq(s, list[i]))
            return true;
    return false;
}
#define IS_ONE_OF(s, list) is_one_of((s), (list), EVO_COUNT(list))

/* What has rows, or shows some: never brought by another one. */
static bool is_relation(const struct evo_toc_entry *e)
{
    static const char *const kinds[] = { "TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE" };
    return IS_ONE_OF(e->desc, kinds);
}

bool evo_select_is_data(const struct evo_toc_entry *e)
{
    static const char *const kinds[] = { "TABLE DATA", "SEQUENCE SET", "MATERIALIZED VIEW DATA",
                                         "STATISTICS DATA" };
    return IS_ONE_OF(e->desc, kinds);
}

static char *name_of(const struct evo_toc_entry *e)
{
    return e->schema && *e->schema ? evo_asprintf("%s.%s", e->schema, e->tag) : evo_strdup(e->tag);
}

static size_t dep_at(const struct choice *c, const struct evo_toc_entry *e, size_t k)
{
    return evo_toc_map_find(c->map, e->deps[k]);
}

/* Parts of a relation, and of anything. */
static const char *const of_a_relation[] = { "DEFAULT",       "TABLE DATA",
                                             "CONSTRAINT",    "CHECK CONSTRAINT",
                                             "FK CONSTRAINT", "INDEX",
                                             "TRIGGER",       "RULE",
                                             "POLICY",        "STATISTICS",
                                             "SEQUENCE",      "ROW SECURITY",
                                             "TABLE ATTACH",  "MATERIALIZED VIEW DATA" };
static const char *const of_anything[] = {
    "COMMENT", "ACL", "SECURITY LABEL", "SEQUENCE SET", "SEQUENCE OWNED BY", "INDEX ATTACH", "STATISTICS DATA"
};

static bool is_part(const struct evo_toc_entry *e)
{
    return !evo_streq(e->desc, "SEQUENCE") &&
           (IS_ONE_OF(e->desc, of_a_relation) || IS_ONE_OF(e->desc, of_anything));
}

/* ---- names that were given -------------------------------------------------- */

/* One part of a name: quoted, or all up to the next point. */
static const char *part(const char *p, char **ret)
{
    if (*p == '"')
        return evo_dumped_identifier(p, ret);
    size_t n = strcspn(p, ".\"");
    if (!n)
        return NULL;
    *ret = evo_strndup(p, n);
    return p + n;
}

static enum evo_errc parse_name(const char *text, char **ret_schema, char **ret_name, struct evo_error *err)
{
    EVO_AUTO_STR first = NULL;
    EVO_AUTO_STR second = NULL;
    const char *p = part(text, &first);
    if (p && *p == '.')
        p = part(p + 1, &second);
    if (!p || *p) {
        evo_error_set(err, EVO_ERR_USAGE, "\"%s\" is no name of a table", text);
        return evo_error_hint(err,
                              "Write schema.name or name; a part that holds a point or a quote stands in "
                              "double quotes.");
    }
    *ret_schema = second ? first : NULL;
    *ret_name = second ? second : first;
    first = second = NULL;
    return EVO_OK;
}

static enum evo_errc not_found(const struct choice *c, const char *what, const char *text, bool schemas,
                               struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    for (size_t i = 0; i < c->toc->count; i++) {
        const struct evo_toc_entry *e = &c->toc->items[i];
        if (schemas && e->schema && *e->schema && !evo_strvec_contains(&names, e->schema))
            evo_strvec_push(&names, e->schema);
        else if (!schemas && is_relation(e))
            evo_strvec_push_owned(&names, strchr(text, '.') ? name_of(e) : evo_strdup(e->tag));
    }
    const char *near = evo_nearest(text, (const char *const *)names.items, names.count);
    evo_error_set(err, EVO_ERR_NOT_FOUND, "the backup holds no %s \"%s\"", what, text);
    if (near)
        return evo_error_hint(err, "Did you mean \"%s\"?", near);
    return err ? err->code : EVO_ERR_NOT_FOUND;
}

static bool in_schemas(const struct evo_select_options *o, const char *schema)
{
    return !o->schemas || !o->schemas->count || (schema && evo_strvec_contains(o->schemas, schema));
}

static enum evo_errc ask_for_table(struct choice *c, const struct evo_select_options *o, const char *text,
                                   struct evo_error *err)
{
    EVO_AUTO_STR schema = NULL;
    EVO_AUTO_STR name = NULL;
    bool found = false;
    enum evo_errc rc = parse_name(text, &schema, &name, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < c->toc->count; i++) {
        const struct evo_toc_entry *e = &c->toc->items[i];
        if ((is_relation(e) || evo_streq(e->desc, "SEQUENCE")) && evo_streq(e->tag, name) &&
            (schema ? evo_streq(e->schema, schema) : in_schemas(o, e->schema))) {
            c->out->take[i] = true;
            found = true;
        }
    }
    return found ? EVO_OK : not_found(c, "table, view or sequence", text, false, err);
}

static enum evo_errc ask_for_schema(struct choice *c, const char *name, bool all_in_it, struct evo_error *err)
{
    bool found = false;
    for (size_t i = 0; i < c->toc->count; i++) {
        const struct evo_toc_entry *e = &c->toc->items[i];
        bool itself = evo_streq(e->desc, "SCHEMA") && evo_streq(e->tag, name);
        if (!itself && !evo_streq(e->schema, name))
            continue;
        found = true;
        /* What is a part of something comes with it, where what else it needs comes too. */
        if (all_in_it && (itself || (e->section == EVO_TOC_PRE_DATA && !is_part(e))))
            c->out->take[i] = true;
    }
    return found ? EVO_OK : not_found(c, "schema", name, true, err);
}

static enum evo_errc ask(struct choice *c, const struct evo_select_options *o, struct evo_error *err)
{
    bool tables = o->tables && o->tables->count;
    bool schemas = o->schemas && o->schemas->count;
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && schemas && i < o->schemas->count; i++)
        rc = ask_for_schema(c, o->schemas->items[i], !tables, err);
    for (size_t i = 0; !rc && tables && i < o->tables->count; i++)
        rc = ask_for_table(c, o, o->tables->items[i], err);
    return rc;
}

/* ---- what belongs to them --------------------------------------------------- */

/* What an entry is a part of: the relation that its tag begins with, or else the first that it depends on. */
static size_t owner_of(const struct choice *c, const struct evo_toc_entry *e)
{
    size_t first = NONE;
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = dep_at(c, e, k);
        if (dep == EVO_TOC_MAP_NONE || !is_relation(&c->toc->items[dep]))
            continue;
        const char *table = c->toc->items[dep].tag;
        size_t n = strlen(table);
        if (e->tag && strncmp(e->tag, table, n) == 0 && (e->tag[n] == ' ' || !e->tag[n]) &&
            evo_streq(e->schema, c->toc->items[dep].schema))
            return dep;
        first = first == NONE ? dep : first;
    }
    return first;
}

/* Is it a part of something that is taken? */
static bool belongs(const struct choice *c, const struct evo_toc_entry *e)
{
    if (IS_ONE_OF(e->desc, of_a_relation)) {
        size_t owner = owner_of(c, e);
        return owner != NONE && c->out->take[owner];
    }
    if (!IS_ONE_OF(e->desc, of_anything))
        return false;
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = dep_at(c, e, k);
        if (dep != EVO_TOC_MAP_NONE && c->out->take[dep])
            return true;
    }
    return false;
}

/* A partition comes with the table that it is attached to. */
static bool take_partition(struct choice *c, const struct evo_toc_entry *e)
{
    size_t child = evo_streq(e->desc, "TABLE ATTACH") ? owner_of(c, e) : NONE;
    if (child == NONE || c->out->take[child])
        return false;
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = dep_at(c, e, k);
        if (dep != EVO_TOC_MAP_NONE && dep != child && c->out->take[dep]) {
            c->out->take[child] = true;
            return true;
        }
    }
    return false;
}

/* May an entry come along because another one needs it? */
static bool may_be_brought(const struct evo_toc_entry *e)
{
    return e->section == EVO_TOC_PRE_DATA && !is_relation(e);
}

/* What of its dependencies keeps it from being made, a table before others; NONE: nothing. */
static size_t missing_for(const struct choice *c, const struct evo_toc_entry *e)
{
    bool index = evo_streq(e->desc, "INDEX") || evo_streq(e->desc, "CONSTRAINT");
    bool view = evo_streq(e->desc, "MATERIALIZED VIEW DATA");
    size_t found = NONE;
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = dep_at(c, e, k);
        if (dep == EVO_TOC_MAP_NONE || c->out->take[dep] || may_be_brought(&c->toc->items[dep]))
            continue;
        bool relation = is_relation(&c->toc->items[dep]);
        /* A partition's index stands without that of its parent, a view's rows without those of another view. */
        if (!relation && (index || view))
            continue;
        if (relation)
            return dep;
        found = dep;
    }
    return found;
}

static void leave_out(struct choice *c, size_t i, size_t missing)
{
    const struct evo_toc_entry *e = &c->toc->items[i];
    EVO_AUTO_STR name = name_of(e);
    EVO_AUTO_STR what = name_of(&c->toc->items[missing]);
    evo_strvec_pushf(&c->out->skipped, "%s \"%s\": \"%s\" is not restored", e->desc, name, what);
}

/* Until nothing is added; mostly at once, since an archive has what others depend on before them. */
static void gather_parts(struct choice *c)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < c->toc->count; i++)
            more |= take_partition(c, &c->toc->items[i]);
    }
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < c->toc->count; i++) {
            const struct evo_toc_entry *e = &c->toc->items[i];
            if (!c->out->take[i] && belongs(c, e) && missing_for(c, e) == NONE)
                c->out->take[i] = more = true;
        }
    }
    for (size_t i = 0; i < c->toc->count; i++) {
        const struct evo_toc_entry *e = &c->toc->items[i];
        if (!c->out->take[i] && belongs(c, e))
            leave_out(c, i, missing_for(c, e));
    }
}

/* ---- what they need --------------------------------------------------------- */

static void bring(struct choice *c, size_t i, size_t *stack)
{
    size_t depth = 0;
    stack[depth++] = i;
    while (depth) {
        const struct evo_toc_entry *e = &c->toc->items[stack[--depth]];
        for (size_t k = 0; k < e->ndeps; k++) {
            size_t dep = dep_at(c, e, k);
            if (dep == EVO_TOC_MAP_NONE || c->out->take[dep])
                continue;
            if (may_be_brought(&c->toc->items[dep])) {
                c->out->take[dep] = c->out->needed[dep] = true;
                stack[depth++] = dep;
            } else if (e->section == EVO_TOC_PRE_DATA && is_relation(&c->toc->items[dep]) &&
                       !c->judged[dep]) {
                EVO_AUTO_STR name = name_of(e);
                EVO_AUTO_STR what = name_of(&c->toc->items[dep]);
                c->judged[dep] = true;
                evo_strvec_pushf(&c->out->wanting, "%s \"%s\" needs \"%s\", which is not restored", e->desc,
                                 name, what);
            }
        }
    }
}

static void bring_needs(struct choice *c)
{
    /* Each entry goes on the stack once, when it is taken. */
    size_t *stack = evo_calloc(c->toc->count + 2, sizeof(*stack));
    for (size_t i = 0; i < c->toc->count; i++)
        if (c->out->take[i] && !c->out->needed[i])
            bring(c, i, stack);
    free(stack);
    /* Comments, privileges and values of what was brought. */
    for (size_t i = 0; i < c->toc->count; i++) {
        const struct evo_toc_entry *e = &c->toc->items[i];
        for (size_t k = 0; k < e->ndeps && !c->out->take[i]; k++) {
            size_t dep = dep_at(c, e, k);
            if (dep != EVO_TOC_MAP_NONE && c->out->needed[dep] && belongs(c, e) && missing_for(c, e) == NONE)
                c->out->take[i] = c->out->needed[i] = true;
        }
    }
}

/* ---- what is left out again ------------------------------------------------- */

static bool needs_left_out(const struct choice *c, const struct evo_toc_entry *e, const bool *left,
                           size_t *ret_dep)
{
    for (size_t k = 0; k < e->ndeps; k++) {
        size_t dep = dep_at(c, e, k);
        if (dep != EVO_TOC_MAP_NONE && left[dep]) {
            *ret_dep = dep;
            return true;
        }
    }
    return false;
}

static void leave_privileged(struct choice *c, const struct evo_strvec *extensions)
{
    bool *left = evo_calloc(c->toc->count + 1, sizeof(*left));
    for (size_t i = 0; i < c->toc->count; i++) {
        const struct evo_toc_entry *e = &c->toc->items[i];
        size_t dep;
        const char *reason = c->out->take[i] ? evo_privileged_reason(e, extensions) : NULL;
        if (reason) {
            EVO_AUTO_STR name = name_of(e);
            evo_strvec_pushf(&c->out->skipped, "%s \"%s\": %s", e->desc, name, reason);
            left[i] = true;
        } else if (c->out->take[i] && needs_left_out(c, e, left, &dep)) {
            leave_out(c, i, dep);
            left[i] = true;
        }
        if (left[i])
            c->out->take[i] = false;
    }
    free(left);
}

static void keep_sort(struct choice *c, bool data)
{
    for (size_t i = 0; i < c->toc->count; i++)
        if (evo_select_is_data(&c->toc->items[i]) != data)
            c->out->take[i] = c->out->needed[i] = false;
}

enum evo_errc evo_select(const struct evo_toc *toc, const struct evo_toc_map *map,
                         const struct evo_select_options *o, struct evo_selection *ret, struct evo_error *err)
{
    EVO_AUTO(selection) s = { 0 };
    struct choice c = { .toc = toc, .map = map, .out = &s };
    s.take = evo_calloc(toc->count + 1, sizeof(*s.take));
    s.needed = evo_calloc(toc->count + 1, sizeof(*s.needed));
    c.judged = evo_calloc(toc->count + 1, sizeof(*c.judged));
    s.whole = !(o->tables && o->tables->count) && !(o->schemas && o->schemas->count);
    s.large_objects = s.whole && !o->schema_only;
    enum evo_errc rc = EVO_OK;
    if (s.whole) {
        for (size_t i = 0; i < toc->count; i++)
            s.take[i] = true;
    } else {
        rc = ask(&c, o, err);
        if (!rc) {
            gather_parts(&c);
            bring_needs(&c);
        }
    }
    for (size_t i = 0; i < toc->count && o->no_privileges; i++)
        if (evo_streq(toc->items[i].desc, "ACL") || evo_streq(toc->items[i].desc, "DEFAULT ACL"))
            s.take[i] = s.needed[i] = false;
    if (!rc && o->no_privileged)
        leave_privileged(&c, o->extensions);
    if (o->data_only || o->schema_only)
        keep_sort(&c, o->data_only);
    /* How all the others are to be read. */
    for (size_t i = 0; i < toc->count; i++)
        s.take[i] = s.take[i] || evo_toc_is_setting(&toc->items[i]);
    free(c.judged);
    if (rc)
        return rc;
    *ret = s;
    s = (struct evo_selection){ 0 };
    return EVO_OK;
}
