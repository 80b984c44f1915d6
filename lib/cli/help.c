#include "cli/help.h"

#include "base/utf8.h"
#include "cli/shared.h"

enum { HELP_COLUMN = 32, HELP_WIDTH = 100 };

static void indent_to(struct evo_strbuf *out, size_t from, size_t column)
{
    for (size_t i = from; i < column; i++)
        evo_strbuf_addch(out, ' ');
}

/* Wraps words at HELP_WIDTH, continuing at `column`; the cursor stands at `at`. */
static void add_wrapped(struct evo_strbuf *out, const char *text, size_t at, size_t column)
{
    bool first = true;
    while (*text) {
        text += strspn(text, " ");
        size_t n = strcspn(text, " ");
        size_t width = evo_utf8_length(text, n);
        if (!first && at + 1 + width > HELP_WIDTH) {
            evo_strbuf_addch(out, '\n');
            indent_to(out, 0, column);
            at = column;
            first = true;
        }
        if (!first) {
            evo_strbuf_addch(out, ' ');
            at++;
        }
        evo_strbuf_add(out, text, n);
        at += width;
        text += n;
        first = false;
    }
    evo_strbuf_addch(out, '\n');
}

/* Paragraphs are filled anew, whatever their lines in the source; an indented line (an example) stands as it is. */
static void add_text(struct evo_strbuf *out, const char *text)
{
    EVO_AUTO(strbuf) paragraph = EVO_STRBUF_INIT;
    for (;;) {
        size_t n = strcspn(text, "\n");
        bool literal = n == 0 || text[0] == ' ';
        if (literal && paragraph.len) {
            add_wrapped(out, paragraph.buf, 0, 0);
            evo_strbuf_clear(&paragraph);
        }
        if (literal && (n || text[n]))
            evo_strbuf_addf(out, "%.*s\n", (int)n, text);
        else if (!literal)
            evo_strbuf_addf(&paragraph, "%s%.*s", paragraph.len ? " " : "", (int)n, text);
        if (!text[n])
            break;
        text += n + 1;
    }
    if (paragraph.len)
        add_wrapped(out, paragraph.buf, 0, 0);
}

