# An encrypted backup tells nobody without the key what it holds, and whoever has the key needs no evo.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    use_folder_store
    KEY=$BATS_TEST_TMPDIR/key.txt
    age-keygen -o "$KEY" 2>/dev/null
    add_canary "$(grep AGE-SECRET-KEY "$KEY")"
    RECIPIENT=$(age-keygen -y "$KEY")
}

@test "age and pg_restore bring an encrypted backup back, by RESTORE.txt" {
    nasty_db
    big_table big 30000
    stock_copy "$PG_DB" "${PG_DB}_stock"
    run_evo evo-backup create --encrypt-to "$RECIPIENT" --range-size 1MiB --globals
    assert_exit 0
    IDENTITY=$KEY follow_instructions "$(backup_folder)" "${PG_DB}_by_hand"
    assert_same_database "$PG_DB" "${PG_DB}_by_hand" "${PG_DB}_stock"
    age -d -i "$KEY" "$(backup_folder)/globals.sql.gz.age" | gunzip -c | grep -q 'CREATE ROLE'
}

@test "evo-restore brings it back with the key, and touches nothing without it" {
    nasty_db
    big_table big 30000
    stock_copy "$PG_DB" "${PG_DB}_stock"
    run_evo evo-backup create --encrypt-to "$RECIPIENT" --range-size 1MiB
    assert_exit 0
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_copy")"
    assert_exit 2
    assert_stderr_has 'is encrypted'
    assert_stderr_has '--identity FILE'
    assert_equal 0 "$(pg_sql -d postgres "SELECT count(*) FROM pg_database WHERE datname = '${PG_DB}_copy'")"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_copy")" --identity "$KEY" --json
    assert_exit 0
    assert_json '[.data.tables[] | select(.name == "public.big")] == [{"name": "public.big", "rows": 30000}]'
    assert_same_database "$PG_DB" "${PG_DB}_copy" "${PG_DB}_stock"
    run_evo evo-backup drill latest --identity "$KEY" --json --scratch-url "$(pg_url postgres)"
    assert_exit 0
    assert_json '.data.fingerprint_equal == true'
}

@test "nothing of the data is readable in the store, neither rows nor names" {
    pg_fresh_db
    pg_sql "CREATE TABLE \"canary-table\" (\"canary-column\" text); INSERT INTO \"canary-table\" VALUES ('canary-value');
        CREATE SCHEMA evo; CREATE TABLE \"canary-left-out\" (i int)"
    run_evo evo-backup create --encrypt-to "$RECIPIENT" --compress none --exclude-table '*left-out'
    assert_exit 0
    ! grep -rl canary "$(backup_folder)" || fail "something is readable"
    find "$(backup_folder)" -type f ! -name '*.age' -printf '%f\n' | sort >"$BATS_TEST_TMPDIR/plain"
    assert_equal "RESTORE.txt manifest.json" "$(paste -sd ' ' "$BATS_TEST_TMPDIR/plain")"
    jq -e ".encryption == {format: \"age-encryption.org/v1\", recipients: [\"$RECIPIENT\"]}" "$(backup_folder)/manifest.json"
    assert_schema "$EVO_ROOT/lib/schema/manifest.schema.json" "$(backup_folder)/manifest.json"
}

@test "each of several recipients can read it" {
    pg_fresh_db
    pg_sql "CREATE TABLE t AS SELECT 7 AS i"
    age-keygen -o "$BATS_TEST_TMPDIR/other.txt" 2>/dev/null
    run_evo evo-backup create --encrypt-to "$RECIPIENT,$(age-keygen -y "$BATS_TEST_TMPDIR/other.txt")"
    assert_exit 0
    for key in "$KEY" "$BATS_TEST_TMPDIR/other.txt"; do
        run_evo evo-backup verify latest --identity "$key"
        assert_exit 0
    done
}

@test "verify reads the rows with the key, the stored bytes without it, and says which" {
    pg_fresh_db
    pg_sql "CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i"
    run_evo evo-backup create --encrypt-to "$RECIPIENT"
    assert_exit 0
    run_evo evo-backup verify latest
    assert_exit 0
    assert_stdout_has 'as it is stored: without --identity nothing was decrypted'
    run_evo evo-backup verify latest --identity "$KEY"
    assert_exit 0
    ! grep -q 'as it is stored' "$OUT" || fail "rows were not read"
    EVO_IDENTITY=$KEY run_evo evo-backup verify latest
    assert_exit 0
    # Another key, a file that is none, one that is not there: the configuration, not the backup.
    age-keygen -o "$BATS_TEST_TMPDIR/other.txt" 2>/dev/null
    run_evo evo-backup verify latest --identity "$BATS_TEST_TMPDIR/other.txt"
    assert_exit 2
    assert_stderr_has identity
    echo nothing >"$BATS_TEST_TMPDIR/none.txt"
    run_evo evo-backup verify latest --identity "$BATS_TEST_TMPDIR/none.txt"
    assert_exit 2
    run_evo evo-backup verify latest --identity "$BATS_TEST_TMPDIR/missing.txt"
    assert_exit 2
    assert_stderr_has 'missing.txt" does not exist'
}

@test "a changed bit is found with and without the key, in the header too" {
    pg_fresh_db
    pg_sql "CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i"
    run_evo evo-backup create --encrypt-to "$RECIPIENT"
    assert_exit 0
    object=$(find "$(backup_folder)" -name '*.dat.gz.age')
    cp "$object" "$BATS_TEST_TMPDIR/good"
    for at in 60 150 $(($(stat -c %s "$object") - 5)); do
        cp "$BATS_TEST_TMPDIR/good" "$object"
        python3 - "$object" "$at" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    c = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([c ^ 1]))
PY
        for identity in "" "$KEY"; do
            EVO_IDENTITY=$identity run_evo evo-backup verify latest --json
            assert_exit 6
            assert_json ".data.damaged | length == 1 and .[0].object == \"${object##*/}\""
        done
    done
}

@test "what is no recipient is refused before anything starts, a secret key is not repeated" {
    pg_fresh_db
    run_evo evo-backup create --encrypt-to age1nonsense
    assert_exit 2
    run_evo evo-backup create --encrypt-to "$(grep AGE-SECRET-KEY "$KEY")"
    assert_exit 2
    assert_equal "" "$(find "$STORE_DIR" -type f 2>/dev/null)"
}
