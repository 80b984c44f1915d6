/*
 * config.h - evo.json, and the one order in which every value is looked for.
 *
 * Flag, environment variable (an action's input, EVO_IN_…, before the others), environments.<name>, top level,
 * default. A command's own option stands in the section named after its executable. An empty variable is unset.
 */
#ifndef EVO_CLI_CONFIG_H
#define EVO_CLI_CONFIG_H

#include "cli/command.h"

struct evo_config {
    char *path; /* NULL: no file */
    char *root; /* its folder, or "." */
    struct evo_json *json; /* NULL: no file */
};
void evo_config_release(struct evo_config *c);
EVO_DEFINE_AUTO(config);

/* path NULL: evo.json of the working directory or of the nearest folder above it, up to the repository's root (the folder
 * that holds .git), where there is one. EVO_ERR_CONFIG with line and column for a
 * malformed file; an unknown top-level key or environment member is refused with the nearest name. In `program`'s own
 * section any option of any of its commands may stand; other executables' sections are left to them. */
enum evo_errc evo_config_load(const char *path, const struct evo_program *program, struct evo_config *ret,
                              struct evo_error *err) EVO_CHECK;
/* EVO_ERR_CONFIG where evo.json lists environments and `name` is none of them. name may be NULL. */
enum evo_errc evo_config_check_environment(const struct evo_config *c, const char *name,
                                           struct evo_error *err) EVO_CHECK;

/* One value of a flag on the command line, in order. */
struct evo_flag {
    const struct evo_option *option;
    const char *text; /* borrowed from argv; "true" for a flag without value */
};

/* Where a value came from, for --show-config: "flag", "EVO_STORE", "evo.json: environments.staging", "default", "unset". */
struct evo_origin {
    char text[160];
};

/* Fills the fields of `base` for all options; section NULL for the shared ones. origins: one per option, or NULL. */
enum evo_errc evo_config_resolve(const struct evo_config *c, const char *environment, const char *section,
                                 const struct evo_option *options, size_t count, const struct evo_flag *flags,
                                 size_t nflags, void *base, struct evo_origin *origins,
                                 struct evo_error *err) EVO_CHECK;

/* True where `option` of another executable's section has a value: its variables, environments.<name>, top level. For
 * evo-deploy, which decides whether a step is configured without knowing the step's table. */
bool evo_config_has(const struct evo_json *json, const char *environment, const char *section,
                    const char *option);
/* That value where it is a string or comes from a variable; NULL. The caller frees. */
char *evo_config_peek(const struct evo_json *json, const char *environment, const char *section,
                      const char *option) EVO_CHECK;

#endif
