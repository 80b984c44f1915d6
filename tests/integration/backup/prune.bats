# Retention by the executable: what goes, what stays and why, and what a failure leaves.
# seconds: 10
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
    pg_sql 'CREATE TABLE t AS SELECT i FROM generate_series(1, 100) i'
    run_evo evo-backup create --json
    assert_exit 0
    NEWEST=$(json .data.id)
    FOLDER=$(backup_folder)
}

teardown() {
    jobs -p | xargs -r kill 2>/dev/null || true
    wait
    [ -z "${PLACE:-}" ] || rm -rf "$PLACE"
}

# copies TIME...: one each; sets COPIES to their ids.
copies() {
    COPIES=()
    for time in "$@"; do
        copy_backup "$FOLDER" "$time"
        COPIES+=("$COPY_ID")
    done
}

assert_pruned() {
    assert_exit 0
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/backup-prune.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_json '.data.failed == []'
}

assert_policy() {
    run_evo evo-backup prune --keep-last 1 --keep-monthly 2 --keep-yearly 3 --dry-run --json
    assert_pruned
    assert_json ".data.dry_run and (.data.removed | map(.id)) == [\"${COPIES[2]}\"] and .data.removed[0].stored_bytes > 0"
    run_evo evo-backup list --json
    assert_json '.data.backups | length == 4'
    run_evo evo-backup prune --keep-last 1 --keep-monthly 2 --keep-yearly 3 --json
    assert_pruned
    assert_json ".data.removed | map(.id) == [\"${COPIES[2]}\"]"
    assert_json ".data.kept | map(.id) == [\"$NEWEST\", \"${COPIES[3]}\", \"${COPIES[1]}\", \"${COPIES[0]}\"]"
    assert_json '.data.kept | map(.reasons[-1]) == ["the last good one", "yearly 2024", "yearly 2023", "unfinished"] or
        map(.reasons[-1]) == ["the last good one", "yearly 2024", "yearly 2023", "damaged manifest"]'
    run_evo evo-backup list --all --json
    assert_json ".data.backups | map(.id) == [\"$NEWEST\", \"${COPIES[3]}\", \"${COPIES[1]}\", \"${COPIES[0]}\"]"
    run_evo evo-backup verify "${COPIES[1]}"
    assert_exit 0
    # Once more: nothing is left to do.
    run_evo evo-backup prune --keep-last 1 --keep-monthly 2 --keep-yearly 3
    assert_exit 0
    assert_stdout_has "removed 0 backups"
    assert_stdout_has "yearly 2023"
}

@test "a policy in a folder: what it lets go goes, whole" {
    copies 2022-05-05T00:00:00Z 2023-12-31T23:59:59Z 2024-01-01T00:00:00Z 2024-06-01T00:00:00Z
    rm "$STORE_DIR/backups/default/$PG_DB/${COPIES[0]}/manifest.json"
    assert_policy
    [ ! -e "$STORE_DIR/backups/default/$PG_DB/${COPIES[2]}" ]
}

@test "a policy in a bucket" {
    copies 2022-05-05T00:00:00Z 2023-12-31T23:59:59Z 2024-01-01T00:00:00Z 2024-06-01T00:00:00Z
    echo x >>"$STORE_DIR/backups/default/$PG_DB/${COPIES[0]}/manifest.json"
    upload_store
    assert_policy
    assert_equal "" "$(s3_list "store/backups/default/$PG_DB/${COPIES[2]}/")"
}

@test "no policy, and nobody's backups: refused, nothing is removed" {
    run_evo evo-backup prune --json
    assert_exit 2
    assert_json '.error.reason == "usage" and (.error.hint | contains("--keep-last")) and .data.removed == []'
    run_evo evo-backup prune --keep-last 0 --keep-within 0 --json
    assert_exit 2
    run_evo evo-backup prune --keep-last -1 --json
    assert_exit 2
    DATABASE_URL='' run_evo evo-backup prune --keep-last 1 --json
    assert_exit 2
    assert_json '.error.hint | contains("--all-databases")'
    run_evo evo-backup prune --keep-last 1 --all-databases --backup-of x --json
    assert_exit 2
    run_evo evo-backup verify "$NEWEST"
    assert_exit 0
    run_evo evo-backup prune --keep-last 1 --backup-of nobody
    assert_exit 0
    assert_stdout_has "no backups of nobody"
}

@test "each database by itself, other environments not at all" {
    copies 2026-01-01T00:00:00Z
    mkdir -p "$STORE_DIR/backups/default/other" "$STORE_DIR/backups/staging/$PG_DB"
    copy_backup "$FOLDER" 2025-01-01T00:00:00Z '.database = "other"'
    mv "$STORE_DIR/backups/default/$PG_DB/$COPY_ID" "$STORE_DIR/backups/default/other/"
    other=$COPY_ID
    copy_backup "$FOLDER" 2024-01-01T00:00:00Z '.environment = "staging"'
    mv "$STORE_DIR/backups/default/$PG_DB/$COPY_ID" "$STORE_DIR/backups/staging/$PG_DB/"
    run_evo evo-backup prune --keep-last 1 --all-databases --json
    assert_pruned
    assert_json ".data.removed | map(.id) == [\"${COPIES[0]}\"]"
    assert_json ".data.kept | map(.id) | sort == ([\"$NEWEST\", \"$other\"] | sort)"
    [ -e "$STORE_DIR/backups/staging/$PG_DB/$COPY_ID/manifest.json" ]
}

