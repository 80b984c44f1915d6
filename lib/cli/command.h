/*
 * command.h - what an executable is made of, and the one start-up that all share.
 *
 * A command file (cmd/evo-<name>.c) has five parts in this order: what it does and its exit statuses; the options
 * struct; the option table; run(), which opens, calls one domain function and fills the report; the descriptor and a
 * one-line main:
 *
 *	static const struct evo_command up = { .name = "up", .summary = "apply pending migrations",
 *	    .options = options, .noptions = EVO_COUNT(options), .options_size = sizeof(struct up_options), .run = run_up };
 *	static const struct evo_command *const commands[] = { &up, &down };
 *	static const struct evo_program program = { .name = "evo-migrate", .section = "migrate",
 *	    .summary = "apply migrations", .commands = commands, .ncommands = EVO_COUNT(commands) };
 *	int main(int argc, char **argv) { return evo_main(&program, argc, argv); }
 *
 * evo_main parses, reads evo.json and the environment, installs the signal handlers, calls run, writes the envelope
 * (run directory, and stdout with --json), prints an error with its detail and hint, and returns the exit status.
 * run returns EVO_OK or the error's code; it fills cmd->data as far as it knows also when it fails, and prints the
 * text for people by evo_print(), which is silent with --json.
 */
#ifndef EVO_CLI_COMMAND_H
#define EVO_CLI_COMMAND_H

#include "base/error.h"
#include "base/strvec.h"
#include "base/task.h"
#include "cli/option.h"
#include "json/json.h"

/* The options of every executable (table in shared.c). */
struct evo_shared {
    struct evo_secret database; /* may hold a password; see cli/connect.h */
    char *store, *s3_endpoint, *s3_region, *s3_addressing;
    bool s3_allow_http;
    char *s3_profile_of, *s3_ca_bundle, *s3_checksum, *s3_storage_class, *s3_sse, *s3_sse_kms_key_id;
    char *s3_object_lock;
    int64_t s3_object_lock_days;
    struct evo_strvec s3_tags;
    char *migrations, *layout, *environment, *config, *run_dir;
    char *expect_database, *expect_system_identifier;
    bool json, quiet, verbose, no_color, no_progress, show_config, help, version, dump_options;
    char *log; /* EVO_LOG: error, warn, info, debug */
};

struct evo_cmd {
    const struct evo_program *program;
    const struct evo_command *command;
    const struct evo_shared *shared;
    struct evo_strvec args; /* what is left of argv */
    struct evo_strvec
        passed; /* "--store=…": the shared options that were given as flags, to hand on to a child */
    struct evo_strvec
        own; /* "--to=…", "--atomic": the command's own options that were given as flags, but for those
                              that say how hard it tries */
    struct evo_task *task; /* log and progress to stderr */
    struct evo_json
        *data; /* the envelope's data: an object; set members, or replace with evo_cmd_set_data() */
    char *run_dir; /* where the envelope goes, owned; a command may put another here. NULL: nowhere */
    const char *root; /* project root: folder of evo.json, else "." */
    const struct evo_json *config; /* evo.json as read; NULL where there is none */
    bool color; /* stdout takes colours */
    bool interactive; /* a person sits there: stderr is a terminal and this is no CI */
    int64_t started_ms; /* wall */
};

struct evo_command {
    const char *name; /* NULL: the executable's only command */
    const char *args; /* "[NAME…]" for the usage line; NULL: none */
    int min_args, max_args; /* max_args -1: any number */
    const char *summary; /* one line, lower case */
    const char *description; /* paragraphs for --help; NULL: none */
    const char *examples; /* lines for --help; NULL: none */
    const struct evo_option *options;
    size_t noptions;
    size_t options_size; /* of the options struct; 0: none */
    enum evo_errc (*run)(struct evo_cmd *cmd, void *options, struct evo_error *err);
};

struct evo_program {
    const char *name; /* "evo-migrate" */
    const char *section; /* of evo.json, and of the variables: "migrate" */
    const char *summary;
    const struct evo_command *const *commands;
    size_t ncommands;
};

int evo_main(const struct evo_program *program, int argc, char **argv) EVO_CHECK;

/* Text for people, on stdout, redacted; nothing with --json. */
void evo_print(struct evo_cmd *cmd, const char *fmt, ...) EVO_PRINTF(2, 3);
/* The row of --progress, for a command that takes long; its options struct has `char *progress`. The first thing that
 * run() does is evo_cmd_progress(cmd, o->progress), so that with "json" every line of stderr is an event. */
#define EVO_PROGRESS_OPTION(options_struct)                                                          \
    {                                                                                                \
        "progress", EVO_OPT_CHOICE, offsetof(options_struct, progress),                              \
            .value = "MODE", .fallback = "auto", .choices = "auto json none plain",                  \
            .help = "how progress is shown on stderr; auto: a bar on a terminal, else lines; json: " \
                    "everything there as events, one a line"                                         \
    }
void evo_cmd_progress(struct evo_cmd *cmd, const char *mode);
/* Escape sequences where stdout takes colours, else "". */
enum evo_style {
    EVO_STYLE_RESET,
    EVO_STYLE_BOLD,
    EVO_STYLE_DIM,
    EVO_STYLE_RED,
    EVO_STYLE_GREEN,
    EVO_STYLE_YELLOW
};
const char *evo_style(const struct evo_cmd *cmd, enum evo_style style);
/* Takes value over as the envelope's data. */
void evo_cmd_set_data(struct evo_cmd *cmd, struct evo_json *value);
/* "staging" or, where none is named, "default": the folder's name in the store. */
const char *evo_cmd_environment(const struct evo_cmd *cmd);
/* What goes behind each command that is proposed, so that it means the same project and database: the environment, and
 * --config, --migrations and --layout where they were given as flags (a variable is there the next time, too).
 * " --environment staging", or "". The caller frees. */
char *evo_cmd_next_options(const struct evo_cmd *cmd) EVO_CHECK;
/* What goes behind the same command where it is proposed again: its own options that change what it does, as they were
 * given, and the above. --dry-run is left out: it is about to be done in earnest. The caller frees. */
char *evo_cmd_again_options(const struct evo_cmd *cmd) EVO_CHECK;

#endif
