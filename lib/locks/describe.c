#include "locks/describe.h"

#include <inttypes.h>
#include <strings.h>

#include "base/parse.h"
#include "base/utf8.h"

/* Bytes of the white space or control character at s; 0: none. C1 (U+0080 to U+009F) is C2 80 to C2 9F. */
static size_t control_at(const char *s)
{
    unsigned char c = (unsigned char)s[0];
    if (c && (c <= ' ' || c == 0x7f))
        return 1;
    return c == 0xC2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] <= 0x9F ? 2 : 0;
}

char *evo_locks_clean(const char *text, size_t max)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (!text)
        return NULL;
    bool gap = false;
    while (*text) {
        size_t n = control_at(text);
        if (n) {
            gap = out.len > 0;
            text += n;
            continue;
        }
        if (gap)
            evo_strbuf_addch(&out, ' ');
        gap = false;
        evo_strbuf_addch(&out, *text++);
        if (out.len > max) {
            evo_strbuf_truncate(&out, evo_utf8_cut(out.buf, out.len, max));
            evo_strbuf_adds(&out, "…");
            break;
        }
    }
    return evo_strbuf_detach(&out);
}

char *evo_locks_query(const char *text)
{
    if (!text || strcasestr(text, "password"))
        return NULL;
    return evo_locks_clean(text, EVO_LOCKS_QUERY_MAX);
}

void evo_locks_who(const struct evo_locks_session *s, struct evo_strbuf *out)
{
    char human[EVO_HUMAN_MAX];
    if (s->gid)
        evo_strbuf_addf(out, "prepared transaction \"%s\" (", s->gid);
    else
        evo_strbuf_addf(out, "pid %" PRId64 " (", s->pid);
    const char *before = "";
    if (s->user) {
        evo_strbuf_addf(out, "user \"%s\"", s->user);
        before = ", ";
    } else if (s->type) {
        evo_strbuf_adds(out, s->type);
        before = ", ";
    }
    if (s->application && s->application[0]) {
        evo_strbuf_addf(out, "%sapplication \"%s\"", before, s->application);
        before = ", ";
    }
    int64_t age = s->transaction_ms >= 0 ? s->transaction_ms : s->state_ms;
    evo_strbuf_addf(out, "%s%s", before, s->hidden || !s->state ? "its state is hidden" : s->state);
    if (age >= 0)
        evo_strbuf_addf(out, " for %s", evo_format_duration(age, human));
    evo_strbuf_addch(out, ')');
}

void evo_locks_describe(const struct evo_locks_session *s, struct evo_strbuf *out)
{
    evo_locks_who(s, out);
    if (s->query && s->query[0])
        evo_strbuf_addf(out, ": %s", s->query);
    else if (!s->gid && !s->query)
        evo_strbuf_adds(out, ": its query is hidden");
}
