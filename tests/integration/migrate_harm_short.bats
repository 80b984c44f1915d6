# Many statements, each of them over in no time: what counts is for how long others wait, not how long one statement takes.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sessions

setup() {
    pg_fresh_db
    migrate_project prisma
    migration 20250101000000_t up 'CREATE TABLE orders (id int, user_id int); INSERT INTO orders SELECT i, i % 10 FROM generate_series(1, 100) i; CREATE TABLE flag (id int);'
    run_evo evo-migrate up
    assert_exit 0
    CROWD=()
}

teardown() {
    local pid
    for pid in "${CROWD[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" || true
    done
    sessions_end
}

# crowd N: so many sessions that read the table again and again until teardown.
crowd() {
    local i
    for ((i = 1; i <= $1; i++)); do
        yes 'SELECT count(*) FROM orders;' | PGAPPNAME=crowd$i "$PG_BINDIR/psql" -Xtq "$PG_URL" >"$BATS_TEST_TMPDIR/crowd$i" 2>&1 3>&- &
        CROWD+=($!)
    done
    for ((i = 1; i <= $1; i++)); do wait_until 10 test -s "$BATS_TEST_TMPDIR/crowd$i"; done
}

# repeated N SQL: so many of it, a line each.
repeated() {
    local i
    for ((i = 1; i <= $1; i++)); do printf '%s\n' "$2"; done
}

harm_holds() {
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-up.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

@test "one transaction of many short statements, which holds its lock to the end: its queue is that of all of them" {
    migration 20250102000000_many up "ALTER TABLE orders ADD COLUMN email text;
$(repeated 300 'SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM flag) THEN 0 ELSE 0.1 END);')"
    start_evo evo-migrate up --harm-budget 3s --json
    wait_until 20 query_runs '%pg_sleep(CASE%'
    local i
    for ((i = 1; i <= 5; i++)); do session "reader$i" "SELECT 'through' AS through FROM orders LIMIT 1"; done
    wait_until 20 grep -q 'cancelled and rolled back; next try at a quieter moment' "$BG_ERR"
    pg_sql 'INSERT INTO flag VALUES (1)'
    finish_evo
    assert_exit 0
    harm_holds
    # they use up three seconds long before the thirty that it takes are over
    assert_json '.data.applied[0] | .transaction and .harm.cancelled >= 1 and .harm.sessions_max >= 2 and .harm.sessions_max <= 5 and .harm.session_seconds >= 3 and .harm.session_seconds <= 30'
}

@test "what takes a quarter of a second is looked at, too" {
    migration 20250102000000_short up "ALTER TABLE orders ADD COLUMN email text; SELECT pg_sleep(0.35);"
    crowd 6
    run_evo evo-migrate up --harm-budget 0 --json
    assert_exit 0
    harm_holds
    assert_json '.data.applied[0] | .harm.sessions_max >= 3 and .harm.session_seconds >= 1'
}

@test "statement by statement: short ones add up, and the file gives way in between" {
    migration 20250102000000_each up "-- evo:no-transaction
$(repeated 14 'DO $$ BEGIN LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep(0.15); END $$;')
ALTER TABLE orders ADD COLUMN email text;"
    crowd 4
    run_evo evo-migrate up --harm-budget 2s --json
    assert_exit 0
    harm_holds
    # none of them by itself is worth a second of four sessions
    assert_json '.data.applied[0] | .transaction == false and .harm.cancelled >= 1 and .retries >= .harm.cancelled and .harm.sessions_max >= 3 and .harm.session_seconds >= 3'
    assert_stderr_has 'next try at a quieter moment'
    assert_equal email "$(pg_sql "SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'email'")"
}

@test "statement by statement with nobody behind it: nothing is counted" {
    migration 20250102000000_each up "-- evo:no-transaction
$(repeated 6 'DO $$ BEGIN LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep(0.15); END $$;')"
    run_evo evo-migrate up --harm-budget 1s --json
    assert_exit 0
    assert_json '.data.applied[0] | .retries == 0 and .harm == {"sessions_max": 0, "session_seconds": 0, "cancelled": 0}'
}
