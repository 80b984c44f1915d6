#include "migration/text.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/parse.h"

static const struct {
    const char *mode, *text;
} how[] = {
    { "transaction", "in one transaction" },
    { "statements", "statement by statement, outside a transaction" },
    { "as-is", "as it is: it handles transactions itself, and evo cannot undo it" },
};

static void add_warnings(const struct evo_json *warnings, const char *indent, struct evo_strbuf *out)
{
    for (size_t i = 0; i < evo_json_count(warnings); i++)
        evo_strbuf_addf(out, "%swarning: %s\n", indent, evo_json_string(evo_json_at(warnings, i), ""));
}

static void add_step(const struct evo_json *step, struct evo_strbuf *out)
{
    const char *mode = evo_json_get_string(step, "mode", "");
    int64_t statements = evo_json_get_int(step, "statements", 0);
    evo_strbuf_addf(out, "%s\n", evo_json_get_string(step, "name", ""));
    for (size_t i = 0; i < EVO_COUNT(how); i++)
        if (evo_streq(mode, how[i].mode))
            evo_strbuf_addf(out, "  %" PRId64 " statement%s, %s%s\n", statements, statements == 1 ? "" : "s",
                            how[i].text,
                            evo_json_get_bool(step, "resumed", false) ? ", resumed where it stopped" : "");
    const struct evo_json *locks = evo_json_get(step, "locks");
    for (size_t i = 0; i < evo_json_count(locks); i++)
        evo_strbuf_addf(out, "  lock: %s on %s\n", evo_json_get_string(evo_json_at(locks, i), "mode", ""),
                        evo_json_get_string(evo_json_at(locks, i), "relation", ""));
    int64_t probes = evo_json_get_int(step, "probes", 0);
    if (probes)
        evo_strbuf_addf(out, "  verified by %" PRId64 " probe%s\n", probes, probes == 1 ? "" : "s");
    const char *irreversible = evo_json_get_string(step, "irreversible", NULL);
    if (irreversible)
        evo_strbuf_addf(out, "  irreversible: %s\n", irreversible);
    add_warnings(evo_json_get(step, "warnings"), "  ", out);
}

void evo_text_plan(const struct evo_json *data, bool down, struct evo_strbuf *out)
{
    const char *verb = down ? "roll back" : "apply";
    const struct evo_json *steps = evo_json_get(data, "steps");
    size_t count = evo_json_count(steps);
    if (count == 0)
        evo_strbuf_addf(out, "Nothing to %s.\n", verb);
    else
        evo_strbuf_addf(out, "%zu migration%s to %s\n\n", count, count == 1 ? "" : "s", verb);
    for (size_t i = 0; i < count; i++)
        add_step(evo_json_at(steps, i), out);
    add_warnings(evo_json_get(data, "warnings"), "", out);
}

void evo_text_done(const struct evo_json *list, const char *word, struct evo_strbuf *out)
{
    for (size_t i = 0; i < evo_json_count(list); i++) {
        const struct evo_json *item = evo_json_at(list, i);
        char took[EVO_HUMAN_MAX];
        evo_strbuf_addf(out, "%s %s  (%s%s)\n", word, evo_json_get_string(item, "name", ""),
                        evo_format_duration(evo_json_get_int(item, "elapsed_ms", 0), took),
                        evo_streq(evo_json_get_string(item, "verify", ""), "passed") ? ", verified" : "");
    }
    if (evo_json_count(list) == 0)
        evo_strbuf_addf(out, "Nothing was %s.\n", word);
}
