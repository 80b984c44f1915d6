/*
 * commands.h - the commands of evo-verify, linked into the one executable.
 */
#ifndef EVO_VERIFY_COMMANDS_H
#define EVO_VERIFY_COMMANDS_H

#include "cli/command.h"
#include "layout/layout.h"

extern const struct evo_command evo_command_up;
extern const struct evo_command evo_command_down;
extern const struct evo_command evo_command_integrity;
extern const struct evo_command evo_command_roundtrip;

/* Appends the migrations that the arguments name. EVO_ERR_USAGE for one that the project does not have. */
enum evo_errc evo_verify_take_names(const struct evo_cmd *cmd, const struct evo_project *project,
                                    struct evo_strvec *names, struct evo_error *err) EVO_CHECK;

/* "" or "s". */
static inline const char *evo_plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

#endif
