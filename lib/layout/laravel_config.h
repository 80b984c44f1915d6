/*
 * laravel_config.h - inside this folder only: the table in which a Laravel project records migrations, as
 * config/database.php says.
 *
 * Read are the keys `migrations` (a text, or since Laravel 11 an array with `table`), and of the connection pgsql
 * `prefix` and `search_path` (`schema` before Laravel 9). A value is a text, or env('NAME', 'text'): the variable, then
 * the line in the project's .env, then the text. Anything else is computed, and its place is reported.
 */
#ifndef EVO_LAYOUT_LARAVEL_CONFIG_H
#define EVO_LAYOUT_LARAVEL_CONFIG_H

#include "base/error.h"

struct evo_laravel_config {
    char *schema; /* NULL: not said, computed, or the user's own */
    char *table; /* with its prefix; NULL: not said */
    int computed; /* the line of a table or prefix that cannot be read; 0: none */
};
void evo_laravel_config_release(struct evo_laravel_config *c);
EVO_DEFINE_AUTO(laravel_config);

/* text: of config/database.php; dotenv: of .env, NULL for none. EVO_ERR_CONFIG where it cannot be cut into tokens. Pure
 * but for the environment. */
enum evo_errc evo_laravel_config_parse(const char *text, size_t n, const char *path, const char *dotenv,
                                       struct evo_laravel_config *ret, struct evo_error *err) EVO_CHECK;

#endif
