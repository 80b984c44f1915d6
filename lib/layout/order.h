/*
 * order.h - the order of application.
 *
 * prisma: as Prisma 7 sorts, by JavaScript's localeCompare: the root collation of CLDR, in which a blank comes before "_", "_" before
 * "-", all before digits, digits before letters, and case decides last. Where two names compare equal there (canonically
 * equivalent ones), bytes decide. sql: the version as a number of any length, then the bytes of the name.
 */
#ifndef EVO_LAYOUT_ORDER_H
#define EVO_LAYOUT_ORDER_H

#include "layout/layout.h"

/* Sorts the items. A warning is added where byte order would apply two neighbours the other way round.
 * As evo_collation_open(). */
enum evo_errc evo_order_prisma(struct evo_project *p, struct evo_error *err) EVO_CHECK;
/* Sorts the items; every one has a version. A warning for each version that occurs twice. */
void evo_order_sql(struct evo_project *p);
/* Sorts the items by the bytes of their names. A warning where the versions, as numbers, say otherwise: `tool` is for
 * it. */
void evo_order_bytes(struct evo_project *p, const char *tool);
/* <0, 0, >0: two strings of digits as numbers ("007" equals "7"). */
int evo_order_versions(const char *a, const char *b);

#endif
