/*
 * quote.h - words for the shell: a command that is proposed must do what it says when it is pasted.
 *
 *	EVO_AUTO_STR word = evo_quote_shell("it's");      // 'it'\''s'
 *	evo_error_next(err, "evo-migrate resolve --applied %s", word);
 */
#ifndef EVO_BASE_QUOTE_H
#define EVO_BASE_QUOTE_H

#include "base/alloc.h"

/* The text as one word of a POSIX shell: as it is where every byte is plain, else in single quotes. The caller frees. */
char *evo_quote_shell(const char *text) EVO_CHECK;

#endif
