# A migration that keeps others waiting gives way, and is tried again when it is quiet; who is in the way is named.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sessions

setup() {
    pg_fresh_db
    migrate_project prisma
    migration 20250101000000_t up 'CREATE TABLE orders (id int, user_id int); INSERT INTO orders SELECT i, i % 10 FROM generate_series(1, 100) i; CREATE TABLE flag (id int);
CREATE FUNCTION wait_for_flag() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN WHILE NOT EXISTS (SELECT FROM public.flag) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;'
    run_evo evo-migrate up
    assert_exit 0
}

teardown() {
    sessions_end
}

schema_holds() {
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-$1.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

# readers N: so many sessions that read the table, all at once, each of which says "through" when it has.
readers() {
    local i
    for ((i = 1; i <= $1; i++)); do session "reader$i" ''; done
    for ((i = 1; i <= $1; i++)); do session_says "reader$i" "SELECT 'through' AS through FROM orders LIMIT 1"; done
}

# readers_through N
readers_through() {
    [ "$(grep -lw through "$BATS_TEST_TMPDIR"/session.*.out | wc -l)" = "$1" ]
}

# orders_locked GRANTED: the migration has its lock of the table (t), or waits for it (f).
orders_locked() {
    [ "$(pg_sql "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND mode = 'AccessExclusiveLock' AND granted = '$1'")" = 1 ]
}

# wait_long N TYPE: so many sessions have waited a second for a lock of that type.
wait_long() {
    [ "$(pg_sql "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = '$2' AND waitstart < now() - interval '1 second'
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")" = "$1" ]
}

@test "a reader holds the table, others queue behind the ALTER: it gives way within the budget, and succeeds later" {
    session holder 'BEGIN; SELECT count(*) AS held FROM orders' held
    migration 20250102000000_email up 'ALTER TABLE orders ADD COLUMN email text;'
    start_evo evo-migrate up --lock-timeout 60s --harm-budget 6s --json
    wait_until 20 orders_locked f
    readers 4
    # cancelled long before its lock time-out, and the holder still holds: they go on
    wait_until 20 readers_through 4
    # what it says stands there a moment after they are through
    wait_until 20 grep -q "waiting for pid $(pid_of holder)" "$BG_ERR"
    grep -qE '[1-4] sessions? waits? behind it: pid ' "$BG_ERR"
    # it does not ask again while the table is held
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT granted AND a.datname = current_database()")"
    grep -q "in the way of its locks now: pid $(pid_of holder) (user \"postgres\", application \"holder\", idle in transaction for .*): SELECT count" "$BG_ERR"
    grep -q 'cancelled and rolled back; next try at a quieter moment' "$BG_ERR"
    session_end holder
    finish_evo
    assert_exit 0
    schema_holds up
    assert_json '.data.applied[0] | .retries == 1 and .harm.cancelled == 1 and .harm.sessions_max == 4 and .harm.session_seconds >= 6 and .harm.session_seconds <= 16'
    assert_json '.data.warnings | any(contains("up to 4 sessions waited behind it") and contains("cancelled 1 time for their sake"))'
    assert_equal email "$(pg_sql "SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'email'")"
    assert_equal 2 "$(ledger | grep -c applied)"
}

@test "a statement that is slow while it holds its locks gives way, too" {
    migration 20250102000000_slow up "ALTER TABLE orders ADD COLUMN email text; SELECT wait_for_flag();"
    start_evo evo-migrate up --harm-budget 1s --json
    wait_until 20 orders_locked t
    readers 2
    wait_until 20 readers_through 2
    pg_sql 'INSERT INTO flag VALUES (1)'
    finish_evo
    assert_exit 0
    schema_holds up
    assert_json '.data.applied[0] | .harm.cancelled >= 1 and .retries == .harm.cancelled and .harm.sessions_max >= 1 and .harm.sessions_max <= 2'
}

@test "no try is left: exit 5, the schema as it was, and why" {
    migration 20250102000000_slow up "CREATE TABLE other (id int); ALTER TABLE orders ADD COLUMN email text; SELECT pg_sleep(60);"
    local before
    before=$(schema_sum)
    start_evo evo-migrate up --harm-budget 1s --lock-retries 0 --json
    wait_until 20 orders_locked t
    readers 3
    finish_evo
    assert_exit 5
    schema_holds up
    assert_json '.error.reason == "lock_unavailable" and .error.schema_clean == true and .error.migration == "20250102000000_slow" and .error.next == "evo-migrate up"'
    assert_json '(.error.message | test("given up in 1 try: up to [1-3] sessions? waited behind it$")) and (.error.hint | contains("--harm-budget"))'
    assert_json '.data.warnings | any(contains("cancelled 1 time"))'
    assert_equal "$before" "$(schema_sum)"
    wait_until 10 readers_through 3
    assert_equal 1 "$(ledger | wc -l)"
}

@test "--harm-budget 0 only counts" {
    migration 20250102000000_slow up "ALTER TABLE orders ADD COLUMN email text; SELECT wait_for_flag();"
    start_evo evo-migrate up --harm-budget 0 --json
    wait_until 20 orders_locked t
    readers 3
    wait_until 20 wait_long 3 relation
    pg_sql 'INSERT INTO flag VALUES (1)'
    finish_evo
    assert_exit 0
    assert_json '.data.applied[0] | .retries == 0 and .harm.cancelled == 0 and .harm.sessions_max == 3 and .harm.session_seconds >= 1'
    assert_json '.data.warnings | any(contains("3 sessions waited behind it") and (contains("cancelled") | not))'
}

@test "who waits for the migration lock is not harmed by the statement" {
    migration 20250102000000_slow up "ALTER TABLE orders ADD COLUMN email text; SELECT wait_for_flag();"
    start_evo evo-migrate up --harm-budget 500ms --json
    wait_until 20 orders_locked t
    session prisma 'SELECT pg_advisory_lock(72707369)'
    session prisma2 'SELECT pg_advisory_lock(72707369)'
    wait_until 20 wait_long 2 advisory
    pg_sql 'INSERT INTO flag VALUES (1)'
    finish_evo
    assert_exit 0
    assert_json '.data.applied[0] | .harm == {"sessions_max": 0, "session_seconds": 0, "cancelled": 0}'
}

@test "a concurrent build gives way, its INVALID index is dropped, and it is built when it is quiet" {
    session writer "BEGIN; INSERT INTO orders VALUES (999, 1) RETURNING 'held'" held
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY by_user ON orders (user_id);'
    start_evo evo-migrate up --harm-budget 1s --json
    wait_until 20 query_runs 'CREATE INDEX CONCURRENTLY%'
    session other1 'BEGIN; LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE; ROLLBACK'
    session other2 'BEGIN; LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE; ROLLBACK'
    wait_until 20 grep -q 'next try at a quieter moment' "$BG_ERR"
    session_end writer
    finish_evo
    assert_exit 0
    schema_holds up
    assert_json '.data.applied[0] | .transaction == false and .retries >= 1 and .harm.cancelled >= 1'
    assert_equal 't' "$(pg_sql "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_user'::regclass")"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM pg_index WHERE NOT indisvalid')"
}

