# shellcheck shell=bash
# Is one database the other one's copy? Compared by its contents and by what pg_dump says of it.
# Sourced behind tests/lib/evo.bash.
#
# Two differences are pg_dump's own and no fault: where a hash of an enum decides, rows of a copy lie in another
# partition (so rows are read through the root); and a child's column order differs once its parent was given a column
# late (so columns are taken by name, and the schema is compared with that of a copy that the stock tools made).

# contents_of DB: a line a table (rows, and a hash over them in an order of their own), a line a sequence, a line a large object.
contents_of() {
    pg_sql -d "$1" - <<'SQL'
SET extra_float_digits = 1; SET timezone = 'UTC'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; SET row_security = off;
SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(md5(t), '''' ORDER BY t COLLATE "C"), '''')) FROM (SELECT ROW(%s)::text AS t FROM %s %s) x',
        'table ' || c.oid::regclass, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname COLLATE "C") FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), CASE WHEN relkind = 'p' THEN '' ELSE 'ONLY' END, c.oid::regclass)
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'm') AND NOT relispartition AND nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND (relkind <> 'm' OR relispopulated)
    ORDER BY c.oid::regclass::text COLLATE "C" \gexec
SELECT format('SELECT %L, last_value, is_called FROM %s', 'sequence ' || oid::regclass, oid::regclass) FROM pg_class
    WHERE relkind = 'S' ORDER BY oid::regclass::text COLLATE "C" \gexec
SELECT 'large object ' || oid, md5(lo_get(oid)), pg_get_userbyid(lomowner), coalesce(lomacl, acldefault('L', lomowner)), obj_description(oid, 'pg_largeobject')
    FROM pg_largeobject_metadata ORDER BY oid;
SQL
}

# schema_of DB: what pg_dump says of all but the rows, in its own order. Each of its runs has another key for \restrict.
schema_of() {
    "$PG_BINDIR/pg_dump" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres --schema-only "$1" | grep -v '^\\\(un\)\?restrict '
}

# The first of what differs between two files; a database that differs does so in many lines.
_same() {
    local differences
    differences=$(diff "$1" "$2") && return 0
    head -n 30 <<<"$differences" >&2
    return 1
}

# assert_same_contents WANT GOT: rows, sequences and large objects are the same.
assert_same_contents() {
    _same <(contents_of "$1") <(contents_of "$2") || fail "the contents of $2 are not those of $1"
}

# assert_same_schema WANT GOT: pg_dump says the same of both, word for word.
assert_same_schema() {
    _same <(schema_of "$1") <(schema_of "$2") || fail "the schema of $2 is not that of $1"
}
