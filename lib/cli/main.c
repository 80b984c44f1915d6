/*
 * The start-up of every executable: the parts in the order in which they happen.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/nearest.h"
#include "base/quote.h"
#include "base/secret.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/github.h"
#include "cli/help.h"
#include "cli/shared.h"
#include "cli/terminal.h"
#include "result/rundir.h"

enum { FLAGS_MAX = 256 };

/* All that belongs to one run of one command. */
struct invocation {
    const struct evo_program *program;
    const struct evo_command *command;
    struct evo_flag flags[FLAGS_MAX];
    size_t nflags;
    struct evo_strvec args;
    struct evo_config config;
    struct evo_shared shared;
    void *options;
    struct evo_origin shared_origins[64], own_origins[64];
    struct evo_terminal terminal;
    struct evo_cmd cmd;
};

/* ---- process-wide care ------------------------------------------------------ */

static enum evo_errc prepare_process(struct evo_error *err)
{
    /* Messages are in English and numbers in C's form: only the character type follows the user. */
    (void)setlocale(LC_CTYPE, "");
    (void)umask(077);
    /* Where one of the first three is closed, the next socket would take its place, and messages would go there. */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDWR);
    /* A core file would hold passwords. */
    struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
    /* Also where core_pattern is a pipe; LeakSanitizer needs to trace itself. */
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
    static const char *const secrets[] = { "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                                           "SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN" };
    for (size_t i = 0; i < EVO_COUNT(secrets); i++)
        evo_redact_add(getenv(secrets[i]));
    static const char *const connections[] = { "DATABASE_URL", "DIRECT_URL", "EVO_DATABASE_URL",
                                               "EVO_TARGET_URL", "EVO_IN_DATABASE_URL" };
    for (size_t i = 0; i < EVO_COUNT(connections); i++)
        if (getenv(connections[i]))
            (void)evo_redact_connection(getenv(connections[i]));
    return evo_cancel_install(err);
}

/* ---- the command line -------------------------------------------------------- */

static const struct evo_command *find_command(const struct evo_program *program, const char *name)
{
    for (size_t i = 0; i < program->ncommands; i++)
        if (evo_streq(program->commands[i]->name, name))
            return program->commands[i];
    return NULL;
}

static enum evo_errc hint_help(const struct invocation *in, struct evo_error *err)
{
    const char *name = in->command ? in->command->name : NULL;
    return evo_error_hint(err, "%s%s%s --help lists what there is.", in->program->name, name ? " " : "",
                          name ? name : "");
}

static enum evo_errc unknown_option(const struct invocation *in, const char *name, struct evo_error *err)
{
    const char *names[128];
    size_t n = 0;
    for (size_t i = 0; in->command && i < in->command->noptions; i++)
        if (in->command->options[i].type != EVO_OPT_SECRET)
            names[n++] = in->command->options[i].name;
    for (size_t i = 0; i < evo_shared_options_count; i++)
        if (!evo_shared_options[i].hidden)
            names[n++] = evo_shared_options[i].name;
    (void)evo_error_set(err, EVO_ERR_USAGE, "unknown option \"--%.100s\"", name);
    const char *nearest = evo_nearest(name, names, n);
    return nearest ? evo_error_hint(err, "Did you mean --%s?", nearest) : hint_help(in, err);
}

static const struct evo_option *find_option(const struct invocation *in, const char *name)
{
    const struct evo_option *o =
        in->command ? evo_option_find(in->command->options, in->command->noptions, name) : NULL;
    return o ? o : evo_option_find(evo_shared_options, evo_shared_options_count, name);
}

