/*
 * settings.h - the session as every file finds it.
 *
 * A file may change search_path, time-outs or the role and leave them so (what pg_dump writes does). After each file
 * everything is put back by RESET, not by DISCARD ALL: that would release the migration lock, which belongs to the
 * session. The texts made here are sent as one message each. Pure.
 */
#ifndef EVO_MIGRATION_SETTINGS_H
#define EVO_MIGRATION_SETTINGS_H

#include <stdint.h>

#include "base/strbuf.h"

struct evo_settings {
    const char *search_path; /* ready for SQL (quoted); NULL: as the role has it */
    int64_t lock_timeout_ms; /* 0: none */
    int64_t statement_timeout_ms; /* 0: none */
    bool check_client; /* the server can notice that we are gone while it works (PostgreSQL 14) */
};

/* Role, settings and time-outs, "RESET …; SET …;": may run in a transaction or outside one. */
void evo_settings_reset(const struct evo_settings *s, struct evo_strbuf *out);
/* What outlives a transaction beside the settings: temporary tables, prepared statements, cursors, LISTEN. Temporary
 * tables only between transactions: dropping one would fail on trigger events still waiting for the commit. */
void evo_settings_discard(struct evo_strbuf *out, bool temporary_tables);
/* The time-outs alone: SET LOCAL (for this transaction) or SET. Values < 0 are left as they are. */
void evo_settings_timeouts(int64_t lock_timeout_ms, int64_t statement_timeout_ms, bool local,
                           struct evo_strbuf *out);

#endif
