# Backups of a database in use, and backups that end early.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
}

teardown() {
    # Whatever a failed test left running in the background.
    jobs -p | xargs -r kill 2>/dev/null || true
    wait
}

# start_slow_backup OPTION...: it is at table big for three seconds or more, however fast the machine is.
start_slow_backup() {
    start_evo evo-backup create --max-rate 1500kB "$@"
}

# The query of a COPY by evo-backup is running.
copying() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '$PG_DB' AND application_name = 'evo-backup'
        AND query LIKE 'COPY%$1%' AND state = 'active'")" -gt 0 ]
}

ddl_waits() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE datname = '$PG_DB' AND NOT granted AND mode = 'AccessExclusiveLock'")" -gt 0 ]
}

@test "a backup under writes is one moment of the database" {
    pg_sql "CREATE TABLE x (id int PRIMARY KEY, v int); CREATE TABLE y (id int PRIMARY KEY, v int); CREATE TABLE moved (n serial, by int);
        INSERT INTO x SELECT i, 100 FROM generate_series(1, 2000) i; INSERT INTO y SELECT i, 100 FROM generate_series(1, 2000) i"
    big_table ballast 200000
    use_stock_tools
    cat >"$BATS_TEST_TMPDIR/move.sql" <<'SQL'
\set id random(1, 2000)
\set by random(1, 50)
BEGIN;
UPDATE x SET v = v - :by WHERE id = :id;
UPDATE y SET v = v + :by WHERE id = :id;
INSERT INTO moved (by) VALUES (:by);
COMMIT;
SQL
    "$PG_BINDIR/pgbench" -n -c 3 -T 60 -f "$BATS_TEST_TMPDIR/move.sql" "$PG_DB" >/dev/null 2>&1 3>&- &
    bench=$!
    wait_until 10 sh -c "[ \"\$(psql -XAtc 'SELECT count(*) > 0 FROM moved' $PG_DB)\" = t ]"
    for jobs in 1 4; do
        run_evo evo-backup create --jobs "$jobs" --json
        assert_exit 0
        id=$(json .data.id)
        before=$(pg_sql 'SELECT count(*) FROM moved')
        run_evo evo-restore "$id" --create --to "$(pg_url "${PG_DB}_r$jobs")"
        assert_exit 0
        assert_equal "400000|t|t" "$(pg_sql -d "${PG_DB}_r$jobs" "SELECT (SELECT sum(v) FROM x) + (SELECT sum(v) FROM y),
            (SELECT sum(v) FROM y) - 200000 = (SELECT sum(by) FROM moved),
            (SELECT count(*) FROM moved) BETWEEN 1 AND $before")"
    done
    kill "$bench"
}

@test "a table behind a queued DDL statement is copied all the same, and the DDL goes on afterwards" {
    big_table big 100000
    pg_sql "CREATE TABLE small AS SELECT i FROM generate_series(1, 100) i"
    start_slow_backup --jobs 1 --json --verbose
    wait_until 20 copying big
    pg_sql "ALTER TABLE small ADD COLUMN added_after int" 3>&- &
    ddl=$!
    wait_until 10 ddl_waits
    copying big
    finish_evo
    assert_exit 0
    assert_stderr_has 'table "public.small" is left to the session that holds its lock'
    assert_json '.data.tables == 2 and .data.rows == 100100'
    wait "$ddl"
    assert_equal 1 "$(pg_sql "SELECT count(*) FROM pg_attribute WHERE attname = 'added_after'")"
    run_evo evo-backup verify latest
    assert_exit 0
    assert_equal "" "$(grep -l added_after "$(backup_folder)/toc.dat" || true)"
}

# A pg_dump that does what it should, and in its shadow a table is rewritten or dropped, once.
shadow_pg_dump() {
    mkdir "$BATS_TEST_TMPDIR/bin"
    cat >"$BATS_TEST_TMPDIR/bin/pg_dump" <<SH
#!/bin/sh
case \$1 in --version) exec "$PG_BINDIR/pg_dump" --version ;; esac
"$PG_BINDIR/pg_dump" "\$@" >"$BATS_TEST_TMPDIR/archive" || exit
if mkdir "$BATS_TEST_TMPDIR/once" 2>/dev/null; then
    "$PG_BINDIR/psql" -Xqc "$1" >/dev/null
fi
cat "$BATS_TEST_TMPDIR/archive"
SH
    chmod 0755 "$BATS_TEST_TMPDIR/bin/pg_dump"
    export EVO_PG_BINDIR=$BATS_TEST_TMPDIR/bin
}