@test "what may commit inside is not cancelled: it could not be tried again" {
    migration 20250102000000_do up $'VACUUM flag;\nCREATE TABLE seen (id int);\nDO $$ BEGIN INSERT INTO seen VALUES (1); COMMIT; ALTER TABLE orders ADD COLUMN email text; PERFORM wait_for_flag(); END $$;'
    start_evo evo-migrate up --harm-budget 500ms --json
    wait_until 20 orders_locked t
    readers 2
    wait_until 20 wait_long 2 relation
    pg_sql 'INSERT INTO flag VALUES (1)'
    finish_evo
    assert_exit 0
    assert_json '.data.applied[0] | .harm.cancelled == 0 and .harm.sessions_max == 2'
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM seen')"
}

@test "SIGINT while it waits for a quieter moment" {
    session holder 'BEGIN; SELECT count(*) AS held FROM orders' held
    migration 20250102000000_email up 'ALTER TABLE orders ADD COLUMN email text;'
    start_evo evo-migrate up --lock-timeout 60s --harm-budget 500ms --json
    wait_until 20 orders_locked f
    readers 2
    wait_until 20 grep -q 'next try at a quieter moment' "$BG_ERR"
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
    assert_json '.error.reason == "cancelled" and .error.schema_clean == true'
    assert_equal 1 "$(ledger | wc -l)"
}

@test "the way back gives way as well" {
    migration 20250102000000_email up 'ALTER TABLE orders ADD COLUMN email text;'
    migration 20250102000000_email down "ALTER TABLE orders DROP COLUMN email; SELECT wait_for_flag();"
    run_evo evo-migrate up
    assert_exit 0
    start_evo evo-migrate down --harm-budget 500ms --json
    wait_until 20 orders_locked t
    readers 2
    wait_until 20 readers_through 2
    pg_sql 'INSERT INTO flag VALUES (1)'
    finish_evo
    assert_exit 0
    schema_holds down
    assert_json '.data.rolled_back[0].harm.cancelled >= 1'
}
