# evo-locks: who blocks whom, how far long commands are, and the end of a session.
# seconds: 20
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sessions

setup() {
    pg_fresh_db
    pg_sql 'CREATE TABLE orders (id int, "User Name" text); INSERT INTO orders SELECT i, i FROM generate_series(1, 100) i'
}

teardown() {
    sessions_end
    pg_private_stop
}

schema_holds() {
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/locks.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

# waits N: true when so many sessions of this database wait for a lock.
waits() {
    [ "$(pg_sql "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE NOT l.granted AND a.datname = current_database()")" = "$1" ]
}

# A reader that holds the table, an ALTER that waits for it, and a reader that waits behind both.
queue() {
    queue_begin
    queue_end
}

# queue_begin: the sessions, which do nothing yet but hold; queue_end: and then wait.
queue_begin() {
    session holder "BEGIN; SELECT count(*) AS held FROM orders" held
    session alter ''
    session reader ''
}
queue_end() {
    session_says alter 'ALTER TABLE orders ADD COLUMN note text'
    wait_until 10 waits 1
    session_says reader 'SELECT max(id) FROM orders'
    wait_until 10 waits 2
}

@test "nobody waits: said so, and the envelope is complete" {
    run_evo evo-locks show
    assert_exit 0
    assert_equal 'no session waits for another' "$output"
    run_evo evo-locks show --json
    assert_exit 0
    assert_json '.ok and .data.waits == [] and .data.progress == [] and .data.cut == false'
    schema_holds
}

@test "the tree: whoever holds stands first, then who waits, then who waits behind" {
    queue
    run_evo evo-locks show --json
    assert_exit 0
    schema_holds
    local holder alter reader
    holder=$(pid_of holder) alter=$(pid_of alter) reader=$(pid_of reader)
    assert_json ".data.waits | map([.blocked_pid, .blocking_pid]) | sort == ([[$alter, $holder], [$reader, $alter]] | sort)"
    assert_json ".data.waits[] | select(.blocked_pid == $alter) | .relation == \"public.orders\" and .mode == \"ACCESS EXCLUSIVE\" and .held_mode == \"ACCESS SHARE\" and .lock_type == \"relation\" and .wait_ms >= 0 and (.blocked_query | startswith(\"ALTER TABLE\")) and (.blocking_query | startswith(\"SELECT count\"))"
    # the reader waits for a lock that is only asked for
    assert_json ".data.waits[] | select(.blocked_pid == $reader) | .held_mode == null and .mode == \"ACCESS SHARE\""
    assert_json ".data.sessions[] | select(.pid == $holder) | .root and .behind == 2 and .state == \"idle in transaction\" and .application == \"holder\" and .transaction_ms > 0"
    run_evo evo-locks show
    assert_exit 0
    assert_stdout_has '2 sessions wait for others'
    assert_equal "pid $holder,  pid $alter,    pid $reader" "$(grep -oE '^ *pid [0-9]+' "$OUT" | paste -sd,)"
    assert_stdout_has 'idle in transaction for'
    assert_stdout_has 'for ACCESS EXCLUSIVE on public.orders (held: ACCESS SHARE)'
}

@test "a row, a prepared transaction and an advisory lock are named" {
    # the run's own cluster allows no prepared transactions
    pg_private_start -c max_prepared_transactions=2
    pg_fresh_db
    pg_sql 'CREATE TABLE orders (id int); INSERT INTO orders VALUES (1)'
    session row "BEGIN; UPDATE orders SET id = id + 1000 WHERE id = 1"
    wait_until 10 idle_in_transaction row
    session waits_row 'UPDATE orders SET id = 0 WHERE id = 1'
    pg_sql "CREATE TABLE other (id int)"
    pg_sql "BEGIN; LOCK TABLE other IN SHARE MODE; PREPARE TRANSACTION 'left \"over\"'"
    session waits_prepared 'INSERT INTO other VALUES (1)'
    session key "SELECT pg_advisory_lock(72707369), 'held'" held
    session waits_key 'SELECT pg_advisory_lock(72707369)'
    wait_until 10 waits 3
    run_evo evo-locks show --json
    assert_exit 0
    schema_holds
    assert_json ".data.waits[] | select(.blocked_pid == $(pid_of waits_row)) | .blocking_pid == $(pid_of row) and .relation == \"public.orders\" and .object == \"a row of public.orders\""
    assert_json ".data.waits[] | select(.blocked_pid == $(pid_of waits_prepared)) | .blocking_pid == null and .blocking_prepared == \"left \\\"over\\\"\" and .relation == \"public.other\" and .held_mode == \"SHARE\""
    assert_json ".data.waits[] | select(.blocked_pid == $(pid_of waits_key)) | .blocking_pid == $(pid_of key) and .object == \"Prisma's migration lock\" and .relation == null"
    assert_json ".data.advisory | map(select(.granted) | [.pid, .name]) == [[$(pid_of key), \"Prisma's migration lock\"]]"
    run_evo evo-locks show
    assert_stdout_has 'prepared transaction "left "over"" (user "postgres", prepared for'
    assert_stdout_has "holds Prisma's migration lock"
    pg_sql "ROLLBACK PREPARED 'left \"over\"'"
}

@test "control characters of a name and a query do not reach the terminal, and a password is not shown" {
    session $'ho\x01lder' $'BEGIN; SELECT count(*) AS held, \'\x1b[31m\' /* canary */ FROM orders' held
    session secret $'SELECT \'password canary-shown\' FROM orders WHERE pg_advisory_lock(1) IS NULL; ALTER TABLE orders RENAME TO password_canary_shown'
    wait_until 10 waits 1
    run_evo evo-locks show
    assert_exit 0
    ! grep -q $'\x1b' "$OUT" || fail 'an escape sequence got through'
    assert_stdout_has 'its query is hidden'
    ! grep -q canary_shown "$OUT" || fail 'a query with a password was shown'
}

@test "a plain role sees who waits for whom, and that the rest is hidden" {
    queue
    pg_fresh_role
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-locks show --json
    assert_exit 0
    schema_holds
    assert_json ".data.waits | length == 2 and all(.[]; .blocked_query == null and .blocking_query == null and .relation == \"public.orders\")"
    assert_json '.data.sessions | all(.[]; .hidden and .state == null)'
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-locks show
    assert_stdout_has 'its state is hidden): its query is hidden'
}

@test "watch: a line for each change, Ctrl-C ends it with 130" {
    start_evo evo-locks watch --interval 100ms
    queue
    wait_until 10 grep -q "behind pid $(pid_of holder)" "$BG_OUT"
    wait_until 10 grep -q "behind pid $(pid_of alter)" "$BG_OUT"
    session_end holder
    wait_until 10 grep -q "pid $(pid_of alter) waits no more for pid $(pid_of holder)" "$BG_OUT"
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
    assert_equal 0 "$(grep -c $'\x1b' "$BG_OUT")"
    wait_until 10 eval '! watched'
}

@test "watch --for --json is one envelope, with the changes" {
    queue_begin
    start_evo evo-locks watch --interval 50ms --for 3s --json
    wait_until 10 watched
    queue_end
    finish_evo
    assert_exit 0
    schema_holds
    assert_json ".data.looks > 3 and .data.waits_max == 2 and (.data.waits | length == 2)"
    assert_json ".data.changes | any(.change | contains(\"behind pid $(pid_of holder)\"))"
    start_evo evo-locks watch --interval 50ms --json
    wait_until 10 watched
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
    assert_json '.ok == false and .exit == 130 and .error.reason == "cancelled"'
    run_evo evo-locks watch --interval 1ms
    assert_exit 2
}

# watched: evo looks at this database.
watched() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'evo-locks'")" = 1 ]
}

