/*
 * evo_sql_locks_of: the table locks of a statement, as tables of (statement, mode). tests/server/sql/locks_test.c
 * runs statements on a server and compares with its pg_locks.
 */
#include <string.h>

#include "base/strbuf.h"
#include "base/strvec.h"
#include "sql/classify.h"
#include "sql/split.h"
#include "sql/tree.h"

/* Weakest first, as the server numbers them (LOCKMODE 1 to 8). */
static const char *const modes[] = {
    "",      "ACCESS SHARE",        "ROW SHARE", "ROW EXCLUSIVE",    "SHARE UPDATE EXCLUSIVE",
    "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE",
};
enum mode { NONE, AS, RS, RX, SUX, S, SRX, X, AX };

static enum mode mode_of(const char *name)
{
    for (size_t i = 1; i < EVO_COUNT(modes); i++)
        if (strcmp(modes[i], name) == 0)
            return (enum mode)i;
    return NONE;
}

/* Takes `relation` over (NULL: nothing). A relation that is in the list keeps the stronger mode. */
static void add(struct evo_sql_locks *locks, char *relation, enum mode mode)
{
    EVO_AUTO_STR owned = relation;
    if (!owned || mode == NONE)
        return;
    for (size_t i = 0; i < locks->count; i++) {
        struct evo_sql_lock *lock = &locks->items[i];
        if (!evo_streq(lock->relation, owned))
            continue;
        if (mode_of(lock->mode) < mode)
            lock->mode = modes[mode];
        return;
    }
    EVO_GROW(locks->items, locks->count, locks->alloc);
    locks->items[locks->count++] = (struct evo_sql_lock){ .relation = owned, .mode = modes[mode] };
    owned = NULL;
}

static void add_range(struct evo_sql_locks *locks, const PgQuery__RangeVar *range, enum mode mode)
{
    if (range)
        add(locks, evo_sql_range_name(range), mode);
}

static void add_ranges(struct evo_sql_locks *locks, PgQuery__Node *const *nodes, size_t count, enum mode mode)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i]->node_case == PG_QUERY__NODE__NODE_RANGE_VAR)
            add_range(locks, nodes[i]->range_var, mode);
}

/* ---- what a query, an expression or a column definition below a statement reads ---- */

struct reading {
    struct evo_sql_locks *locks;
    struct evo_strvec ctes; /* names that are no relations */
};

static bool find_ctes(void *ctx, const ProtobufCMessage *m)
{
    struct reading *r = ctx;
    if (m->descriptor == &pg_query__common_table_expr__descriptor)
        evo_strvec_push(&r->ctes, ((const PgQuery__CommonTableExpr *)m)->ctename);
    return true;
}

static bool has_alias(const PgQuery__RangeVar *range, const char *name)
{
    return evo_streq(range->alias ? range->alias->aliasname : range->relname, name);
}

/* SELECT … FOR UPDATE and its kin: on the relations listed behind OF, else on all of FROM. */
static void read_locking_clauses(struct reading *r, const PgQuery__SelectStmt *select)
{
    for (size_t i = 0; i < select->n_locking_clause; i++) {
        const PgQuery__LockingClause *clause = select->locking_clause[i]->locking_clause;
        for (size_t k = 0; k < select->n_from_clause; k++) {
            if (select->from_clause[k]->node_case != PG_QUERY__NODE__NODE_RANGE_VAR)
                continue;
            const PgQuery__RangeVar *range = select->from_clause[k]->range_var;
            bool named = clause->n_locked_rels == 0;
            for (size_t j = 0; j < clause->n_locked_rels && !named; j++)
                named = has_alias(range, clause->locked_rels[j]->range_var->relname);
            if (named && !(*range->schemaname == '\0' && evo_strvec_contains(&r->ctes, range->relname)))
                add_range(r->locks, range, RS);
        }
    }
}

static bool read_message(void *ctx, const ProtobufCMessage *m)
{
    struct reading *r = ctx;
    const ProtobufCMessageDescriptor *d = m->descriptor;
    if (d == &pg_query__range_var__descriptor) {
        const PgQuery__RangeVar *range = (const PgQuery__RangeVar *)m;
        if (*range->schemaname != '\0' || !evo_strvec_contains(&r->ctes, range->relname))
            add_range(r->locks, range, AS);
        return false;
    }
    if (d == &pg_query__insert_stmt__descriptor)
        add_range(r->locks, ((const PgQuery__InsertStmt *)m)->relation, RX);
    else if (d == &pg_query__update_stmt__descriptor)
        add_range(r->locks, ((const PgQuery__UpdateStmt *)m)->relation, RX);
    else if (d == &pg_query__delete_stmt__descriptor)
        add_range(r->locks, ((const PgQuery__DeleteStmt *)m)->relation, RX);
    else if (d == &pg_query__merge_stmt__descriptor)
        add_range(r->locks, ((const PgQuery__MergeStmt *)m)->relation, RX);
    else if (d == &pg_query__constraint__descriptor)
        add_range(r->locks, ((const PgQuery__Constraint *)m)->pktable, SRX);
    else if (d == &pg_query__select_stmt__descriptor)
        read_locking_clauses(r, (const PgQuery__SelectStmt *)m);
    /* What INTO names is new; what FOR UPDATE OF names are aliases. */
    return d != &pg_query__into_clause__descriptor && d != &pg_query__locking_clause__descriptor;
}

