/*
 * signs.h - inside this folder only: whose migrations a folder holds, told from its listing.
 */
#ifndef EVO_LAYOUT_SIGNS_H
#define EVO_LAYOUT_SIGNS_H

#include "base/strvec.h"
#include "layout/layout.h"

struct evo_tool {
    const char *name; /* "alembic"; as --layout takes it where it takes it */
    bool option; /* a value of --layout: then it has a kind */
    enum evo_layout_kind kind;
    const char *up; /* the tool's own command that applies what is pending; NULL: evo-migrate up */
};
/* evo applies its migrations. */
bool evo_tool_applied(const struct evo_tool *tool);
/* By name; NULL for an unknown one. */
const struct evo_tool *evo_tool_find(const char *name);
/* Appends the values of --layout but auto, separated by ", ". */
void evo_tool_names(struct evo_strbuf *out);

/* Whose folder it is; NULL where nothing tells. On success *ret_saw is the entry that told (heap). */
const struct evo_tool *evo_signs_of(const char *dir, const struct evo_strvec *names, char **ret_saw);

#endif