@test "watch on a terminal draws one picture over the other" {
    queue
    SCREEN=$BATS_TEST_TMPDIR/screen
    env -u CI TERM=xterm "$EVO_ROOT/tests/lib/on_pty.py" --stdout 60 "$SCREEN" "$(evo_bin evo-locks)" watch --interval 50ms --for 1s </dev/null 3>&-
    grep -q $'\x1b\[H' "$SCREEN"
    [ "$(grep -o 'Ctrl-C ends' "$SCREEN" | wc -l)" -gt 2 ]
    grep -q 'pid .*holder' "$SCREEN"
}

# shown COMMAND FILTER: true when the progress of that command is shown, and the filter holds.
shown() {
    run_evo evo-locks show --json
    jq -e ".data.progress[] | select(.command == \"$1\") | $2" "$OUT" >/dev/null
}

@test "the progress of a real CREATE INDEX is seen, with how far it is" {
    pg_sql "CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 4) AS t FROM generate_series(1, 4000) i"
    # a slow key: the build lasts long enough to be looked at
    pg_sql "CREATE FUNCTION slow(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.002); RETURN t; END'"
    session builder 'CREATE INDEX CONCURRENTLY big_slow ON big (slow(t))'
    wait_until 20 seen_building
    schema_holds
    assert_json ".data.progress[] | select(.pid == $(pid_of builder)) | .command == \"CREATE INDEX CONCURRENTLY\" and .relation == \"public.big\" and .index == \"public.big_slow\" and .unit == \"blocks\" and .total > .done and .elapsed_ms > 0"
    run_evo evo-locks show
    assert_stdout_has 'CREATE INDEX CONCURRENTLY public.big_slow on public.big, pid'
    assert_stdout_has 'building index: scanning table'
    grep -qE '\[=*>? *\] +[0-9]+%' "$OUT"
}

