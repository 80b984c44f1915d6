/*
 * evo-locks: who blocks whom, how far long commands are, and the end of one session.
 *
 * Exit: 0 shown, ended; 1 no such session (any more); 2 usage, or kill without --yes; 3 the database, a session that may
 * not be ended, or one that does not end in time; 128+n ended by signal n.
 */
#include "evo-locks/commands.h"

static const struct evo_command *const commands[] = {
    &evo_command_show,
    &evo_command_watch,
    &evo_command_kill,
};
static const struct evo_program program = {
    .name = "evo-locks",
    .section = "locks",
    .summary = "who blocks whom, and how far index builds and vacuums are",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};
int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
