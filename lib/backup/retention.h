/*
 * retention.h - which backups a policy keeps, and why. Pure: no store, no clock of its own.
 *
 * The rules are those people know from restic's forget (https://restic.readthedocs.io/en/stable/060_forget.html): going
 * from the newest to the oldest, `last` keeps the first N; `daily` keeps the newest backup of each of the first N days that
 * have one (days without one cost nothing), and so with hours, ISO weeks (Monday to Sunday), months and years; `within`
 * keeps what is no older than that. A backup stays when any rule keeps it. Other than there, the oldest is not kept in
 * addition where a rule is not used up.
 *
 * All periods are of UTC, whatever the time zone of the machine or of the database: the same list gives the same answer
 * everywhere, no hour is there twice, and ids read as the periods do. A day that begins at another midnight is what that
 * costs.
 *
 * What no rule may do:
 *	- Only good backups count and are removed. Unfinished ones, those with an unreadable manifest, and those that verify
 *	  found damaged push nothing out, and stay: they are gc's, or a person's.
 *	- The newest good whole one stays.
 *	- One under Object Lock or legal hold stays (and counts).
 *	- Whole backups and filtered ones never push each other out; each selection is a series of its own.
 *	- One that was made after `now` neither counts nor goes: a clock is wrong, and it is not known which.
 *	- `within` counts from the newest backup of the series (as restic does): where no backup is made any more, none ages away.
 *
 *	struct evo_retention_policy policy = { .last = 3, .daily = 7, .within_ms = -1 };
 *	evo_retention_decide(&policy, items, count, evo_wall_ms());
 *	... items[i].keep, items[i].reasons
 */
#ifndef EVO_BACKUP_RETENTION_H
#define EVO_BACKUP_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strvec.h"

struct evo_retention_policy {
    int64_t last, hourly, daily, weekly, monthly, yearly; /* 0: no such rule */
    int64_t within_ms; /* 0 or less: no such rule */
};
/* Has it a rule at all? Without one everything but the last would go: whoever asks must refuse that. */
bool evo_retention_given(const struct evo_retention_policy *policy);

/* The reason that the newest good whole one has in any case. */
#define EVO_RETENTION_LAST_GOOD "the last good one"

enum evo_retention_state {
    EVO_RETENTION_GOOD, /* complete, and not known to be damaged */
    EVO_RETENTION_UNFINISHED, /* no manifest */
    EVO_RETENTION_UNREADABLE, /* a manifest that cannot be believed */
    EVO_RETENTION_DAMAGED /* the last verify said so */
};
struct evo_retention_item {
    /* Given; the strings are borrowed. */
    const char *id;
    int64_t created_ms;
    enum evo_retention_state state;
    const char *
        selection; /* NULL: the whole database; else what was chosen of it, in any form that is the same each time */
    int64_t locked_until_ms; /* -1: not locked */
    bool legal_hold;
    /* Decided. */
    bool keep;
    struct evo_strvec
        reasons; /* for keeping: "last 3", "daily 2026-11-22", "locked until …"; none where it goes */
};
void evo_retention_item_release(struct evo_retention_item *item);

/* Decides for every item of one database, in whatever order they are. Without a rule everything stays. */
void evo_retention_decide(const struct evo_retention_policy *policy, struct evo_retention_item *items,
                          size_t count, int64_t now_ms);

#endif
