/*
 * libcurl.h - libcurl, loaded when the first URL is taken apart (base/library.h). For this folder alone, which calls
 * evo_curl.easy_init() where others write curl_easy_init().
 */
#ifndef EVO_HTTP_LIBCURL_H
#define EVO_HTTP_LIBCURL_H

#include <curl/curl.h>

#include "base/error.h"

/* All NULL before evo_curl_load(). libcurl.c has the names in the same order. */
struct evo_curl {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_multi_init) multi_init;
    __typeof__(&curl_multi_cleanup) multi_cleanup;
    __typeof__(&curl_multi_perform) multi_perform;
    __typeof__(&curl_multi_info_read) multi_info_read;
    __typeof__(&curl_multi_poll) multi_poll;
    __typeof__(&curl_multi_add_handle) multi_add_handle;
    __typeof__(&curl_multi_remove_handle) multi_remove_handle;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_easy_setopt) easy_setopt;
    __typeof__(&curl_easy_getinfo) easy_getinfo;
    __typeof__(&curl_easy_strerror) easy_strerror;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free_all;
    __typeof__(&curl_url) url;
    __typeof__(&curl_url_set) url_set;
    __typeof__(&curl_url_get) url_get;
    __typeof__(&curl_url_cleanup) url_cleanup;
    __typeof__(&curl_free) free;
    __typeof__(&curl_getdate) getdate;
};
extern struct evo_curl evo_curl;

/* Loads and initialises it once; by any thread. EVO_ERR_UNSUPPORTED where it is not installed. */
enum evo_errc evo_curl_load(struct evo_error *err) EVO_CHECK;

#endif
