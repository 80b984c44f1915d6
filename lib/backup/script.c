#include "backup/script.h"

#include <string.h>

#include "base/strbuf.h"

static char *end_of_line(char *line)
{
    return line + strcspn(line, "\n");
}

static void blank(char *line)
{
    memset(line, ' ', (size_t)(end_of_line(line) - line));
}

/* Comments and empty lines, and the command among them; returns the first line that is none of these. */
static char *tidy_head(char *line)
{
    static const char command[] = "\\restrict ";
    while (*line == '\n' || evo_starts_with(line, "--") || evo_starts_with(line, command)) {
        if (*line == '\\')
            blank(line);
        line = end_of_line(line);
        line += *line == '\n';
    }
    return line;
}

static void tidy_settings(char *line)
{
    static const char setting[] = "SET lock_timeout = 0;\n";
    while (evo_starts_with(line, "SET ")) {
        if (evo_starts_with(line, setting)) {
            blank(line);
            return;
        }
        line = end_of_line(line);
        line += *line == '\n';
    }
}

static void tidy_tail(char *script)
{
    static const char command[] = "\n\\unrestrict ";
    char *last = NULL;
    for (char *at = strstr(script, command); at; at = strstr(at + 1, command))
        last = at + 1;
    if (last && !end_of_line(last)[strspn(end_of_line(last), "\n")])
        blank(last);
}

void evo_script_tidy(char *script)
{
    tidy_tail(script);
    tidy_settings(tidy_head(script));
}
