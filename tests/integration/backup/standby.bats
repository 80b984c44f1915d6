# A hot standby as the source: its load is nobody's, and a backup must not need to write there.
# shellcheck disable=SC2154 # _pg_drop is of tests/lib/pg.bash
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    use_folder_store
    pg_private_start -c wal_level=replica -c max_wal_senders=4
}

teardown() {
    standby_stop
    pg_private_stop
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
    wait_until 30 standby_has "$1" || fail "$(tail -n 20 "$STANDBY/log")"
}

standby_stop() {
    [ -z "${STANDBY_PID:-}" ] || { kill -INT "$STANDBY_PID" && wait "$STANDBY_PID"; } || true
    [ -z "${STANDBY:-}" ] || rm -rf "$STANDBY"
}

# The standby has replayed that many rows of table big.
standby_has() {
    [ "$("$PG_BINDIR/psql" -XAtq -h "$STANDBY/sock" -p "$PG_PORT" -U postgres -d "$PG_DB" -c 'SELECT count(*) FROM big' 2>/dev/null)" = "$1" ]
}

@test "a backup of a hot standby is whole, parallel, and says where it comes from" {
    pg_fresh_db
    big_table big 40000
    pg_sql "CREATE UNLOGGED TABLE gone AS SELECT 1 AS i; CREATE SEQUENCE s; SELECT nextval('s'); SELECT lo_from_bytea(0, 'large')" >/dev/null
    standby_start 40000
    run_evo evo-backup create --database "host=$STANDBY/sock port=$PG_PORT user=postgres dbname=$PG_DB" --range-size 1MiB --jobs 3 --json
    assert_exit 0
    assert_json '.data.rows == 40000 and .data.lsn != null'
    run_evo evo-backup show latest --json --backup-of "$PG_DB"
    assert_json '.data.server.in_recovery == true and .data.fingerprint != null'
    run_evo evo-restore latest --backup-of "$PG_DB" --create --to "$(pg_url "${PG_DB}_copy")"
    assert_exit 0
    [ "$(pg_sql -d "${PG_DB}_copy" 'SELECT count(DISTINCT a) FROM big')" -eq 40000 ]
    assert_equal 1 "$(pg_sql -d "${PG_DB}_copy" 'SELECT last_value FROM s')"
    assert_equal large "$(pg_sql -d "${PG_DB}_copy" "SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata")"
}
