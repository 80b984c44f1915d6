# A backup as one tar: out of a folder and a bucket, and back with stock tools alone.
# seconds: 10
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    TAR=$BATS_TEST_TMPDIR/out/shop.tar
    mkdir "$BATS_TEST_TMPDIR/out"
}

teardown() {
    jobs -p | xargs -r kill 2>/dev/null || true
    wait
}

small_backup() {
    pg_fresh_db
    use_folder_store
    pg_sql 'CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i'
    run_evo evo-backup create --json
    assert_exit 0
    id=$(json .data.id)
    FOLDER=$(backup_folder)
}

# Nothing but what is named lies where the tar would be.
assert_out() {
    assert_equal "$*" "$(ls -A "$BATS_TEST_TMPDIR/out")"
}

@test "a hard database: exported from a folder, unpacked by tar, restored by RESTORE.txt" {
    nasty_db
    use_folder_store
    run_evo evo-backup create --json
    assert_exit 0
    id=$(json .data.id)
    run_evo evo-backup verify "$id"
    run_evo evo-backup export "$id" "$TAR" --json
    assert_exit 0
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/backup-export.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_json ".data == {\"id\": \"$id\", \"file\": \"$TAR\", \"bytes\": $(stat -c %s "$TAR")}"
    assert_equal 600 "$(stat -c %a "$TAR")"
    assert_out shop.tar
    cd "$BATS_TEST_TMPDIR"
    tar xf "$TAR"
    # The same files, byte for byte, the proof too; the manifest comes last.
    diff -r "$(backup_folder)" "$id"
    assert_equal "$id/manifest.json" "$(tar tf "$TAR" | tail -n 1)"
    # shellcheck disable=SC2012 # modes of plain names
    assert_equal "" "$(find "$id" -type f ! -perm 600)"
    stock_copy "$PG_DB" "${PG_DB}_s"
    follow_instructions "$BATS_TEST_TMPDIR/$id" "${PG_DB}_r"
    assert_same_database "$PG_DB" "${PG_DB}_r" "${PG_DB}_s"
}

@test "from a bucket, within 64 MiB, to a file and to stdout" {
    pg_fresh_db
    s3_fresh_bucket
    pg_sql "CREATE TABLE big AS SELECT i, encode(sha512(i::text::bytea), 'hex') || encode(sha512((i + 1)::text::bytea), 'hex') AS h FROM generate_series(1, 200000) i"
    run_evo evo-backup create --environment staging --json
    assert_exit 0
    id=$(json .data.id)
    run_within_64_mib "$(evo_bin evo-backup)" export "$id" "$TAR"
    assert_stdout_has "$TAR  $id"
    run_evo evo-backup export latest - --environment staging
    assert_exit 0
    cmp "$OUT" "$TAR"
    cd "$BATS_TEST_TMPDIR"
    tar xf "$TAR"
    follow_instructions "$BATS_TEST_TMPDIR/$id" "${PG_DB}_r"
    assert_equal "$(rows_of "$PG_DB")" "$(rows_of "${PG_DB}_r")"
}

@test "an encrypted backup is exported as it is" {
    pg_fresh_db
    use_folder_store
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create --encrypt-to age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj --json
    assert_exit 0
    id=$(json .data.id)
    run_evo evo-backup export "$id" "$TAR"
    assert_exit 0
    cd "$BATS_TEST_TMPDIR"
    tar xf "$TAR"
    diff -r "$(backup_folder)" "$id"
}

@test "a file that is there is not replaced, but with --force" {
    small_backup
    echo mine >"$TAR"
    run_evo evo-backup export "$id" "$TAR" --json
    assert_exit 2
    assert_json '.error.reason == "usage" and (.error.hint | contains("--force")) and .data.file == null'
    assert_equal mine "$(cat "$TAR")"
    assert_out shop.tar
    run_evo evo-backup export "$id" "$TAR" --force
    assert_exit 0
    tar tf "$TAR" >/dev/null
    assert_equal 600 "$(stat -c %a "$TAR")"
    assert_out shop.tar
    run_evo evo-backup export "$id" "$BATS_TEST_TMPDIR/out" --force
    assert_exit 2
    assert_stderr_has "it is a folder"
    run_evo evo-backup export "$id" "$BATS_TEST_TMPDIR/no/such/x.tar" --json
    assert_exit 4
    assert_json '.error.reason == "disk"'
}

@test "the first lie ends it: exit 6, no file" {
    small_backup
    table=$(basename "$FOLDER"/*.dat.gz)
    cp "$FOLDER/$table" "$BATS_TEST_TMPDIR/good"
    for damage in missing cut longer altered; do
        case $damage in
        missing) rm "$FOLDER/$table" ;;
        cut) truncate -s 1000 "$FOLDER/$table" ;;
        longer) echo x >>"$FOLDER/$table" ;;
        altered) printf '\377' | dd of="$FOLDER/$table" bs=1 seek=500 conv=notrunc status=none ;;
        esac
        run_evo evo-backup export "$id" "$TAR" --json
        assert_exit 6
        assert_json ".error.reason == \"integrity\" and (.error.message | contains(\"$table\")) and .data.file == null"
        assert_out ""
        cp "$BATS_TEST_TMPDIR/good" "$FOLDER/$table"
    done
    run_evo evo-backup export "$id" "$TAR"
    assert_exit 0
}

@test "stdout is for the tar or for the result, not for both; a reader that leaves is said" {
    small_backup
    run_evo evo-backup export "$id" - --json
    assert_exit 2
    assert_json '.error.reason == "usage"'
    status=0
    "$(evo_bin evo-backup)" export "$id" - 2>"$BATS_TEST_TMPDIR/err" | true
    status=${PIPESTATUS[0]}
    assert_equal 4 "$status"
    grep -q 'could not write "standard output"' "$BATS_TEST_TMPDIR/err"
}

@test "interrupted while nobody reads: ended within seconds" {
    small_backup
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    # Held open by one that does not read.
    exec 7<>"$BATS_TEST_TMPDIR/pipe"
    "$(evo_bin evo-backup)" export "$id" - >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    EVO_PID=$!
    wait_until 10 sh -c "[ \"\$(readlink /proc/$EVO_PID/exe)\" = '$(evo_bin evo-backup)' ] && [ \"\$(cut -d ' ' -f 3 /proc/$EVO_PID/stat)\" = S ]"
    kill -TERM "$EVO_PID"
    status=0
    began=$SECONDS
    wait "$EVO_PID" || status=$?
    assert_equal 143 "$status"
    [ $((SECONDS - began)) -le 3 ]
    exec 7>&-
}

@test "a full disk: exit 4, said so, nothing left" {
    small_backup
    [ -e /dev/full ]
    status=0
    "$(evo_bin evo-backup)" export "$id" - >/dev/full 2>"$BATS_TEST_TMPDIR/err" || status=$?
    assert_equal 4 "$status"
    grep -q 'No space left' "$BATS_TEST_TMPDIR/err"
    grep -q 'hint: Free space there' "$BATS_TEST_TMPDIR/err"
}
