#include "cli/github.h"

#include "base/file.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "crypto/random.h"

enum { SUMMARY_MAX = 900 * 1000, TOKEN_DIGITS = 32 };

/* The token of the group that is open: one at a time, as the runner's log is one stream. */
static char token[TOKEN_DIGITS + 1];

/* Process-wide, as the runner's log is. */
static bool to_stderr;

void evo_github_use_stderr(void)
{
    to_stderr = true;
}

static FILE *stream(void)
{
    return to_stderr ? stderr : stdout;
}

bool evo_github_active(void)
{
    return evo_streq(getenv("GITHUB_ACTIONS"), "true");
}

static const char *file_of(const char *variable)
{
    const char *path = getenv(variable);
    return path && *path ? path : NULL;
}

enum evo_errc evo_github_output(const char *name, const char *value, struct evo_error *err)
{
    const char *path = file_of("GITHUB_OUTPUT");
    if (!path)
        return EVO_OK;
    if (!value || evo_redact_finds(value))
        value = "";
    EVO_AUTO(strbuf) record = EVO_STRBUF_INIT;
    if (strpbrk(value, "\r\n") || strstr(value, "<<")) {
        char delimiter[TOKEN_DIGITS + 1];
        evo_strbuf_addf(&record, "%s<<%s\n%s\n%s\n", name, evo_random_hex(delimiter, TOKEN_DIGITS), value,
                        delimiter);
    } else {
        evo_strbuf_addf(&record, "%s=%s\n", name, value);
    }
    return evo_file_append(path, record.buf, record.len, err);
}

enum evo_errc evo_github_summary(const char *markdown, struct evo_error *err)
{
    const char *path = file_of("GITHUB_STEP_SUMMARY");
    if (!path)
        return EVO_OK;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_redact(&text, markdown);
    if (text.len > SUMMARY_MAX) {
        size_t keep = evo_utf8_cut(text.buf, text.len, SUMMARY_MAX);
        while (keep && text.buf[keep - 1] != '\n')
            keep--;
        evo_strbuf_truncate(&text, keep);
        evo_strbuf_adds(&text, "\n_Cut here: a job summary may have 1 MiB._\n");
    }
    return evo_file_append(path, text.buf, text.len, err);
}

/* Data of a workflow command: % first, then the line ends. */
static void add_escaped(struct evo_strbuf *out, const char *s, bool property)
{
    for (; *s; s++) {
        if (*s == '%' || *s == '\r' || *s == '\n' || (property && (*s == ':' || *s == ',')))
            evo_strbuf_addf(out, "%%%02X", (unsigned char)*s);
        else
            evo_strbuf_addch(out, *s);
    }
}

static void say(const struct evo_strbuf *line)
{
    EVO_AUTO(strbuf) redacted = EVO_STRBUF_INIT;
    evo_redact(&redacted, line->buf);
    (void)fwrite(redacted.buf, 1, redacted.len, stream());
    (void)fflush(stream());
}

void evo_github_group_start(const char *title)
{
    if (!evo_github_active())
        return;
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    evo_strbuf_adds(&line, "::group::");
    add_escaped(&line, title, false);
    evo_strbuf_addf(&line, "\n::stop-commands::%s\n", evo_random_hex(token, TOKEN_DIGITS));
    say(&line);
}

void evo_github_group_end(void)
{
    if (!evo_github_active() || !token[0])
        return;
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    evo_strbuf_addf(&line, "::%s::\n::endgroup::\n", token);
    token[0] = '\0';
    say(&line);
}

void evo_github_mask(const char *secret)
{
    if (!evo_github_active() || !secret || strlen(secret) < 4)
        return;
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    evo_strbuf_adds(&line, "::add-mask::");
    add_escaped(&line, secret, false);
    evo_strbuf_addch(&line, '\n');
    /* The one place where a secret is written on purpose: the runner takes the line out of its log. */
    (void)fwrite(line.buf, 1, line.len, stream());
    (void)fflush(stream());
    evo_strbuf_wipe(&line);
}

void evo_github_error(const struct evo_error *error)
{
    if (!evo_github_active())
        return;
    EVO_AUTO(strbuf) line = EVO_STRBUF_INIT;
    evo_strbuf_adds(&line, "::error title=evo");
    if (error->file[0]) {
        evo_strbuf_adds(&line, ",file=");
        add_escaped(&line, error->file, true);
        if (error->line)
            evo_strbuf_addf(&line, ",line=%d", error->line);
    }
    evo_strbuf_adds(&line, "::");
    add_escaped(&line, error->message, false);
    if (error->hint[0]) {
        evo_strbuf_adds(&line, "%0A");
        add_escaped(&line, error->hint, false);
    }
    evo_strbuf_addch(&line, '\n');
    say(&line);
}

char *evo_github_run_url(void)
{
    const char *server = getenv("GITHUB_SERVER_URL"), *repository = getenv("GITHUB_REPOSITORY"),
               *id = getenv("GITHUB_RUN_ID"), *attempt = getenv("GITHUB_RUN_ATTEMPT");
    if (!server || !*server || !repository || !*repository || !id || !*id)
        return NULL;
    return attempt && *attempt
               ? evo_asprintf("%s/%s/actions/runs/%s/attempts/%s", server, repository, id, attempt)
               : evo_asprintf("%s/%s/actions/runs/%s", server, repository, id);
}
