/*
 * source.h - inside this folder only: source text cut into tokens, so that names in it can be read without its runtime.
 *
 * Enough of ECMAScript (with TypeScript's additions) and of PHP to tell code from what only looks like it: comments,
 * strings, templates, regular expressions, here-documents and text outside <?php are skipped or come as one token. What
 * a program would compute is never guessed at: a string with an escape or an interpolation in it is not `plain`.
 *
 * A slash begins a regular expression where a value cannot end before it (ECMA-262, "InputElementRegExp"): behind a word
 * such as `return`, behind punctuation, but not behind ")" and "]".
 *
 *	EVO_AUTO(tokens) t = { 0 };
 *	rc = evo_tokens_of(EVO_SOURCE_JS, text, n, path, &t, err);
 *	for (size_t i = 0; i < t.count; i++) …          // t.items[t.count] is EVO_TOKEN_END
 */
#ifndef EVO_LAYOUT_SOURCE_H
#define EVO_LAYOUT_SOURCE_H

#include "base/error.h"

enum evo_source { EVO_SOURCE_JS, EVO_SOURCE_PHP };

enum evo_token_kind {
    EVO_TOKEN_END,
    EVO_TOKEN_WORD, /* identifier or keyword; PHP: with namespaces ("\A\B"), and variables with their "$" */
    EVO_TOKEN_STRING, /* text is what stands between the quotes */
    EVO_TOKEN_PUNCT, /* one character, but "=>", "->", "?->", "::", "...", "===" and their like in one piece */
    EVO_TOKEN_OTHER /* number, regular expression, template or string with code in it, text outside <?php */
};

struct evo_token {
    enum evo_token_kind kind;
    const char *text; /* borrowed from the source, not terminated */
    size_t len;
    int line; /* 1-based */
    int depth; /* brackets of all kinds open around it; a bracket has the depth of what is outside it */
    size_t partner; /* of a bracket: the place of the other one; else of the token itself */
    bool plain; /* of a string: its text is its value */
    bool fresh; /* the first one on its line */
};

struct evo_tokens {
    struct evo_token *items; /* items[count] is the end, with the last line */
    size_t count, alloc;
};
void evo_tokens_release(struct evo_tokens *t);
EVO_DEFINE_AUTO(tokens);

/* EVO_ERR_CONFIG with file and line: a comment, string or template without its end, a bracket without its partner.
 * text is borrowed for the life of the tokens. Pure. */
enum evo_errc evo_tokens_of(enum evo_source language, const char *text, size_t n, const char *path,
                            struct evo_tokens *ret, struct evo_error *err) EVO_CHECK;

/* Whether the token is this word or this punctuation. */
bool evo_token_is(const struct evo_token *t, const char *text);
/* The same without regard to case: PHP's keywords. */
bool evo_token_is_nocase(const struct evo_token *t, const char *text);
/* Its text; the caller frees. */
char *evo_token_text(const struct evo_token *t) EVO_CHECK;

#endif
