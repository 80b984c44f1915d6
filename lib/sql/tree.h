/*
 * tree.h - statements as libpg_query's parse tree. Private to lib/sql; with tree.c and locks.c the
 * only code that includes libpg_query.
 *
 * While it parses, libpg_query points the process's stderr into a pipe of its own: what another thread writes there
 * meanwhile is lost. Parse before threads are started.
 */
#ifndef EVO_SQL_TREE_H
#define EVO_SQL_TREE_H

#include <stdbool.h>

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "base/alloc.h"

/* Whether the grammar takes the text (one or more statements). Cheap: no tree is built. */
bool evo_sql_parses(const char *sql, size_t n);

/* The tree of one statement; NULL where it is not understood, or too long to be taken apart (see tree.c). */
struct evo_sql_tree;
struct evo_sql_tree *evo_sql_tree_new(const char *sql, size_t n) EVO_CHECK;
void evo_sql_tree_free(struct evo_sql_tree *tree);
EVO_DEFINE_AUTO_PTR(sql_tree, evo_sql_tree_free);
const PgQuery__Node *evo_sql_tree_statement(const struct evo_sql_tree *tree);

/* Calls fn for every message below and including `message`, parents first, until it says not to go below one. */
void evo_sql_tree_walk(const ProtobufCMessage *message,
                       bool (*fn)(void *ctx, const ProtobufCMessage *message), void *ctx);

/* "schema.name" or "name", with quotes where PostgreSQL needs them. The caller frees. */
char *evo_sql_range_name(const PgQuery__RangeVar *range) EVO_CHECK;
/* The same of a list of names (DROP TABLE a.b); the last `leave` of them left out. NULL for an empty one. */
char *evo_sql_list_name(PgQuery__Node *const *items, size_t count, size_t leave) EVO_CHECK;

#endif
