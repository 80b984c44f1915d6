/*
 * flyway.h - inside this folder only: what Flyway makes of a file's name, a version and a file's bytes. All but the
 * configuration is pure.
 *
 *   V<version>__<description>.sql   versioned; parts of the version are parted by "." or "_"
 *   U<version>__<description>.sql   takes that version back
 *   R__<description>.sql            repeatable: run again when its checksum changed
 *
 * Facts: Flyway 13 as it runs, and https://documentation.red-gate.com/flyway (migrations; configuration).
 */
#ifndef EVO_LAYOUT_FLYWAY_H
#define EVO_LAYOUT_FLYWAY_H

#include <stdint.h>

#include "layout/layout.h"

enum evo_flyway_sort {
    EVO_FLYWAY_NONE, /* Flyway does not look at it */
    EVO_FLYWAY_VERSIONED,
    EVO_FLYWAY_UNDO,
    EVO_FLYWAY_REPEATABLE,
    EVO_FLYWAY_CALLBACK, /* beforeMigrate.sql … */
    EVO_FLYWAY_REFUSED, /* Flyway would run it, and evo cannot: Java, shell, baseline migrations, a script's .conf */
    EVO_FLYWAY_CONF /* V1__a.sql.conf: how V1__a.sql is run */
};
struct evo_flyway_name {
    enum evo_flyway_sort sort;
    char *version; /* "1.2"; NULL where it has none */
    char *description; /* with blanks for "_"; "" where it has none */
};
void evo_flyway_name_release(struct evo_flyway_name *n);
EVO_DEFINE_AUTO(flyway_name);

/* file: without folders. */
void evo_flyway_name_parse(const char *file, struct evo_flyway_name *ret);
/* <0, 0, >0: two versions, part by part as numbers of any length; what is missing is 0, so "1" equals "1.0". */
int evo_flyway_compare(const char *a, const char *b);
/* CRC-32 over the lines without their ends, without a byte order mark: the same for every kind of line end. */
int32_t evo_flyway_checksum(const char *text, size_t n);
/* A description as the table holds it: at most 200 bytes. The caller frees. */
char *evo_flyway_description(const char *description) EVO_CHECK;
/* The script's name as the table holds it: its path below the location, at most 1000 bytes. The caller frees. */
char *evo_flyway_script(const struct evo_project *p, const char *path) EVO_CHECK;

/* The folders that flyway.conf, flyway.toml or FLYWAY_LOCATIONS name, relative to the root or absolute, appended; none
 * that lies in another one, which is searched with that. Nothing is appended where none is named. EVO_ERR_CONFIG for one
 * that is no folder. */
enum evo_errc evo_flyway_locations(const char *root, struct evo_strvec *ret, struct evo_error *err) EVO_CHECK;
/* Schema and table of the history, and whether "${…}" in a file means something. EVO_ERR_CONFIG names a setting that
 * changes what is run and that evo does not honour; of one that it does not know it warns. */
enum evo_errc evo_flyway_configure(struct evo_project *p, bool *ret_placeholders,
                                   struct evo_error *err) EVO_CHECK;

#endif
