#include "backup/downgrade.h"

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

enum evo_errc evo_toc_downgrade(struct evo_toc *toc, int minor, struct evo_strvec *warnings,
                                struct evo_error *err)
{
    if (minor >= toc->minor)
        return EVO_OK;
    if (minor < OLDEST)
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "cannot write an archive of version 1.%d", minor);
    for (size_t i = 0; i < toc->count && minor < GROUPS; i++)
        if (evo_streq(toc->items[i].desc, "BLOB METADATA"))
            return evo_error_set(
                err, EVO_ERR_UNSUPPORTED,
                "large objects of an archive of version 1.%d cannot be written as version 1.%d", toc->minor,
                minor);
    warn_of_losses(toc, minor, warnings);
    evo_toc_filter(toc, is_not_statistics);
    toc->minor = minor;
    return EVO_OK;
}
