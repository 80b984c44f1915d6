/*
 * conf.h - inside this folder only: the configuration files of other tools, as flat lists of keys and values.
 *
 *   properties   `key=value` a line, `#` comments, a backslash at the end goes on (Flyway's flyway.conf)
 *   TOML         tables, strings, lists, numbers and booleans; a list's items come joined by commas (Flyway's flyway.toml)
 *   git          `[section "sub"]` and `key = value`, as git-config writes (Sqitch's sqitch.conf)
 *
 * A key is "flyway.locations", "engine.pg.registry": the names of its tables before it. Only what these tools' files hold
 * is understood; anything else is refused with its line, since a setting that is missed may change what is run.
 */
#ifndef EVO_LAYOUT_CONF_H
#define EVO_LAYOUT_CONF_H

#include "base/error.h"

enum evo_conf_form { EVO_CONF_PROPERTIES, EVO_CONF_TOML, EVO_CONF_GIT };

struct evo_conf_item {
    char *key, *value;
    char *path; /* of the file */
    int line;
};
struct evo_conf {
    struct evo_conf_item *items; /* in the order of the files */
    size_t count, alloc;
};
void evo_conf_release(struct evo_conf *c);
EVO_DEFINE_AUTO(conf);

/* Adds what the file says; one that is not there says nothing. EVO_ERR_CONFIG with file and line. */
enum evo_errc evo_conf_read(const char *path, enum evo_conf_form form, struct evo_conf *conf,
                            struct evo_error *err) EVO_CHECK;
/* The same of a text. Pure. */
enum evo_errc evo_conf_parse(const char *text, enum evo_conf_form form, const char *path,
                             struct evo_conf *conf, struct evo_error *err) EVO_CHECK;
/* The last item of that key; NULL. Borrowed. */
const struct evo_conf_item *evo_conf_find(const struct evo_conf *c, const char *key);
/* Its value; NULL where there is none or it is empty. Borrowed. */
const char *evo_conf_value(const struct evo_conf *c, const char *key);

#endif
