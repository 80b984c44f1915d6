# What killed runs leave is removed; what is a backup, or is being made, is not.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

teardown() {
    jobs -p | xargs -r kill 2>/dev/null || true
    wait
}

upload_listed() {
    [ -n "$(s3_uploads)" ]
}

# assert_gc ARGUMENT...: it is done, and says so by its schema.
assert_gc() {
    run_evo evo-backup gc "$@" --json
    assert_exit 0
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/backup-gc.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_json '.data.failed == []'
}

# start_slow_backup OPTION...: it goes on for three seconds or more, however fast the machine is.
start_slow_backup() {
    start_evo evo-backup create --max-rate 4MB "$@"
}

# big_random NAME ROWS: about 260 bytes a row that do not compress much.
big_random() {
    pg_sql "CREATE TABLE $1 AS SELECT i, encode(sha512(i::text::bytea), 'hex') || encode(sha512((i + 1)::text::bytea), 'hex') AS h FROM generate_series(1, $2) i"
}

@test "a folder: the half of a killed create goes when it is old, and the rest stays" {
    pg_fresh_db
    use_folder_store
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create --json
    assert_exit 0
    whole=$(json .data.id)
    run_evo evo-backup verify "$whole"
    big_random big 120000
    start_slow_backup --jobs 2
    wait_until 20 sh -c "[ -n \"\$(find '$STORE_DIR' -name '.evo-tmp-*')\" ]"
    kill -KILL "$EVO_PID"
    finish_evo
    half=$(find "$STORE_DIR/backups/default/$PG_DB" -mindepth 1 -maxdepth 1 ! -name "$whole" -printf '%f\n')
    [ -n "$half" ]
    mkdir -p "$STORE_DIR/passports/staging"
    touch -d '9 days ago' "$STORE_DIR/passports/staging/x.json"
    find "$STORE_DIR/backups/default/$PG_DB/$whole" -type f -exec touch -d '9 days ago' {} +
    # It may still be at work, for all that one can see.
    assert_gc
    assert_json '.data.removed == [] and (.data.left | length) > 0 and .data.bytes == 0'
    find "$STORE_DIR/backups/default/$PG_DB/$half" -type f -exec touch -d '25 hours ago' {} +
    assert_gc --grace 2d
    assert_json '.data.removed == []'
    assert_gc --dry-run
    assert_json '.data.dry_run and (.data.removed | length) > 0'
    [ -n "$(find "$STORE_DIR/backups/default/$PG_DB/$half" -type f)" ]
    assert_gc
    assert_json "(.data.removed | length) > 0 and all(.data.removed[]; .key | contains(\"$half\")) and .data.uploads > 0"
    [ ! -e "$STORE_DIR/backups/default/$PG_DB/$half" ]
    [ -e "$STORE_DIR/passports/staging/x.json" ]
    run_evo evo-backup verify "$whole"
    assert_exit 0
    assert_equal 2 "$(find "$STORE_DIR/backups/default/$PG_DB/$whole/proof" -type f | wc -l)"
    run_evo evo-backup gc
    assert_exit 0
    assert_stdout_has "removed 0 objects and 0 uploads"
}

@test "a bucket: objects and multipart uploads of a killed create go, of every environment" {
    pg_fresh_db
    s3_fresh_bucket
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create --environment staging --json
    assert_exit 0
    whole=$(json .data.id)
    big_random big 120000
    start_slow_backup --environment production --jobs 2
    wait_until 20 upload_listed
    kill -KILL "$EVO_PID"
    finish_evo
    before=$(s3_list)
    assert_gc
    assert_json '.data.removed == [] and (.data.left | length) > 0'
    assert_equal "$before" "$(s3_list)"
    upload_listed
    assert_gc --grace 0
    assert_json '.data.uploads > 0 and all(.data.removed[]; .key | startswith("backups/production/"))'
    assert_equal "" "$(s3_uploads)"
    assert_equal "" "$(s3_list store/backups/production/)"
    run_evo evo-backup verify "$whole"
    assert_exit 0
    run_evo evo-backup list --all --all-environments --json
    assert_json ".data.backups | map(.id) == [\"$whole\"]"
}

