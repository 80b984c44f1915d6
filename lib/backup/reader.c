#include "backup/reader.h"

#include "backup/downgrade.h"
#include "base/parse.h"
#include "pg/tools.h"

enum { OLDEST_TOOL = 10 };

/* The version of the pg_dump that wrote the archive, which may be newer than the server. */
static int writer_of(const struct evo_manifest *m)
{
    uint64_t by = 0;
    int major = m->server_version_num / 10000;
    const char *version = m->pg_dump_version ? m->pg_dump_version : "";
    if (evo_parse_digits(version, strspn(version, "0123456789"), &by) && by < 1000 && (int)by > major)
        major = (int)by;
    return major;
}

/* The newest that is older than `major`. */
static bool find_older(int major, char **ret_path, int *ret_major)
{
    struct evo_error ignored = EVO_ERROR_INIT;
    for (int wanted = major - 1; wanted >= OLDEST_TOOL; wanted--)
        if (!evo_pg_tool_find("pg_restore", wanted, ret_path, ret_major, &ignored))
            return true;
    return false;
}

static enum evo_errc find_tool(struct evo_restore_run *r, int *ret_major, struct evo_error *err)
{
    int writer = writer_of(&r->options->backup->manifest);
    int target = r->server_version / 10000;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (target && target < writer &&
        !evo_pg_tool_find("pg_restore", target, &r->tool_path, ret_major, &ignored))
        return EVO_OK;
    enum evo_errc rc = evo_pg_tool_find("pg_restore", writer, &r->tool_path, ret_major, err);
    return rc && find_older(writer, &r->tool_path, ret_major) ? EVO_OK : rc;
}

/* The table of contents that was selected from, in an older version; the selection goes with it. */
static enum evo_errc downgrade(struct evo_restore_run *r, int minor, struct evo_error *err)
{
    struct evo_selection *s = &r->selection;
    /* Filtering keeps the order, so that the flags can follow by id. */
    struct evo_toc_map before = r->map;
    r->map = (struct evo_toc_map){ 0 };
    enum evo_errc rc = evo_toc_downgrade(&r->toc, minor, &s->skipped, err);
    if (!rc)
        rc = evo_toc_map_build(&r->toc, &r->map, err);
    for (size_t i = 0; !rc && i < r->toc.count; i++) {
        size_t was = evo_toc_map_find(&before, r->toc.items[i].id);
        s->take[i] = s->take[was];
        s->needed[i] = s->needed[was];
    }
    evo_toc_map_release(&before);
    return rc;
}

static bool has_statistics(const struct evo_restore_run *r)
{
    for (size_t i = 0; i < r->toc.count; i++)
        if (r->selection.take[i] && evo_streq(r->toc.items[i].desc, "STATISTICS DATA"))
            return true;
    return false;
}

/* An older server lacks the functions that these call. */
static void leave_statistics(struct evo_restore_run *r)
{
    if (r->server_version >= 180000 || !has_statistics(r))
        return;
    for (size_t i = 0; i < r->toc.count; i++)
        if (evo_streq(r->toc.items[i].desc, "STATISTICS DATA"))
            r->selection.take[i] = false;
    evo_strvec_push(&r->selection.skipped, "STATISTICS DATA: the target's server is older than 18");
}

enum evo_errc evo_reader_find(struct evo_restore_run *r, struct evo_error *err)
{
    int major = 0;
    enum evo_errc rc = find_tool(r, &major, err);
    if (rc)
        return rc;
    r->tool = (struct evo_pgrestore){ .path = r->tool_path,
                                      .target = r->options->target,
                                      .jobs = r->jobs,
                                      .no_owner = r->options->no_owner,
                                      .role = r->options->role,
                                      .clean = r->options->clean };
    r->result->tool = evo_strdup(r->tool_path);
    leave_statistics(r);
    int reads = evo_downgrade_minor_of(major);
    int wanted = r->options->archive_minor;
    if (wanted > reads)
        return evo_error_set(err, EVO_ERR_UNSUPPORTED, "\"%s\" reads no archive of version 1.%d",
                             r->tool_path, wanted);
    int minor = wanted ? wanted : reads;
    if (minor >= r->toc.minor)
        return EVO_OK;
    r->tool.minor = minor;
    evo_info(r->options->task, "the archive goes to \"%s\" as version 1.%d", r->tool_path, minor);
    return downgrade(r, minor, err);
}
