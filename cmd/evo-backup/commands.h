/*
 * commands.h - the commands of evo-backup: a file each, linked into the one executable.
 */
#ifndef EVO_BACKUP_COMMANDS_H
#define EVO_BACKUP_COMMANDS_H

#include "cli/command.h"

extern const struct evo_command evo_command_create;
extern const struct evo_command evo_command_drill;
extern const struct evo_command evo_command_export;
extern const struct evo_command evo_command_gc;
extern const struct evo_command evo_command_list;
extern const struct evo_command evo_command_prune;
extern const struct evo_command evo_command_show;
extern const struct evo_command evo_command_verify;

/* "" or "s". */
static inline const char *evo_plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

#endif
