# The same to a real S3 server: streamed, signed, nothing left behind.
# seconds: 20
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    s3_fresh_bucket
}

teardown() {
    jobs -p | xargs -r kill 2>/dev/null || true
    wait
}

# start_slow_backup OPTION...: the large tables below are under way for ten seconds or more, however fast the machine is, so
# that also a slow one sees the upload.
start_slow_backup() {
    start_evo evo-backup create --max-rate 4MB "$@"
}

copying() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '$PG_DB' AND application_name = 'evo-backup'
        AND query LIKE 'COPY%$1%' AND state = 'active'")" -gt 0 ]
}

@test "a hard database goes to S3 and back, with evo and by the commands in RESTORE.txt" {
    nasty_db
    run_evo evo-backup create --environment staging --json
    assert_exit 0
    id=$(json .data.id)
    assert_json ".data.location == \"$EVO_STORE/backups/staging/$PG_DB/$id\""
    run_evo evo-backup verify "$id" --json
    assert_exit 0
    stock_copy "$PG_DB" "${PG_DB}_s"
    run_evo evo-restore latest --environment staging --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_same_database "$PG_DB" "${PG_DB}_r" "${PG_DB}_s"
    # RESTORE.txt says where to fetch it from; the endpoint is another than AWS here, as it says.
    s3_get "store/backups/staging/$PG_DB/$id/RESTORE.txt" >"$BATS_TEST_TMPDIR/RESTORE.txt"
    cd "$BATS_TEST_TMPDIR"
    sed -n 's/^      aws /aws /p' RESTORE.txt >fetch
    assert_equal "aws s3 sync '$EVO_STORE/backups/staging/$PG_DB/$id' '$id'" "$(cat fetch)"
    PATH=$EVO_TOOLS/awscli/bin:$PATH sh -eu fetch >fetch.log
    follow_instructions "$BATS_TEST_TMPDIR/$id" "${PG_DB}_m"
    assert_same_database "$PG_DB" "${PG_DB}_m" "${PG_DB}_s"
}

@test "a large table goes up in parts within 64 MiB, and comes back" {
    pg_fresh_db
    pg_sql "CREATE TABLE big AS SELECT i, encode(sha512(i::text::bytea), 'hex') || encode(sha512((i + 1)::text::bytea), 'hex') AS h FROM generate_series(1, 400000) i"
    run_within_64_mib "$(evo_bin evo-backup)" create --jobs 2
    run_within_64_mib "$(evo_bin evo-backup)" create --jobs 4
    run_within_64_mib "$(evo_bin evo-backup)" verify latest
    assert_equal "" "$(s3_uploads)"
    run_within_64_mib "$(evo_bin evo-restore)" latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_equal "$(rows_of "$PG_DB")" "$(rows_of "${PG_DB}_r")"
}

@test "interrupted: no object and no multipart upload is left" {
    pg_fresh_db
    pg_sql "CREATE TABLE big AS SELECT i, encode(sha512(i::text::bytea), 'hex') || encode(sha512((i + 1)::text::bytea), 'hex') AS h FROM generate_series(1, 400000) i;
        CREATE TABLE t AS SELECT 1 AS id"
    start_slow_backup --json
    wait_until 20 copying big
    # A part is on its way once the upload is listed.
    wait_until 20 upload_listed
    began=$SECONDS
    kill -INT "$EVO_PID"
    finish_evo
    [ $((SECONDS - began)) -le 5 ]
    assert_exit 130
    assert_json '.error.reason == "cancelled"'
    assert_equal "" "$(s3_uploads)"
    assert_equal "" "$(s3_list)"
}

upload_listed() {
    [ -n "$(s3_uploads)" ]
}

@test "killed in the middle: listed as unfinished, the next backup works" {
    pg_fresh_db
    pg_sql "CREATE TABLE big AS SELECT i, encode(sha512(i::text::bytea), 'hex') || encode(sha512((i + 1)::text::bytea), 'hex') AS h FROM generate_series(1, 400000) i;
        CREATE TABLE t AS SELECT 1 AS id"
    start_slow_backup --jobs 2
    wait_until 20 upload_listed
    kill -KILL "$EVO_PID"
    finish_evo
    run_evo evo-backup list --json
    assert_json '.data.backups == []'
    run_evo evo-backup create --json
    assert_exit 0
    id=$(json .data.id)
    run_evo evo-backup list --all --json
    assert_json ".data.backups[0].id == \"$id\" and .data.backups[0].complete and (.data.backups[1:] | all(.complete == false))"
    run_evo evo-backup verify latest
    assert_exit 0
}

@test "damage in the bucket is found: missing, cut, altered, swapped, added" {
    pg_fresh_db
    pg_sql "CREATE TABLE a AS SELECT i FROM generate_series(1, 1000) i; CREATE TABLE b AS SELECT -i AS i FROM generate_series(1, 1000) i"
    run_evo evo-backup create --json
    folder=store/backups/default/$PG_DB/$(json .data.id)
    s3_get "$folder/manifest.json" >"$BATS_TEST_TMPDIR/manifest.json"
    a=$(jq -r '.objects[] | select(.table == "a") | .name' "$BATS_TEST_TMPDIR/manifest.json")
    b=$(jq -r '.objects[] | select(.table == "b") | .name' "$BATS_TEST_TMPDIR/manifest.json")
    s3_get "$folder/$a" >"$BATS_TEST_TMPDIR/a"
    s3_get "$folder/$b" >"$BATS_TEST_TMPDIR/b"
    head -c 100 "$BATS_TEST_TMPDIR/a" >"$BATS_TEST_TMPDIR/cut"
    { head -c 4 "$BATS_TEST_TMPDIR/a" && printf '\377' && tail -c +6 "$BATS_TEST_TMPDIR/a"; } >"$BATS_TEST_TMPDIR/altered"
    local row file reason
    for row in "cut|is shorter than was written" "altered|is not what was written: its SHA-256 differs" "b|holds the bytes of \\\"$b\\\""; do
        file=${row%%|*} reason=${row#*|}
        s3_put "$folder/$a" "$BATS_TEST_TMPDIR/$file"
        run_evo evo-backup verify latest --json
        assert_exit 6
        case $file in
        cut) assert_json ".data.damaged | length == 1 and .[0].object == \"$a\"" ;;
        *) assert_json ".data.damaged == [{\"object\": \"$a\", \"reason\": \"$reason\"}]" ;;
        esac
        s3_put "$folder/$a" "$BATS_TEST_TMPDIR/a"
        run_evo evo-backup verify latest
        assert_exit 0
    done
    s3_rm "$folder/$a"
    run_evo evo-backup verify latest --json
    assert_exit 6
    assert_json ".data.damaged == [{\"object\": \"$a\", \"reason\": \"is missing\"}]"
    s3_put "$folder/$a" "$BATS_TEST_TMPDIR/a"
    s3_put "$folder/other.dat" "$BATS_TEST_TMPDIR/a"
    run_evo evo-backup verify latest --quick --json
    assert_exit 6
    assert_json '.data.damaged == [{"object": "other.dat", "reason": "is not in the manifest"}]'
}

@test "wrong credentials and no such bucket: exit 4 before the database is asked, no secret shown" {
    pg_fresh_db
    AWS_SECRET_ACCESS_KEY=canary-wrong run_evo evo-backup create --json
    assert_exit 4
    assert_json '.error.reason == "store"'
    run_evo evo-backup create --store s3://no-such-bucket-here/x --json
    assert_exit 4
    assert_json '.error.reason == "store"'
    run_evo evo-backup list --json
    assert_exit 0
}
