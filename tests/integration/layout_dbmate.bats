# evo as a guest in a dbmate project: the table and its rows are what dbmate would have written, each of the two goes on
# where the other stopped, and both agree on every state. The real dbmate stands on the other side.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sqltools

A=20250101000000_create_users B=20250102000000_add_user_status

setup() {
    pg_fresh_db
    tool_project dbmate
    tool_migration $A 'CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE);' 'DROP TABLE users;'
    tool_migration $B $'CREATE TYPE user_status AS ENUM (\'active\', \'suspended\');\nALTER TABLE users ADD status user_status;' \
        $'ALTER TABLE users DROP status;\nDROP TYPE user_status;'
}

teardown() {
    release
}

versions() {
    pg_sql "SELECT string_agg(version, ' ' ORDER BY version) FROM schema_migrations"
}

# dbmate_sees PENDING: so many.
dbmate_sees() {
    tool status --exit-code
    assert_exit $(($1 > 0))
    assert_stdout_has "Pending: $1"
}

@test "table, rows and schema are those of dbmate up" {
    run_evo evo-migrate up --layout dbmate
    assert_exit 0
    dbmate_sees 0
    local table schema rows
    table=$(tool_table) schema=$(app_schema) rows=$(versions)
    assert_equal '20250101000000 20250102000000' "$rows"

    pg_fresh_db
    tool up
    assert_exit 0
    assert_equal "$(tool_table)" "$table"
    assert_equal "$(app_schema)" "$schema"
    assert_equal "$(versions)" "$rows"
    evo_sees "$A $B" ''
    assert_equal f "$(exists evo.migrations)"
    # what dbmate did evo takes back
    run_evo evo-migrate down --to $A
    assert_exit 0
    dbmate_sees 1
    run_evo evo-migrate down
    assert_exit 0
    dbmate_sees 2
    assert_equal f "$(exists users)"
}

@test "half by one, half by the other, and back" {
    run_evo evo-migrate up --layout dbmate --steps 1
    assert_exit 0
    dbmate_sees 1
    tool up
    assert_exit 0
    evo_sees "$A $B" ''
    run_evo evo-migrate up
    assert_exit 0
    tool rollback
    assert_exit 0
    evo_sees "$A" "$B"
    run_evo evo-migrate up
    assert_exit 0
    tool rollback
    assert_exit 0
    tool rollback
    assert_exit 0
    evo_sees '' "$A $B"
    assert_equal f "$(exists users)"
}

@test "without dbmate's table the folder is plain SQL, with it evo is a guest" {
    run_evo evo-migrate plan --json
    assert_exit 0
    run_evo evo-status --json
    assert_json '.data.layout == "sql"'
    pg_sql 'CREATE TABLE schema_migrations (version varchar PRIMARY KEY)'
    evo_sees '' "$A $B"
    # named, plain SQL stays what it is: refused, with the way on
    run_evo evo-migrate up --layout sql --json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.hint | startswith("Go on with \"evo-migrate up --layout dbmate\""))'
    # an application's own table of that name is not dbmate's
    pg_sql 'DROP TABLE schema_migrations; CREATE TABLE schema_migrations (id int)'
    run_evo evo-status --layout dbmate --json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.message | contains("is not one of dbmate"))'
}

@test "a failure leaves no trace, also for dbmate" {
    tool_migration 20250103000000_bad $'CREATE TABLE half (id int);\nSELECT * FROM nope;' 'DROP TABLE half;'
    run_evo evo-migrate up --layout dbmate --json
    assert_exit 7
    assert_json '.error.schema_clean and .error.migration == "20250103000000_bad" and .error.line == 3 and .error.sqlstate == "42P01"'
    assert_equal f "$(exists half)"
    dbmate_sees 1
    tool_migration 20250103000000_bad 'CREATE TABLE half (id int);' 'DROP TABLE half;'
    tool up
    assert_exit 0
    evo_sees "$A $B 20250103000000_bad" ''
}

