/* evo_sql_batch_of: from the tokens where the condition goes, from the parse tree what the statement is. */
#include "sql/batch.h"

#include <string.h>

#include "base/strbuf.h"
#include "sql/classify.h"
#include "sql/tree.h"

enum { TOKENS_MAX = 4000, PLACEHOLDER = 6 /* strlen(":batch"), and of "(true)" */ };
#define NONE ((size_t)-1)

void evo_sql_batch_release(struct evo_sql_batch *b)
{
    if (!b)
        return;
    free(b->table);
    free(b->alias);
    free(b->where);
    free(b->head);
    free(b->tail);
    evo_strvec_release(&b->columns);
    *b = (struct evo_sql_batch){ 0 };
}

/* What is known while one statement is looked at. */
struct look {
    const char *sql;
    size_t n;
    struct evo_sql_tokens t;
    const PgQuery__Node *statement;
    const PgQuery__RangeVar *wanted; /* the table that was named; NULL: none was */
    const PgQuery__RangeVar *walked; /* whose rows make the batches */
    struct evo_sql_batch *b;
};

static enum evo_errc refuse(const struct look *l, size_t token, struct evo_error *err, const char *message)
{
    evo_error_set(err, EVO_ERR_CONFIG, "%s", message);
    evo_error_hint(err, "Write UPDATE or DELETE of one table with a plain WHERE; or the word :batch where a "
                        "condition stands; or a sub-select with LIMIT $1.");
    return evo_error_at(err, NULL, token < l->t.count ? l->t.items[token].line : 1);
}

/* ---- names ------------------------------------------------------------------- */

static void add_quoted(struct evo_strbuf *out, const char *name)
{
    evo_strbuf_addch(out, '"');
    for (const char *p = name; *p; p++) {
        if (*p == '"')
            evo_strbuf_addch(out, '"');
        evo_strbuf_addch(out, *p);
    }
    evo_strbuf_addch(out, '"');
}

static char *quoted(const char *name)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    add_quoted(&out, name);
    return evo_strbuf_detach(&out);
}

static bool is_given(const char *text)
{
    return text && *text;
}

static char *table_of(const PgQuery__RangeVar *range)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (is_given(range->schemaname)) {
        add_quoted(&out, range->schemaname);
        evo_strbuf_addch(&out, '.');
    }
    add_quoted(&out, range->relname);
    return evo_strbuf_detach(&out);
}

/* The alias counts where there is one: the table's name is no name any more then. */
static char *alias_of(const PgQuery__RangeVar *range)
{
    return quoted(range->alias ? range->alias->aliasname : range->relname);
}

static bool is_table(const PgQuery__RangeVar *a, const PgQuery__RangeVar *b)
{
    bool same_schema =
        !is_given(a->schemaname) || !is_given(b->schemaname) || evo_streq(a->schemaname, b->schemaname);
    return same_schema && evo_streq(a->relname, b->relname);
}

/* The tree of a statement about the table alone: the parser knows what a name is. */
static struct evo_sql_tree *name_tree(const char *text)
{
    EVO_AUTO_STR sql = evo_asprintf("TABLE %s", text);
    EVO_AUTO_PTR(sql_tree) tree = evo_sql_tree_new(sql, strlen(sql));
    if (!tree || strpbrk(text, ";\n"))
        return NULL;
    const PgQuery__Node *node = evo_sql_tree_statement(tree);
    const PgQuery__SelectStmt *select =
        node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT ? node->select_stmt : NULL;
    if (!select || select->n_from_clause != 1 ||
        select->from_clause[0]->node_case != PG_QUERY__NODE__NODE_RANGE_VAR ||
        select->from_clause[0]->range_var->alias || select->n_sort_clause || select->limit_count ||
        select->n_locking_clause)
        return NULL;
    struct evo_sql_tree *result = tree;
    tree = NULL;
    return result;
}

static const PgQuery__RangeVar *name_of(const struct evo_sql_tree *tree)
{
    return evo_sql_tree_statement(tree)->select_stmt->from_clause[0]->range_var;
}

char *evo_sql_table_name(const char *text)
{
    EVO_AUTO_PTR(sql_tree) tree = name_tree(text);
    return tree ? table_of(name_of(tree)) : NULL;
}

/* ---- tokens ------------------------------------------------------------------ */

static bool is_word(const struct look *l, size_t i, const char *word)
{
    return i < l->t.count && evo_lex_is(&l->t.lexer, &l->t.items[i], word);
}

