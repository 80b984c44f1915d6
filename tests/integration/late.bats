# A migration that arrives behind what is applied, where the ledger cannot tell: golang-migrate's one version, Alembic's
# heads, Flyway's baseline. It counts as applied, and evo says that nothing is known to have run it - where evo knows.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sqltools
load ../lib/flyway
load ../lib/alembic

setup() {
    pg_fresh_db
}

status_json() {
    run_evo evo-status --json "$@"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/status.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

# assert_late NAME...: those and no others, by status alone; without a name: none.
assert_late() {
    status_json --fail-on drift
    assert_equal "$*" "$(json '[.data.applied[] | select(.late).name] | join(" ")')"
    if [ $# -eq 0 ]; then
        assert_exit 0
        assert_json '.data.checks[] | select(.name == "late") | .verdict == "ok" and .message == "none"'
    else
        assert_exit 1
        assert_json ".error.reason == \"drift\" and .error.migration == \"$1\" and .error.next == \"evo-migrate resolve --applied $1\""
        status_json
        assert_exit 0
        assert_json '.data.checks[] | select(.name == "late").verdict == "warn"'
    fi
}

# seen: the record, in order.
seen() {
    pg_sql 'SELECT version FROM evo.seen ORDER BY version' | paste -sd' '
}

golang() {
    tool_project golang-migrate
    tool_migration 000001_a 'CREATE TABLE a (id int);' 'DROP TABLE a;'
    tool_migration 000005_e 'CREATE TABLE e (id int);' 'DROP TABLE e;'
}

@test "golang-migrate: named by status, plan and up; put behind the last one it is applied" {
    golang
    run_evo evo-migrate up --layout golang-migrate
    assert_exit 0
    assert_equal '1 5' "$(seen)"
    assert_late
    tool_migration 000003_c 'CREATE TABLE c (id int);' 'DROP TABLE c;'
    assert_late 000003_c
    # the schema is what it was
    assert_json '.data.fingerprint.drift == "none"'
    run_evo evo-migrate plan --json
    assert_exit 0
    assert_json '.data.warnings | any(startswith("migration \"000003_c\" arrived behind one that is applied already, and counts as applied: nothing is known to have run it."))'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_stderr_has 'migration "000003_c" arrived behind one'
    assert_json '.data.applied == [] and (.data.warnings | any(contains("evo-migrate resolve --applied 000003_c")))'
    tool up
    assert_stderr_has 'no change'
    # Another one is applied, and this one stays what it is.
    tool_migration 000006_f 'CREATE TABLE f (id int);' 'DROP TABLE f;'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["000006_f"] and (.data.warnings | any(contains("000003_c")))'
    assert_equal '1 5 6' "$(seen)"
    assert_late 000003_c
    mv "$MIGRATIONS/000003_c.up.sql" "$MIGRATIONS/000007_c.up.sql"
    mv "$MIGRATIONS/000003_c.down.sql" "$MIGRATIONS/000007_c.down.sql"
    run_evo evo-migrate up --json
    assert_json '[.data.applied[].name] == ["000007_c"] and all(.data.warnings[]; contains("arrived") | not)'
    assert_late
}

@test "golang-migrate: whoever knows that it is in says so; it is taken back with a word of warning" {
    golang
    run_evo evo-migrate up --layout golang-migrate
    assert_exit 0
    tool_migration 000003_c 'CREATE TABLE c (id int);' 'DROP TABLE IF EXISTS c;'
    assert_late 000003_c
    run_evo evo-migrate resolve --applied 000003_c --json
    assert_exit 0
    assert_json '.data.resolved | .name == "000003_c" and .as == "applied"'
    assert_equal '1 3 5' "$(seen)"
    assert_equal '5|f' "$(pg_sql 'SELECT version, dirty FROM schema_migrations')"
    assert_late
    run_evo evo-migrate resolve --applied 000003_c --json
    assert_exit 2
    tool_migration 000002_b 'CREATE TABLE b (id int);' 'DROP TABLE IF EXISTS b;'
    run_evo evo-migrate down --to 000001_a --json
    assert_exit 0
    assert_json '[.data.rolled_back[].name] == ["000005_e", "000003_c", "000002_b"]'
    assert_json '.data.warnings | any(. == "migration \"000002_b\" is taken back, and nothing is known to have run it")'
    assert_equal 1 "$(seen)"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '1 2 3 5' "$(seen)"
    assert_late
}

@test "golang-migrate: no record, no accusation; nor of what the tool itself applied, or of a file of another branch" {
    golang
    tool up
    assert_exit 0
    tool_migration 000003_c 'CREATE TABLE c (id int);' 'DROP TABLE c;'
    assert_late
    tool_migration 000006_f 'CREATE TABLE f (id int);' 'DROP TABLE f;'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '1 3 5 6' "$(seen)"
    # two more by the tool
    tool_migration 000007_g 'CREATE TABLE g (id int);' 'DROP TABLE g;'
    tool_migration 000008_h 'CREATE TABLE h (id int);' 'DROP TABLE h;'
    tool up
    assert_exit 0
    assert_late
    # a checkout that does not have one of them yet
    mv "$MIGRATIONS/000003_c.up.sql" "$MIGRATIONS/000003_c.down.sql" "$BATS_TEST_TMPDIR"
    tool_migration 000009_i 'CREATE TABLE i (id int);' 'DROP TABLE i;'
    run_evo evo-migrate up
    assert_exit 0
    mv "$BATS_TEST_TMPDIR"/000003_c.* "$MIGRATIONS"
    assert_late
    assert_equal '1 3 5 6 7 8 9' "$(seen)"
    # whoever may not read the record accuses nobody
    pg_fresh_role
    pg_sql "GRANT SELECT ON schema_migrations TO $PG_ROLE"
    tool_migration 000002_b 'CREATE TABLE b (id int);' 'DROP TABLE b;'
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") run_evo evo-status --json
    assert_exit 0
    assert_json 'all(.data.applied[]; .late | not)'
    assert_late 000002_b
}

@test "golang-migrate: a database whose records are older gets the table with the next run" {
    golang
    run_evo evo-migrate up --layout golang-migrate --steps 1
    assert_exit 0
    pg_sql 'DROP TABLE evo.seen'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '1 5' "$(seen)"
    run_evo evo-migrate down --fingerprint off
    assert_exit 0
    run_evo evo-migrate up --fingerprint off
    assert_exit 0
    assert_late
}

@test "golang-migrate: a role that may record the schema, and not what is applied, is told what to ask for" {
    golang
    run_evo evo-migrate up --layout golang-migrate --steps 1
    assert_exit 0
    pg_fresh_role
    pg_sql "GRANT USAGE ON SCHEMA evo TO $PG_ROLE; GRANT SELECT, INSERT, DELETE ON evo.fingerprints, evo.schemas TO $PG_ROLE;
        GRANT USAGE, CREATE ON SCHEMA public TO $PG_ROLE; GRANT SELECT, INSERT, TRUNCATE ON schema_migrations TO $PG_ROLE"
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["000005_e"] and (.data.applied[0].fingerprint | length == 64)'
    assert_json ".data.warnings | any(contains(\"what is applied was not recorded\") and contains(\"GRANT SELECT, INSERT, DELETE ON evo.seen TO $PG_ROLE\"))"
}

@test "Alembic: a revision that was put below a head" {
    alembic_project
    rm -f "$VERSIONS"/*.py
    revision aa None 'CREATE TABLE a (id int)' 'DROP TABLE a'
    revision cc "'aa'" 'CREATE TABLE c (id int)' 'DROP TABLE c'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 'aa cc' "$(seen)"
    assert_late
    revision bb "'aa'" 'CREATE TABLE b (id int)' 'DROP TABLE b'
    revision cc "'bb'" 'CREATE TABLE c (id int)' 'DROP TABLE c'
    assert_late bb_step
    assert_json '.data.checks[] | select(.name == "late").hint | startswith("Have it build upon the last one")'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.warnings | any(contains("bb_step"))'
    revision cc "'aa'" 'CREATE TABLE c (id int)' 'DROP TABLE c'
    revision bb "'cc'" 'CREATE TABLE b (id int)' 'DROP TABLE b'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["bb_step"] and all(.data.warnings[]; contains("arrived") | not)'
    assert_late
    assert_equal 'aa bb cc' "$(seen)"
}

@test "Flyway: a version below the baseline that came later" {
    flyway_project
    put V1__a 'CREATE TABLE a (id int);'
    put V2__b 'CREATE TABLE b (id int);'
    run_evo evo-migrate up
    assert_exit 0
    # without a baseline every migration has a row of its own
    assert_equal '' "$(seen)"
    pg_sql "UPDATE flyway_schema_history SET type = 'BASELINE', checksum = NULL WHERE version = '2'; DELETE FROM flyway_schema_history WHERE version = '1'"
    put V3.0__c 'CREATE TABLE c (id int);'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '1 2 3' "$(seen)"
    assert_late
    put V1.5__late 'CREATE TABLE late (id int);'
    assert_late V1.5__late
    run_evo evo-migrate resolve --applied V1.5__late
    assert_exit 0
    assert_late
}
