#include "backup/roles.h"

#include <ctype.h>

/* Behind which words names of roles stand, and which word ends that (policies: their expressions follow). */
static const struct {
    const char *desc;
    const char *words[4];
    const char *ends[3];
} forms[] = {
    { "ACL", { "to", "from", "authorization" }, { NULL } },
    { "DEFAULT ACL", { "role", "to", "from" }, { NULL } },
    { "POLICY", { "to" }, { "using", "with" } },
    { "USER MAPPING", { "for" }, { "options" } },
};

/* No roles of their own, or there in every cluster. */
static const char *const keywords[] = { "public", "current_user", "current_role", "session_user" };

struct words {
    const char *at;
    struct evo_strbuf word; /* unquoted; lower case where it was not quoted */
    bool quoted;
    char mark; /* a character that is no word; 0: a word, or the end */
};

/* The next word or mark; false at the end. Strings are one mark. */
static bool next(struct words *w)
{
    evo_strbuf_clear(&w->word);
    w->quoted = false;
    w->mark = 0;
    w->at += strspn(w->at, " \t\r\n");
    if (!*w->at)
        return false;
    if (*w->at == '"' || *w->at == '\'') {
        char quote = *w->at++;
        while (*w->at && (*w->at != quote || w->at[1] == quote)) {
            w->at += *w->at == quote;
            evo_strbuf_addch(&w->word, *w->at++);
        }
        w->at += *w->at == quote;
        w->quoted = quote == '"';
        w->mark = quote == '"' ? 0 : quote;
        return true;
    }
    if (!isalnum((unsigned char)*w->at) && *w->at != '_' && (unsigned char)*w->at < 0x80) {
        w->mark = *w->at++;
        return true;
    }
    while (isalnum((unsigned char)*w->at) || *w->at == '_' || *w->at == '$' || (unsigned char)*w->at >= 0x80)
        evo_strbuf_addch(&w->word, (char)tolower((unsigned char)*w->at++));
    return true;
}

static bool is_one_of(const struct words *w, const char *const *list, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n && list[i] && !found; i++)
        found = !w->quoted && !w->mark && evo_streq(w->word.buf, list[i]);
    return found;
}

/* The names behind such a word, separated by commas. */
static void take_list(struct words *w, struct evo_strvec *ret)
{
    do {
        if (!next(w))
            return;
        static const char *const group[] = { "group" };
        if (is_one_of(w, group, 1) && !next(w))
            return;
        if (!w->mark && w->word.len && !is_one_of(w, keywords, EVO_COUNT(keywords)) &&
            !evo_strvec_contains(ret, w->word.buf))
            evo_strvec_push(ret, w->word.buf);
        w->at += strspn(w->at, " \t\r\n");
    } while (*w->at == ',' && w->at++);
}

void evo_toc_roles(const struct evo_toc *toc, const bool *take, struct evo_strvec *ret)
{
    struct words w = { .word = EVO_STRBUF_INIT };
    for (size_t i = 0; i < toc->count; i++) {
        const struct evo_toc_entry *e = &toc->items[i];
        for (size_t f = 0; f < EVO_COUNT(forms) && (!take || take[i]); f++) {
            if (!e->defn || !evo_streq(e->desc, forms[f].desc))
                continue;
            w.at = e->defn;
            while (next(&w) && !is_one_of(&w, forms[f].ends, EVO_COUNT(forms[f].ends)))
                if (is_one_of(&w, forms[f].words, EVO_COUNT(forms[f].words)))
                    take_list(&w, ret);
        }
    }
    evo_strbuf_release(&w.word);
}
