#include "http/libcurl.h"

#include <pthread.h>

#include "base/library.h"

#include "base/banned.h"

struct evo_curl evo_curl;

static const char *const names[] = {
    "curl_global_init",     "curl_multi_init",   "curl_multi_cleanup",    "curl_multi_perform",
    "curl_multi_info_read", "curl_multi_poll",   "curl_multi_add_handle", "curl_multi_remove_handle",
    "curl_easy_init",       "curl_easy_cleanup", "curl_easy_setopt",      "curl_easy_getinfo",
    "curl_easy_strerror",   "curl_slist_append", "curl_slist_free_all",   "curl_url",
    "curl_url_set",         "curl_url_get",      "curl_url_cleanup",      "curl_free",
    "curl_getdate",
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct evo_error failed = EVO_ERROR_INIT; /* why it is not there, for every call */

static void load(void)
{
    failed.code = evo_library_load("libcurl.so.4", "libcurl4", names, EVO_COUNT(names), &evo_curl,
                                   sizeof(evo_curl), &failed);
    if (!failed.code && evo_curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        EVO_BUG("libcurl cannot be initialised");
}

enum evo_errc evo_curl_load(struct evo_error *err)
{
    (void)pthread_once(&once, load);
    if (failed.code && err)
        *err = failed;
    return failed.code;
}
