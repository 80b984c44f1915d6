#include "backup/dumped.h"

static const char *behind(const char *p, const char *text)
{
    return p && evo_starts_with(p, text) ? p + strlen(text) : NULL;
}

const char *evo_dumped_identifier(const char *p, char **ret)
{
    EVO_AUTO(strbuf) name = EVO_STRBUF_INIT;
    if (*p != '"') {
        /* Unquoted by fmtId: lower case, digits, underscores. */
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (!n)
            return NULL;
        *ret = evo_strndup(p, n);
        return p + n;
    }
    for (p++; *p; p++) {
        if (*p == '"' && p[1] != '"') {
            *ret = evo_strbuf_detach(&name);
            return p + 1;
        }
        p += *p == '"';
        evo_strbuf_addch(&name, *p);
    }
    return NULL;
}

static void add_quoted(struct evo_strbuf *out, const char *name)
{
    evo_strbuf_addch(out, '"');
    for (; *name; name++) {
        if (*name == '"')
            evo_strbuf_addch(out, '"');
        evo_strbuf_addch(out, *name);
    }
    evo_strbuf_addch(out, '"');
}

char *evo_dumped_quote(const char *schema, const char *name)
{
    EVO_AUTO(strbuf) sb = EVO_STRBUF_INIT;
    add_quoted(&sb, schema ? schema : "");
    evo_strbuf_addch(&sb, '.');
    add_quoted(&sb, name);
    return evo_strbuf_detach(&sb);
}

/* "schema.table" */
static const char *qualified(const char *p, char **ret_schema, char **ret_table)
{
    EVO_AUTO_STR schema = NULL;
    EVO_AUTO_STR table = NULL;
    p = evo_dumped_identifier(p, &schema);
    p = behind(p, ".");
    p = p ? evo_dumped_identifier(p, &table) : NULL;
    if (!p)
        return NULL;
    *ret_schema = schema;
    *ret_table = table;
    schema = table = NULL;
    return p;
}

bool evo_dumped_copy_target(const char *copy, char **ret_schema, char **ret_table)
{
    const char *p = behind(copy, "COPY ");
    return p && qualified(p, ret_schema, ret_table);
}

char *evo_dumped_copy_frozen(const char *copy)
{
    static const char tail[] = " FROM stdin;\n";
    if (!copy || !evo_ends_with(copy, tail))
        return NULL;
    return evo_asprintf("%.*s FROM stdin WITH (FREEZE);\n", (int)(strlen(copy) - strlen(tail)), copy);
}

/* The end of the statement at p: behind the ";" that ends a line. Text in quotes may hold one as well, which then makes
 * two of one: never one of two. */
static const char *statement_end(const char *p)
{
    const char *end = p ? strstr(p, ";\n") : NULL;
    return end ? end + 2 : NULL;
}

bool evo_dumped_is_plain_index(const char *defn)
{
    if (!defn || (!evo_starts_with(defn, "CREATE INDEX ") && !evo_starts_with(defn, "CREATE UNIQUE INDEX ")))
        return false;
    const char *end = statement_end(defn);
    return end && end[strspn(end, "\n")] == '\0';
}

/* Behind the parenthesis that closes the one at p; NULL where it is none. */
static const char *parenthesis(const char *p)
{
    if (*p != '(')
        return NULL;
    for (p++; *p && *p != ')' && *p != '('; p++)
        if (*p == '"' || *p == '\'') {
            p = strchr(p + 1, *p);
            if (!p)
                return NULL;
        }
    return *p == ')' ? p + 1 : NULL;
}

/* Behind a list of names alone: of columns that say more ("WITHOUT OVERLAPS") an index would have to say more, too. */
static const char *names(const char *p)
{
    const char *sep = behind(p, "(");
    while (sep) {
        EVO_AUTO_STR name = NULL;
        p = evo_dumped_identifier(sep, &name);
        if (p && *p == ')')
            return p + 1;
        sep = behind(p, ", ");
    }
    return NULL;
}

/* An optional clause with a list, copied out. Returns what stands behind it, p itself where it is not there. */
static const char *clause(const char *p, const char *head, char **ret)
{
    const char *list = behind(p, head);
    const char *end = list ? parenthesis(list) : NULL;
    if (!end)
        return p;
    *ret = evo_strndup(p, (size_t)(end - p));
    return end;
}

bool evo_dumped_split_constraint(const char *defn, char **ret_index, char **ret_constraint)
{
    EVO_AUTO_STR schema = NULL;
    EVO_AUTO_STR table = NULL;
    EVO_AUTO_STR name = NULL;
    EVO_AUTO_STR include = NULL;
    EVO_AUTO_STR with = NULL;
    const char *on = behind(defn, "ALTER TABLE ONLY ");
    const char *on_end = on ? qualified(on, &schema, &table) : NULL;
    const char *id = behind(on_end, "\n    ADD CONSTRAINT ");
    const char *id_end = id ? evo_dumped_identifier(id, &name) : NULL;
    const char *kind = id_end;
    const char *p = behind(kind, " PRIMARY KEY");
    p = p ? p : behind(kind, " UNIQUE");
    const char *kind_end = p;
    const char *nulls = behind(p, " NULLS NOT DISTINCT");
    const char *columns = behind(nulls ? nulls : p, " ");
    const char *columns_end = names(columns);
    if (!columns_end)
        return false;
    p = clause(columns_end, " INCLUDE ", &include);
    p = clause(p, " WITH ", &with);
    /* What is left: "", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED"; then other statements. */
    if (p[strspn(p, " ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != ';')
        return false;
    *ret_index =
        evo_asprintf("CREATE UNIQUE INDEX %.*s ON %.*s USING btree %.*s%s%s%s;\n", (int)(id_end - id), id,
                     (int)(on_end - on), on, (int)(columns_end - columns), columns, include ? include : "",
                     nulls ? " NULLS NOT DISTINCT" : "", with ? with : "");
    *ret_constraint =
        evo_asprintf("ALTER TABLE ONLY %.*s ADD CONSTRAINT %.*s%.*s USING INDEX %.*s%s", (int)(on_end - on),
                     on, (int)(id_end - id), id, (int)(kind_end - kind), kind, (int)(id_end - id), id, p);
    return true;
}
