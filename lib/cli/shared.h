/*
 * shared.h - the option table of every executable (cli.md, "Shared by every executable").
 */
#ifndef EVO_CLI_SHARED_H
#define EVO_CLI_SHARED_H

#include "cli/command.h"

extern const struct evo_option evo_shared_options[];
extern const size_t evo_shared_options_count;

/* Names of every executable's section of evo.json. */
extern const char *const evo_sections[];
extern const size_t evo_sections_count;

#endif
