# Files that cannot be one transaction: checkpoints, resuming, indexes that a failed build left INVALID.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project prisma
    migration 20250101000000_t up 'CREATE TABLE orders (id int, user_id int); INSERT INTO orders SELECT i, i % 10 FROM generate_series(1, 100) i;'
    run_evo evo-migrate up
    assert_exit 0
}

teardown() {
    release
}

valid() {
    pg_sql "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('$1')"
}

@test "a file that stopped is resumed at the statement that failed" {
    migration 20250102000000_mix up $'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY by_user ON orders (user_id);\nCREATE UNIQUE INDEX CONCURRENTLY one_user ON orders (user_id);\nCREATE TABLE last (id int);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .error.line == 3 and .error.sqlstate == "23505" and .error.next == "evo-migrate up"'
    assert_json '.error.detail | contains("2 of 4 statements: 1 (line 1, CREATE TABLE once), 2 (line 2, CREATE INDEX CONCURRENTLY by_user). Stopped at 3 (line 3,")'
    assert_json '.data.applied_total == 1 and .data.stopped.failed == 3 and (.data.stopped.done | map(.line) == [1, 2])'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-up.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_equal $'20250101000000_t|applied\n20250102000000_mix|failed' "$(ledger)"
    assert_equal t "$(valid by_user)"
    # the INVALID index of the failed build is gone
    assert_equal f "$(exists one_user)"
    [[ $(pg_sql "SELECT logs FROM _prisma_migrations WHERE finished_at IS NULL") == *'could not create unique index'* ]]

    run_evo evo-migrate plan --json
    assert_json '.data.steps[0].resumed and .data.steps[0].name == "20250102000000_mix"'
    run_evo evo-migrate up
    assert_exit 7
    assert_equal $'20250102000000_mix: statements 1 to 2 of 4 are done, statement 3 failed\n1 applied, 0 pending, 1 unfinished' "$output"
    pg_sql 'DELETE FROM orders WHERE id > 10'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_equal t "$(valid one_user)"
    assert_equal t "$(exists last)"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
    assert_equal $'20250102000000_mix|rolled back\n20250102000000_mix|applied' "$(ledger | tail -n 2)"
}

@test "the statement that failed may be corrected, what is done may not be changed" {
    migration 20250102000000_mix up $'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY i ON orders (nope);'
    run_evo evo-migrate up --json
    assert_exit 7
    migration 20250102000000_mix up $'CREATE TABLE twice (id int);\nCREATE INDEX CONCURRENTLY i ON orders (id);'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "failed" and (.error.message | contains("statement 1")) and .error.next == "git log -p -- prisma/migrations/20250102000000_mix/migration.sql"'
    assert_equal f "$(exists twice)"
    migration 20250102000000_mix up $'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY i ON orders (id);'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(valid i)"
    # the ledger has the file as it is now: nothing is edited
    run_evo evo-migrate up --json
    assert_exit 0
}

@test "an INVALID index in the way is dropped; IF NOT EXISTS over it is no success" {
    # made as a failed build makes it
    pg_sql 'CREATE UNIQUE INDEX CONCURRENTLY "By User" ON orders (user_id)' 2>/dev/null || true
    assert_equal f "$(valid '"By User"')"
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY IF NOT EXISTS "By User" ON orders (user_id);'
    run_evo evo-migrate up
    assert_exit 0
    assert_stderr_has 'INVALID'
    assert_equal t "$(valid '"By User"')"
}

@test "an index that the file gives no name is cleaned up, too" {
    migration 20250102000000_i up 'CREATE UNIQUE INDEX CONCURRENTLY ON orders (user_id);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.sqlstate == "23505" and .error.schema_clean == true'
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM pg_index WHERE NOT indisvalid')"
    pg_sql 'DELETE FROM orders WHERE id > 10'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(valid orders_user_id_idx)"
}

@test "a concurrent build is not ended by lock-timeout behind an open transaction" {
    hold 'INSERT INTO orders VALUES (999, 1)'
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY i ON orders (user_id);'
    start_evo evo-migrate up --lock-timeout 100ms --json
    wait_until 20 grep -q 'application "holder"' "$BG_ERR"
    release
    finish_evo
    assert_exit 0
    assert_json '.data.applied[0].retries == 0'
    assert_equal t "$(valid i)"
}

@test "SIGINT during a concurrent build: no INVALID index, no lock, and up goes on" {
    hold 'INSERT INTO orders VALUES (999, 1)'
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY i ON orders (user_id);'
    start_evo evo-migrate up --json
    wait_until 20 grep -q 'application "holder"' "$BG_ERR"
    local began=$SECONDS
    kill -INT "$EVO_PID"
    finish_evo
    [ $((SECONDS - began)) -le 5 ]
    assert_exit 130
    assert_json '.error.reason == "cancelled" and .error.next == "evo-migrate up"'
    # an open transaction may keep the drop waiting: then it says what is left, and how to end it
    if [ "$(exists i)" = t ]; then
        assert_json '.error.schema_clean == false and (.error.detail | contains("DROP INDEX CONCURRENTLY public.i"))'
    else
        assert_json '.error.schema_clean == true'
    fi
    release
    wait_until 5 no_sessions
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(valid i)"
}

