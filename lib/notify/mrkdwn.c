#include "notify/mrkdwn.h"

#include "base/utf8.h"

#include "base/banned.h"

#define CUT "\xE2\x80\xA6" /* an ellipsis */

enum {
    ESCAPE = 1, /* & < > */
    ONE_LINE = 2, /* line breaks become blanks */
    NO_TICKS = 4 /* back-ticks become apostrophes */
};

/* Length of the character at s; 0 for a byte that begins none. */
static size_t character(const char *s)
{
    size_t n = strnlen(s, 4);
    while (n && !(evo_utf8_valid(s, n) && evo_utf8_length(s, n) == 1))
        n--;
    return n;
}

/* What stands for the character at s of length n (0: a bad byte). *ret_len is its length. */
static const char *piece(const char *s, size_t n, int how, size_t *ret_len)
{
    const char *text = NULL;
    if (n == 0)
        text = "\xEF\xBF\xBD";
    else if ((how & ESCAPE) && *s == '&')
        text = "&amp;";
    else if ((how & ESCAPE) && *s == '<')
        text = "&lt;";
    else if ((how & ESCAPE) && *s == '>')
        text = "&gt;";
    else if ((how & NO_TICKS) && *s == '`')
        text = "'";
    else if (n == 1 && ((unsigned char)*s < 0x20 || *s == 0x7F) && (*s != '\n' || (how & ONE_LINE)))
        text = " ";
    *ret_len = text ? strlen(text) : n;
    return text ? text : s;
}

static void add(struct evo_strbuf *out, const char *s, size_t max, int how)
{
    size_t start = out->len;
    size_t safe = start; /* the last place where a cut leaves room for its sign */
    while (*s) {
        size_t n = character(s), len;
        const char *text = piece(s, n, how, &len);
        if (out->len - start + len > max) {
            evo_strbuf_truncate(out, safe);
            if (max >= strlen(CUT))
                evo_strbuf_adds(out, CUT);
            return;
        }
        evo_strbuf_add(out, text, len);
        if (out->len - start + strlen(CUT) <= max)
            safe = out->len;
        s += n ? n : 1;
    }
}

void evo_mrkdwn_text(struct evo_strbuf *out, const char *s, size_t max)
{
    add(out, s, max, ESCAPE);
}

void evo_mrkdwn_plain(struct evo_strbuf *out, const char *s, size_t max)
{
    add(out, s, max, ONE_LINE);
}

void evo_mrkdwn_code(struct evo_strbuf *out, const char *s, size_t max)
{
    if (!*s || max < 3)
        return;
    evo_strbuf_addch(out, '`');
    add(out, s, max - 2, ESCAPE | ONE_LINE | NO_TICKS);
    evo_strbuf_addch(out, '`');
}

void evo_mrkdwn_block(struct evo_strbuf *out, const char *s, size_t max)
{
    if (!*s || max < 7)
        return;
    evo_strbuf_adds(out, "```");
    add(out, s, max - 6, ESCAPE | NO_TICKS);
    evo_strbuf_adds(out, "```");
}
