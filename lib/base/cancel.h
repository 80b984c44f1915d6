/*
 * cancel.h - one question, asked everywhere that waits: should we stop?
 *
 * SIGINT, SIGTERM and SIGHUP set a flag and make a descriptor readable; nothing
 * else happens in the handler. Whoever waits polls the descriptor beside its own
 * and ends in an orderly way with EVO_ERR_CANCELLED. The state is process-wide
 * because signals are; lib/cli installs the handlers once, and a test can request
 * a cancel by evo_cancel_request().
 */
#ifndef EVO_BASE_CANCEL_H
#define EVO_BASE_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Installs the handlers; also ignores SIGPIPE. Call once, before threads. */
enum evo_errc evo_cancel_install(struct evo_error *err) EVO_CHECK;
/* The signal that asked to stop, 0 where none did. Async-signal-safe, thread-safe. */
int evo_cancel_signal(void);
static inline bool evo_cancelled(void)
{
    return evo_cancel_signal() != 0;
}
/* Becomes and stays readable once a cancel was requested; -1 before evo_cancel_install(). Do not read it. */
int evo_cancel_fd(void);
/* As if the signal had come. */
void evo_cancel_request(int signo);
/* The signal that asked first, also after it was acknowledged; 0 where none did. For the exit status. */
int evo_cancel_first_signal(void);
/* Forgets a request: clean-up work that itself talks to servers runs behind it, under its own deadline. */
void evo_cancel_acknowledge(void);
/* Sleeps, less when cancelled. Returns EVO_ERR_CANCELLED then. */
enum evo_errc evo_cancel_sleep(int64_t ms, struct evo_error *err) EVO_CHECK;
/* EVO_ERR_CANCELLED with a message naming the signal, if one was requested; else EVO_OK. */
enum evo_errc evo_cancel_check(struct evo_error *err) EVO_CHECK;

#endif