/* One example a line, indented. */
static void add_examples(struct evo_strbuf *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        evo_strbuf_addf(out, "%s%.*s\n", text[0] == ' ' || !n ? "" : "  ", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void add_left(struct evo_strbuf *out, const char *left, const char *help)
{
    size_t start = evo_utf8_length(left, strlen(left));
    evo_strbuf_adds(out, left);
    if (start + 2 > HELP_COLUMN) {
        evo_strbuf_addch(out, '\n');
        start = 0;
    }
    indent_to(out, start, HELP_COLUMN);
    add_wrapped(out, help, HELP_COLUMN, HELP_COLUMN);
}

static void variables_of(const struct evo_option *o, const char *section, struct evo_strbuf *out)
{
    if (o->flag_only)
        return;
    if (o->env) {
        for (const char *p = o->env; *p; p += strspn(p, " ")) {
            size_t n = strcspn(p, " ");
            evo_strbuf_addf(out, "%s%.*s", out->len ? ", " : "", (int)n, p);
            p += n;
        }
        return;
    }
    EVO_AUTO_STR v = evo_option_variable("EVO_", section, o->name);
    evo_strbuf_adds(out, v);
}

static void add_option(struct evo_strbuf *out, const struct evo_option *o, const char *section)
{
    EVO_AUTO(strbuf) left = EVO_STRBUF_INIT, help = EVO_STRBUF_INIT, variables = EVO_STRBUF_INIT;
    if (o->type == EVO_OPT_SECRET) {
        variables_of(o, section, &left);
        EVO_AUTO_STR indented = evo_asprintf("  %s", left.buf);
        add_left(out, indented, o->help);
        return;
    }
    if (o->letter)
        evo_strbuf_addf(&left, "  -%c, --%s", o->letter, o->name);
    else
        evo_strbuf_addf(&left, "      --%s", o->name);
    if (o->value)
        evo_strbuf_addf(&left, " %s", o->value);
    evo_strbuf_adds(&help, o->help);
    if (o->choices) {
        evo_strbuf_adds(&help, o->type == EVO_OPT_CHOICE ? "; one of" : "; of");
        for (const char *p = o->choices; *p; p += strspn(p, " ")) {
            size_t n = strcspn(p, " ");
            evo_strbuf_addf(&help, "%s %.*s", p == o->choices ? "" : ",", (int)n, p);
            p += n;
        }
    }
    if (o->type == EVO_OPT_LIST || o->type == EVO_OPT_LINES)
        evo_strbuf_adds(&help, " (may be repeated)");
    if (o->fallback)
        evo_strbuf_addf(&help, " (default %s)", o->fallback);
    variables_of(o, section, &variables);
    if (variables.len)
        evo_strbuf_addf(&help, " [%s]", variables.buf);
    add_left(out, left.buf, help.buf);
}

static void add_options(struct evo_strbuf *out, const char *title, const struct evo_option *options,
                        size_t count, const char *section, bool secrets)
{
    bool titled = false;
    for (size_t i = 0; i < count; i++) {
        if (options[i].hidden || (options[i].type == EVO_OPT_SECRET) != secrets)
            continue;
        if (!titled)
            evo_strbuf_addf(out, "\n%s:\n", title);
        titled = true;
        add_option(out, &options[i], section);
    }
}

void evo_help_usage(const struct evo_program *program, const struct evo_command *command,
                    struct evo_strbuf *out)
{
    evo_strbuf_addf(out, "usage: %s", program->name);
    if (command && command->name)
        evo_strbuf_addf(out, " %s", command->name);
    else if (!command)
        evo_strbuf_adds(out, " COMMAND");
    evo_strbuf_adds(out, " [OPTION…]");
    if (command && command->args)
        evo_strbuf_addf(out, " %s", command->args);
    evo_strbuf_addch(out, '\n');
}

/* The names alone: what everybody has is described once, and not on each page. */
static void name_shared(const struct evo_program *program, const struct evo_command *command,
                        struct evo_strbuf *out)
{
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    for (size_t i = 0; i < evo_shared_options_count; i++)
        if (!evo_shared_options[i].hidden)
            evo_strbuf_addf(&names, "%s--%s", names.len ? ", " : "  ", evo_shared_options[i].name);
    evo_strbuf_adds(out, "\nOptions of every executable:\n  ");
    add_wrapped(out, names.buf, 2, 2);
    evo_strbuf_addf(out, "  \"%s%s%s --help --verbose\" describes them.\n", program->name,
                    command && command->name ? " " : "", command && command->name ? command->name : "");
}

static const char exits[] =
    "\nExit status:\n"
    "  0  done, the answer is yes          5    a lock was not to be had\n"
    "  1  done, the answer is no           6    integrity: not what was written\n"
    "  2  usage or configuration           7    a migration failed\n"
    "  3  database                         70   a bug in evo\n"
    "  4  store, network or disk           128+n  ended by signal n, after cleaning up\n";

void evo_help(const struct evo_program *program, const struct evo_command *command, bool shared,
              struct evo_strbuf *out)
{
    if (!command && program->ncommands == 1 && !program->commands[0]->name)
        command = program->commands[0];
    evo_strbuf_addf(out, "%s%s%s: %s\n\n", program->name, command && command->name ? " " : "",
                    command && command->name ? command->name : "",
                    command ? command->summary : program->summary);
    evo_help_usage(program, command, out);
    if (!command) {
        evo_strbuf_adds(out, "\nCommands:\n");
        for (size_t i = 0; i < program->ncommands; i++) {
            EVO_AUTO_STR left = evo_asprintf("  %s", program->commands[i]->name);
            add_left(out, left, program->commands[i]->summary);
        }
        evo_strbuf_addf(out, "\n%s COMMAND --help says more of each.\n", program->name);
    } else {
        if (command->description) {
            evo_strbuf_addch(out, '\n');
            add_text(out, command->description);
        }
        add_options(out, "Options", command->options, command->noptions, program->section, false);
        add_options(out, "Secrets, from the environment only", command->options, command->noptions,
                    program->section, true);
    }
    if (command && command->examples) {
        evo_strbuf_adds(out, "\nExamples:\n");
        add_examples(out, command->examples);
    }
    if (shared)
        add_options(out, "Options of every executable", evo_shared_options, evo_shared_options_count, NULL,
                    false);
    else
        name_shared(program, command, out);
    evo_strbuf_adds(out, exits);
}

static struct evo_json *option_json(const struct evo_option *o, const char *section)
{
    static const char *const type[] = {
        [EVO_OPT_FLAG] = "flag",    [EVO_OPT_STRING] = "string",     [EVO_OPT_CHOICE] = "choice",
        [EVO_OPT_INT] = "int",      [EVO_OPT_DURATION] = "duration", [EVO_OPT_SIZE] = "size",
        [EVO_OPT_LIST] = "list",    [EVO_OPT_LINES] = "lines",       [EVO_OPT_CONNECTION] = "connection",
        [EVO_OPT_SECRET] = "secret"
    };
    EVO_AUTO(strbuf) variables = EVO_STRBUF_INIT;
    variables_of(o, section, &variables);
    struct evo_json *json = evo_json_object();
    evo_json_set_string(json, "name", o->name);
    evo_json_set_string(json, "type", type[o->type]);
    evo_json_set_string(json, "value", o->value);
    evo_json_set_string(json, "default", o->fallback);
    evo_json_set_string(json, "variables", variables.len ? variables.buf : NULL);
    evo_json_set_string(json, "choices", o->choices);
    evo_json_set_bool(json, "flag_only", o->flag_only);
    evo_json_set_bool(json, "hidden", o->hidden);
    evo_json_set_string(json, "help", o->help);
    return json;
}

static struct evo_json *options_json(const struct evo_option *options, size_t count, const char *section)
{
    struct evo_json *array = evo_json_array();
    for (size_t i = 0; i < count; i++)
        evo_json_append(array, option_json(&options[i], section));
    return array;
}

struct evo_json *evo_help_json(const struct evo_program *program)
{
    struct evo_json *json = evo_json_object(), *commands = evo_json_array();
    evo_json_set_string(json, "program", program->name);
    evo_json_set_string(json, "section", program->section);
    evo_json_set_string(json, "summary", program->summary);
    for (size_t i = 0; i < program->ncommands; i++) {
        const struct evo_command *c = program->commands[i];
        struct evo_json *one = evo_json_object();
        evo_json_set_string(one, "name", c->name);
        evo_json_set_string(one, "summary", c->summary);
        evo_json_set_string(one, "args", c->args);
        evo_json_set(one, "options", options_json(c->options, c->noptions, program->section));
        evo_json_append(commands, one);
    }
    evo_json_set(json, "commands", commands);
    evo_json_set(json, "shared", options_json(evo_shared_options, evo_shared_options_count, NULL));
    return json;
}