@test "a create that goes on is left alone by the default grace time, and ends well" {
    pg_fresh_db
    s3_fresh_bucket
    big_random big 120000
    start_slow_backup --json
    wait_until 20 upload_listed
    # It must not have ended when gc looks.
    kill -STOP "$EVO_PID"
    run_evo evo-backup gc --json
    kill -CONT "$EVO_PID"
    assert_exit 0
    assert_json '.ok and .data.removed == [] and (.data.left | length) > 0'
    finish_evo
    assert_exit 0
    run_evo evo-backup verify latest
    assert_exit 0
}

mark_and_rows_are_there() {
    [ -n "$(find "$STORE_DIR" -name RUNNING.txt)" ] && [ -n "$(find "$STORE_DIR" -name '.evo-tmp-*')" ]
}

@test "a create that goes on is left alone however short the grace time is; killed, it goes when its mark is old" {
    pg_fresh_db
    use_folder_store
    big_random big 300000
    start_evo evo-backup create --jobs 2 --max-rate 2MiB --json
    wait_until 20 mark_and_rows_are_there
    find "$STORE_DIR" -type f ! -name RUNNING.txt -exec touch -d '9 days ago' {} + 2>/dev/null || true
    run_program "$(evo_bin evo-backup)" gc --grace 1ms --json >/dev/null
    jq -e '.ok and .data.removed == [] and .data.objects == 0 and .data.uploads == 0 and any(.data.left[]; .reason | contains("RUNNING.txt"))' "$OUT"
    kill -0 "$EVO_PID"
    kill -KILL "$EVO_PID"
    wait "$EVO_PID" || true
    assert_gc --grace 1ms
    assert_json '.data.removed == []'
    find "$STORE_DIR" -type f -exec touch -d '29 minutes ago' {} +
    assert_gc --grace 1ms
    assert_json '.data.removed == []'
    find "$STORE_DIR" -type f -exec touch -d '31 minutes ago' {} +
    assert_gc --grace 1ms
    assert_json '.data.removed | length > 0'
    assert_equal "" "$(find "$STORE_DIR" -type f)"
}

@test "a mark that stayed beside a complete backup means nothing" {
    pg_fresh_db
    use_folder_store
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create --json
    assert_exit 0
    [ ! -e "$(backup_folder)/RUNNING.txt" ]
    echo stays >"$(backup_folder)/RUNNING.txt"
    run_evo evo-backup verify latest
    assert_exit 0
    run_evo evo-backup export latest "$BATS_TEST_TMPDIR/x.tar"
    assert_exit 0
    ! tar -tf "$BATS_TEST_TMPDIR/x.tar" | grep RUNNING || fail "exported"
    run_evo evo-backup list --all --json
    assert_json '.data.backups | length == 1 and all(.complete)'
    assert_gc --grace 0
    assert_json '.data.removed == []'
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    run_evo evo-backup prune --keep-last 1 --json
    assert_exit 0
}

@test "what a killed prune left goes at once: its objects are old" {
    pg_fresh_db
    use_folder_store
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create
    assert_exit 0
    FOLDER=$(backup_folder)
    find "$FOLDER" -type f -exec touch -d '30 days ago' {} +
    rm "$FOLDER/manifest.json" "$FOLDER/RESTORE.txt"
    run_evo evo-backup gc
    assert_exit 0
    assert_stdout_has "removed  folder"
    assert_stdout_has "30 days ago"
    [ ! -e "$FOLDER" ]
}

@test "a grace time of no length is warned of" {
    use_folder_store
    mkdir -p "$STORE_DIR"
    run_evo evo-backup gc --grace 0 --dry-run
    assert_exit 0
    assert_stderr_has 'takes what a backup that is running now has written'
    run_evo evo-backup gc --grace 1s --dry-run
    assert_exit 0
    ! grep -q 'running now' "$ERR" || fail "warned of a second"
}

@test "no store, a store that refuses: said so" {
    run_evo evo-backup gc --json
    assert_exit 2
    s3_fresh_bucket
    AWS_SECRET_ACCESS_KEY=canary-wrong run_evo evo-backup gc --json
    assert_exit 4
    assert_json '.error.reason == "store" and .data.removed == []'
    run_evo evo-backup gc --json
    assert_exit 0
    assert_json '.data.removed == [] and .data.left == []'
}
