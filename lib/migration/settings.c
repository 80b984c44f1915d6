#include "migration/settings.h"

#include <inttypes.h>

#include "base/error.h"

/* A transaction of ours is never idle for long; one that is belongs to a process that hangs. */
#define IDLE_IN_TRANSACTION "1min"

void evo_settings_reset(const struct evo_settings *s, struct evo_strbuf *out)
{
    evo_strbuf_adds(out, "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; "
                         "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; "
                         "SET idle_in_transaction_session_timeout = '" IDLE_IN_TRANSACTION "'; ");
    if (s->search_path)
        evo_strbuf_addf(out, "SET search_path = %s; ", s->search_path);
    if (s->check_client)
        evo_strbuf_adds(out, "SET client_connection_check_interval = '1s'; ");
    evo_settings_timeouts(s->lock_timeout_ms, s->statement_timeout_ms, false, out);
}

void evo_settings_discard(struct evo_strbuf *out, bool temporary_tables)
{
    evo_strbuf_adds(out, "CLOSE ALL; DEALLOCATE ALL; UNLISTEN *; DISCARD SEQUENCES; ");
    if (temporary_tables)
        evo_strbuf_adds(out, "DISCARD TEMP; ");
}

void evo_settings_timeouts(int64_t lock_timeout_ms, int64_t statement_timeout_ms, bool local,
                           struct evo_strbuf *out)
{
    const char *set = local ? "SET LOCAL" : "SET";
    if (lock_timeout_ms >= 0)
        evo_strbuf_addf(out, "%s lock_timeout = %" PRId64 "; ", set, lock_timeout_ms);
    if (statement_timeout_ms >= 0)
        evo_strbuf_addf(out, "%s statement_timeout = %" PRId64 "; ", set, statement_timeout_ms);
}
