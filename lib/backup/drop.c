#include "backup/drop.h"

static const char *const dropped[] = { "TABLE",
                                       "VIEW",
                                       "MATERIALIZED VIEW",
                                       "FOREIGN TABLE",
                                       "SEQUENCE",
                                       "TYPE",
                                       "DOMAIN",
                                       "FUNCTION",
                                       "PROCEDURE",
                                       "AGGREGATE",
                                       "OPERATOR",
                                       "OPERATOR CLASS",
                                       "OPERATOR FAMILY",
                                       "COLLATION",
                                       "CONVERSION",
                                       "TEXT SEARCH CONFIGURATION",
                                       "TEXT SEARCH DICTIONARY",
                                       "TEXT SEARCH PARSER",
                                       "TEXT SEARCH TEMPLATE",
                                       "CAST",
                                       "TRANSFORM",
                                       "EVENT TRIGGER",
                                       "PUBLICATION",
                                       "SERVER",
                                       "FOREIGN DATA WRAPPER",
                                       "USER MAPPING" };

/* "ALTER TABLE ONLY x DROP CONSTRAINT y": either may be gone. */
static char *key_statement(const char *drop)
{
    static const char head[] = "ALTER TABLE ";
    static const char part[] = " DROP CONSTRAINT ";
    if (!evo_starts_with(drop, head))
        return NULL;
    const char *table = drop + strlen(head);
    /* A name could hold the words themselves: the last of them counts. */
    const char *at = NULL;
    for (const char *next = strstr(table, part); next; next = strstr(next + 1, part))
        at = next;
    if (!at)
        return NULL;
    return evo_asprintf("ALTER TABLE IF EXISTS %.*s DROP CONSTRAINT IF EXISTS %s", (int)(at - table), table,
                        at + strlen(part));
}

char *evo_drop_statement(const struct evo_toc_entry *e)
{
    if (!e->drop || !*e->drop)
        return NULL;
    if (evo_streq(e->desc, "FK CONSTRAINT"))
        return key_statement(e->drop);
    /* A view that stands in a circle of needs lets go of the others first. */
    if (evo_streq(e->desc, "RULE"))
        return evo_starts_with(e->drop, "CREATE OR REPLACE VIEW ") ? evo_strdup(e->drop) : NULL;
    for (size_t i = 0; i < EVO_COUNT(dropped); i++) {
        if (!evo_streq(e->desc, dropped[i]))
            continue;
        EVO_AUTO_STR head = evo_asprintf("DROP %s ", dropped[i]);
        return evo_starts_with(e->drop, head) ? evo_asprintf("%sIF EXISTS %s", head, e->drop + strlen(head))
                                              : NULL;
    }
    return NULL;
}
