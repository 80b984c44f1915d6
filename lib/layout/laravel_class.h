/*
 * laravel_class.h - inside this folder only: the migration in a file of Laravel's, read without PHP.
 *
 * The name is the file's. Laravel makes the class's name of it ("2025_01_01_000000_create_users_table" is
 * CreateUsersTable) and takes that class where the file declares it, else the object that the file returns
 * (Migrator.resolvePath).
 */
#ifndef EVO_LAYOUT_LARAVEL_CLASS_H
#define EVO_LAYOUT_LARAVEL_CLASS_H

#include "base/error.h"

struct evo_laravel_class {
    bool has_down;
    bool no_transaction; /* $withinTransaction = false */
    bool may_skip; /* it has shouldRun() */
    bool other_connection; /* it sets $connection */
};

/* Reads the n bytes of text; name: of the migration. EVO_ERR_CONFIG with file and line: neither a class of the expected
 * name nor one that is returned, no up(), a file that cannot be read. Pure. */
enum evo_errc evo_laravel_class_parse(const char *text, size_t n, const char *path, const char *name,
                                      struct evo_laravel_class *ret, struct evo_error *err) EVO_CHECK;

/* "CreateUsersTable"; the caller frees. Pure. */
char *evo_laravel_class_name(const char *name) EVO_CHECK;

#endif
