#include "backup/privileged.h"

/* `part` NULL: every entry of that kind. */
static const struct {
    const char *desc, *part, *reason;
} rules[] = {
    { "EVENT TRIGGER", NULL, "an event trigger belongs to a superuser" },
    { "SUBSCRIPTION", NULL, "a subscription belongs to a superuser" },
    { "PUBLICATION", "FOR ALL TABLES", "it publishes all tables" },
    { "PUBLICATION TABLES IN SCHEMA", NULL, "it publishes a whole schema" },
    { "FOREIGN DATA WRAPPER", NULL, "a foreign data wrapper belongs to a superuser" },
    { "SERVER", NULL, "a server needs rights on its foreign data wrapper" },
    { "USER MAPPING", NULL, "a user mapping belongs to who owns its server" },
    { "PROCEDURAL LANGUAGE", NULL, "a language belongs to a superuser" },
    { "ACCESS METHOD", NULL, "an access method belongs to a superuser" },
    { "OPERATOR CLASS", NULL, "an operator class belongs to a superuser" },
    { "OPERATOR FAMILY", NULL, "an operator family belongs to a superuser" },
    { "TEXT SEARCH PARSER", NULL, "a parser belongs to a superuser" },
    { "TEXT SEARCH TEMPLATE", NULL, "a template belongs to a superuser" },
    { "SHELL TYPE", NULL, "a base type belongs to a superuser" },
    { "TYPE", "\n    INPUT = ", "a base type belongs to a superuser" },
    { "CAST", "WITHOUT FUNCTION", "it is a cast without a function" },
    { "TRANSFORM", NULL, "a transform belongs to who owns the type" },
    { "FUNCTION", "\n    LANGUAGE c ", "it is written in C" },
    { "FUNCTION", "\n    LANGUAGE c\n", "it is written in C" },
    { "FUNCTION", "\n    LANGUAGE internal ", "it is written in C" },
    { "FUNCTION", "\n    LANGUAGE internal\n", "it is written in C" },
    { "FUNCTION", " LEAKPROOF", "it is leakproof" },
    { "AGGREGATE", "STYPE = internal", "its state is internal" },
    { "DEFAULT ACL", NULL, "default privileges are those of another role" },
    { "ACL", "SET SESSION AUTHORIZATION", "it was granted by another role" },
};

static bool is_extension_comment(const struct evo_toc_entry *e)
{
    return evo_streq(e->desc, "COMMENT") && e->tag && evo_starts_with(e->tag, "EXTENSION ");
}

const char *evo_privileged_reason(const struct evo_toc_entry *e, const struct evo_strvec *extensions)
{
    if (is_extension_comment(e))
        return "an extension's comment belongs to who made it";
    if (evo_streq(e->desc, "EXTENSION") && !(extensions && evo_strvec_contains(extensions, e->tag)))
        return "the extension is neither trusted nor there";
    if (evo_streq(e->desc, "ACL") && evo_streq(e->schema, "pg_catalog"))
        return "it is about an object of the system's";
    for (size_t i = 0; i < EVO_COUNT(rules); i++)
        if (evo_streq(e->desc, rules[i].desc) &&
            (!rules[i].part || (e->defn && strstr(e->defn, rules[i].part))))
            return rules[i].reason;
    return NULL;
}
