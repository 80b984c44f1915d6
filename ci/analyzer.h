/*
 * analyzer.h - what clang's analyzer cannot see from one file, put in front of each by ci/lint.sh: the functions that
 * set or extend an error never return EVO_OK, so that results left untouched on failure are not taken for read.
 * No compiler includes it.
 */
/* In place of base/banned.h, which would poison names that a file's own system headers, coming later, still use. */
#define EVO_BASE_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#define evo_error_set(err, code, ...) ((void)evo_error_set(err, code, __VA_ARGS__), (code))
#define evo_error_errno(err, code, errnum, ...) \
    ((void)evo_error_errno(err, code, errnum, __VA_ARGS__), (code))
#define EVO_ANALYZER_FAILED(call) ((void)(call), EVO_ERR_INTERNAL)
#define evo_error_prefix(...)     EVO_ANALYZER_FAILED(evo_error_prefix(__VA_ARGS__))
#define evo_error_detail(...)     EVO_ANALYZER_FAILED(evo_error_detail(__VA_ARGS__))
#define evo_error_hint(...)       EVO_ANALYZER_FAILED(evo_error_hint(__VA_ARGS__))
#define evo_error_next(...)       EVO_ANALYZER_FAILED(evo_error_next(__VA_ARGS__))
#define evo_error_at(...)         EVO_ANALYZER_FAILED(evo_error_at(__VA_ARGS__))
#define evo_error_migration(...)  EVO_ANALYZER_FAILED(evo_error_migration(__VA_ARGS__))
