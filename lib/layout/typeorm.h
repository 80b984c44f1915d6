/*
 * typeorm.h - what a TypeORM project says about itself outside its migrations: the file of its data source, and the
 * table in which it records migrations.
 *
 * The data source is looked for where the project names it: EVO_TYPEORM_DATASOURCE, else what the scripts of
 * package.json that run TypeORM give with -d, else the usual places. Of several the one in the language of the
 * migrations is taken (TypeScript or JavaScript: a project may have both, the sources and what was built of them).
 */
#ifndef EVO_LAYOUT_TYPEORM_H
#define EVO_LAYOUT_TYPEORM_H

#include "layout/layout.h"

/* Names the data source's file instead of looking for it; relative to the project root. */
#define EVO_TYPEORM_DATASOURCE "EVO_TYPEORM_DATASOURCE"

/* The data source's file, as it can be opened; the caller frees. EVO_ERR_CONFIG where there is none, or where nothing
 * says which of several it is. */
enum evo_errc evo_typeorm_data_source(const struct evo_project *p, char **ret,
                                      struct evo_error *err) EVO_CHECK;

/* What a data source says of its ledger, read without running it. */
struct evo_typeorm_ledger {
    char *schema, *table; /* NULL: the connection's, "migrations" */
    int computed; /* the line of a name that is no text, which nobody can read; 0: none */
};
void evo_typeorm_ledger_release(struct evo_typeorm_ledger *l);
EVO_DEFINE_AUTO(typeorm_ledger);
/* EVO_ERR_CONFIG where the text cannot be cut into tokens. Pure. */
enum evo_errc evo_typeorm_ledger_parse(const char *text, size_t n, const char *path,
                                       struct evo_typeorm_ledger *ret, struct evo_error *err) EVO_CHECK;

/* Whether a file's name says TypeScript (.ts, .mts, .cts). */
bool evo_typeorm_is_typescript(const char *path);

#endif
