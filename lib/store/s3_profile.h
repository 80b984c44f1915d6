/*
 * s3_profile.h - the AWS tools' profile files; included by lib/store alone.
 *
 * https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html: sections
 * "[name]" in the credentials file, "[profile name]" or "[default]" in the config file, lines
 * "key = value", comments at "#" or ";" at a line's start, indented lines belong to a nested setting and are skipped.
 */
#ifndef EVO_STORE_S3_PROFILE_H
#define EVO_STORE_S3_PROFILE_H

#include "base/strbuf.h"

/* The value of `key` in a section, the last one winning; NULL where there is none. The caller wipes and frees. */
char *evo_s3_profile_value(const char *text, const char *section, const char *key) EVO_CHECK;
bool evo_s3_profile_has(const char *text, const char *section);

#endif