static void read_below(struct evo_sql_locks *locks, const void *message)
{
    struct reading r = { .locks = locks };
    evo_sql_tree_walk(message, find_ctes, &r);
    evo_sql_tree_walk(message, read_message, &r);
    evo_strvec_release(&r.ctes);
}

static void read_nodes(struct evo_sql_locks *locks, PgQuery__Node *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        read_below(locks, nodes[i]);
}

/* ---- ALTER TABLE ---- */

/* AlterTableGetLockLevel() of the server. What is not here takes ACCESS EXCLUSIVE. */
static const struct {
    PgQuery__AlterTableType type;
    enum mode mode;
} alter_modes[] = {
    { PG_QUERY__ALTER_TABLE_TYPE__AT_SetStatistics, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_SetOptions, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_ResetOptions, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_SetRelOptions, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_ResetRelOptions, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_ClusterOn, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_DropCluster, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_ValidateConstraint, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_AttachPartition, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_DetachPartitionFinalize, SUX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_EnableTrig, SRX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_EnableAlwaysTrig, SRX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_EnableReplicaTrig, SRX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_DisableTrig, SRX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_EnableTrigAll, SRX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_DisableTrigAll, SRX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_EnableTrigUser, SRX },
    { PG_QUERY__ALTER_TABLE_TYPE__AT_DisableTrigUser, SRX },
};

static enum mode alter_mode(const PgQuery__AlterTableCmd *cmd)
{
    const PgQuery__Node *def = cmd->def;
    if (cmd->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_AddConstraint && def &&
        def->node_case == PG_QUERY__NODE__NODE_CONSTRAINT &&
        def->constraint->contype == PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN)
        return SRX;
    if (cmd->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_DetachPartition && def &&
        def->node_case == PG_QUERY__NODE__NODE_PARTITION_CMD && def->partition_cmd->concurrent)
        return SUX;
    for (size_t i = 0; i < EVO_COUNT(alter_modes); i++)
        if (alter_modes[i].type == cmd->subtype)
            return alter_modes[i].mode;
    return AX;
}

/* The other relation of INHERIT, ATTACH and DETACH. */
static void add_relative(struct evo_sql_locks *locks, const PgQuery__AlterTableCmd *cmd)
{
    const PgQuery__Node *def = cmd->def;
    if (!def)
        return;
    if (def->node_case == PG_QUERY__NODE__NODE_PARTITION_CMD)
        add_range(locks, def->partition_cmd->name,
                  cmd->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_DetachPartition &&
                          def->partition_cmd->concurrent
                      ? SUX
                      : AX);
    else if (cmd->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_AddInherit)
        add_range(locks, def->range_var, SUX);
    else
        read_below(locks, def);
}

static void alter_table(struct evo_sql_locks *locks, const PgQuery__AlterTableStmt *stmt)
{
    if (stmt->objtype == PG_QUERY__OBJECT_TYPE__OBJECT_TYPE)
        return;
    enum mode strongest = NONE;
    for (size_t i = 0; i < stmt->n_cmds; i++) {
        enum mode mode = alter_mode(stmt->cmds[i]->alter_table_cmd);
        strongest = mode > strongest ? mode : strongest;
    }
    add_range(locks, stmt->relation, strongest);
    for (size_t i = 0; i < stmt->n_cmds; i++)
        add_relative(locks, stmt->cmds[i]->alter_table_cmd);
}

/* ---- statements that name objects by lists of names ---- */

/* How many names at the end of the list are not the relation's, and what COMMENT ON takes. */
static const struct {
    PgQuery__ObjectType type;
    size_t leave;
    enum mode comment;
} named_objects[] = {
    { PG_QUERY__OBJECT_TYPE__OBJECT_TABLE, 0, SUX },
    { PG_QUERY__OBJECT_TYPE__OBJECT_FOREIGN_TABLE, 0, SUX },
    { PG_QUERY__OBJECT_TYPE__OBJECT_VIEW, 0, SUX },
    { PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW, 0, SUX },
    { PG_QUERY__OBJECT_TYPE__OBJECT_INDEX, 0, SUX },
    { PG_QUERY__OBJECT_TYPE__OBJECT_SEQUENCE, 0, SUX },
    { PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN, 1, SUX },
    { PG_QUERY__OBJECT_TYPE__OBJECT_TRIGGER, 1, AS },
    { PG_QUERY__OBJECT_TYPE__OBJECT_RULE, 1, AS },
    { PG_QUERY__OBJECT_TYPE__OBJECT_POLICY, 1, AS },
    { PG_QUERY__OBJECT_TYPE__OBJECT_TABCONSTRAINT, 1, AS },
};