/* A secret on a command line is in the shell's history and in every process list: refused, with the way that is not. */
static enum evo_errc refuse_secret(const struct evo_option *o, const char *text, struct evo_error *err)
{
    const char *variables = o->env ? o->env : "its variable";
    size_t first = strcspn(variables, " ");
    if (o->type == EVO_OPT_SECRET) {
        evo_redact_add(text);
        (void)evo_error_set(err, EVO_ERR_USAGE, "--%s cannot be given on the command line: it is a secret",
                            o->name);
        return evo_error_hint(err, "Set %.*s in the environment.", (int)first, variables);
    }
    if (o->type == EVO_OPT_CONNECTION && evo_redact_connection(text)) {
        (void)evo_error_set(err, EVO_ERR_USAGE,
                            "--%s cannot hold a password: command lines are readable by others", o->name);
        return evo_error_hint(err, "Set %.*s (or PGPASSWORD) in the environment.", (int)first, variables);
    }
    return EVO_OK;
}

static enum evo_errc add_flag(struct invocation *in, const struct evo_option *o, const char *text,
                              struct evo_error *err)
{
    if (in->nflags == FLAGS_MAX)
        return evo_error_set(err, EVO_ERR_USAGE, "more than %d options", FLAGS_MAX);
    enum evo_errc rc = refuse_secret(o, text, err);
    if (rc)
        return rc;
    in->flags[in->nflags++] = (struct evo_flag){ o, text };
    return EVO_OK;
}

static enum evo_errc parse_long(struct invocation *in, char **argv, int *i, struct evo_error *err)
{
    const char *arg = argv[*i] + 2, *equals = strchr(arg, '=');
    EVO_AUTO_STR name = equals ? evo_strndup(arg, (size_t)(equals - arg)) : evo_strdup(arg);
    const struct evo_option *o = find_option(in, name);
    if (!o)
        return unknown_option(in, name, err);
    if (o->type == EVO_OPT_FLAG)
        return add_flag(in, o, equals ? equals + 1 : "true", err);
    if (equals)
        return add_flag(in, o, equals + 1, err);
    if (!argv[*i + 1]) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "option --%s needs a value", name);
        return hint_help(in, err);
    }
    return add_flag(in, o, argv[++*i], err);
}

static const struct evo_option *find_letter(const struct evo_option *options, size_t count, char letter)
{
    for (size_t i = 0; i < count; i++)
        if (options[i].letter == letter)
            return &options[i];
    return NULL;
}

static enum evo_errc parse_letters(struct invocation *in, const char *arg, struct evo_error *err)
{
    for (const char *p = arg + 1; *p; p++) {
        const struct evo_option *o = NULL;
        if (in->command)
            o = find_letter(in->command->options, in->command->noptions, *p);
        if (!o)
            o = find_letter(evo_shared_options, evo_shared_options_count, *p);
        if (!o || o->type != EVO_OPT_FLAG) {
            (void)evo_error_set(err, EVO_ERR_USAGE, "unknown option \"-%c\"", *p);
            return hint_help(in, err);
        }
        enum evo_errc rc = add_flag(in, o, "true", err);
        if (rc)
            return rc;
    }
    return EVO_OK;
}

static enum evo_errc choose_command(struct invocation *in, const char *name, struct evo_error *err)
{
    in->command = find_command(in->program, name);
    if (in->command)
        return EVO_OK;
    const char *names[32];
    size_t n = 0;
    for (; n < in->program->ncommands; n++)
        names[n] = in->program->commands[n]->name;
    (void)evo_error_set(err, EVO_ERR_USAGE, "unknown command \"%.100s\"", name);
    const char *nearest = evo_nearest(name, names, n);
    return nearest ? evo_error_hint(err, "Did you mean \"%s %s\"?", in->program->name, nearest)
                   : hint_help(in, err);
}

/* The command's name may stand behind shared options: look for it before the options are parsed, since they are its own. */
static enum evo_errc find_command_word(struct invocation *in, int argc, char **argv, int *ret_at,
                                       struct evo_error *err)
{
    *ret_at = 0;
    if (in->program->ncommands == 1 && !in->program->commands[0]->name) {
        in->command = in->program->commands[0];
        return EVO_OK;
    }
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || !argv[i][1]) {
            *ret_at = i;
            return choose_command(in, argv[i], err);
        }
        const struct evo_option *o =
            evo_starts_with(argv[i], "--") && !strchr(argv[i], '=') ? find_option(in, argv[i] + 2) : NULL;
        i += o && o->type != EVO_OPT_FLAG;
    }
    return EVO_OK;
}

