/* The verdict on a round trip, and its report. Pure. */
#include "migration/roundtrip.h"

#include "catalog/catalog.h"

#define DIFFERENCES_MAX 100
#define TEXT_MAX        ((size_t)512 << 20)

static const char *const verdicts[] = {
    [EVO_TRIP_OK] = "ok",
    [EVO_TRIP_UNPROVEN] = "unproven",
    [EVO_TRIP_IRREVERSIBLE] = "irreversible",
    [EVO_TRIP_LOSSY] = "lossy",
    [EVO_TRIP_VACUOUS_FILE] = "vacuous",
    [EVO_TRIP_FAILED] = "failed",
    [EVO_TRIP_SKIPPED] = "skipped",
};
static const char *const answers[] = {
    [EVO_TRIP_NONE] = "none",   [EVO_TRIP_TRUE] = "true",       [EVO_TRIP_FALSE] = "false",
    [EVO_TRIP_ERROR] = "error", [EVO_TRIP_VACUOUS] = "vacuous",
};

const char *evo_trip_verdict_name(enum evo_trip_verdict v)
{
    return verdicts[v];
}

bool evo_trip_is_bad(enum evo_trip_verdict v)
{
    return v >= EVO_TRIP_LOSSY;
}

const char *evo_trip_answer_name(enum evo_trip_answer a)
{
    return answers[a];
}

static void release_cell(struct evo_trip_cell *c)
{
    free(c->up_why);
    free(c->down_why);
    *c = (struct evo_trip_cell){ 0 };
}

void evo_trip_release(struct evo_trip *t)
{
    free(t->name);
    release_cell(&t->before);
    release_cell(&t->after_up);
    release_cell(&t->after_down);
    release_cell(&t->after_up_again);
    evo_strvec_release(&t->differences);
    evo_strvec_release(&t->messages);
}

void evo_roundtrip_release(struct evo_roundtrip *r)
{
    for (size_t i = 0; i < r->count; i++)
        evo_trip_release(&r->items[i]);
    free(r->items);
    free(r->server_version);
    *r = (struct evo_roundtrip){ 0 };
}

/* ---- the schemas ------------------------------------------------------------------- */

/* "+ index …: CREATE INDEX … ON public.migrations USING …", and the sequence of its column id. */
static bool is_of_ledger(const char *line, const char *ledger)
{
    size_t n = strlen(ledger);
    for (const char *at = line; (at = strstr(at, ledger)); at += n) {
        bool whole = !at[n] || strchr(":. (", at[n]) || evo_starts_with(at + n, "_id_seq");
        if (whole && at > line && at[-1] == ' ')
            return true;
    }
    return false;
}

void evo_trip_compare(struct evo_trip *t, const char *before, const char *after, const char *ledger)
{
    EVO_AUTO(strbuf) diff = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    t->compared = true;
    (void)evo_catalog_diff(before, after, SIZE_MAX, &diff);
    for (const char *p = diff.buf; *p;) {
        size_t n = strcspn(p, "\n");
        EVO_AUTO_STR line = evo_strndup(p, n);
        p += n + (p[n] == '\n');
        if (ledger && *line == '+' && is_of_ledger(line, ledger))
            continue;
        if (t->ndifferences++ < DIFFERENCES_MAX)
            evo_strvec_push(&t->differences, line);
    }
}

/* ---- the verdict ------------------------------------------------------------------ */

static void worsen(struct evo_trip *t, enum evo_trip_verdict v)
{
    if (v > t->verdict)
        t->verdict = v;
}

static void must_hold(struct evo_trip *t, const struct evo_trip_cell *c, bool up, const char *when)
{
    enum evo_trip_answer answer = up ? c->up : c->down;
    const char *why = up ? c->up_why : c->down_why;
    if (!c->taken || answer == EVO_TRIP_NONE || answer == EVO_TRIP_TRUE)
        return;
    worsen(t, EVO_TRIP_FAILED);
    if (why) /* else the error that ended the trip has told it already */
        evo_strvec_pushf(&t->messages, "%s does not hold %s: %s", up ? "verify_up.sql" : "verify_down.sql",
                         when, why);
}

/* `known` is where the file must not hold first: it holds there, too, and has been told. */
static void must_not_hold(struct evo_trip *t, const struct evo_trip_cell *c, bool up,
                          const struct evo_trip_cell *known, enum evo_trip_verdict verdict, const char *text)
{
    if (!c->taken || (up ? c->up : c->down) != EVO_TRIP_TRUE)
        return;
    if (known && (up ? known->up : known->down) == EVO_TRIP_TRUE)
        return;
    worsen(t, verdict);
    evo_strvec_pushf(&t->messages, "%s", text);
}

