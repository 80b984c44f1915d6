/*
 * graph.h - migrations that say themselves what they build upon, instead of standing in a line.
 *
 * The edges are names in struct evo_migration: `down` (what it follows on its branch: Alembic's down_revision, several for a
 * merge) and `depends` (what else must be there: depends_on). A project whose layout is a graph has its items in an order
 * in which everything stands behind what it builds upon; where several could come next, the branch that the last one
 * belongs to goes on, else the first by the bytes of its name. So order is a function of the files alone. Pure.
 */
#ifndef EVO_LAYOUT_GRAPH_H
#define EVO_LAYOUT_GRAPH_H

#include "layout/layout.h"

/* Sorts the items. EVO_ERR_CONFIG for a cycle, with the names of it. Every edge names an item: the reader has seen to that. */
enum evo_errc evo_graph_order(struct evo_project *p, struct evo_error *err) EVO_CHECK;

/* Marks by place: `name` and all that it builds upon, directly or not (ret has p->count elements; what is marked stays).
 * A name that is no item marks nothing. */
void evo_graph_mark(const struct evo_project *p, const char *name, bool *ret);

/* Items that no other follows (`down`): the ends of the branches. */
void evo_graph_heads(const struct evo_project *p, struct evo_strvec *ret);
/* Of the marked ones: those that no other marked one builds upon in any way. */
void evo_graph_tips(const struct evo_project *p, const bool *marked, struct evo_strvec *ret);

/* Whether all heads are meant to be there side by side: there is one, or each carries a label that no other one carries
 * (its own, or one of what it follows). */
bool evo_graph_is_meant(const struct evo_project *p);

#endif