static bool is_char(const struct look *l, size_t i, char c)
{
    return i < l->t.count && evo_lex_is_char(&l->t.lexer, &l->t.items[i], c);
}

static size_t start_of(const struct look *l, size_t i)
{
    return i < l->t.count ? l->t.items[i].start : l->n;
}

static size_t end_of(const struct look *l, size_t i)
{
    return l->t.items[i].start + l->t.items[i].len;
}

/* The first of the word at the level of parentheses of token `from`, before token `to`; NONE. */
static size_t find_word(const struct look *l, size_t from, size_t to, const char *word)
{
    int depth = 0;
    for (size_t i = from; i < to && i < l->t.count; i++) {
        if (is_char(l, i, '('))
            depth++;
        else if (is_char(l, i, ')'))
            depth--;
        else if (depth == 0 && is_word(l, i, word))
            return i;
    }
    return NONE;
}

static bool is_placeholder(const struct look *l, size_t i)
{
    return is_char(l, i, ':') && is_word(l, i + 1, "BATCH") && start_of(l, i + 1) == start_of(l, i) + 1 &&
           !(i > 0 && is_char(l, i - 1, ':') && start_of(l, i - 1) + 1 == start_of(l, i));
}

static bool is_parameter(const struct look *l, size_t i)
{
    return i < l->t.count && l->t.items[i].kind == EVO_LEX_NUMBER && l->sql[start_of(l, i)] == '$';
}

static bool is_first_parameter(const struct look *l, size_t i)
{
    return is_parameter(l, i) && l->t.items[i].len == 2 && l->sql[start_of(l, i) + 1] == '1';
}

static char *piece(const struct look *l, size_t from, size_t to)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_strbuf_add(&out, l->sql + from, to - from);
    evo_strbuf_trim(&out);
    return evo_strbuf_detach(&out);
}

/* Puts a hole beside the condition from byte `from` to `to`, or where one would stand; `rest` is what follows. */
static void cut_at_where(struct look *l, size_t where, size_t to, const char *rest)
{
    struct evo_sql_batch *b = l->b;
    if (where != NONE) {
        size_t from = end_of(l, where);
        b->where = piece(l, from, to);
        b->head = evo_asprintf("%.*s (%s\n) AND ", (int)from, l->sql, b->where);
    } else {
        EVO_AUTO_STR before = piece(l, 0, to);
        b->head = evo_asprintf("%s\nWHERE ", before);
    }
    b->tail = *rest ? evo_asprintf("\n%s", rest) : evo_strdup("");
}

/* ---- the forms --------------------------------------------------------------- */

struct target {
    const PgQuery__RangeVar *range;
    PgQuery__Node *const *assigned;
    size_t nassigned;
    size_t nothers; /* tables beside it: FROM, USING */
    bool has_with, current_of;
};

static bool is_current_of(const PgQuery__Node *where)
{
    return where && where->node_case == PG_QUERY__NODE__NODE_CURRENT_OF_EXPR;
}

static enum evo_errc find_target(struct look *l, struct target *ret, struct evo_error *err)
{
    const PgQuery__Node *node = l->statement;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        l->b->kind = EVO_SQL_UPDATE;
        *ret = (struct target){ .range = node->update_stmt->relation,
                                .assigned = node->update_stmt->target_list,
                                .nassigned = node->update_stmt->n_target_list,
                                .nothers = node->update_stmt->n_from_clause,
                                .has_with = node->update_stmt->with_clause != NULL,
                                .current_of = is_current_of(node->update_stmt->where_clause) };
        return EVO_OK;
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        l->b->kind = EVO_SQL_DELETE;
        *ret = (struct target){ .range = node->delete_stmt->relation,
                                .nothers = node->delete_stmt->n_using_clause,
                                .has_with = node->delete_stmt->with_clause != NULL,
                                .current_of = is_current_of(node->delete_stmt->where_clause) };
        return EVO_OK;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        l->b->kind = EVO_SQL_INSERT;
        *ret = (struct target){ .range = node->insert_stmt->relation };
        return EVO_OK;
    default:
        return refuse(l, 0, err, "the statement is no UPDATE, DELETE or INSERT");
    }
}

static void take_range(struct look *l, const PgQuery__RangeVar *range)
{
    l->walked = range;
    l->b->table = table_of(l->wanted ? l->wanted : range);
    l->b->alias = alias_of(range);
}

