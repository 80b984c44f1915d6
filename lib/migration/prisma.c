#include "migration/prisma.h"

/* Names in one sentence. */
#define NAMED 5

static void say(struct evo_strvec *ret, const struct evo_strvec *names, const char *difference)
{
    if (!names->count)
        return;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    for (size_t i = 0; i < names->count && i < NAMED; i++)
        evo_strbuf_addf(&text, "%s\"%s\"", i ? ", " : "", names->items[i]);
    if (names->count > NAMED)
        evo_strbuf_addf(&text, " and %zu more", names->count - NAMED);
    evo_strbuf_addf(&text, ": %s", difference);
    evo_strvec_push(ret, text.buf);
}

void evo_prisma_differences(const struct evo_step *steps, size_t count, struct evo_strvec *ret)
{
    EVO_AUTO(strvec) whole = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) parts = EVO_STRVEC_INIT;
    for (size_t i = 0; i < count; i++) {
        const struct evo_step *step = &steps[i];
        if (step->script.count < 2)
            continue;
        if (step->mode == EVO_STEP_TRANSACTION)
            evo_strvec_push(&whole, step->migration->name);
        else if (step->mode == EVO_STEP_STATEMENTS && step->script.has_no_transaction)
            evo_strvec_push(&parts, step->migration->name);
    }
    say(ret, &whole,
        "all or nothing here; Prisma from 7.4 on sends statement by statement, and what comes before one "
        "that fails "
        "would stay");
    say(ret, &parts,
        "statement by statement here; Prisma before 7.4 sends the file as one message, in which one of them "
        "is refused");
}