static enum evo_errc parse_command_line(struct invocation *in, int argc, char **argv, struct evo_error *err)
{
    int word;
    enum evo_errc rc = find_command_word(in, argc, argv, &word, err);
    bool options_ended = false;
    for (int i = 1; i < argc && !rc; i++) {
        if (i == word)
            continue;
        if (options_ended || argv[i][0] != '-' || !argv[i][1])
            evo_strvec_push(&in->args, argv[i]);
        else if (strcmp(argv[i], "--") == 0)
            options_ended = true;
        else if (argv[i][1] == '-')
            rc = parse_long(in, argv, &i, err);
        else
            rc = parse_letters(in, argv[i], err);
    }
    return rc;
}

static enum evo_errc check_arguments(const struct invocation *in, struct evo_error *err)
{
    const struct evo_command *c = in->command;
    if (c->max_args >= 0 && in->args.count > (size_t)c->max_args) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "unexpected argument \"%.200s\"",
                            in->args.items[c->max_args]);
        return hint_help(in, err);
    }
    if (in->args.count < (size_t)c->min_args) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "missing argument: %s", c->args);
        return hint_help(in, err);
    }
    return EVO_OK;
}

/* ---- the configuration --------------------------------------------------------- */

static bool flag_given(const struct invocation *in, const char *name)
{
    for (size_t i = 0; i < in->nflags; i++)
        if (strcmp(in->flags[i].option->name, name) == 0 && strcmp(in->flags[i].text, "true") == 0)
            return true;
    return false;
}

/* One shared option alone, before the rest can be resolved. */
static enum evo_errc resolve_early(struct invocation *in, const char *name, struct evo_error *err)
{
    const struct evo_option *o = evo_option_find(evo_shared_options, evo_shared_options_count, name);
    return evo_config_resolve(&in->config, NULL, NULL, o, 1, in->flags, in->nflags, &in->shared, NULL, err);
}

static enum evo_errc resolve(struct invocation *in, struct evo_error *err)
{
    const struct evo_command *c = in->command;
    EVO_ASSERT(evo_shared_options_count <= EVO_COUNT(in->shared_origins) &&
               c->noptions <= EVO_COUNT(in->own_origins));
    enum evo_errc rc = resolve_early(in, "config", err);
    if (!rc)
        rc = evo_config_load(in->shared.config, in->program, &in->config, err);
    if (!rc)
        rc = resolve_early(in, "environment", err);
    if (!rc)
        rc = evo_config_check_environment(&in->config, in->shared.environment, err);
    if (rc)
        return rc;
    EVO_AUTO_STR environment = evo_strdup(in->shared.environment);
    rc = evo_config_resolve(&in->config, environment, NULL, evo_shared_options, evo_shared_options_count,
                            in->flags, in->nflags, &in->shared, in->shared_origins, err);
    if (!rc && c->options_size)
        rc = evo_config_resolve(&in->config, environment, in->program->section, c->options, c->noptions,
                                in->flags, in->nflags, in->options, in->own_origins, err);
    return rc;
}

static void show_options(const struct evo_option *options, size_t count, const void *base,
                         const struct evo_origin *origins, const char *section, struct evo_strbuf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (options[i].flag_only)
            continue;
        EVO_AUTO_STR name =
            evo_asprintf("%s%s%s", section ? section : "", section ? "." : "", options[i].name);
        EVO_AUTO(strbuf) value = EVO_STRBUF_INIT;
        evo_option_format(&options[i], base, &value);
        evo_strbuf_addf(out, "%-28s = %-32s (%s)\n", name, value.buf, origins[i].text);
    }
}

