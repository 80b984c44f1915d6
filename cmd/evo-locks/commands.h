/* What the files of evo-locks share. */
#ifndef EVO_LOCKS_COMMANDS_H
#define EVO_LOCKS_COMMANDS_H

#include "cli/command.h"

extern const struct evo_command evo_command_show;
extern const struct evo_command evo_command_watch;
extern const struct evo_command evo_command_kill;

#endif
