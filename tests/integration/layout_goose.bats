# evo as a guest in a goose project: the table and its rows are what goose would have written, each of the two goes on
# where the other stopped, and both agree on every state. The real goose stands on the other side.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sqltools

A=00001_create_users B=00002_add_status C=00003_mix

setup() {
    pg_fresh_db
    tool_project goose
    tool_migration $A 'CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE);' 'DROP TABLE users;'
    tool_migration $B $'-- +goose StatementBegin\nCREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n    RETURN 1;\nEND;\n$$;\n-- +goose StatementEnd\nALTER TABLE users ADD status int DEFAULT 1;' \
        $'ALTER TABLE users DROP status;\nDROP FUNCTION one();'
}

rows() {
    pg_sql 'SELECT id, version_id, is_applied, tstamp IS NOT NULL FROM goose_db_version ORDER BY id'
}

# goose_sees VERSION PENDING: the current one, and so many that are pending.
goose_sees() {
    tool version
    assert_exit 0
    assert_stderr_has "goose: version $1"
    tool status
    assert_exit 0
    assert_equal "$2" "$(grep -c 'Pending' <<<"$output$stderr" || true)"
}

@test "table, rows and schema are those of goose up" {
    run_evo evo-migrate up
    assert_exit 0
    goose_sees 2 0
    local table schema rows
    table=$(tool_table) schema=$(app_schema) rows=$(rows)
    assert_equal $'1|0|t|t\n2|1|t|t\n3|2|t|t' "$rows"

    pg_fresh_db
    tool up
    assert_exit 0
    assert_equal "$(tool_table)" "$table"
    assert_equal "$(app_schema)" "$schema"
    assert_equal "$(rows)" "$rows"
    evo_sees "$A $B" ''
    assert_json '.data.applied | all(.finished_at != null)'
    assert_equal f "$(exists evo.migrations)"
    run_evo evo-migrate down --to $A
    assert_exit 0
    goose_sees 1 1
    run_evo evo-migrate down
    assert_exit 0
    goose_sees 0 2
    assert_equal f "$(exists users)"
    assert_equal '1|0|t|t' "$(rows)"
}

@test "half by one, half by the other, and back" {
    run_evo evo-migrate up --steps 1
    assert_exit 0
    goose_sees 1 1
    tool up
    assert_exit 0
    evo_sees "$A $B" ''
    run_evo evo-migrate up
    assert_exit 0
    tool down
    assert_exit 0
    evo_sees "$A" "$B"
    run_evo evo-migrate up
    assert_exit 0
    tool reset
    assert_exit 0
    evo_sees '' "$A $B"
    assert_equal f "$(exists users)"
}

@test "a failure leaves no trace, also for goose" {
    tool_migration $C $'CREATE TABLE half (id int);\nSELECT * FROM nope;' 'DROP TABLE half;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean and .error.migration == "00003_mix" and .error.line == 4'
    assert_equal f "$(exists half)"
    goose_sees 2 1
    tool_migration $C 'CREATE TABLE half (id int);' 'DROP TABLE half;'
    tool up
    assert_exit 0
    evo_sees "$A $B $C" ''
    printf -- '-- a word more\n' >>"$MIGRATIONS/$A.sql"
    evo_sees "$A $B $C" ''
}

@test "one that arrives behind an applied one: refused by both, and applied by both where told" {
    tool_migration 00005_late_b 'CREATE TABLE b (id int);' 'DROP TABLE b;'
    tool up
    assert_exit 0
    tool_migration 00004_late_a 'CREATE TABLE a (id int);' 'DROP TABLE a;'
    tool up
    assert_exit 1
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "pending" and (.error.next | startswith("git log -p -- ")) and (.error.hint | contains("evo-migrate up --out-of-order"))'
    run_evo evo-migrate up --out-of-order
    assert_exit 0
    # the current version is the one applied last, for goose too; both take that one back
    goose_sees 4 0
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back[0].name == "00004_late_a"'
    tool -allow-missing up
    assert_exit 0
    evo_sees "$A $B 00004_late_a 00005_late_b" ''
    run_evo evo-migrate down --json
    assert_json '.data.rolled_back[0].name == "00004_late_a"'
    goose_sees 5 1
}

@test "rows of an old goose, whose last one of a version decides" {
    tool up
    pg_sql 'INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, false)'
    evo_sees "$A" "$B"
    pg_sql 'ALTER TABLE users DROP status; DROP FUNCTION one()'
    run_evo evo-migrate up
    assert_exit 0
    goose_sees 2 0
    run_evo evo-migrate down
    assert_exit 0
    evo_sees "$A" "$B"
    goose_sees 1 1
}

