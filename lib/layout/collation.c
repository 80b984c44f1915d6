#include "layout/collation.h"

#include <pthread.h>
#include <unicode/ucol.h>

#include "base/library.h"

#include "base/banned.h"

struct evo_collation {
    UCollator *icu; /* NULL: plain */
};

/* ---- libicu ----------------------------------------------------------------------- */

/* Its functions have the version in their names, by macros. */
#define NAME_OF(function) #function
#define NAME(function)    NAME_OF(function)

static struct {
    __typeof__(&ucol_open) open;
    __typeof__(&ucol_close) close;
    __typeof__(&ucol_strcollUTF8) compare;
    __typeof__(&u_errorName) error_name;
} icu;
static const char *const names[] = { NAME(ucol_open), NAME(ucol_close), NAME(ucol_strcollUTF8),
                                     NAME(u_errorName) };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct evo_error failed = EVO_ERROR_INIT;

static void load(void)
{
    failed.code = evo_library_load("libicui18n.so." U_ICU_VERSION_SHORT, "libicu" U_ICU_VERSION_SHORT, names,
                                   EVO_COUNT(names), &icu, sizeof(icu), &failed);
}

static enum evo_errc open_icu(UCollator **ret, struct evo_error *err)
{
    (void)pthread_once(&once, load);
    if (failed.code && err)
        *err = failed;
    if (failed.code)
        return failed.code;
    UErrorCode status = U_ZERO_ERROR;
    *ret = icu.open("", &status);
    return U_FAILURE(status) ? evo_error_set(err, EVO_ERR_INTERNAL, "could not open the root collation: %s",
                                             icu.error_name(status))
                             : EVO_OK;
}

/* ---- printable ASCII ---------------------------------------------------------------- */

static const char plain_order[] = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* From 1 on; 0 for the text's end. */
static size_t place(char c)
{
    return c ? (size_t)(strchr(plain_order, is_capital(c) ? c + ('a' - 'A') : c) - plain_order) + 1 : 0;
}

static int compare_plain(const char *a, const char *b)
{
    int by_case = 0;
    for (; *a || *b; a++, b++) {
        size_t pa = place(*a), pb = place(*b);
        if (pa != pb)
            return pa < pb ? -1 : 1;
        if (!by_case)
            by_case = (int)is_capital(*a) - (int)is_capital(*b);
    }
    return by_case;
}

bool evo_collation_is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* ---- both --------------------------------------------------------------------------- */

enum evo_errc evo_collation_open(bool plain, struct evo_collation **ret, struct evo_error *err)
{
    UCollator *collator = NULL;
    enum evo_errc rc = plain ? EVO_OK : open_icu(&collator, err);
    if (rc)
        return rc;
    *ret = evo_calloc(1, sizeof(**ret));
    (*ret)->icu = collator;
    return EVO_OK;
}

void evo_collation_free(struct evo_collation *c)
{
    if (c && c->icu)
        icu.close(c->icu);
    free(c);
}

int evo_collation_compare(const struct evo_collation *c, const char *a, const char *b)
{
    UErrorCode status = U_ZERO_ERROR;
    return c->icu ? (int)icu.compare(c->icu, a, -1, b, -1, &status) : compare_plain(a, b);
}
