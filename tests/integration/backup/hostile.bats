# Failures in the middle, others at work in the same database, and names and arguments that mean no good.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
    TARGET=${PG_DB}_target
}

in_target() {
    pg_sql -d "$TARGET" "$1"
}

# damage TABLE: one byte of its object, in the middle; the size stays.
damage() {
    local object
    object=$(backup_folder)/$(jq -r --arg t "$1" '.objects[] | select(.table == $t) | .name' "$(backup_folder)/manifest.json")
    python3 - "$object" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    b = bytearray(f.read())
    b[len(b) // 2] ^= 1
    f.seek(0)
    f.write(b)
PY
}

@test "what a failed restore takes back is what it made: others' things of the same names stay" {
    things="CREATE EXTENSION postgres_fdw; CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'PROD');
        CREATE USER MAPPING FOR postgres SERVER remote OPTIONS (password 'precious'); CREATE TEXT SEARCH CONFIGURATION cfg (COPY = english)"
    pg_sql "$things; CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 50000) i"
    run_evo evo-backup create
    assert_exit 0
    damage t
    pg_sql -d postgres "CREATE DATABASE $TARGET"
    in_target "$things"
    # Now that they are seen, the database is not empty.
    run_evo evo-restore latest --table t --to "$(pg_url "$TARGET")"
    assert_exit 1
    assert_stderr_has 'server remote'
    run_evo evo-restore latest --table t --to "$(pg_url "$TARGET")" --into-existing --confirm "$TARGET"
    assert_exit 6
    assert_equal "remote precious cfg" "$(in_target "SELECT srvname || ' ' || split_part(umoptions[1], '=', 2) || ' ' || cfgname
        FROM pg_foreign_server, pg_user_mapping, pg_ts_config WHERE cfgname = 'cfg'")"
}

@test "--clean reads the backup before it drops anything" {
    pg_sql "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 50000) i"
    run_evo evo-backup create
    assert_exit 0
    damage t
    pg_sql -d postgres "CREATE DATABASE $TARGET"
    in_target "CREATE TABLE t AS SELECT 7 AS i, 'mine' AS md5"
    run_evo evo-restore latest --clean --to "$(pg_url "$TARGET")"
    assert_exit 2
    assert_stderr_has 'needs --into-existing, and --confirm'
    run_evo evo-restore latest --clean --into-existing --confirm "$TARGET" --to "$(pg_url "$TARGET")"
    assert_exit 6
    assert_stderr_has 'nothing was dropped'
    assert_equal 7 "$(in_target 'SELECT i FROM t')"
}

@test "rows that others write into a restored table at once are not emptied away" {
    pg_sql "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 200000) i"
    run_evo evo-backup create
    assert_exit 0
    pg_sql -d postgres "CREATE DATABASE $TARGET"
    in_target "CREATE TABLE t (i int, md5 text)"
    "$PG_BINDIR/psql" -Xq -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "$TARGET" -c "DO \$\$ DECLARE n int := 0; BEGIN
        FOR k IN 1..20000 LOOP BEGIN INSERT INTO t VALUES (-k, 'mine'); n := n + 1; COMMIT; EXCEPTION WHEN undefined_table THEN NULL; END; END LOOP; END \$\$" \
        >/dev/null 2>&1 3>&- &
    writer=$!
    run_evo evo-restore latest --clean --into-existing --confirm "$TARGET" --to "$(pg_url "$TARGET")" --jobs 1
    assert_exit 0
    wait "$writer" || true
    assert_equal 200000 "$(in_target "SELECT count(*) FROM t WHERE md5 <> 'mine'")"
    ! grep -q TRUNCATE <<<"$(in_target "SELECT query FROM pg_stat_activity WHERE datname = current_database()")" || fail "a table is emptied"
}

@test "a backup from the future is not the latest while there is another" {
    pg_sql "CREATE TABLE t AS SELECT 1 AS i"
    run_evo evo-backup create --json
    good=$(json .data.id)
    copy_backup "$(backup_folder)" 2099-11-26T06:06:05Z
    run_evo evo-backup list
    assert_stdout_has 'in the future'
    run_evo evo-restore latest --create --to "$(pg_url "$TARGET")" --json
    assert_exit 0
    assert_json ".data.id == \"$good\""
}

@test "a name with control characters is shown, and does nothing" {
    pg_sql "CREATE TABLE \"x
::error::pwn$(printf '\033')[31m\" AS SELECT i FROM generate_series(1, 1000) i"
    run_evo evo-backup create
    assert_exit 0
    damage "$(jq -r '.objects[] | select(.kind == "table") | .table' "$(backup_folder)/manifest.json")"
    run_evo evo-restore latest --create --to "$(pg_url "$TARGET")"
    assert_exit 6
    ! grep -q '^::error' "$ERR" || fail "a command stands in the log"
    ! grep -q "$(printf '\033')" "$ERR" || fail "an escape sequence stands in the log"
    assert_stderr_has 'x\n::error::pwn\x1b[31m'
}

@test "a password in an argument that does not belong there is not repeated" {
    add_canary canaryStray42
    for words in "latest postgresql://u:canaryStray42@h/x" "--nonsense=postgresql://u:canaryStray42@h/x" "postgresql://u:canaryStray42@h/x"; do
        # shellcheck disable=SC2086 # words
        run_evo evo-restore $words --json
        [ "$status" -ne 0 ]
    done
}

@test "arrays mean the same where the server takes NULL for a word" {
    pg_sql "CREATE TABLE t AS SELECT ARRAY['NULL', NULL, 'a'] AS a"
    run_evo evo-backup create
    assert_exit 0
    pg_sql -d postgres "CREATE DATABASE $TARGET"
    pg_sql -d postgres "ALTER DATABASE $TARGET SET array_nulls = off"
    run_evo evo-restore latest --to "$(pg_url "$TARGET")"
    assert_exit 0
    assert_equal "t f" "$(in_target "SELECT (a[2] IS NULL) || ' ' || (a[1] IS NULL) FROM t" | sed 's/true/t/; s/false/f/')"
}

@test "a limit on the size of files is an error of the disk, and nothing stays" {
    pg_sql "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 200000) i"
    run_program bash -c 'ulimit -f 500; exec "$0" create --json' "$(evo_bin evo-backup)"
    assert_exit 4
    assert_json '.error.reason == "disk"'
    assert_equal "" "$(find "$STORE_DIR" -type f)"
}

@test "closed standard descriptors are not taken for sockets" {
    pg_sql "CREATE TABLE t AS SELECT 1 AS i"
    "$(evo_bin evo-backup)" create --verbose <&- >&- 2>&-
    run_evo evo-backup verify latest
    assert_exit 0
}
