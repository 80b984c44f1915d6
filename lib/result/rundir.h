/*
 * rundir.h - the run directory: one envelope a step, "<nn>-<step>.json", written to a temporary name and renamed.
 */
#ifndef EVO_RESULT_RUNDIR_H
#define EVO_RESULT_RUNDIR_H

#include "result/envelope.h"

/* Writes e as <nn>-<step>.json, where step is the command with '-' for ' '. nn is EVO_STEP's value where set (given by evo-deploy),
 * else the next free number. The text goes through evo_redact(). */
enum evo_errc evo_rundir_store(const char *dir, const struct evo_envelope *e,
                               struct evo_error *err) EVO_CHECK;

/* Makes the folder, and refuses (EVO_ERR_DISK) one that cannot be written to: before the work, not after it. */
enum evo_errc evo_rundir_check(const char *dir, struct evo_error *err) EVO_CHECK;

struct evo_rundir {
    struct evo_envelope *items; /* in order of their numbers */
    size_t count, alloc;
};
void evo_rundir_release(struct evo_rundir *r);
EVO_DEFINE_AUTO(rundir);
/* Reads all; a file that is no envelope is an error that names it. EVO_ERR_NOT_FOUND where there is no such folder. */
enum evo_errc evo_rundir_load(const char *dir, struct evo_rundir *ret, struct evo_error *err) EVO_CHECK;
/* The newest envelope of a command ("migrate up"); NULL where none. Borrowed. */
const struct evo_envelope *evo_rundir_find(const struct evo_rundir *r, const char *command);

#endif
