#include "locks/mode.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#define BIT(mode) (1U << EVO_LOCK_##mode)

static const struct {
    const char *server, *name;
    unsigned conflicts;
} modes[] = {
    [EVO_LOCK_NONE] = { "", "", 0 },
    [EVO_LOCK_ACCESS_SHARE] = { "AccessShareLock", "ACCESS SHARE", BIT(ACCESS_EXCLUSIVE) },
    [EVO_LOCK_ROW_SHARE] = { "RowShareLock", "ROW SHARE", BIT(EXCLUSIVE) | BIT(ACCESS_EXCLUSIVE) },
    [EVO_LOCK_ROW_EXCLUSIVE] = { "RowExclusiveLock", "ROW EXCLUSIVE",
                                 BIT(SHARE) | BIT(SHARE_ROW_EXCLUSIVE) | BIT(EXCLUSIVE) |
                                     BIT(ACCESS_EXCLUSIVE) },
    [EVO_LOCK_SHARE_UPDATE_EXCLUSIVE] = { "ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE",
                                          BIT(SHARE_UPDATE_EXCLUSIVE) | BIT(SHARE) |
                                              BIT(SHARE_ROW_EXCLUSIVE) | BIT(EXCLUSIVE) |
                                              BIT(ACCESS_EXCLUSIVE) },
    [EVO_LOCK_SHARE] = { "ShareLock", "SHARE",
                         BIT(ROW_EXCLUSIVE) | BIT(SHARE_UPDATE_EXCLUSIVE) | BIT(SHARE_ROW_EXCLUSIVE) |
                             BIT(EXCLUSIVE) | BIT(ACCESS_EXCLUSIVE) },
    [EVO_LOCK_SHARE_ROW_EXCLUSIVE] = { "ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE",
                                       BIT(ROW_EXCLUSIVE) | BIT(SHARE_UPDATE_EXCLUSIVE) | BIT(SHARE) |
                                           BIT(SHARE_ROW_EXCLUSIVE) | BIT(EXCLUSIVE) |
                                           BIT(ACCESS_EXCLUSIVE) },
    [EVO_LOCK_EXCLUSIVE] = { "ExclusiveLock", "EXCLUSIVE",
                             BIT(ROW_SHARE) | BIT(ROW_EXCLUSIVE) | BIT(SHARE_UPDATE_EXCLUSIVE) | BIT(SHARE) |
                                 BIT(SHARE_ROW_EXCLUSIVE) | BIT(EXCLUSIVE) | BIT(ACCESS_EXCLUSIVE) },
    [EVO_LOCK_ACCESS_EXCLUSIVE] = { "AccessExclusiveLock", "ACCESS EXCLUSIVE",
                                    BIT(ACCESS_SHARE) | BIT(ROW_SHARE) | BIT(ROW_EXCLUSIVE) |
                                        BIT(SHARE_UPDATE_EXCLUSIVE) | BIT(SHARE) | BIT(SHARE_ROW_EXCLUSIVE) |
                                        BIT(EXCLUSIVE) | BIT(ACCESS_EXCLUSIVE) },
};

enum evo_lock_mode evo_lock_mode_parse(const char *text)
{
    for (size_t i = EVO_LOCK_ACCESS_SHARE; i < EVO_COUNT(modes); i++)
        if (evo_streq(text, modes[i].server) || evo_streq(text, modes[i].name))
            return (enum evo_lock_mode)i;
    return EVO_LOCK_NONE;
}

const char *evo_lock_mode_name(enum evo_lock_mode mode)
{
    return modes[mode].name;
}

bool evo_lock_modes_conflict(enum evo_lock_mode a, enum evo_lock_mode b)
{
    return a != EVO_LOCK_NONE && b != EVO_LOCK_NONE && (modes[a].conflicts >> b & 1U);
}
