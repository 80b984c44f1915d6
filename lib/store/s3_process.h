/*
 * s3_process.h - keys from the program that a profile names (credential_process); included by lib/store alone.
 *
 * https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sourcing-external.html. The line is split into words
 * here, with quotes and backslashes as the AWS tools take them, and started without a shell.
 */
#ifndef EVO_STORE_S3_PROCESS_H
#define EVO_STORE_S3_PROCESS_H

#include "base/strvec.h"
#include "store/s3_keys.h"

/* False: a quote that is not closed, or no word. */
bool evo_s3_process_split(const char *line, struct evo_strvec *words);
/* Runs it for at most a minute, and reads what it prints. Its standard error is dropped: it may hold a secret. */
enum evo_errc evo_s3_process_keys(const char *line, const char *profile, struct evo_s3_keys *keys,
                                  struct evo_error *err) EVO_CHECK;

#endif
