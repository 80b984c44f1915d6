#include "verify/select.h"

/* What a row says of its migration in this direction: when its work began and ended; -1: it is not of that kind. */
struct span {
    int64_t begin, end;
    size_t row;
};

static struct span span_of(const struct evo_ledger_row *row, enum evo_verify_direction direction,
                           size_t index)
{
    bool rolled_back = row->rolled_back_ms >= 0;
    if (direction == EVO_VERIFY_DOWN)
        return (struct span){ row->rolled_back_ms, row->rolled_back_ms, index };
    if (rolled_back || row->finished_ms < 0)
        return (struct span){ -1, -1, index };
    return (struct span){ row->started_ms, row->finished_ms, index };
}

/* Whether a later row brought the migration back. */
static bool is_applied(const struct evo_ledger *ledger, const char *name)
{
    for (size_t i = 0; i < ledger->count; i++) {
        const struct evo_ledger_row *row = &ledger->items[i];
        if (evo_streq(row->name, name) && row->rolled_back_ms < 0 && row->finished_ms >= 0)
            return true;
    }
    return false;
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Within one millisecond the one applied last was rolled back first. */
static int compare_rollbacks(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return x->end == y->end ? compare_spans(b, a) : compare_spans(a, b);
}

void evo_verify_from_ledger(const struct evo_ledger *ledger, enum evo_verify_direction direction,
                            struct evo_strvec *names)
{
    struct span *spans = evo_calloc(ledger->count + 1, sizeof(*spans));
    size_t count = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        struct span span = span_of(&ledger->items[i], direction, i);
        if (span.end >= 0)
            spans[count++] = span;
    }
    qsort(spans, count, sizeof(*spans), direction == EVO_VERIFY_DOWN ? compare_rollbacks : compare_spans);
    size_t first = count > 0 ? count - 1 : 0;
    /* Where the ledger does not say when, the last one stands for the run. */
    while (first > 0 && spans[first].end > 0 &&
           spans[first].begin - spans[first - 1].end <= EVO_VERIFY_PAUSE_MS)
        first--;
    for (size_t i = first; i < count; i++) {
        const char *name = ledger->items[spans[i].row].name;
        bool undone = direction == EVO_VERIFY_DOWN && is_applied(ledger, name);
        if (!undone && !evo_strvec_contains(names, name))
            evo_strvec_push(names, name);
    }
    free(spans);
}

bool evo_verify_from_rundir(const struct evo_rundir *rundir, enum evo_verify_direction direction,
                            struct evo_strvec *names)
{
    bool up = direction == EVO_VERIFY_UP;
    const struct evo_envelope *envelope = evo_rundir_find(rundir, up ? "migrate up" : "migrate down");
    if (!envelope)
        return false;
    const struct evo_json *list = evo_json_get(envelope->data, up ? "applied" : "rolled_back");
    for (size_t i = 0; i < evo_json_count(list); i++) {
        const char *name = evo_json_get_string(evo_json_at(list, i), "name", NULL);
        if (name)
            evo_strvec_push(names, name);
    }
    return true;
}

void evo_verify_from_state(const struct evo_state *state, enum evo_verify_direction direction,
                           struct evo_strvec *names)
{
    for (size_t i = 0; i < state->count; i++) {
        bool up = direction == EVO_VERIFY_UP;
        const struct evo_state_item *item = &state->items[up ? i : state->count - 1 - i];
        bool applied = item->state == EVO_STATE_APPLIED || item->state == EVO_STATE_EDITED ||
                       item->state == EVO_STATE_MISSING;
        bool wanted = up ? applied : item->state == EVO_STATE_PENDING;
        if (wanted)
            evo_strvec_push(names, item->name);
    }
}