@test "outside a transaction: stopped, shown as failed, resumed" {
    tool_migration $C $'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY by_nope ON users (nope);' \
        $'DROP INDEX CONCURRENTLY by_email;\nDROP TABLE once;' 'NO TRANSACTION'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .data.stopped.failed == 2 and .error.line == 4'
    goose_sees 2 1
    run_evo evo-status --json
    assert_json '.data.failed[0].name == "00003_mix" and .data.failed[0].unfinished'
    sed -i 's/by_nope ON users (nope)/by_email ON users (email)/' "$MIGRATIONS/$C.sql"
    run_evo evo-migrate up
    assert_exit 0
    goose_sees 3 0
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
    run_evo evo-migrate down
    assert_exit 0
    goose_sees 2 1
    assert_equal f "$(exists once)"
    # goose runs the same file
    tool up
    assert_exit 0
    evo_sees "$A $B $C" ''
}

@test "what stopped is settled by hand, either way" {
    local way
    for way in applied rolled-back; do
        tool_migration $C $'CREATE TABLE once (id int);\nSELECT nope;' 'DROP TABLE once;' 'NO TRANSACTION'
        run_evo evo-migrate up
        assert_exit 7
        [ $way = applied ] || pg_sql 'DROP TABLE once'
        run_evo evo-migrate resolve --$way $C
        assert_exit 0
        if [ $way = applied ]; then
            goose_sees 3 0
            tool down
            assert_exit 0
        fi
        goose_sees 2 1
        pg_sql 'DROP TABLE IF EXISTS once'
        assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
    done
}

@test "kill -9 in the middle of a file outside a transaction, and on" {
    tool_migration $C $'CREATE TABLE once (id int);\nSELECT pg_sleep(60);\nCREATE TABLE last (id int);' 'DROP TABLE last, once;' 'NO TRANSACTION'
    start_evo evo-migrate up
    wait_until 20 query_runs '%pg_sleep(60)%'
    kill -9 "$EVO_PID"
    wait "$EVO_PID" || true
    wait_until 20 no_sessions
    goose_sees 2 1
    sed -i 's/pg_sleep(60)/1/' "$MIGRATIONS/$C.sql"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists last)"
    goose_sees 3 0
}

@test "what evo cannot honour is named and refused" {
    printf -- '-- +goose ENVSUB ON\n-- +goose Up\nSELECT 1;\n' >"$MIGRATIONS/$C.sql"
    run_evo evo-migrate up --json
    assert_exit 2
    assert_json '.error.file == "db/migrations/00003_mix.sql" and .error.line == 1 and (.error.message | contains("environment variables"))'
    rm "$MIGRATIONS/$C.sql"
    printf 'package migrations\n' >"$MIGRATIONS/00003_data.go"
    run_evo evo-migrate up --json
    assert_exit 2
    assert_json '.error.migration == "00003_data" and (.error.message | contains("written in Go"))'
    rm "$MIGRATIONS/00003_data.go"
    # a table of the name that is not goose's
    pg_sql 'CREATE TABLE goose_db_version (id int)'
    run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.message | contains("is not one of goose")'
}

@test "the table stands where search_path leads" {
    pg_sql 'CREATE SCHEMA app'
    pg_sql "ALTER DATABASE \"$PG_DB\" SET search_path = app, public"
    run_evo evo-migrate up --steps 1
    assert_exit 0
    assert_equal t "$(exists app.goose_db_version)"
    goose_sees 1 1
    tool up
    assert_exit 0
    evo_sees "$A $B" ''
    run_evo evo-verify up --json
    assert_exit 0
}

@test "a table of another name" {
    export GOOSE_TABLE=public.My_Versions
    LEDGER=public.my_versions
    tool up
    assert_exit 0
    local table
    table=$(tool_table)
    evo_sees "$A $B" ''
    run_evo evo-migrate down
    assert_exit 0
    goose_sees 1 1
    pg_fresh_db
    run_evo evo-migrate up
    assert_exit 0
    assert_equal "$table" "$(tool_table)"
    goose_sees 2 0
}

@test "new writes a file that both take" {
    tool up
    assert_exit 0
    run_evo evo-migrate new add_orders --json
    assert_exit 0
    assert_json '.data.name == "00003_add_orders"'
    sed -i 's/^-- +goose Up$/&\nCREATE TABLE orders (id int);/; s/^DO .*/DROP TABLE orders;/' "$(json '.data.files[0]')"
    rm -r evo
    tool up
    assert_exit 0
    run_evo evo-migrate down
    assert_exit 0
    assert_equal f "$(exists orders)"
}
