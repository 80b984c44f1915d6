#include "sql/tree.h"

#include <string.h>

#include "base/strbuf.h"
#include "sql/classify.h"

/* The library builds, packs and unpacks the tree by recursion: a chain of 5000 operators overflows an 8 MiB stack.
 * No statement whose tree is of use here (it is for naming locks and indexes) comes near this many tokens. */
enum { TREE_TOKENS_MAX = 4000 };

struct evo_sql_tree {
    PgQuery__ParseResult *result;
};

bool evo_sql_parses(const char *sql, size_t n)
{
    EVO_AUTO_STR text = evo_strndup(sql, n);
    PgQuerySplitResult result = pg_query_split_with_parser(text);
    bool ok = !result.error;
    pg_query_free_split_result(result);
    return ok;
}

static bool is_short(const char *sql, size_t n)
{
    EVO_AUTO(sql_tokens) tokens = { 0 };
    return evo_sql_tokens_read(&tokens, sql, n, TREE_TOKENS_MAX + 1) && tokens.count <= TREE_TOKENS_MAX;
}

struct evo_sql_tree *evo_sql_tree_new(const char *sql, size_t n)
{
    if (!is_short(sql, n))
        return NULL;
    EVO_AUTO_STR text = evo_strndup(sql, n);
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(text);
    PgQuery__ParseResult *result = NULL;
    if (!parsed.error)
        result = pg_query__parse_result__unpack(NULL, parsed.parse_tree.len,
                                                (const uint8_t *)parsed.parse_tree.data);
    pg_query_free_protobuf_parse_result(parsed);
    if (!result)
        return NULL;
    if (result->n_stmts != 1 || !result->stmts[0]->stmt) {
        pg_query__parse_result__free_unpacked(result, NULL);
        return NULL;
    }
    struct evo_sql_tree *tree = evo_malloc(sizeof(*tree));
    tree->result = result;
    return tree;
}

void evo_sql_tree_free(struct evo_sql_tree *tree)
{
    if (!tree)
        return;
    pg_query__parse_result__free_unpacked(tree->result, NULL);
    free(tree);
}

const PgQuery__Node *evo_sql_tree_statement(const struct evo_sql_tree *tree)
{
    return tree->result->stmts[0]->stmt;
}

/* Whether this member of a oneof is the one that is set (protobuf-c keeps the set one's number at the quantifier). */
static bool is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return true;
    uint32_t set;
    memcpy(&set, (const char *)message + field->quantifier_offset, sizeof(set));
    return set == field->id;
}

void evo_sql_tree_walk(const ProtobufCMessage *message,
                       bool (*fn)(void *ctx, const ProtobufCMessage *message), void *ctx)
{
    if (!message || !fn(ctx, message))
        return;
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || !is_set(message, field))
            continue;
        const void *member = (const char *)message + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            evo_sql_tree_walk(*(const ProtobufCMessage *const *)member, fn, ctx);
            continue;
        }
        size_t count;
        memcpy(&count, (const char *)message + field->quantifier_offset, sizeof(count));
        const ProtobufCMessage *const *items = *(const ProtobufCMessage *const *const *)member;
        for (size_t k = 0; k < count; k++)
            evo_sql_tree_walk(items[k], fn, ctx);
    }
}

static void add_identifier(struct evo_strbuf *out, const char *name)
{
    bool plain = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
    for (const char *p = name; *p != '\0' && plain; p++)
        plain = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_';
    if (plain) {
        evo_strbuf_adds(out, name);
        return;
    }
    evo_strbuf_addch(out, '"');
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '"')
            evo_strbuf_addch(out, '"');
        evo_strbuf_addch(out, *p);
    }
    evo_strbuf_addch(out, '"');
}

char *evo_sql_range_name(const PgQuery__RangeVar *range)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    if (range->schemaname && *range->schemaname) {
        add_identifier(&out, range->schemaname);
        evo_strbuf_addch(&out, '.');
    }
    add_identifier(&out, range->relname ? range->relname : "");
    return evo_strbuf_detach(&out);
}

char *evo_sql_list_name(PgQuery__Node *const *items, size_t count, size_t leave)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    for (size_t i = 0; i + leave < count; i++) {
        if (items[i]->node_case != PG_QUERY__NODE__NODE_STRING)
            return NULL;
        if (i > 0)
            evo_strbuf_addch(&out, '.');
        add_identifier(&out, items[i]->string->sval);
    }
    return out.len > 0 ? evo_strbuf_detach(&out) : NULL;
}
