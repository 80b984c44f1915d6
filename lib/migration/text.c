#include "migration/text.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/parse.h"
#include "layout/state.h"

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
    const char *command = evo_json_get_string(step, "command", NULL);
    if (command)
        evo_strbuf_addf(out, "  runs by %s\n", command);
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
}

void evo_text_baseline(const struct evo_json *data, bool dry_run, bool ok, struct evo_strbuf *out)
{
    static const struct {
        const char *verify, *text;
    } proofs[] = { { "passed", "verified" },
                   { "failed", "NOT there: its probe is not true" },
                   { "skipped", "probe not run" },
                   { "none", "no probe" } };
    const struct evo_json *steps = evo_json_get(data, "steps");
    size_t count = evo_json_count(steps);
    for (size_t i = 0; i < count; i++) {
        const struct evo_json *step = evo_json_at(steps, i);
        const char *verify = evo_json_get_string(step, "verify", "");
        evo_strbuf_addf(out, "%s %s", dry_run || !ok ? "to record" : "recorded",
                        evo_json_get_string(step, "name", ""));
        for (size_t k = 0; k < EVO_COUNT(proofs); k++)
            if (evo_streq(verify, proofs[k].verify))
                evo_strbuf_addf(out, "  (%s)", proofs[k].text);
        evo_strbuf_adds(out, "\n");
    }
    add_warnings(evo_json_get(data, "warnings"), "", out);
    if (!count && ok)
        evo_strbuf_adds(out, "nothing to record: all of it is on record\n");
}

/* "statement 1 of 3 is done, statement 2 failed" */
static void add_stopped(const struct evo_json *stopped, struct evo_strbuf *out)
{
    size_t done = evo_json_count(evo_json_get(stopped, "done"));
    int64_t failed = evo_json_get_int(stopped, "failed", 0);
    evo_strbuf_addf(out, "%s: ", evo_json_get_string(stopped, "name", ""));
    if (done == 1)
        evo_strbuf_adds(out, "statement 1");
    else
        evo_strbuf_addf(out, "statements 1 to %zu", done);
    evo_strbuf_addf(out, " of %" PRId64 " %s done, ", evo_json_get_int(stopped, "statements", 0),
                    done == 1 ? "is" : "are");
    if (failed)
        evo_strbuf_addf(out, "statement %" PRId64 " failed\n", failed);
    else
        evo_strbuf_adds(out, "what is to follow failed\n");
}

static struct evo_state_counts count_states(const struct evo_json *data)
{
    struct evo_state_counts counts = { .applied = (size_t)evo_json_get_int(data, "applied_total", 0),
                                       .edited = (size_t)evo_json_get_int(data, "edited_total", 0),
                                       .missing = (size_t)evo_json_get_int(data, "missing_total", 0) };
    const struct evo_json *pending = evo_json_get(data, "pending");
    for (size_t i = 0; i < evo_json_count(pending); i++) {
        const char *state = evo_json_get_string(evo_json_at(pending, i), "state", "pending");
        size_t *count = evo_streq(state, "unfinished") ? &counts.unfinished
                        : evo_streq(state, "failed")   ? &counts.failed
                                                       : &counts.pending;
        ++*count;
    }
    return counts;
}

void evo_text_outcome(const struct evo_json *data, bool down, bool ok, struct evo_strbuf *out)
{
    const struct evo_json *list = evo_json_get(data, down ? "rolled_back" : "applied");
    const struct evo_json *stopped = evo_json_get(data, "stopped");
    int64_t total = evo_json_get_int(data, "applied_total", -1);
    struct evo_state_counts counts = count_states(data);
    size_t pending = counts.pending + counts.unfinished + counts.failed;
    evo_text_done(list, down ? "rolled back" : "applied", out);
    if (evo_json_get_string(stopped, "name", NULL))
        add_stopped(stopped, out);
    if (total < 0 || (ok && evo_json_count(list)))
        return;
    if (ok)
        evo_strbuf_adds(out, down      ? "nothing to roll back: "
                             : pending ? "nothing to apply: "
                                       : "up to date: ");
    if (down)
        evo_strbuf_addf(out, "%" PRId64 " applied", total);
    else
        evo_state_counts_text(&counts, out);
    evo_strbuf_adds(out, "\n");
}