static void judge_files(struct evo_trip *t)
{
    if (!t->has_verify_up)
        evo_strvec_push(&t->messages, "it has no verify_up.sql: nothing proves that it did what it is for");
    if (!t->has_verify_down && t->reversible)
        evo_strvec_push(&t->messages, "it has no verify_down.sql: nothing proves what taking it back did");
    if (!t->has_verify_up || (!t->has_verify_down && t->reversible))
        worsen(t, EVO_TRIP_UNPROVEN);
}

void evo_trip_judge(struct evo_trip *t)
{
    if (t->verdict == EVO_TRIP_SKIPPED)
        return;
    if (t->failed)
        worsen(t, EVO_TRIP_FAILED);
    must_not_hold(t, &t->before, true, NULL, EVO_TRIP_VACUOUS_FILE,
                  "verify_up.sql holds before up already: it cannot fail, and proves nothing");
    must_hold(t, &t->after_up, true, "after up");
    if (t->reversible) {
        must_hold(t, &t->before, false, "before up");
        must_not_hold(t, &t->after_up, false, NULL, EVO_TRIP_VACUOUS_FILE,
                      "verify_down.sql holds after up as well: it cannot fail, and proves nothing");
        must_hold(t, &t->after_down, false, "after down");
        must_not_hold(t, &t->after_down, true, &t->before, EVO_TRIP_FAILED,
                      "verify_up.sql still holds after down: it was not taken back");
        must_hold(t, &t->after_up_again, true, "after up again");
        must_not_hold(t, &t->after_up_again, false, &t->after_up, EVO_TRIP_FAILED,
                      "verify_down.sql holds after up again");
    } else {
        worsen(t, EVO_TRIP_IRREVERSIBLE);
    }
    if (t->ndifferences) {
        worsen(t, EVO_TRIP_LOSSY);
        evo_strvec_pushf(&t->messages, "after down the schema differs from the one before up in %zu line%s",
                         t->ndifferences, t->ndifferences == 1 ? "" : "s");
    }
    if (t->nagain) {
        worsen(t, EVO_TRIP_FAILED);
        evo_strvec_pushf(&t->messages,
                         "the second up made another schema than the first: %zu line%s differ%s", t->nagain,
                         t->nagain == 1 ? "" : "s", t->nagain == 1 ? "s" : "");
    }
    judge_files(t);
}

/* ---- the report -------------------------------------------------------------------- */

static struct evo_json *cell_json(const struct evo_trip_cell *c)
{
    if (!c->taken)
        return evo_json_null_new();
    struct evo_json *o = evo_json_object();
    evo_json_set_string(o, "verify_up", answers[c->up]);
    evo_json_set_string(o, "verify_down", answers[c->down]);
    return o;
}

static struct evo_json *strings_json(const struct evo_strvec *v)
{
    struct evo_json *array = evo_json_array();
    for (size_t i = 0; i < v->count; i++)
        evo_json_append_string(array, v->items[i]);
    return array;
}

void evo_roundtrip_json(const struct evo_roundtrip *r, struct evo_json *data)
{
    struct evo_json *migrations = evo_json_array();
    for (size_t i = 0; i < r->count; i++) {
        const struct evo_trip *t = &r->items[i];
        struct evo_json *o = evo_json_object();
        evo_json_set_string(o, "name", t->name);
        evo_json_set(o, "before", cell_json(&t->before));
        evo_json_set(o, "after_up", cell_json(&t->after_up));
        evo_json_set(o, "after_down", cell_json(&t->after_down));
        evo_json_set(o, "after_up_again", cell_json(&t->after_up_again));
        if (t->compared)
            evo_json_set_bool(o, "lossy", t->ndifferences > 0);
        else
            evo_json_set_null(o, "lossy");
        evo_json_set(o, "differences", strings_json(&t->differences));
        evo_json_set_string(o, "verdict", verdicts[t->verdict]);
        evo_json_set(o, "messages", strings_json(&t->messages));
        evo_json_set_int(o, "elapsed_ms", t->elapsed_ms);
        evo_json_append(migrations, o);
    }
    evo_json_set_string(data, "server_version", r->server_version);
    evo_json_set(data, "migrations", migrations);
}
