#include "base/quote.h"

#include <string.h>

#include "base/strbuf.h"

char *evo_quote_shell(const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=,";
    if (text[0] && text[strspn(text, plain)] == '\0')
        return evo_strdup(text);
    EVO_AUTO(strbuf) word = EVO_STRBUF_INIT;
    evo_strbuf_addch(&word, '\'');
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            evo_strbuf_adds(&word, "'\\''");
        else
            evo_strbuf_addch(&word, *c);
    }
    evo_strbuf_addch(&word, '\'');
    return evo_strbuf_detach(&word);
}
