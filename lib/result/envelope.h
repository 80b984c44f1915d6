/*
 * envelope.h - the result of one command, as it stands on stdout with --json and in the run directory.
 *
 * lib/schema/envelope.schema.json is its contract. `error` is set exactly where `ok` is false. Keys are only added.
 */
#ifndef EVO_RESULT_ENVELOPE_H
#define EVO_RESULT_ENVELOPE_H

#include "base/error.h"
#include "base/strbuf.h"
#include "json/json.h"

struct evo_envelope {
    char *command; /* "backup create" */
    char *environment; /* NULL where none is named */
    int64_t started_ms; /* wall */
    int64_t elapsed_ms;
    int exit;
    struct evo_json *data; /* owned; an object */
    bool failed;
    struct evo_error error; /* where failed */
};
void evo_envelope_release(struct evo_envelope *e);
EVO_DEFINE_AUTO(envelope);

/* The value of the contract. */
struct evo_json *evo_envelope_json(const struct evo_envelope *e) EVO_CHECK;
/* The `error` member alone (null for NULL). */
struct evo_json *evo_error_json(const struct evo_error *error) EVO_CHECK;
/* Reads one back; unknown keys are ignored. EVO_ERR_INTEGRITY for what is none. */
enum evo_errc evo_envelope_parse(const char *text, size_t n, const char *what, struct evo_envelope *ret,
                                 struct evo_error *err) EVO_CHECK;

#endif