static void show_config(struct invocation *in)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_strbuf_addf(&out, "configuration file: %s\nproject root: %s\n\n",
                    in->config.path ? in->config.path : "none", in->config.root);
    show_options(evo_shared_options, evo_shared_options_count, &in->shared, in->shared_origins, NULL, &out);
    show_options(in->command->options, in->command->noptions, in->options, in->own_origins,
                 in->program->section, &out);
    EVO_AUTO(strbuf) redacted = EVO_STRBUF_INIT;
    evo_redact(&redacted, out.buf);
    (void)fwrite(redacted.buf, 1, redacted.len, stdout);
}

/* --help, --version and --dump-options work whatever else is wrong. True: done. */
static bool answer_at_once(struct invocation *in)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (flag_given(in, "help")) {
        evo_help(in->program, in->command, flag_given(in, "verbose"), &out);
    } else if (flag_given(in, "version")) {
        evo_strbuf_addf(&out, "%s %s\n", in->program->name, EVO_VERSION);
    } else if (flag_given(in, "dump-options")) {
        EVO_AUTO_PTR(json) json = evo_help_json(in->program);
        evo_json_format(json, EVO_JSON_INDENT, &out);
        evo_strbuf_addch(&out, '\n');
    } else {
        return false;
    }
    (void)fwrite(out.buf, 1, out.len, stdout);
    return true;
}

/* ---- running, and what is left behind ------------------------------------------- */

static bool is_shared(const struct evo_option *o)
{
    return evo_option_find(evo_shared_options, evo_shared_options_count, o->name) == o;
}

/* What a child of ours must be told again: the shared options given as flags. Never a password (refused before). */
static void collect_passed(struct invocation *in)
{
    static const char *const own_business[] = { "json", "run-dir", "show-config" };
    for (size_t i = 0; i < in->nflags; i++) {
        const struct evo_option *o = in->flags[i].option;
        bool keep = is_shared(o);
        for (size_t k = 0; k < EVO_COUNT(own_business); k++)
            keep = keep && strcmp(o->name, own_business[k]) != 0;
        if (keep)
            evo_strvec_pushf(&in->cmd.passed, "--%s=%s", o->name, in->flags[i].text);
        else if (is_shared(o) || o->manner)
            continue;
        else if (o->type == EVO_OPT_FLAG)
            evo_strvec_pushf(&in->cmd.own, "--%s", o->name);
        else
            evo_strvec_pushf(&in->cmd.own, "--%s=%s", o->name, in->flags[i].text);
    }
}

static enum evo_errc run_command(struct invocation *in, struct evo_error *err)
{
    collect_passed(in);
    in->cmd.run_dir = evo_strdup(in->shared.run_dir);
    const char *no_color = getenv("NO_COLOR");
    in->cmd.program = in->program;
    in->cmd.command = in->command;
    in->cmd.shared = &in->shared;
    in->cmd.args = in->args;
    in->cmd.task = &in->terminal.task;
    in->cmd.root = in->config.root;
    in->cmd.config = in->config.json;
    in->cmd.interactive = in->terminal.interactive;
    in->cmd.color =
        evo_terminal_is_interactive(STDOUT_FILENO) && !in->shared.no_color && !(no_color && *no_color);
    enum evo_errc rc = evo_cancel_check(err);
    if (!rc && in->cmd.run_dir)
        rc = evo_rundir_check(in->cmd.run_dir, err);
    if (!rc)
        rc = in->command->run(&in->cmd, in->options, err);
    /* Work that ended well just before a signal stays done. */
    return rc;
}

static int exit_status(enum evo_errc rc)
{
    int signo = evo_cancel_first_signal();
    return rc == EVO_ERR_CANCELLED ? 128 + (signo ? signo : SIGTERM) : evo_errc_exit(rc);
}

static char *command_words(const struct invocation *in)
{
    const char *name = in->command ? in->command->name : NULL;
    return name ? evo_asprintf("%s %s", in->program->section, name) : evo_strdup(in->program->section);
}