@test "a table rewritten between snapshot and lock: looked at again, no row is missing" {
    pg_sql 'CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i'
    shadow_pg_dump 'BEGIN; CREATE TEMP TABLE keep AS TABLE t; TRUNCATE t; INSERT INTO t TABLE keep; COMMIT'
    run_evo evo-backup create --json --verbose
    assert_exit 0
    assert_stderr_has "was rewritten before it could be locked"
    assert_json '.data.rows == 1000'
}

@test "a table dropped between snapshot and lock: looked at again" {
    pg_sql 'CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i; CREATE TABLE u AS TABLE t'
    shadow_pg_dump 'DROP TABLE u'
    run_evo evo-backup create --json --verbose
    assert_exit 0
    assert_stderr_has "trying again with a new snapshot"
    assert_json '.data.tables == 1 and .data.rows == 1000'
}

@test "a table that stays locked: exit 5, the time-out is kept, nothing is left" {
    pg_sql "CREATE TABLE t (id int)"
    use_stock_tools
    psql -XAtqc "BEGIN; LOCK TABLE t; SELECT pg_sleep(60)" "$PG_DB" >/dev/null 2>&1 3>&- &
    wait_until 10 sh -c "[ \"\$(psql -XAtc \"SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 't'::regclass\" $PG_DB)\" = 1 ]"
    run_evo evo-backup create --lock-timeout 500ms --json
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable" and .data.id == null and (.error.hint | contains("--lock-timeout"))'
    assert_equal "" "$(find "$STORE_DIR" -type f 2>/dev/null)"
}

@test "many small tables share a lock statement; where DDL queues for one of them, that one alone is left" {
    big_table big 100000
    pg_sql "DO \$\$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('CREATE TABLE small_%s AS SELECT g FROM generate_series(1, %s) g', i, i); END LOOP; END \$\$"
    start_slow_backup --jobs 1 --json --verbose
    wait_until 20 copying big
    pg_sql "ALTER TABLE small_7 ADD COLUMN added_after int" 3>&- &
    ddl=$!
    wait_until 10 ddl_waits
    finish_evo
    assert_exit 0
    assert_stderr_has 'table "public.small_7" is left to the session that holds its lock'
    assert_equal 1 "$(grep -c 'is left to the session' "$ERR")"
    assert_json '.data.tables == 61 and .data.rows == 100000 + 1830'
    wait "$ddl"
    run_evo evo-backup verify latest
    assert_exit 0
}

@test "killed in the middle: the remains are listed as unfinished, and the next backup works" {
    big_table big 100000
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    start_slow_backup --jobs 2 --range-size 2MiB
    wait_until 20 sh -c "ls '$STORE_DIR/backups/default/$PG_DB'/*/*.dat.gz"
    copying big
    kill -KILL "$EVO_PID"
    finish_evo
    assert_exit 137
    wait_until 10 no_session_left
    folder=$(backup_folder)
    run_evo evo-backup list --json
    assert_json '.data.backups == []'
    run_evo evo-backup list --all --json
    assert_json ".data.backups | length == 1 and .[0].complete == false and .[0].problem == \"unfinished\" and .[0].id == \"${folder##*/}\""
    run_evo evo-backup create --json
    assert_exit 0
    id=$(json .data.id)
    run_evo evo-backup verify latest --json
    assert_exit 0
    assert_json ".data.id == \"$id\""
}

@test "a folder without a manifest is unfinished: listed with --all only, never latest, never restored" {
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create --json
    good=$(json .data.id)
    unfinished=$STORE_DIR/backups/default/$PG_DB/29991231T235959Z-ffffff
    cp -r "$(backup_folder)" "$unfinished"
    rm "$unfinished/manifest.json"
    run_evo evo-backup list --json
    assert_json ".data.backups | length == 1 and .[0].id == \"$good\""
    run_evo evo-backup list --all --json
    assert_json '.data.backups | map(.complete) == [false, true]'
    run_evo evo-backup verify latest --json
    assert_json ".data.id == \"$good\""
    run_evo evo-restore 29991231T235959Z-ffffff --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 1
    assert_json '.error.reason == "incomplete"'
}

