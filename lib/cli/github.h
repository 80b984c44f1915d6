/*
 * github.h - what a job on GitHub reads: outputs, the job summary, log groups, masks.
 *
 * Each does nothing where the runner's variable for it is not set. Rules from GitHub's "Workflow commands" page
 * (https://docs.github.com/actions/reference/workflow-commands-for-github-actions): one write(2) a record, a random
 * heredoc delimiter for values with line ends, no blank lines, at most 1 MiB of summary.
 */
#ifndef EVO_CLI_GITHUB_H
#define EVO_CLI_GITHUB_H

#include "base/error.h"
#include "base/strbuf.h"

bool evo_github_active(void); /* GITHUB_ACTIONS=true */
/* Commands go to stderr from now on, where the runner reads them as well: with --json stdout is one envelope. */
void evo_github_use_stderr(void);
/* To GITHUB_OUTPUT. A value that holds a known secret is left out (the runner would drop the whole output). */
enum evo_errc evo_github_output(const char *name, const char *value, struct evo_error *err) EVO_CHECK;
/* To GITHUB_STEP_SUMMARY, cut at 900 KB on a line's end, with a line that says so. */
enum evo_errc evo_github_summary(const char *markdown, struct evo_error *err) EVO_CHECK;
/* Between start and end no line is taken as a command (stop-commands with a random token): what a step
 * prints may hold anybody's text. */
void evo_github_group_start(const char *title);
void evo_github_group_end(void);
/* Tells the runner to mask the password that a connection string holds. Values under 4 bytes are left alone. */
void evo_github_mask(const char *secret);
/* "::error file=…,line=…::message" */
void evo_github_error(const struct evo_error *error);
/* URL of the run, NULL where there is none. The caller frees. */
char *evo_github_run_url(void) EVO_CHECK;

#endif
