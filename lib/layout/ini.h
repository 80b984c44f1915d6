/*
 * ini.h - one value of a file as Python's configparser reads it (https://docs.python.org/3/library/configparser.html).
 *
 * Sections, "key = value" or "key: value", values that go on in indented lines, comment lines that begin with "#" or ";".
 * A value of the section [DEFAULT] stands in where the section has none. "%%" is "%"; of references, "%(here)s" alone is
 * known: the folder of the file, as Alembic sets it. Pure.
 */
#ifndef EVO_LAYOUT_INI_H
#define EVO_LAYOUT_INI_H

#include "base/error.h"

/* *ret: the value, trimmed, its lines separated by '\n'; NULL where there is none. The caller frees. EVO_ERR_CONFIG with
 * file and line: another reference than %(here)s. */
enum evo_errc evo_ini_value(const char *text, const char *path, const char *section, const char *key,
                            const char *here, char **ret, struct evo_error *err) EVO_CHECK;

#endif
