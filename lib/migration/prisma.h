/*
 * prisma.h - where Prisma itself would run a file otherwise than evo does: for the plan, so that nobody is surprised on the
 * day when one takes over from the other.
 *
 * Up to about 7.3 Prisma sends a file as one message, which the server takes as one transaction; from 7.4 on, and in its
 * engine in JavaScript, statement by statement, each committed by itself. evo runs it in one transaction wherever it can be.
 */
#ifndef EVO_MIGRATION_PRISMA_H
#define EVO_MIGRATION_PRISMA_H

#include "migration/step.h"

/* Appends a sentence for each way in which it would differ, naming the files. Nothing for one statement. Pure. */
void evo_prisma_differences(const struct evo_step *steps, size_t count, struct evo_strvec *ret);

#endif
