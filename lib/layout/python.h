/*
 * python.h - what can be read of a Python source without running it.
 *
 * A lexer for as much of the language as is needed to know where strings, comments, brackets and lines begin and end
 * (https://docs.python.org/3/reference/lexical_analysis.html), and a reader of assignments to variables of the module
 * whose values are literals: None, a string (also of several pieces, also in parentheses), a tuple, list or set of
 * strings. An annotation may stand between. Everything else is computed, and nothing of it is guessed at: an expression,
 * an f-string, an assignment under a condition, a second name in front of the value, an import of the name.
 *
 * What stands in functions and classes has names of its own and is passed over. Pure.
 */
#ifndef EVO_LAYOUT_PYTHON_H
#define EVO_LAYOUT_PYTHON_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

enum evo_py_kind { EVO_PY_ABSENT, EVO_PY_NONE, EVO_PY_STRING, EVO_PY_LIST, EVO_PY_COMPUTED };
struct evo_py_value {
    enum evo_py_kind kind;
    int line; /* 1-based; 0: absent */
    struct evo_strvec strings; /* one of a STRING, any number of a LIST */
};
void evo_py_value_release(struct evo_py_value *v);
EVO_DEFINE_AUTO(py_value);

enum evo_py_token_kind {
    EVO_PY_END, /* of the text */
    EVO_PY_NEWLINE, /* of a statement's line; lines that hold none, and line ends inside brackets, are passed over */
    EVO_PY_NAME,
    EVO_PY_TEXT, /* a string literal */
    EVO_PY_OPERATOR /* one character, or ":=", "==" and other pairs that end in "=" */
};
struct evo_py_token {
    enum evo_py_token_kind kind;
    const char *start;
    size_t len; /* of a string: with prefix and quotes */
    int line;
    int depth; /* of brackets around it */
    bool first; /* of its line; then `indent` is its column (a tab counts one) */
    size_t indent;
};
struct evo_py_tokens {
    struct evo_py_token *items; /* the last one is EVO_PY_END */
    size_t count, alloc;
};
void evo_py_tokens_release(struct evo_py_tokens *t);
EVO_DEFINE_AUTO(py_tokens);

/* All tokens of the text, which they borrow. EVO_ERR_CONFIG with file and line: a string or bracket that is not closed, a
 * NUL byte. A byte order mark is skipped. */
enum evo_errc evo_py_tokens_of(const char *text, size_t n, const char *path, struct evo_py_tokens *ret,
                               struct evo_error *err) EVO_CHECK;
bool evo_py_is_name(const struct evo_py_token *t, const char *name);
bool evo_py_is_operator(const struct evo_py_token *t, const char *text);

/* The variable of the module. The last assignment counts. */
void evo_py_variable(const struct evo_py_tokens *t, const char *name, struct evo_py_value *ret);
/* The value that begins at token i, up to what ends it in that place (the line's end, or "," and ")" of a call's
 * arguments); *ret_next (may be NULL) is the token that ends it. Computed where anything else follows. */
void evo_py_value_at(const struct evo_py_tokens *t, size_t i, struct evo_py_value *ret, size_t *ret_next);
/* A string literal's text. False: bytes, an f-string, or an escape that is not a plain one. */
bool evo_py_text(const struct evo_py_token *t, struct evo_strbuf *out);

#endif
