#include "base/crc32.h"
#include "base/file.h"
#include "layout/flyway.h"

#include "base/banned.h"

#define DESCRIPTION_MAX 200
#define SCRIPT_MAX      1000

void evo_flyway_name_release(struct evo_flyway_name *n)
{
    if (!n)
        return;
    free(n->version);
    free(n->description);
    *n = (struct evo_flyway_name){ 0 };
}

/* Beginnings of the names of SQL callbacks that `migrate` and `undo` run. */
static const char *const callbacks[] = {
    "beforeMigrate",      "beforeEachMigrate", "afterEachMigrate", "afterMigrate",  "afterVersioned",
    "beforeVersioned",    "beforeRepeatables", "afterRepeatables", "beforeUndo",    "beforeEachUndo",
    "afterEachUndo",      "afterUndo",         "beforeValidate",   "afterValidate", "createSchema",
    "beforeCreateSchema", "afterCreateSchema", "beforeConnect",    "afterConnect",  "beforeScriptError",
    "afterScriptError",
};

static bool is_callback(const char *name)
{
    for (size_t i = 0; i < EVO_COUNT(callbacks); i++)
        if (evo_starts_with(name, callbacks[i]))
            return true;
    return false;
}

/* "1.2" of "1_2"; NULL where it is no version. */
static char *version_of(const char *text, size_t n)
{
    EVO_AUTO(strbuf) version = EVO_STRBUF_INIT;
    bool digit_before = false;
    for (size_t i = 0; i < n; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && (!strchr("._", text[i]) || !digit_before))
            return NULL;
        evo_strbuf_addch(&version, digit ? text[i] : '.');
        digit_before = digit;
    }
    return digit_before ? evo_strbuf_detach(&version) : NULL;
}

static char *description_of(const char *text, size_t n)
{
    char *description = evo_strndup(text, n);
    for (char *p = description; *p; p++)
        if (*p == '_')
            *p = ' ';
    return description;
}

void evo_flyway_name_parse(const char *file, struct evo_flyway_name *ret)
{
    static const char sql[] = ".sql";
    struct evo_flyway_name name = { .sort = EVO_FLYWAY_NONE };
    const char *separator = strstr(file, "__"), *dot = strrchr(file, '.');
    if (!evo_ends_with(file, sql)) {
        bool looks = strchr("VURB", *file) && *file && separator && dot && dot > separator;
        name.sort = looks && evo_ends_with(file, ".sql.conf") ? EVO_FLYWAY_CONF
                    : (looks && !evo_ends_with(file, ".md")) ||
                            (is_callback(file) && dot && !evo_ends_with(file, ".md"))
                        ? EVO_FLYWAY_REFUSED
                        : EVO_FLYWAY_NONE;
        *ret = name;
        return;
    }
    size_t n = strlen(file) - strlen(sql);
    size_t left = separator ? (size_t)(separator - file) : n;
    if (left > n)
        left = n;
    if (is_callback(file)) {
        name.sort = EVO_FLYWAY_CALLBACK;
    } else if (*file == 'R' && left == 1 && separator) {
        name.sort = EVO_FLYWAY_REPEATABLE;
    } else if (strchr("VUB", *file) && *file && left) {
        name.version = version_of(file + 1, left - 1);
        if (name.version)
            name.sort = *file == 'V'   ? EVO_FLYWAY_VERSIONED
                        : *file == 'U' ? EVO_FLYWAY_UNDO
                                       : EVO_FLYWAY_REFUSED;
    }
    if (name.sort != EVO_FLYWAY_NONE)
        name.description =
            description_of(file + (left + 2 <= n ? left + 2 : n), left + 2 <= n ? n - left - 2 : 0);
    *ret = name;
}

int evo_flyway_compare(const char *a, const char *b)
{
    while (*a || *b) {
        size_t na = strspn(a, "0123456789"), nb = strspn(b, "0123456789");
        const char *da = a + strspn(a, "0"), *db = b + strspn(b, "0");
        size_t la = a + na > da ? (size_t)(a + na - da) : 0, lb = b + nb > db ? (size_t)(b + nb - db) : 0;
        if (la != lb)
            return la < lb ? -1 : 1;
        int order = la ? memcmp(da, db, la) : 0;
        if (order)
            return order;
        a += na + (a[na] != '\0');
        b += nb + (b[nb] != '\0');
    }
    return 0;
}

int32_t evo_flyway_checksum(const char *text, size_t n)
{
    const char *p = text, *end = text + n;
    uint32_t crc = 0;
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    while (p < end) {
        size_t len = 0;
        while (p + len < end && p[len] != '\n' && p[len] != '\r')
            len++;
        crc = evo_crc32(crc, p, len);
        p += len + (p + len < end);
    }
    return (int32_t)crc;
}

char *evo_flyway_description(const char *description)
{
    size_t n = strlen(description);
    return n <= DESCRIPTION_MAX ? evo_strdup(description)
                                : evo_asprintf("%.*s...", DESCRIPTION_MAX - 3, description);
}

char *evo_flyway_script(const struct evo_project *p, const char *path)
{
    const char *rest = path;
    for (size_t i = 0; i <= p->locations.count && rest == path; i++) {
        const char *location = i ? p->locations.items[i - 1] : p->migrations;
        size_t n = strlen(location);
        if (strcmp(location, ".") != 0 && strncmp(path, location, n) == 0 && path[n] == '/')
            rest = path + n + strspn(path + n, "/");
    }
    size_t n = strlen(rest);
    return n <= SCRIPT_MAX ? evo_strdup(rest) : evo_asprintf("...%s", rest + n - (SCRIPT_MAX - 3));
}
