#include "result/envelope.h"

#include "base/clock.h"

enum { ENVELOPE_SCHEMA = 1 };

void evo_envelope_release(struct evo_envelope *e)
{
    if (!e)
        return;
    free(e->command);
    free(e->environment);
    evo_json_free(e->data);
    *e = (struct evo_envelope){ 0 };
}

static void set_text(struct evo_json *json, const char *key, const char *text)
{
    evo_json_set_string(json, key, text[0] ? text : NULL);
}

struct evo_json *evo_error_json(const struct evo_error *error)
{
    if (!error)
        return evo_json_null_new();
    struct evo_json *json = evo_json_object();
    evo_json_set_string(json, "reason", evo_errc_reason(error->code));
    evo_json_set_string(json, "message", error->message);
    set_text(json, "detail", error->detail);
    set_text(json, "hint", error->hint);
    /* The rest stands only where it applies. */
    if (error->sqlstate[0])
        evo_json_set_string(json, "sqlstate", error->sqlstate);
    if (error->http_status)
        evo_json_set_int(json, "http_status", error->http_status);
    if (error->file[0])
        evo_json_set_string(json, "file", error->file);
    if (error->line)
        evo_json_set_int(json, "line", error->line);
    if (error->column)
        evo_json_set_int(json, "column", error->column);
    if (error->migration[0])
        evo_json_set_string(json, "migration", error->migration);
    if (error->schema_clean != EVO_UNKNOWN)
        evo_json_set_bool(json, "schema_clean", error->schema_clean == EVO_YES);
    if (error->next[0])
        evo_json_set_string(json, "next", error->next);
    return json;
}

struct evo_json *evo_envelope_json(const struct evo_envelope *e)
{
    struct evo_json *json = evo_json_object();
    evo_json_set_int(json, "schema", ENVELOPE_SCHEMA);
    evo_json_set_string(json, "command", e->command);
    evo_json_set_string(json, "version", EVO_VERSION);
    evo_json_set_bool(json, "ok", !e->failed);
    evo_json_set_int(json, "exit", e->exit);
    evo_json_set_string(json, "environment", e->environment);
    evo_json_set_time(json, "started_at", e->started_ms);
    evo_json_set_int(json, "elapsed_ms", e->elapsed_ms);
    evo_json_set(json, "data", e->data ? evo_json_ref(e->data) : evo_json_object());
    evo_json_set(json, "error", evo_error_json(e->failed ? &e->error : NULL));
    return json;
}

static void get_text(const struct evo_json *json, const char *key, char *field, size_t size)
{
    (void)snprintf(field, size, "%s", evo_json_get_string(json, key, ""));
}

static void parse_error(const struct evo_json *json, struct evo_error *error)
{
    error->code = evo_errc_parse(evo_json_get_string(json, "reason", ""));
    get_text(json, "message", error->message, sizeof(error->message));
    get_text(json, "detail", error->detail, sizeof(error->detail));
    get_text(json, "hint", error->hint, sizeof(error->hint));
    get_text(json, "sqlstate", error->sqlstate, sizeof(error->sqlstate));
    get_text(json, "file", error->file, sizeof(error->file));
    get_text(json, "migration", error->migration, sizeof(error->migration));
    get_text(json, "next", error->next, sizeof(error->next));
    error->http_status = (int)evo_json_get_int(json, "http_status", 0);
    error->line = (int)evo_json_get_int(json, "line", 0);
    error->column = (int)evo_json_get_int(json, "column", 0);
    if (evo_json_get(json, "schema_clean"))
        error->schema_clean = evo_json_get_bool(json, "schema_clean", false) ? EVO_YES : EVO_NO;
}

enum evo_errc evo_envelope_parse(const char *text, size_t n, const char *what, struct evo_envelope *ret,
                                 struct evo_error *err)
{
    EVO_AUTO_PTR(json) json = NULL;
    enum evo_errc rc = evo_json_parse(text, n, what, EVO_ERR_INTEGRITY, &json, err);
    if (rc)
        return rc;
    const char *command = evo_json_get_string(json, "command", NULL);
    int64_t started;
    if (evo_json_get_int(json, "schema", 0) != ENVELOPE_SCHEMA || !command || !evo_json_get(json, "ok") ||
        !evo_parse_time(evo_json_get_string(json, "started_at", ""), &started))
        return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" is not a result envelope", what);
    *ret = (struct evo_envelope){ .command = evo_strdup(command),
                                  .environment = evo_strdup(evo_json_get_string(json, "environment", NULL)),
                                  .started_ms = started,
                                  .elapsed_ms = evo_json_get_int(json, "elapsed_ms", 0),
                                  .exit = (int)evo_json_get_int(json, "exit", 0),
                                  .failed = !evo_json_get_bool(json, "ok", false) };
    struct evo_json *data = evo_json_get(json, "data");
    ret->data = data ? evo_json_ref(data) : evo_json_object();
    if (ret->failed)
        parse_error(evo_json_get(json, "error"), &ret->error);
    return EVO_OK;
}