static enum evo_errc plain(struct look *l, const struct target *target, struct evo_error *err)
{
    if (l->b->kind == EVO_SQL_INSERT)
        return refuse(l, 0, err, "an INSERT has to say where the batch goes");
    if (target->nothers || target->has_with)
        return refuse(l, 0, err, "a statement over several tables has to say where the batch goes");
    if (target->current_of)
        return refuse(l, 0, err, "WHERE CURRENT OF cannot be cut into batches");
    if (l->wanted && !is_table(l->wanted, target->range))
        return refuse(l, 0, err, "the statement changes another table than the one named");
    take_range(l, target->range);
    size_t where = find_word(l, 0, l->t.count, "WHERE");
    size_t returning = find_word(l, 0, l->t.count, "RETURNING");
    size_t end = returning == NONE ? l->n : start_of(l, returning);
    cut_at_where(l, where, end, l->sql + end);
    return EVO_OK;
}

/* The places where the wanted table is named. */
struct ranges {
    const PgQuery__RangeVar *wanted, *but; /* `but`: the target of an INSERT */
    const PgQuery__RangeVar *found;
    size_t count;
};

static bool note_range(void *ctx, const ProtobufCMessage *message)
{
    struct ranges *r = ctx;
    const PgQuery__RangeVar *range = (const PgQuery__RangeVar *)message;
    if (message->descriptor != &pg_query__range_var__descriptor || range == r->but)
        return true;
    if (is_table(r->wanted, range)) {
        r->found = range;
        r->count++;
    }
    return true;
}

static enum evo_errc placeholder(struct look *l, const struct target *target, size_t at,
                                 struct evo_error *err)
{
    bool of_target = l->b->kind != EVO_SQL_INSERT && (!l->wanted || is_table(l->wanted, target->range));
    struct ranges r = { .wanted = l->wanted,
                        .but = l->b->kind == EVO_SQL_INSERT ? target->range : NULL,
                        .found = of_target ? target->range : NULL };
    if (!of_target && !l->wanted)
        return refuse(l, at, err, "whose rows the batches are made of has to be said: table=NAME");
    if (!of_target)
        evo_sql_tree_walk(&l->statement->base, note_range, &r);
    if (!r.found)
        return refuse(l, at, err, "the statement does not name the table");
    if (r.count > 1)
        return refuse(l, at, err,
                      "the statement names the table more than once: whose rows :batch means is not clear");
    take_range(l, r.found);
    l->b->placeholder = true;
    size_t start = start_of(l, at);
    l->b->head = evo_strndup(l->sql, start);
    l->b->tail = evo_strndup(l->sql + start + PLACEHOLDER, l->n - start - PLACEHOLDER);
    return EVO_OK;
}

static bool note_limited(void *ctx, const ProtobufCMessage *message)
{
    const PgQuery__SelectStmt **found = ctx;
    const PgQuery__SelectStmt *select = (const PgQuery__SelectStmt *)message;
    if (message->descriptor == &pg_query__select_stmt__descriptor && select->limit_count &&
        select->limit_count->node_case == PG_QUERY__NODE__NODE_PARAM_REF)
        *found = select;
    return true;
}

static bool is_simple(const PgQuery__SelectStmt *s)
{
    return s->n_from_clause == 1 && s->from_clause[0]->node_case == PG_QUERY__NODE__NODE_RANGE_VAR &&
           !s->n_distinct_clause && !s->n_group_clause && !s->having_clause && !s->n_window_clause &&
           !s->limit_offset && !s->with_clause && !s->larg;
}

/* The token behind the parenthesis in which token i stands. */
static size_t group_start(const struct look *l, size_t i)
{
    int depth = 0;
    while (i > 0) {
        if (is_char(l, i - 1, ')'))
            depth++;
        else if (is_char(l, i - 1, '(') && depth-- == 0)
            return i;
        i--;
    }
    return 0;
}