@test "a part of the database does not push out the whole, nor another part" {
    copies 2026-01-01T00:00:00Z
    copy_backup "$FOLDER" 2026-02-01T00:00:00Z '.options.filtered = true | .options.table = ["a"]'
    copy_backup "$FOLDER" 2026-03-01T00:00:00Z '.options.filtered = true | .options.table = ["b"] | .options.jobs = 1'
    copy_backup "$FOLDER" 2026-04-01T00:00:00Z '.options.filtered = true | .options.table = ["b"] | .options.jobs = 2'
    rm -r "$FOLDER"
    run_evo evo-backup prune --keep-last 1 --json
    assert_pruned
    assert_json '.data.removed | map(.created_at[:7]) == ["2026-03"]'
    assert_json '.data.kept | map(.created_at[:7]) == ["2026-04", "2026-02", "2026-01"]'
}

@test "a newest backup that a drill could not bring back is not the one that is kept for" {
    copies 2026-01-01T00:00:00Z
    rm "$FOLDER"/*.dat.gz
    run_evo evo-backup drill "$NEWEST" --scratch-url "$(pg_url postgres)"
    assert_exit 6
    assert_stderr_has 'damaged'
    ! grep -q 'comes back' "$OUT" || fail "it does not come back"
    run_evo evo-backup prune --keep-last 1 --dry-run --json
    assert_pruned
    assert_json ".data.removed == [] and [.data.kept[] | select(.id == \"${COPIES[0]}\") | .reasons[]] == [\"last 1\", \"the last good one\"]"
}

@test "a newest backup whose objects are gone is not the one that is kept for" {
    copies 2026-01-01T00:00:00Z 2025-01-01T00:00:00Z
    rm "$FOLDER"/*.dat.gz
    run_evo evo-backup prune --keep-last 1 --json
    assert_pruned
    assert_stderr_has "\"$NEWEST\""
    assert_json ".data.removed | map(.id) == [\"${COPIES[1]}\"]"
    assert_json '.data.kept | map(.reasons[0]) == ["found damaged", "last 1"]'
}

@test "what cannot be removed: exit 4, the state is told, the others go" {
    copies 2026-01-01T00:00:00Z 2025-01-01T00:00:00Z 2024-01-01T00:00:00Z
    # A folder in which this user may remove nothing. Root may everywhere: there it is run by another user, who
    # needs a place that it can reach.
    PLACE=$(mktemp -d)
    cp "$(evo_bin evo-backup)" "$PLACE/"
    mv "$STORE_DIR" "$PLACE/store"
    proof=$PLACE/store/backups/default/$PG_DB/${COPIES[1]}/proof
    mkdir "$proof"
    touch "$proof/20260101T000000Z-verify.json"
    drop=()
    if [ "$(id -u)" -eq 0 ]; then
        drop=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        chown -R 65534:65534 "$PLACE"
        chown -R 0:0 "$proof"
    fi
    chmod 0555 "$proof"
    cd /
    run_program "${drop[@]}" "$PLACE/evo-backup" prune --store "$PLACE/store" --keep-last 1 --json
    chmod 0755 "$proof"
    export EVO_STORE=$PLACE/store
    assert_exit 4
    assert_json ".data.removed | map(.id) == [\"${COPIES[0]}\", \"${COPIES[2]}\"]"
    assert_json ".data.failed | map(.id) == [\"${COPIES[1]}\"] and .[0].complete == false and (.[0].message | contains(\"no backup any more\"))"
    assert_json '.error.reason == "disk" and (.error.message | contains("could not remove 1 of 3 backups"))'
    [ -e "${proof%/proof}/toc.dat" ]
    # The next run goes on to leave it: it is unfinished, and gc's.
    run_evo evo-backup prune --keep-last 1 --json
    assert_pruned
    assert_json '.data.kept[1].reasons == ["unfinished"]'
}

@test "locked in the bucket: kept, and why" {
    s3_fresh_bucket
    S3_BUCKET=b-$(random_word)
    s3_curl -X PUT -H 'x-amz-bucket-object-lock-enabled: true' "$S3_ENDPOINT/$S3_BUCKET" >/dev/null
    export S3_BUCKET EVO_STORE=s3://$S3_BUCKET/store
    run_evo evo-backup create --json
    assert_exit 0
    open=$(json .data.id)
    run_evo evo-backup create --s3-object-lock governance --s3-object-lock-days 2 --json
    assert_exit 0
    locked=$(json .data.id)
    # The mark of the running backup was not locked with the rest.
    ! s3_list | grep RUNNING || fail "a mark stayed"
    run_evo evo-backup create --json
    assert_exit 0
    newest=$(json .data.id)
    run_evo evo-backup prune --keep-last 1 --json
    assert_pruned
    assert_json ".data.removed | map(.id) == [\"$open\"]"
    assert_json ".data.kept | map(.id) == [\"$newest\", \"$locked\"]"
    assert_json '.data.kept[1].reasons | length == 1 and (.[0] | startswith("locked until 20"))'
    run_evo evo-backup verify "$locked"
    assert_exit 0
}

@test "killed in the middle: an unfinished backup is left, which is no backup" {
    copies 2026-01-01T00:00:00Z
    old=$STORE_DIR/backups/default/$PG_DB/${COPIES[0]}
    mkdir "$old/proof"
    seq -f "$old/proof/%g.json" 1 15000 | xargs touch
    start_evo evo-backup prune --keep-last 1
    until [ ! -e "$old/manifest.json" ]; do kill -0 "$EVO_PID"; done
    kill -KILL "$EVO_PID"
    finish_evo
    assert_equal 137 "$status"
    [ -e "$old/toc.dat" ]
    run_evo evo-backup list --all --json
    assert_json ".data.backups | map([.id, .complete]) == [[\"$NEWEST\", true], [\"${COPIES[0]}\", false]]"
    run_evo evo-restore "${COPIES[0]}" --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 1
    assert_json '.error.reason == "incomplete"'
}
