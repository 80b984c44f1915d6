/*
 * collation.h - the root collation of CLDR, which is JavaScript's localeCompare and so Prisma's order. The only code that
 * includes libicu.
 *
 * Names of printable ASCII, which is nearly every project, are compared without libicu: by the places of their characters
 * whatever the case, and where these are all the same by the case, small before capital (the first and the third level of
 * https://www.unicode.org/reports/tr10/; ASCII has no second). libicu is loaded for other names alone (base/library.h).
 */
#ifndef EVO_LAYOUT_COLLATION_H
#define EVO_LAYOUT_COLLATION_H

#include "base/error.h"

struct evo_collation;
/* plain: only texts of which evo_collation_is_plain() is true will be compared. EVO_ERR_UNSUPPORTED where libicu is not
 * installed, EVO_ERR_INTERNAL where it has no root collation. */
enum evo_errc evo_collation_open(bool plain, struct evo_collation **ret, struct evo_error *err) EVO_CHECK;
void evo_collation_free(struct evo_collation *c);
EVO_DEFINE_AUTO_PTR(collation, evo_collation_free);

bool evo_collation_is_plain(const char *text);
/* <0, 0, >0; 0 also for texts that are canonically equivalent. UTF-8. */
int evo_collation_compare(const struct evo_collation *c, const char *a, const char *b);

#endif