/* `mode` NONE: that of a comment. */
static void add_named(struct evo_sql_locks *locks, PgQuery__ObjectType type, const PgQuery__Node *object,
                      enum mode mode)
{
    if (!object || object->node_case != PG_QUERY__NODE__NODE_LIST)
        return;
    for (size_t i = 0; i < EVO_COUNT(named_objects); i++)
        if (named_objects[i].type == type)
            add(locks, evo_sql_list_name(object->list->items, object->list->n_items, named_objects[i].leave),
                mode != NONE ? mode : named_objects[i].comment);
}

/* ---- the rest, a few lines each ---- */

static void create_table(struct evo_sql_locks *locks, const PgQuery__CreateStmt *stmt)
{
    add_ranges(locks, stmt->inh_relations, stmt->n_inh_relations, stmt->partbound ? AX : SUX);
    read_nodes(locks, stmt->table_elts, stmt->n_table_elts);
    read_nodes(locks, stmt->constraints, stmt->n_constraints);
}

/* A DefElem of this name among options, and not switched off. */
static bool has_option(PgQuery__Node *const *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const PgQuery__DefElem *option = options[i]->def_elem;
        if (!evo_streq(option->defname, name))
            continue;
        const PgQuery__Node *arg = option->arg;
        bool off = arg && arg->node_case == PG_QUERY__NODE__NODE_STRING &&
                   (evo_streq(arg->string->sval, "false") || evo_streq(arg->string->sval, "off"));
        return !off;
    }
    return false;
}

static void vacuum(struct evo_sql_locks *locks, const PgQuery__VacuumStmt *stmt)
{
    bool full = stmt->is_vacuumcmd && has_option(stmt->options, stmt->n_options, "full");
    for (size_t i = 0; i < stmt->n_rels; i++)
        add_range(locks, stmt->rels[i]->vacuum_relation->relation, full ? AX : SUX);
}

static void reindex(struct evo_sql_locks *locks, const PgQuery__ReindexStmt *stmt)
{
    bool concurrent = has_option(stmt->params, stmt->n_params, "concurrently");
    bool index = stmt->kind == PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_INDEX;
    add_range(locks, stmt->relation, concurrent ? SUX : index ? AX : S);
}

static void publication(struct evo_sql_locks *locks, PgQuery__Node *const *objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const PgQuery__PublicationObjSpec *spec = objects[i]->publication_obj_spec;
        if (spec->pubtable)
            add_range(locks, spec->pubtable->relation, SUX);
    }
}

