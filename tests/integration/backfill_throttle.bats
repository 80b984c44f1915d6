# Others first: standbys, sessions that wait, and the rate of the log.
# seconds: 15
# shellcheck disable=SC2154 # _pg_drop is of tests/lib/pg.bash
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/backfill

setup_file() {
    pg_private_start -c wal_level=replica -c max_wal_senders=4
}

teardown_file() {
    pg_private_stop
}

setup() {
    pg_fresh_db
}

teardown() {
    release
    standby_stop
}

# standby_start: a standby of the private cluster, in STANDBY, on a socket of its own.
standby_start() {
    STANDBY=$(mktemp -d "$EVO_TEST_DIR/standby.XXXXXX")
    [ -z "${_pg_user:-}" ] || chown "$_pg_user" "$STANDBY"
    (cd / && "${_pg_drop[@]}" "$PG_BINDIR/pg_basebackup" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -D "$STANDBY/data" -R -X stream \
        --checkpoint=fast) >"$BATS_TEST_TMPDIR/basebackup.log" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/basebackup.log")"
    mkdir "$STANDBY/sock"
    [ -z "${_pg_user:-}" ] || chown "$_pg_user" "$STANDBY/sock"
    (cd / && exec "${_pg_drop[@]}" "$PG_BINDIR/postgres" -D "$STANDBY/data" -c listen_addresses= -c hot_standby=on -c max_connections=200 \
        -c unix_socket_directories="$STANDBY/sock" -p "$PG_PORT") >"$STANDBY/log" 2>&1 3>&- &
    STANDBY_PID=$!
    wait_until 30 standby_streams || fail "$(tail -n 20 "$STANDBY/log")"
}

standby_stop() {
    [ -z "${STANDBY_PID:-}" ] || { kill -INT "$STANDBY_PID" && wait "$STANDBY_PID"; } || true
    [ -z "${STANDBY:-}" ] || rm -rf "$STANDBY"
    STANDBY_PID=
}

standby_streams() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")" = 1 ] &&
        standby_sql 'SELECT 1' >/dev/null 2>&1
}

standby_sql() {
    "$PG_BINDIR/psql" -XAtq -h "$STANDBY/sock" -p "$PG_PORT" -U postgres -d "$PG_DB" -c "$1"
}

waits_for_a_standby() {
    grep -q 'a standby is [0-9]* ms behind' "$BG_ERR"
}

@test "it holds still while a standby does not replay, and goes on when it does" {
    numbers 20000
    standby_start
    standby_sql 'SELECT pg_wal_replay_pause()'
    start_evo evo-backfill --table n --set 'hits = hits + 1' --batch 100 --pause 10ms --max-lag 500ms --json
    wait_until 20 waits_for_a_standby
    # What was under way is done by now, and no more comes.
    local before
    wait_until 10 no_batch
    before=$(rows_done)
    [ "$before" -lt 20000 ]
    no_batch
    assert_equal "$before" "$(rows_done)"
    standby_sql 'SELECT pg_wal_replay_resume()'
    wait_until 10 rows_done_at_least $((before + 100))
    kill -TERM "$EVO_PID"
    finish_evo
    assert_exit 143
    assert_json '.data.held_ms > 100'
    run_evo evo-backfill --table n --set 'hits = hits + 1' --json
    assert_exit 0
    once 20000
}

# no_batch: true when no batch was committed for a second.
no_batch() {
    local n
    n=$(rows_done)
    sleep 1
    [ "$(rows_done)" = "$n" ]
}

# A condition of evo's own: it waits behind an advisory lock of the test's, with rows locked.
@test "it makes way for a session that waits for its rows" {
    numbers 300
    pg_sql 'CREATE FUNCTION slow(bigint) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN 1; END $$'
    writer_start '\set id random(1, 300)
        UPDATE n SET hits = hits WHERE id = :id;'
    run_evo evo-backfill --table n --set 'hits = hits + slow(id)' --batch 100 --target 2s --json
    writer_stop
    assert_exit 0
    assert_json '.data.backed_off_ms >= 250 and .data.rows_done == 300 and .data.batches > 3'
    once 300
}

@test "the rate of the log is held" {
    numbers 8000 "filler text NOT NULL DEFAULT repeat('x', 300)"
    run_evo evo-backfill --table n --set 'hits = hits + 1' --batch 500 --json
    assert_exit 0
    local free
    free=$(json .data.elapsed_ms)
    # About 4 MB: many times what it takes without a limit.
    run_evo evo-backfill --table n --set 'hits = hits + 1' --batch 500 --max-wal-rate 1MB --restart --json
    assert_exit 0
    assert_json ".data.held_ms >= 1000 and .data.elapsed_ms > $free"
    assert_equal 8000 "$(pg_sql 'SELECT count(*) FROM n WHERE hits = 2')"
}

@test "a standby that this role may not see is no reason to stop, but is said" {
    numbers 500
    standby_start
    pg_fresh_role
    pg_sql "GRANT SELECT, UPDATE ON n TO $PG_ROLE; GRANT CREATE ON DATABASE $PG_DB TO $PG_ROLE"
    run_evo evo-backfill --database "$(pg_url "$PG_DB" "$PG_ROLE")" --table n --set 'hits = hits + 1'
    assert_exit 0
    assert_stderr_has 'how far the standbys are behind is hidden from this role'
    assert_stderr_has "GRANT pg_monitor TO $PG_ROLE"
    once 500
}