/* What every action has as outputs, before a non-zero exit. That they cannot be written does not change the result. */
static void tell_github(struct invocation *in, const struct evo_envelope *e)
{
    const char *verdict = !e->failed                           ? "success"
                          : e->error.code == EVO_ERR_CANCELLED ? "cancelled"
                                                               : "failure";
    struct evo_error failed = EVO_ERROR_INIT;
    enum evo_errc rc = evo_github_output("verdict", verdict, &failed);
    if (!rc)
        rc = evo_github_output("failure-reason", e->failed ? evo_errc_reason(e->error.code) : "", &failed);
    if (rc)
        evo_warn(&in->terminal.task, "%s", failed.message);
    /* With --json it would go to stderr, where somebody may be reading events: the error is one of them. */
    bool among_events = flag_given(in, "json") && in->terminal.mode == EVO_PROGRESS_JSON;
    if (e->failed && !among_events)
        evo_github_error(&e->error);
}

/* The envelope to the run directory and, with --json, to stdout. A failure to leave it there is itself an error. */
static int publish(struct invocation *in, enum evo_errc rc, struct evo_error *error, int64_t began)
{
    EVO_AUTO(envelope)
    e = { .command = command_words(in),
          .environment = evo_strdup(in->shared.environment),
          .started_ms = in->cmd.started_ms,
          .elapsed_ms = evo_clock_ms() - began,
          .exit = exit_status(rc),
          .data = evo_json_ref(in->cmd.data),
          .failed = rc != EVO_OK };
    if (rc)
        e.error = *error;
    const char *run_dir = in->cmd.run_dir ? in->cmd.run_dir : in->shared.run_dir;
    if (run_dir && in->command) {
        struct evo_error write_error = EVO_ERROR_INIT;
        enum evo_errc wrote = evo_rundir_store(run_dir, &e, &write_error);
        if (wrote && !rc) {
            (void)evo_error_detail(&write_error,
                                   "The command itself succeeded; only its result could not be left there.");
            *error = write_error;
            e.error = write_error;
            e.failed = true;
            e.exit = exit_status(wrote);
            rc = wrote;
        }
    }
    if (flag_given(in, "json")) {
        EVO_AUTO_PTR(json) json = evo_envelope_json(&e);
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT, redacted = EVO_STRBUF_INIT;
        evo_json_format(json, EVO_JSON_INDENT, &text);
        evo_redact(&redacted, text.buf);
        evo_strbuf_addch(&redacted, '\n');
        (void)fwrite(redacted.buf, 1, redacted.len, stdout);
    }
    evo_terminal_finish(&in->terminal);
    /* Where both go into one log, what was done stands before what failed. */
    int lost = fflush(stdout) != 0 ? errno : 0;
    if (rc)
        evo_terminal_error(&in->terminal, in->program->name, error);
    tell_github(in, &e);
    if (fflush(stdout) != 0 && !lost)
        lost = errno;
    if (lost && e.exit == 0) {
        (void)evo_error_errno(error, EVO_ERR_DISK, lost, "could not write to standard output");
        evo_terminal_error(&in->terminal, in->program->name, error);
        return evo_errc_exit(EVO_ERR_DISK);
    }
    return e.exit;
}

static void release(struct invocation *in)
{
    if (in->command && in->options)
        evo_option_release(in->command->options, in->command->noptions, in->options);
    free(in->options);
    evo_option_release(evo_shared_options, evo_shared_options_count, &in->shared);
    evo_config_release(&in->config);
    evo_strvec_release(&in->args);
    evo_strvec_release(&in->cmd.passed);
    evo_strvec_release(&in->cmd.own);
    free(in->cmd.run_dir);
    evo_json_free(in->cmd.data);
    evo_redact_forget();
}