static void locks_of(struct evo_sql_locks *l, const PgQuery__Node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
    case PG_QUERY__NODE__NODE_INSERT_STMT:
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
    case PG_QUERY__NODE__NODE_DELETE_STMT:
    case PG_QUERY__NODE__NODE_MERGE_STMT:
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
    case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
    case PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT:
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
        read_below(l, node);
        break;
    case PG_QUERY__NODE__NODE_VIEW_STMT:
        add_range(l, node->view_stmt->view, node->view_stmt->replace ? AX : NONE);
        read_below(l, node->view_stmt->query);
        break;
    case PG_QUERY__NODE__NODE_COPY_STMT:
        add_range(l, node->copy_stmt->relation, node->copy_stmt->is_from ? RX : AS);
        read_below(l, node->copy_stmt->query);
        break;
    case PG_QUERY__NODE__NODE_LOCK_STMT:
        if (node->lock_stmt->mode >= AS && node->lock_stmt->mode <= AX)
            add_ranges(l, node->lock_stmt->relations, node->lock_stmt->n_relations,
                       (enum mode)node->lock_stmt->mode);
        break;
    case PG_QUERY__NODE__NODE_TRUNCATE_STMT:
        add_ranges(l, node->truncate_stmt->relations, node->truncate_stmt->n_relations, AX);
        break;
    case PG_QUERY__NODE__NODE_CREATE_STMT:
        create_table(l, node->create_stmt);
        break;
    case PG_QUERY__NODE__NODE_CREATE_FOREIGN_TABLE_STMT:
        create_table(l, node->create_foreign_table_stmt->base_stmt);
        break;
    case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
        alter_table(l, node->alter_table_stmt);
        break;
    case PG_QUERY__NODE__NODE_RENAME_STMT:
        if (node->rename_stmt->rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_INDEX)
            add_range(l, node->rename_stmt->relation, SUX);
        else if (node->rename_stmt->rename_type != PG_QUERY__OBJECT_TYPE__OBJECT_ATTRIBUTE)
            add_range(l, node->rename_stmt->relation, AX);
        break;
    case PG_QUERY__NODE__NODE_ALTER_OBJECT_SCHEMA_STMT:
        add_range(l, node->alter_object_schema_stmt->relation, AX);
        break;
    case PG_QUERY__NODE__NODE_DROP_STMT:
        for (size_t i = 0; i < node->drop_stmt->n_objects; i++)
            add_named(l, node->drop_stmt->remove_type, node->drop_stmt->objects[i],
                      node->drop_stmt->concurrent ? SUX : AX);
        break;
    case PG_QUERY__NODE__NODE_COMMENT_STMT:
        add_named(l, node->comment_stmt->objtype, node->comment_stmt->object, NONE);
        break;
    case PG_QUERY__NODE__NODE_INDEX_STMT:
        add_range(l, node->index_stmt->relation, node->index_stmt->concurrent ? SUX : S);
        break;
    case PG_QUERY__NODE__NODE_REINDEX_STMT:
        reindex(l, node->reindex_stmt);
        break;
    case PG_QUERY__NODE__NODE_VACUUM_STMT:
        vacuum(l, node->vacuum_stmt);
        break;
    case PG_QUERY__NODE__NODE_CLUSTER_STMT:
        add_range(l, node->cluster_stmt->relation, AX);
        break;
    case PG_QUERY__NODE__NODE_REFRESH_MAT_VIEW_STMT:
        add_range(l, node->refresh_mat_view_stmt->relation, node->refresh_mat_view_stmt->concurrent ? X : AX);
        break;
    case PG_QUERY__NODE__NODE_CREATE_TRIG_STMT:
        add_range(l, node->create_trig_stmt->relation, SRX);
        add_range(l, node->create_trig_stmt->constrrel, AS);
        break;
    case PG_QUERY__NODE__NODE_RULE_STMT:
        add_range(l, node->rule_stmt->relation, AX);
        read_nodes(l, node->rule_stmt->actions, node->rule_stmt->n_actions);
        break;
    case PG_QUERY__NODE__NODE_CREATE_POLICY_STMT:
        add_range(l, node->create_policy_stmt->table, AX);
        read_below(l, node->create_policy_stmt->qual);
        read_below(l, node->create_policy_stmt->with_check);
        break;
    case PG_QUERY__NODE__NODE_ALTER_POLICY_STMT:
        add_range(l, node->alter_policy_stmt->table, AX);
        read_below(l, node->alter_policy_stmt->qual);
        read_below(l, node->alter_policy_stmt->with_check);
        break;
    case PG_QUERY__NODE__NODE_ALTER_SEQ_STMT:
        add_range(l, node->alter_seq_stmt->sequence, SRX);
        break;
    case PG_QUERY__NODE__NODE_CREATE_STATS_STMT:
        add_ranges(l, node->create_stats_stmt->relations, node->create_stats_stmt->n_relations, SUX);
        break;
    case PG_QUERY__NODE__NODE_CREATE_PUBLICATION_STMT:
        publication(l, node->create_publication_stmt->pubobjects,
                    node->create_publication_stmt->n_pubobjects);
        break;
    case PG_QUERY__NODE__NODE_ALTER_PUBLICATION_STMT:
        publication(l, node->alter_publication_stmt->pubobjects, node->alter_publication_stmt->n_pubobjects);
        break;
    default: /* takes no table lock, or nothing that its text names */
        break;
    }
}

void evo_sql_locks_of(const char *sql, size_t n, struct evo_sql_locks *ret)
{
    EVO_AUTO_PTR(sql_tree) tree = evo_sql_tree_new(sql, n);
    if (tree) {
        locks_of(ret, evo_sql_tree_statement(tree));
        return;
    }
    /* The long INSERTs of data files are too long for a tree; their first words say enough. */
    EVO_AUTO(sql_tokens) tokens = { 0 };
    if (!evo_sql_tokens_read(&tokens, sql, n, 16) || evo_sql_match(&tokens, 0, "INSERT INTO ?") < 0)
        return;
    size_t last = (size_t)evo_sql_match(&tokens, 0, "INSERT INTO ?") - 1;
    const struct evo_lex_token *from = &tokens.items[2], *to = &tokens.items[last];
    add(ret, evo_strndup(sql + from->start, to->start + to->len - from->start), RX);
}

void evo_sql_locks_release(struct evo_sql_locks *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i].relation);
    free(l->items);
    *l = (struct evo_sql_locks){ 0 };
}