@test "interrupted: within 5 s everything is taken back" {
    big_table big 100000
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    for signal in INT TERM; do
        start_slow_backup --json
        wait_until 20 copying big
        began=$SECONDS
        kill -"$signal" "$EVO_PID"
        finish_evo
        [ $((SECONDS - began)) -le 5 ]
        case $signal in INT) assert_exit 130 ;; *) assert_exit 143 ;; esac
        assert_json '.error.reason == "cancelled" and .data.id == null'
        assert_equal "" "$(find "$STORE_DIR" -type f)"
        wait_until 5 no_session_left
    done
}

@test "an interrupted restore drops the database that it made" {
    # Its rows take long where it is not the source.
    pg_sql "CREATE FUNCTION slow() RETURNS bool LANGUAGE sql AS \$\$ SELECT current_database() = '$PG_DB' OR pg_sleep(60) IS NOT NULL \$\$;
        CREATE TABLE big (id int CHECK (slow())); INSERT INTO big SELECT generate_series(1, 10000)"
    run_evo evo-backup create
    assert_exit 0
    start_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --json
    wait_until 20 sh -c "[ \"\$(psql -h $PG_SOCKET -p $PG_PORT -U postgres -XAtc \"SELECT count(*) FROM pg_stat_activity WHERE datname = '${PG_DB}_r' AND query LIKE 'COPY%'\" postgres)\" = 1 ]"
    began=$SECONDS
    kill -INT "$EVO_PID"
    finish_evo
    [ $((SECONDS - began)) -le 5 ]
    assert_exit 130
    assert_json '.error.reason == "cancelled"'
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_r'")"
}

@test "a session that the server ends in the middle: exit 3, nothing is left" {
    big_table big 100000
    start_slow_backup --json
    wait_until 20 copying big
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$PG_DB' AND query LIKE 'COPY%'"
    finish_evo
    assert_exit 3
    assert_stderr_has public.big
    assert_equal "" "$(find "$STORE_DIR" -type f)"
}

@test "a disk that is full: exit 4, nothing half-written is left" {
    big_table big 300000
    # The kernel refuses a file beyond this size as it refuses one on a full disk.
    # shellcheck disable=SC2016
    run_program bash -c 'ulimit -f 2048; trap "" XFSZ; exec "$0" create --json' "$(evo_bin evo-backup)"
    assert_exit 4
    assert_json '.error.reason == "disk"'
    assert_equal "" "$(find "$STORE_DIR" -type f)"
}

@test "memory stays within 64 MiB, whatever the size" {
    big_table one 1200000
    big_table two 1200000
    run_within_64_mib "$(evo_bin evo-backup)" create
    run_within_64_mib "$(evo_bin evo-backup)" create --jobs 4
    run_within_64_mib "$(evo_bin evo-backup)" verify latest
    run_within_64_mib "$(evo_bin evo-restore)" latest --create --to "$(pg_url "${PG_DB}_r")"
}

@test "beside that memory a long row is held once, by libpq" {
    # Just below the 64 MiB to which libpq's buffer grows for it.
    pg_sql "CREATE TABLE long AS SELECT i AS id, repeat('x', 62 * 1024 * 1024) AS t FROM generate_series(1, 2) i"
    run_within 110 "$(evo_bin evo-backup)" create --jobs 1
    run_within 110 "$(evo_bin evo-backup)" create --jobs 1 --compress none
    run_within_64_mib "$(evo_bin evo-backup)" verify latest
    run_within_64_mib "$(evo_bin evo-restore)" latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_same_database "$PG_DB" "${PG_DB}_r"
}

@test "backups in a row: listed newest first, and latest is the last" {
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    local ids='' i
    for i in 1 2 3 4 5; do
        run_evo evo-backup create --json
        assert_exit 0
        ids=$(json .data.id)$'\n'$ids
    done
    run_evo evo-backup list --json
    assert_equal "$ids" "$(json '.data.backups[].id')"$'\n'
    run_evo evo-backup show latest --json
    assert_equal "${ids%%$'\n'*}" "$(json .data.id)"
    run_evo evo-backup list
    assert_stdout_has ' s ago'
    assert_stdout_has '  default '
    assert_equal 5 "$(wc -l <"$OUT")"
}

@test "create names what a killed run left" {
    run_evo evo-backup create
    assert_exit 0
    mkdir "$STORE_DIR/backups/default/$PG_DB/20200101T000000Z-abcdef"
    touch "$STORE_DIR/backups/default/$PG_DB/20200101T000000Z-abcdef/toc.dat"
    run_evo evo-backup create
    assert_exit 0
    assert_stderr_has '1 unfinished backup of database'
    assert_stderr_has '"20200101T000000Z-abcdef"'
}