@test "dbmate has no checksums: an edited file is not called edited" {
    run_evo evo-migrate up --layout dbmate
    printf -- '-- a word more\n' >>"$MIGRATIONS/$A.sql"
    run_evo evo-migrate up
    assert_exit 0
    evo_sees "$A $B" ''
    assert_json '.data.edited == [] and (.data.applied | all(.started_at == null and .finished_at == null))'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/status.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

@test "one that arrives behind an applied one waits to be told" {
    tool up
    tool_migration 20250101120000_late 'CREATE TABLE late (id int);' 'DROP TABLE late;'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "pending" and (.error.next | startswith("git log -p -- ")) and (.error.hint | contains("evo-migrate up --out-of-order"))'
    run_evo evo-migrate up --out-of-order
    assert_exit 0
    dbmate_sees 0
    # dbmate takes back what comes last by name, and so does evo
    run_evo evo-migrate down
    assert_exit 0
    evo_sees "$A 20250101120000_late" "$B"
}

@test "a file that is gone: dbmate would take back another one, evo refuses" {
    tool up
    mv "$MIGRATIONS/$B.sql" "$BATS_TEST_TMPDIR/"
    run_evo evo-migrate down --json
    assert_exit 1
    assert_json '.error.reason == "not_found" and (.error.message | contains("20250102000000\": its file is gone"))'
    assert_equal t "$(exists users)"
}

@test "outside a transaction: stopped, shown as failed, resumed" {
    tool_migration 20250103000000_mix $'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY by_nope ON users (nope);' \
        $'DROP INDEX CONCURRENTLY by_nope;\nDROP TABLE once;' transaction:false
    run_evo evo-migrate up --layout dbmate --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .error.next == "evo-migrate up --layout dbmate" and .data.stopped.failed == 2'
    # dbmate's table has no word for it: to dbmate it is pending
    dbmate_sees 1
    run_evo evo-status --json
    assert_exit 0
    assert_json '.data.failed[0].name == "20250103000000_mix" and .data.failed[0].unfinished and .data.failed[0].next == "evo-migrate up"'
    run_evo evo-migrate down --json
    assert_exit 1
    assert_json '.error.reason == "failed"'

    tool_migration 20250103000000_mix $'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY by_email ON users (email);' \
        $'DROP INDEX CONCURRENTLY by_email;\nDROP TABLE once;' transaction:false
    run_evo evo-migrate plan --json
    assert_json '.data.steps[0].resumed'
    run_evo evo-migrate up
    assert_exit 0
    dbmate_sees 0
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
    # transaction:false of the way back
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back == [.data.rolled_back[0]] and (.data.rolled_back[0].transaction | not)'
    assert_equal f "$(exists once)"
    evo_sees "$A $B" 20250103000000_mix
}

@test "what stopped is settled by hand, either way" {
    local way
    for way in applied rolled-back; do
        tool_migration 20250103000000_mix $'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY i ON users (nope);' \
            'DROP TABLE once;' transaction:false
        run_evo evo-migrate up --layout dbmate
        assert_exit 7
        [ $way = applied ] || pg_sql 'DROP TABLE once'
        run_evo evo-migrate resolve --$way 20250103000000_mix --json
        assert_exit 0
        assert_json ".data.resolved.as == \"$way\""
        assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
        if [ $way = applied ]; then
            dbmate_sees 0
            evo_sees "$A $B 20250103000000_mix" ''
            tool rollback
            assert_exit 0
        fi
        evo_sees "$A $B" 20250103000000_mix
    done
    run_evo evo-migrate resolve --rolled-back 20250103000000_mix --json
    assert_exit 1
    assert_json '.error.reason == "not_found"'
    run_evo evo-migrate resolve --rolled-back $A --json
    assert_exit 2
    assert_json '.error.next == "evo-migrate down"'
}

@test "kill -9 in the middle of a file outside a transaction, and on" {
    tool_migration 20250103000000_mix $'CREATE TABLE once (id int);\nSELECT pg_sleep(60);\nCREATE TABLE last (id int);' \
        $'DROP TABLE last;\nDROP TABLE once;' transaction:false
    start_evo evo-migrate up --layout dbmate
    wait_until 20 query_runs '%pg_sleep(60)%'
    kill -9 "$EVO_PID"
    wait "$EVO_PID" || true
    wait_until 20 no_sessions
    dbmate_sees 1
    run_evo evo-status --json
    assert_json '.data.failed[0].unfinished'
    sed -i 's/pg_sleep(60)/1/' "$MIGRATIONS/20250103000000_mix.sql"
    run_evo evo-migrate up --json
    assert_exit 0
    assert_equal t "$(exists last)"
    dbmate_sees 0
}

@test "checkpoints of what dbmate settled since are forgotten" {
    tool_migration 20250103000000_mix $'CREATE TABLE IF NOT EXISTS once (id int);\nSELECT nope;' 'DROP TABLE once;' transaction:false
    run_evo evo-migrate up --layout dbmate
    assert_exit 7
    tool_migration 20250103000000_mix $'CREATE TABLE IF NOT EXISTS once (id int);\nSELECT 1;' 'DROP TABLE once;' transaction:false
    tool up
    assert_exit 0
    evo_sees "$A $B 20250103000000_mix" ''
    run_evo evo-migrate up
    assert_exit 0
    tool rollback
    assert_exit 0
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists once)"
}

