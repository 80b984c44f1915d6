/*
 * library.h - shared libraries that are loaded when they are needed, not when the program starts.
 *
 * libcurl brings twenty other libraries along, libicu libstdc++: to load them takes about as long as all that evo-status asks
 * a server, and most runs use neither. The caller has a struct that holds function pointers and nothing else, and the names of
 * these functions in the same order; once loaded a library stays.
 *
 *	static struct {
 *	    __typeof__(&curl_easy_init) easy_init;
 *	    __typeof__(&curl_easy_cleanup) easy_cleanup;
 *	} curl;
 *	static const char *const names[] = { "curl_easy_init", "curl_easy_cleanup" };
 *	rc = evo_library_load("libcurl.so.4", "libcurl4", names, EVO_COUNT(names), &curl, sizeof(curl), err);
 */
#ifndef EVO_BASE_LIBRARY_H
#define EVO_BASE_LIBRARY_H

#include "base/error.h"

/* Loads `file` (a name that the loader looks for) and fills `functions`, which has `size` bytes and is untouched on failure.
 * EVO_ERR_UNSUPPORTED: it is not there, or lacks a function; the hint names `package`, Debian's. Each use of one library is
 * its caller's to order among threads (pthread_once). */
enum evo_errc evo_library_load(const char *file, const char *package, const char *const *names, size_t count,
                               void *functions, size_t size, struct evo_error *err) EVO_CHECK;

#endif
