/*
 * response.h - what lib/http/http.c alone needs of an answer; everybody else reads http.h.
 */
#ifndef EVO_HTTP_RESPONSE_H
#define EVO_HTTP_RESPONSE_H

#include "http/http.h"

/* Makes r ready for an answer of at most max_body bytes (0: 1 MiB). */
void evo_http_response_clear(struct evo_http_response *r, size_t max_body);

#endif
