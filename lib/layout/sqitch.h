/*
 * sqitch.h - inside this folder only: a plan of Sqitch, read, with the ids that Sqitch gives its changes and tags.
 *
 * sqitch.plan: pragmas ("%project=flipr"), an empty line, then changes and tags in the order of deployment:
 *
 *	users [roles !guests other:schema@v2] 2025-01-01T00:00:00Z Planner <planner@example.org> # Note
 *	@v1.0 2025-01-02T00:00:00Z Planner <planner@example.org> # Note
 *
 * An id is the SHA-1 of "change <length>", NUL, and the change's facts as lines, its parent's id among them: so a plan
 * that was edited anywhere is another one from there on. A change that stands again behind a tag is reworked: its earlier
 * script is called users@v1.0.sql. (Facts: Sqitch 1.3.1 as it runs; sqitch.org/docs/manual/sqitchchanges.)
 */
#ifndef EVO_LAYOUT_SQITCH_H
#define EVO_LAYOUT_SQITCH_H

#include "crypto/sha1.h"
#include "layout/conf.h"
#include "layout/layout.h"

#define EVO_SQITCH_ELSEWHERE ((size_t)-1)

struct evo_sqitch_depend {
    bool conflict; /* "!guests": must not be deployed */
    char *text; /* as Sqitch records it: without "!" and without the plan's own project */
    char *project, *change, *tag; /* NULL where it names none */
    char *id; /* it was named by its id; else NULL */
    size_t index; /* in this plan; EVO_SQITCH_ELSEWHERE: another project's */
};
/* Who planned a line, and when. */
struct evo_sqitch_line {
    char id[EVO_SHA1_HEX];
    char *name; /* of a tag: with "@" */
    char *note; /* "" where it has none */
    char *planned_at; /* "2025-01-01T00:00:00Z" */
    char *planner_name, *planner_email;
    int line;
};
struct evo_sqitch_change {
    struct evo_sqitch_line plan;
    struct evo_sqitch_depend *depends;
    size_t ndepends, depends_alloc;
    struct evo_sqitch_line *tags;
    size_t ntags, tags_alloc;
    struct evo_strvec
        rework_tags; /* "@v1.0" …: its script is called by one of them; none: it is not reworked */
};
struct evo_sqitch {
    char *project, *uri; /* uri NULL: none */
    struct evo_sqitch_change *changes;
    size_t count, alloc;
    char *user_name, *user_email; /* who deploys */
};
void evo_sqitch_release(struct evo_sqitch *s);
EVO_DEFINE_AUTO(sqitch);
void evo_sqitch_free(struct evo_sqitch *s);

/* Pure. EVO_ERR_CONFIG with file and line, for what Sqitch refuses too, and for a change with "-". */
enum evo_errc evo_sqitch_plan_parse(const char *text, const char *path, struct evo_sqitch *ret,
                                    struct evo_error *err) EVO_CHECK;
/* Fills the id from everything else; parent: the change before it, NULL for the first. */
void evo_sqitch_identify_change(const struct evo_sqitch *s, const struct evo_sqitch_change *parent,
                                struct evo_sqitch_change *c);
/* c: the change that it stands behind. */
void evo_sqitch_identify_tag(const struct evo_sqitch *s, const struct evo_sqitch_change *c,
                             struct evo_sqitch_line *tag);
/* EVO_SQITCH_ELSEWHERE for none. */
size_t evo_sqitch_find(const struct evo_sqitch *s, const char *change_id);

/* The configuration: of the system, the user and the project, in this order. */
struct evo_sqitch_conf {
    struct evo_conf conf;
    char *base; /* paths in it count from here */
    char *target; /* a target's name; NULL */
};
void evo_sqitch_conf_release(struct evo_sqitch_conf *c);
EVO_DEFINE_AUTO(sqitch_conf);
/* EVO_ERR_CONFIG for a file that cannot be read, another engine than PostgreSQL, and variables for psql. */
enum evo_errc evo_sqitch_conf_load(const struct evo_project *p, struct evo_sqitch_conf *ret,
                                   struct evo_error *err) EVO_CHECK;
/* What it says for the target, the engine, or at all; NULL. Borrowed. */
const char *evo_sqitch_conf_get(const struct evo_sqitch_conf *c, const char *key);
/* Who deploys, by SQITCH_FULLNAME and SQITCH_EMAIL, the configuration, the system's users. EVO_ERR_CONFIG for a name that
 * Sqitch refuses. */
enum evo_errc evo_sqitch_user(const struct evo_sqitch_conf *c, struct evo_sqitch *s,
                              struct evo_error *err) EVO_CHECK;

#endif
