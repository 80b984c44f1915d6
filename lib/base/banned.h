/*
 * banned.h - functions that have a better replacement here become compile errors.
 *
 * Included by base/error.h, and so by every file. Follows git's banned.h and
 * curl's list: one blessed way to do each thing.
 *
 *   strings   -> base/strbuf.h          numbers   -> base/parse.h
 *   children  -> base/process.h         temp files-> base/file.h
 *   time      -> base/clock.h
 */
#ifndef EVO_BASE_BANNED_H
#define EVO_BASE_BANNED_H

/* The system headers that declare these must be read before the names are poisoned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef strtok
#pragma GCC poison strcpy strcat strncpy strncat strtok sprintf vsprintf gets
#pragma GCC poison atoi atol atoll atof strtol strtoul strtoll strtoull sscanf
#pragma GCC poison system popen tmpnam tempnam mktemp
#pragma GCC poison asctime ctime localtime gmtime

#endif
