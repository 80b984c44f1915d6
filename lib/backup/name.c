#include "backup/name.h"

#include "base/clock.h"
#include "crypto/random.h"
#include "store/store.h"

/* Of the 24 bits behind the second, those below the millisecond's ten. */
enum { RANDOM_BITS = 14 };

const char *evo_backup_id_make(int64_t wall_ms, char id[EVO_BACKUP_ID_MAX])
{
    char time[EVO_TIME_MAX];
    unsigned fraction = (unsigned)(wall_ms % 1000) << RANDOM_BITS;
    (void)snprintf(id, EVO_BACKUP_ID_MAX, "%.16s-%06x", evo_format_time_compact(wall_ms, time),
                   fraction | (unsigned)evo_random_below(1U << RANDOM_BITS));
    return id;
}

bool evo_backup_id_valid(const char *id)
{
    static const char form[] = "ddddddddTddddddZ-xxxxxx";
    if (!id || strlen(id) != sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        char c = id[i];
        bool digit = c >= '0' && c <= '9';
        if (form[i] == 'd' ? !digit : form[i] == 'x' ? !digit && (c < 'a' || c > 'f') : c != form[i])
            return false;
    }
    return true;
}

void evo_backup_key(struct evo_strbuf *out, const char *environment, const char *database, const char *id,
                    const char *object)
{
    const char *const parts[] = { "backups", environment, database, id };
    for (size_t i = 0; i < EVO_COUNT(parts) && parts[i]; i++)
        evo_store_key_append(out, parts[i]);
    if (object)
        evo_strbuf_addf(out, "/%s", object);
}
