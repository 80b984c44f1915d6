/*
 * evo-verify: do the probes beside the migrations hold, do the migrations prove what they say, and does the database
 * hold what its schema promises?
 *
 * Exit status: 0 yes, or there is nothing to verify; 1 no, or not all could be looked at; 2 usage, or a verify file that
 * cannot be understood; 3 the database; 4 no room for a scratch cluster; 128+n cancelled.
 */
#include "evo-verify/commands.h"

static const struct evo_command *const commands[] = { &evo_command_up, &evo_command_down,
                                                      &evo_command_integrity, &evo_command_roundtrip };
static const struct evo_program program = {
    .name = "evo-verify",
    .section = "verify",
    .summary = "do the probes beside the migrations hold, and the data's constraints",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};

int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
