/*
 * help.h - --help, made from the option rows; and the same rows as JSON for the generated documents.
 */
#ifndef EVO_CLI_HELP_H
#define EVO_CLI_HELP_H

#include "cli/command.h"

/* command NULL: the executable's overview. shared: describe the options that every executable has, and do not only name
 * them. */
void evo_help(const struct evo_program *program, const struct evo_command *command, bool shared,
              struct evo_strbuf *out);
/* "usage: evo-migrate up [OPTION…]" */
void evo_help_usage(const struct evo_program *program, const struct evo_command *command,
                    struct evo_strbuf *out);
/* {program, section, summary, commands: [{name, summary, options: […]}], shared: […]}. */
struct evo_json *evo_help_json(const struct evo_program *program) EVO_CHECK;

#endif
