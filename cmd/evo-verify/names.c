/* Names of migrations on the command line. */
#include "base/nearest.h"
#include "evo-verify/commands.h"

static enum evo_errc refuse_name(const struct evo_cmd *cmd, const struct evo_project *p, const char *name,
                                 struct evo_error *err)
{
    EVO_AUTO_STR more = evo_cmd_next_options(cmd);
    const char **names = evo_calloc(p->count + 1, sizeof(*names));
    for (size_t i = 0; i < p->count; i++)
        names[i] = p->items[i].name;
    const char *nearest = evo_nearest_or_part(name, names, p->count);
    free(names);
    evo_error_set(err, EVO_ERR_USAGE, "no migration \"%s\" in \"%s\"", name, p->migrations);
    if (nearest)
        evo_error_hint(err, "Did you mean \"%s\"? evo-status%s lists them all.", nearest, more);
    else
        evo_error_hint(err, "evo-status%s lists them.", more);
    return evo_error_next(err, "evo-status%s", more);
}

enum evo_errc evo_verify_take_names(const struct evo_cmd *cmd, const struct evo_project *project,
                                    struct evo_strvec *names, struct evo_error *err)
{
    for (size_t i = 0; i < cmd->args.count; i++) {
        const char *name = cmd->args.items[i];
        if (!evo_project_find(project, name))
            return refuse_name(cmd, project, name, err);
        if (!evo_strvec_contains(names, name))
            evo_strvec_push(names, name);
    }
    return EVO_OK;
}