int evo_main(const struct evo_program *program, int argc, char **argv)
{
    struct invocation in = { .program = program };
    struct evo_error error = EVO_ERROR_INIT;
    int64_t began = evo_clock_ms();
    in.cmd.started_ms = evo_wall_ms();
    in.cmd.data = evo_json_object();

    enum evo_errc rc = prepare_process(&error);
    evo_terminal_init(&in.terminal, &in.shared);
    /* A password that should not be there is not repeated in the complaint about it. */
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        (void)evo_redact_connection(argv[i]);
        if (equals)
            (void)evo_redact_connection(equals + 1);
    }
    if (!rc)
        rc = parse_command_line(&in, argc, argv, &error);
    if (flag_given(&in, "json"))
        evo_github_use_stderr();
    bool done = answer_at_once(&in);
    if (!done && !rc && !in.command) {
        rc = evo_error_set(&error, EVO_ERR_USAGE, "no command given");
        (void)hint_help(&in, &error);
    }
    if (!done && !rc)
        rc = check_arguments(&in, &error);
    if (!done && !rc) {
        in.options = in.command->options_size ? evo_calloc(1, in.command->options_size) : NULL;
        rc = resolve(&in, &error);
        evo_terminal_init(&in.terminal, &in.shared);
    }
    int status = 0;
    if (!done && !rc && in.shared.show_config) {
        show_config(&in);
        done = true;
    }
    if (!done) {
        if (!rc)
            rc = run_command(&in, &error);
        status = publish(&in, rc, &error, began);
    }
    release(&in);
    return status;
}

/* ---- for the command files ---------------------------------------------------- */

void evo_print(struct evo_cmd *cmd, const char *fmt, ...)
{
    if (cmd->shared->json)
        return;
    if (cmd->task)
        evo_terminal_finish(cmd->task->ctx); /* a progress line may stand where this goes */
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT, redacted = EVO_STRBUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    evo_strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    evo_redact(&redacted, text.buf);
    (void)fwrite(redacted.buf, 1, redacted.len, stdout);
}

void evo_cmd_progress(struct evo_cmd *cmd, const char *mode)
{
    evo_terminal_set_progress(cmd->task->ctx, mode);
}

const char *evo_style(const struct evo_cmd *cmd, enum evo_style style)
{
    static const char *const sequence[] = { "\033[0m",  "\033[1m",  "\033[2m",
                                            "\033[31m", "\033[32m", "\033[33m" };
    return cmd->color ? sequence[style] : "";
}

void evo_cmd_set_data(struct evo_cmd *cmd, struct evo_json *value)
{
    evo_json_free(cmd->data);
    cmd->data = value;
}

const char *evo_cmd_environment(const struct evo_cmd *cmd)
{
    return cmd->shared->environment ? cmd->shared->environment : "default";
}

char *evo_cmd_next_options(const struct evo_cmd *cmd)
{
    static const char *const where[] = { "--config=", "--migrations=", "--layout=" };
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (cmd->shared->environment) {
        EVO_AUTO_STR word = evo_quote_shell(cmd->shared->environment);
        evo_strbuf_addf(&out, " --environment %s", word);
    }
    for (size_t i = 0; i < cmd->passed.count; i++) {
        const char *flag = cmd->passed.items[i];
        for (size_t k = 0; k < EVO_COUNT(where); k++) {
            size_t n = strlen(where[k]);
            if (strncmp(flag, where[k], n) != 0)
                continue;
            EVO_AUTO_STR word = evo_quote_shell(flag + n);
            evo_strbuf_addf(&out, " %.*s %s", (int)n - 1, where[k], word);
        }
    }
    return evo_strbuf_detach(&out);
}

char *evo_cmd_again_options(const struct evo_cmd *cmd)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    EVO_AUTO_STR more = evo_cmd_next_options(cmd);
    for (size_t i = 0; i < cmd->own.count; i++) {
        const char *flag = cmd->own.items[i], *value = strchr(flag, '=');
        if (strcmp(flag, "--dry-run") == 0)
            continue;
        EVO_AUTO_STR word = value ? evo_quote_shell(value + 1) : NULL;
        if (word)
            evo_strbuf_addf(&out, " %.*s %s", (int)(value - flag), flag, word);
        else
            evo_strbuf_addf(&out, " %s", flag);
    }
    evo_strbuf_adds(&out, more);
    return evo_strbuf_detach(&out);
}