static enum evo_errc limited(struct look *l, size_t limit, struct evo_error *err)
{
    const PgQuery__SelectStmt *select = NULL;
    evo_sql_tree_walk(&l->statement->base, note_limited, &select);
    size_t begin = group_start(l, limit);
    if (!select || !is_simple(select) || begin == 0 || !is_word(l, begin, "SELECT"))
        return refuse(l, limit, err, "LIMIT $1 has to stand in a plain sub-select of one table");
    const PgQuery__RangeVar *range = select->from_clause[0]->range_var;
    if (l->wanted && !is_table(l->wanted, range))
        return refuse(l, limit, err, "the sub-select reads another table than the one named");
    if (find_word(l, begin, limit, "FOR") != NONE)
        return refuse(l, limit, err, "FOR UPDATE has to stand behind LIMIT $1");
    take_range(l, range);
    size_t where = find_word(l, begin, limit, "WHERE");
    size_t order = find_word(l, begin, limit, "ORDER");
    size_t end = start_of(l, order == NONE ? limit : order);
    EVO_AUTO_STR order_by = piece(l, end, start_of(l, limit));
    size_t behind = end_of(l, limit + 1);
    EVO_AUTO_STR rest = evo_asprintf("%s%.*s", order_by, (int)(l->n - behind), l->sql + behind);
    cut_at_where(l, where, end, rest);
    return EVO_OK;
}

/* ---- all of it --------------------------------------------------------------- */

/* Where the placeholder and LIMIT $1 stand; no other parameter may. */
static enum evo_errc find_holes(const struct look *l, size_t *ret_placeholder, size_t *ret_limit,
                                struct evo_error *err)
{
    *ret_placeholder = *ret_limit = NONE;
    for (size_t i = 0; i < l->t.count; i++) {
        if (is_placeholder(l, i)) {
            if (*ret_placeholder != NONE)
                return refuse(l, i, err, ":batch stands twice");
            *ret_placeholder = i;
        } else if (is_parameter(l, i)) {
            if (!is_first_parameter(l, i) || i == 0 || !is_word(l, i - 1, "LIMIT") || *ret_limit != NONE)
                return refuse(l, i, err, "the only parameter that has a value is the $1 of one LIMIT $1");
            *ret_limit = i - 1;
        }
    }
    if (*ret_placeholder != NONE && *ret_limit != NONE)
        return refuse(l, *ret_limit, err, ":batch and LIMIT $1 exclude each other");
    return EVO_OK;
}

static void note_columns(struct look *l, const struct target *target)
{
    if (!is_table(l->walked, target->range))
        return;
    for (size_t i = 0; i < target->nassigned; i++)
        if (target->assigned[i]->node_case == PG_QUERY__NODE__NODE_RES_TARGET)
            evo_strvec_push(&l->b->columns, target->assigned[i]->res_target->name);
}

static enum evo_errc look_at(struct look *l, size_t at, size_t limit, struct evo_error *err)
{
    struct target target = { 0 };
    enum evo_errc rc = find_target(l, &target, err);
    if (rc)
        return rc;
    rc = at != NONE      ? placeholder(l, &target, at, err)
         : limit != NONE ? limited(l, limit, err)
                         : plain(l, &target, err);
    if (!rc)
        note_columns(l, &target);
    return rc;
}

enum evo_errc evo_sql_batch_of(const char *sql, size_t n, const char *table, struct evo_sql_batch *ret,
                               struct evo_error *err)
{
    EVO_AUTO(sql_batch) b = { 0 };
    EVO_AUTO_STR text = evo_strndup(sql, n); /* terminated: pieces of it are formatted */
    struct look l = { .sql = text, .n = n, .b = &b };
    EVO_AUTO_PTR(sql_tree) named = table ? name_tree(table) : NULL;
    if (table && !named) {
        evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" is no name of a table", table);
        return evo_error_hint(err, "Write it as in SQL: orders, shop.orders, \"Orders\".");
    }
    l.wanted = named ? name_of(named) : NULL;
    size_t at, limit;
    enum evo_errc rc = EVO_OK;
    EVO_AUTO_STR parsed = evo_strndup(sql, n);
    EVO_AUTO_PTR(sql_tree) tree = NULL;
    if (!evo_sql_tokens_read(&l.t, text, n, TOKENS_MAX + 1) || l.t.count > TOKENS_MAX)
        rc = refuse(&l, 0, err, "the statement is too long to be understood");
    if (!rc)
        rc = find_holes(&l, &at, &limit, err);
    if (!rc && at != NONE)
        memcpy(parsed + start_of(&l, at), "(true)", PLACEHOLDER);
    if (!rc) {
        tree = evo_sql_tree_new(parsed, n);
        if (!tree)
            rc = refuse(&l, 0, err, "the statement is not understood");
    }
    if (!rc) {
        l.statement = evo_sql_tree_statement(tree);
        rc = look_at(&l, at, limit, err);
    }
    evo_sql_tokens_release(&l.t);
    if (rc)
        return rc;
    *ret = b;
    b = (struct evo_sql_batch){ 0 };
    return EVO_OK;
}
