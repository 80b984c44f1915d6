/*
 * evo-backup: consistent, parallel, compressed backups, streamed to the store; and what is there.
 *
 * Exit: 0 done; 1 no such backup, an unfinished one, or a probe that does not hold; 2 usage; 3 database; 4 store;
 * 5 a table stayed locked; 6 a backup is damaged, or does not come back as it was.
 */
#include "evo-backup/commands.h"

static const struct evo_command *const commands[] = {
    &evo_command_create, &evo_command_list,  &evo_command_show, &evo_command_verify,
    &evo_command_drill,  &evo_command_prune, &evo_command_gc,   &evo_command_export,
};
static const struct evo_program program = {
    .name = "evo-backup",
    .section = "backup",
    .summary = "back up a database, and look after its backups",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};
int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