# In its first block the server says that all are done.
seen_building() {
    shown 'CREATE INDEX CONCURRENTLY' '.percent >= 2 and .percent < 90'
}

# Slow as their own settings make them.
progress_of_the_others() {
    local slow="SET vacuum_cost_delay = '100ms'; SET vacuum_cost_limit = 1"
    pg_sql 'CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 4) AS t FROM generate_series(1, 40000) i; CREATE TABLE sampled AS SELECT * FROM big'
    session vacuum "$slow; VACUUM big"
    session analyze "$slow; ANALYZE sampled"
    wait_until 20 shown VACUUM '.relation == "public.big" and .phase == "scanning heap" and .unit == "blocks" and .total > 100 and .percent >= 0'
    wait_until 20 shown ANALYZE '.phase == "acquiring sample rows" and .unit == "blocks" and .total > .done'
    session copy 'COPY orders (id) FROM STDIN'
    session_says copy "$(seq 1 20000)" # no end of the data
    wait_until 20 shown 'COPY FROM' '.relation == "public.orders" and .unit == "bytes" and .done > 1000 and .total == null and .phase == null'
    "$PG_BINDIR/pg_basebackup" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -D - -Ft -X none --max-rate=1M --checkpoint=fast >/dev/null 2>&1 3>&- &
    local base=$!
    wait_until 20 shown 'base backup' '.unit == "bytes" and .phase == "streaming database files" and .total > .done and .relation == null'
    schema_holds
    run_evo evo-locks show
    assert_stdout_has 'VACUUM public.big, pid'
    assert_stdout_has 'streaming database files, '
    kill "$base"
    wait "$base" || true
}

@test "the progress of VACUUM, ANALYZE, COPY and a base backup" {
    progress_of_the_others
}

@test "the progress of CLUSTER, and that REINDEX keeps waiting is told" {
    pg_sql 'CREATE INDEX by_id ON orders (id)'
    session writer "BEGIN; INSERT INTO orders VALUES (999) RETURNING 'held'" held
    session reindex 'REINDEX INDEX CONCURRENTLY by_id'
    wait_until 20 shown 'REINDEX CONCURRENTLY' ".waits_for_pid == $(pid_of writer) and .unit == \"sessions\""
    run_evo evo-locks show
    assert_stdout_has "waits for pid $(pid_of writer)"
    # what a concurrent build waits for is no lock of a table
    assert_stdout_has 'for the end of a transaction, to build on public.orders'
    session_end writer
    session_end reindex
    pg_sql "CREATE FUNCTION slow(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN IF i > 0 THEN PERFORM pg_sleep(0.2); END IF; RETURN i; END'"
    pg_sql 'CREATE TABLE small (id int PRIMARY KEY); CREATE INDEX by_slow ON small (slow(id)); ALTER TABLE small CLUSTER ON small_pkey'
    pg_sql 'INSERT INTO small SELECT -i FROM generate_series(1, 100) i; ALTER FUNCTION slow(int) RENAME TO was_slow'
    pg_sql "CREATE OR REPLACE FUNCTION was_slow(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.1); RETURN i; END'"
    session cluster 'CLUSTER small'
    wait_until 20 shown CLUSTER '.relation == "public.small" and (.phase | type) == "string"'
}

@test "the newest server: what it tells otherwise is understood" {
    pg_version_start 18
    pg_fresh_db
    pg_sql 'CREATE TABLE orders (id int, "User Name" text); INSERT INTO orders SELECT i, i FROM generate_series(1, 100) i'
    queue
    run_evo evo-locks show --json
    assert_exit 0
    schema_holds
    assert_json ".data.waits | length == 2 and all(.[]; .wait_ms >= 0)"
    sessions_end
    progress_of_the_others
}
