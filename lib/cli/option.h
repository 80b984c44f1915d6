/*
 * option.h - one row an option: everything that is known of it comes from that row.
 *
 * Parsing, --help, --show-config, the environment, evo.json, the JSON Schema of evo.json, cmd/README.md and the
 * check of action.yml's inputs are all made from these rows (`--dump-options` prints them as JSON).
 *
 *	struct up_options { char *to; int64_t lock_timeout_ms; bool dry_run; };
 *	static const struct evo_option options[] = {
 *	    { "to", EVO_OPT_STRING, offsetof(struct up_options, to), .value = "NAME", .help = "stop after this migration" },
 *	    { "lock-timeout", EVO_OPT_DURATION, offsetof(struct up_options, lock_timeout_ms), .value = "DURATION",
 *	      .fallback = "2s", .help = "give up waiting for a table lock after this long, then try again" },
 *	    { "dry-run", EVO_OPT_FLAG, offsetof(struct up_options, dry_run), .help = "show what would happen" },
 *	};
 */
#ifndef EVO_CLI_OPTION_H
#define EVO_CLI_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/strvec.h"

/* The type decides the C type of the bound field. */
enum evo_option_type {
    EVO_OPT_FLAG, /* bool */
    EVO_OPT_STRING, /* char *, owned by lib/cli; NULL when unset */
    EVO_OPT_CHOICE, /* char *, one of `choices` */
    EVO_OPT_INT, /* int64_t within min..max */
    EVO_OPT_DURATION, /* int64_t milliseconds; -1 when unset and without fallback */
    EVO_OPT_SIZE, /* uint64_t bytes */
    EVO_OPT_LIST, /* struct evo_strvec; repeatable, commas or one a line */
    EVO_OPT_LINES, /* struct evo_strvec; repeatable, one a line only (values may hold commas) */
    EVO_OPT_CONNECTION, /* struct evo_secret: a connection string; as a flag or in evo.json only without a password */
    EVO_OPT_SECRET /* struct evo_secret; from the environment only, never a flag, never in evo.json */
};

struct evo_option {
    const char *name; /* "lock-timeout" */
    enum evo_option_type type;
    size_t offset; /* of the field in the options struct */
    const char *value; /* placeholder in --help: "DURATION"; NULL for flags */
    const char *fallback; /* the default, as text; NULL: none. An INT without one is 0 */
    const char *env; /* variables in order, separated by blanks; NULL: EVO_<SECTION>_<NAME> */
    const char *choices; /* CHOICE, and the allowed items of a LIST: "auto path virtual" */
    int64_t min, max; /* INT; both 0: no limit but 0..2^53 */
    char letter; /* short form, 0: none */
    bool flag_only; /* neither environment nor evo.json (--help, --json …) */
    bool path; /* STRING: a path; in evo.json it is relative to the project root */
    bool hidden; /* not in --help */
    bool manner; /* how hard it tries, not what it does: left out where the command is proposed again */
    const char *help; /* one sentence, lower case, no full stop */
};

/* A row of the table that `name` (without "--") spells; NULL. */
const struct evo_option *evo_option_find(const struct evo_option *options, size_t count, const char *name);
/* "EVO_MIGRATE_LOCK_TIMEOUT" of ("migrate", "lock-timeout"); section NULL: "EVO_LOCK_TIMEOUT". The caller frees. */
char *evo_option_variable(const char *prefix, const char *section, const char *name) EVO_CHECK;
/* Parses text into the bound field of `base`. LISTs are appended to. `origin` is for the message ("--lock-timeout",
 * "EVO_MIGRATE_LOCK_TIMEOUT", "evo.json: migrate.lock-timeout"). EVO_ERR_USAGE from a flag, else EVO_ERR_CONFIG. */
enum evo_errc evo_option_set(const struct evo_option *option, void *base, const char *text,
                             const char *origin, bool from_flag, struct evo_error *err) EVO_CHECK;
/* Releases what the fields of `base` own. */
void evo_option_release(const struct evo_option *options, size_t count, void *base);
/* The field as text for --show-config; a set secret, or a connection string with a password, is "(set)". Appends nothing when unset. */
void evo_option_format(const struct evo_option *option, const void *base, struct evo_strbuf *out);

#endif