@test "a file that handles transactions itself: begun is on record, and not run twice" {
    tool_migration 20250103000000_own $'BEGIN;\nCREATE TABLE first (id int);\nCOMMIT;\nSELECT nope;' 'DROP TABLE first;' transaction:false
    run_evo evo-migrate up --layout dbmate --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .error.next == null'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "failed" and (.error.hint | contains("resolve --rolled-back 20250103000000_own"))'
    pg_sql 'DROP TABLE first'
    run_evo evo-migrate resolve --rolled-back 20250103000000_own
    assert_exit 0
    tool_migration 20250103000000_own $'BEGIN;\nCREATE TABLE first (id int);\nCOMMIT;' 'DROP TABLE first;' transaction:false
    run_evo evo-migrate up
    assert_exit 0
    dbmate_sees 0
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
}

@test "the table stands where search_path leads, by role, database or URL" {
    pg_sql 'CREATE SCHEMA app'
    pg_sql "ALTER DATABASE \"$PG_DB\" SET search_path = app, public"
    run_evo evo-migrate up --layout dbmate --steps 1
    assert_exit 0
    assert_equal t "$(exists app.schema_migrations)"
    assert_equal t "$(exists app.users)"
    dbmate_sees 1
    evo_sees "$A" "$B"

    pg_fresh_db
    TOOL_QUERY=search_path=shop
    tool up
    assert_exit 0
    local table
    table=$(tool_table shop.schema_migrations)
    DATABASE_URL="$PG_TCP_URL?search_path=shop"
    evo_sees "$A $B" ''
    pg_fresh_db
    DATABASE_URL="$PG_TCP_URL?search_path=shop"
    run_evo evo-migrate up --layout dbmate
    assert_exit 0
    assert_equal "$table" "$(tool_table shop.schema_migrations)"
    assert_equal t "$(exists shop.users)"
    dbmate_sees 0
    DATABASE_URL="$PG_TCP_URL?search_path=shop,public"
    run_evo evo-status --json
    assert_exit 2
    assert_json '.error.detail | contains("search_path")'
}

@test "a table of another name, by the environment or .env" {
    printf 'OTHER=1\nexport DBMATE_MIGRATIONS_TABLE="tools.Versions" # as dbmate reads it\n' >.env
    tool up
    assert_exit 0
    local table
    table=$(tool_table 'tools."Versions"')
    evo_sees "$A $B" ''
    run_evo evo-migrate down
    assert_exit 0
    dbmate_sees 1
    # the environment goes before the file, and dbmate agrees
    export DBMATE_MIGRATIONS_TABLE=mine
    evo_sees '' "$A $B"
    unset DBMATE_MIGRATIONS_TABLE
    pg_fresh_db
    run_evo evo-migrate up
    assert_exit 0
    assert_equal "$table" "$(tool_table 'tools."Versions"')"
    dbmate_sees 0
    printf 'DBMATE_MIGRATIONS_TABLE=a.b.c\n' >.env
    run_evo evo-status --layout dbmate --json
    assert_exit 2
    assert_json '.error.message | contains("DBMATE_MIGRATIONS_TABLE")'
}

@test "a role that may not read the journal is told the state all the same" {
    tool_migration 20250103000000_mix $'CREATE TABLE once (id int);\nSELECT nope;' 'DROP TABLE once;' transaction:false
    run_evo evo-migrate up --layout dbmate
    assert_exit 7
    pg_fresh_role
    pg_sql "GRANT SELECT ON schema_migrations TO $PG_ROLE"
    # whether evo's own ledger has taken over it cannot see either: the layout must be named
    export DATABASE_URL
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD")
    run_evo evo-status --json
    assert_exit 3
    assert_json '.error.reason == "permission"'
    run_evo evo-status --layout dbmate --json
    assert_exit 0
    assert_equal 20250103000000_mix "$(names pending)"
}

@test "probes lie in evo/, and a false one costs nothing" {
    mkdir -p evo/$B
    printf 'SELECT false;\n' >evo/$B/verify_up.sql
    run_evo evo-migrate up --layout dbmate --json
    assert_exit 7
    assert_json '.error.schema_clean'
    dbmate_sees 1
    printf "SELECT count(*) = 2 FROM pg_enum;\n" >evo/$B/verify_up.sql
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied[0].verify == "passed"'
    run_evo evo-verify up --json
    assert_exit 0
    assert_json '.data.probes | length == 1'
    # a backup knows the state
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/store" --json
    assert_exit 0
    run_evo evo-backup show latest --store "$BATS_TEST_TMPDIR/store" --json
    assert_json '.data.ledger.layout == "dbmate" and (.data.ledger.applied | map(.name)) == ["20250101000000", "20250102000000"]'
}

@test "new writes a file that both take" {
    tool up
    assert_exit 0
    run_evo evo-migrate new add_orders --layout dbmate --json
    assert_exit 0
    local file
    file=$(json '.data.files[0]')
    printf -- '-- migrate:up\nCREATE TABLE orders (id int);\n-- migrate:down\nDROP TABLE orders;\n' >"$file"
    rm -r evo
    tool up
    assert_exit 0
    run_evo evo-migrate down
    assert_exit 0
    assert_equal f "$(exists orders)"
}