@test "kill -9 during a concurrent build: the next run drops what is left and builds it again" {
    hold 'INSERT INTO orders VALUES (999, 1)'
    migration 20250102000000_i up $'CREATE TABLE before_it (id int);\nCREATE INDEX CONCURRENTLY i ON orders (user_id);'
    start_evo evo-migrate up --json
    wait_until 20 grep -q 'application "holder"' "$BG_ERR"
    kill -KILL "$EVO_PID"
    wait "$EVO_PID" || true
    # the server notices by itself that nobody listens
    wait_until 15 eval '! query_runs "CREATE INDEX CONCURRENTLY%"'
    release
    assert_equal f "$(valid i)"
    run_evo evo-migrate up --wait 20s
    assert_exit 0
    assert_equal t "$(valid i)"
    assert_equal t "$(exists before_it)"
}

@test "settings of the file hold for its later statements, also when it is resumed" {
    pg_sql 'CREATE SCHEMA side; CREATE TABLE side.things (id int)'
    migration 20250102000000_s up $'SET search_path = side;\nCREATE INDEX CONCURRENTLY i ON things (id);\nSELECT 1/(SELECT count(*)::int FROM things);\nCREATE INDEX CONCURRENTLY j ON things (id);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.line == 3'
    pg_sql 'INSERT INTO side.things VALUES (1)'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(valid side.i)"
    assert_equal t "$(valid side.j)"
}

@test "time-outs that the file sets hold for its statements, but no lock time-out for a concurrent build" {
    migration 20250102000000_s up - <<'SQL'
-- evo:statement-timeout 7min
SET lock_timeout = '3s';
CREATE INDEX CONCURRENTLY i ON orders (user_id);
CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement;
SQL
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '3s|7min' "$(pg_sql 'SELECT * FROM seen')"
}

@test "DROP INDEX CONCURRENTLY that happened without being recorded is taken as done" {
    pg_sql 'CREATE INDEX old ON orders (id)'
    migration 20250102000000_d up 'DROP INDEX CONCURRENTLY old;'
    run_evo evo-migrate up
    assert_exit 0
    # as after a kill between the statement and its checkpoint
    pg_sql "UPDATE _prisma_migrations SET finished_at = NULL, applied_steps_count = 0 WHERE migration_name LIKE '%_d';
            INSERT INTO evo.journal (ledger, name, checksum, statement, sha256) SELECT 'prisma', migration_name, checksum, 1, encode(sha256('DROP INDEX CONCURRENTLY old'), 'hex') FROM _prisma_migrations WHERE migration_name LIKE '%_d'"
    run_evo evo-migrate up
    assert_exit 0
    assert_stderr_has 'done line 1 already'
    assert_equal applied "$(ledger | tail -n 1 | cut -d'|' -f2)"
}

@test "a role that may not make the journal is told the GRANT" {
    pg_fresh_role
    pg_sql "ALTER TABLE orders OWNER TO $PG_ROLE; ALTER TABLE _prisma_migrations OWNER TO $PG_ROLE; GRANT CREATE ON SCHEMA public TO $PG_ROLE"
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY i ON orders (user_id);'
    # The schema is another's, with a journal or without one.
    pg_sql 'CREATE TABLE evo.journal (ledger text)'
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("GRANT USAGE ON SCHEMA evo"))'
    pg_sql 'DROP TABLE evo.journal'
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("CREATE ON SCHEMA evo")) and .error.schema_clean == true'
    pg_sql 'DROP SCHEMA evo CASCADE'
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("GRANT CREATE ON DATABASE")) and .error.schema_clean == true'
    pg_sql "GRANT CREATE ON DATABASE $PG_DB TO $PG_ROLE"
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-migrate up --json
    assert_exit 0
    assert_equal t "$(valid i)"
}

@test "down outside a transaction stops and is finished by down; up does not build upon half of it" {
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY i ON orders (user_id);'
    migration 20250102000000_i down $'DROP INDEX CONCURRENTLY i;\nSELECT 1/(SELECT count(*)::int - 100 FROM orders);\n'
    run_evo evo-migrate up
    run_evo evo-migrate down --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .error.next == "evo-migrate down"'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.next == "evo-migrate down --steps 1"'
    pg_sql 'DELETE FROM orders WHERE id = 1'
    run_evo evo-migrate down
    assert_exit 0
    assert_equal 'rolled back' "$(ledger | tail -n 1 | cut -d'|' -f2)"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(valid i)"
}
