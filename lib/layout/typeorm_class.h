/*
 * typeorm_class.h - inside this folder only: the migration in a file of TypeORM's, read without Node.
 *
 * TypeORM loads a file and takes every function that it exports, classes among them, for a migration. The migration's name
 * is what `name` of an instance is, else the class's name, and its time the last 13 characters of that name, read as a
 * number (MigrationExecutor.getMigrations). evo reads the same from the source: ECMAScript modules, CommonJS, and what
 * TypeScript and Babel make of one for the other.
 */
#ifndef EVO_LAYOUT_TYPEORM_CLASS_H
#define EVO_LAYOUT_TYPEORM_CLASS_H

#include "base/error.h"

struct evo_typeorm_class {
    char *name; /* as in the ledger */
    char *version; /* its 13 digits */
    int line; /* of what gives the name */
    bool
        found; /* the file exports a migration; else it has nothing to do with any, and nothing else is set */
    bool no_transaction; /* transaction = false */
    bool has_down;
    bool longer; /* more digits stand before the 13, which TypeORM does not read */
};
void evo_typeorm_class_release(struct evo_typeorm_class *c);
EVO_DEFINE_AUTO(typeorm_class);

/* Reads the n bytes of text. `expected`: the file's name says that it is a migration, so that one without is an error.
 * EVO_ERR_CONFIG with file and line: no migration where one is expected, two of them, an exported function beside it, a
 * name that is computed, a name whose last 13 characters are no time, a file that cannot be read. Pure. */
enum evo_errc evo_typeorm_class_parse(const char *text, size_t n, const char *path, bool expected,
                                      struct evo_typeorm_class *ret, struct evo_error *err) EVO_CHECK;

#endif
