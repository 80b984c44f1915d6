# The catalogue: what list and show say, in a folder and in a bucket.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
}

# A backup of two tables, and copies of it: yesterday's, one of staging with labels.
some_backups() {
    pg_sql "CREATE TABLE small AS SELECT 1 AS id; CREATE TABLE big AS SELECT i, md5(i::text) FROM generate_series(1, 5000) i"
    run_evo evo-backup create --json
    assert_exit 0
    NEWEST=$(json .data.id)
    FOLDER=$(backup_folder)
    copy_backup "$FOLDER" 2026-01-02T03:04:05Z '.labels = {release: "1.2", by: "a=b"} | .fingerprint = ("0123456789abcdef" * 4)'
    OLDER=$COPY_ID
    mkdir -p "$STORE_DIR/backups/staging/$PG_DB"
    copy_backup "$FOLDER" 2026-01-01T00:00:00Z '.environment = "staging" | .labels = {release: "1.2"}'
    STAGING=$COPY_ID
    mv "$STORE_DIR/backups/default/$PG_DB/$STAGING" "$STORE_DIR/backups/staging/$PG_DB/$STAGING"
}

ids() {
    json '.data.backups | map(.id) | join(" ")'
}

assert_catalogue() {
    run_evo evo-backup verify "$OLDER"
    assert_exit 0
    run_evo evo-backup list --json
    assert_exit 0
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/backup-list.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_equal "$NEWEST $OLDER" "$(ids)"
    assert_json '.data.backups[1] | .labels == {"release": "1.2", "by": "a=b"} and .verified_ok and .verified_at != null and
        .drilled_at == null and .rows == 5001 and .tables == 2 and .raw_bytes > .stored_bytes and .environment == "default"'
    assert_json '.data.backups[0] | .labels == null and .verified_at == null and .verified_ok == null and (.fingerprint | test("^[0-9a-f]{64}$"))'
    run_evo evo-backup list --all-environments --json
    assert_equal "$NEWEST $OLDER $STAGING" "$(ids)"
    run_evo evo-backup list --environment staging --json
    assert_equal "$STAGING" "$(ids)"
    run_evo evo-backup list --all-environments --label release=1.2 --json
    assert_equal "$OLDER $STAGING" "$(ids)"
    run_evo evo-backup list --all-environments --label release=1.2 --label by=a=b --json
    assert_equal "$OLDER" "$(ids)"
    run_evo evo-backup list --all-environments --label release=1 --json
    assert_equal "" "$(ids)"
}

@test "list across environments, by label, with what verify found: a folder" {
    some_backups
    assert_catalogue
}

@test "list across environments, by label, with what verify found: a bucket" {
    some_backups
    upload_store
    assert_catalogue
}

@test "list for people: aligned columns, a header on a terminal only" {
    some_backups
    run_evo evo-backup list --all-environments
    assert_exit 0
    assert_equal 3 "$(wc -l <"$OUT")"
    assert_stdout_has "0123456789ab"
    assert_stdout_has "release=1.2 by=a=b"
    assert_stdout_has " ago"
    # Every row has its database in the same column.
    assert_equal 1 "$(awk -v db="$PG_DB" '{ print index($0, "  " db "  ") }' "$OUT" | sort -u | wc -l)"
    TERM=xterm script -qec "'$(evo_bin evo-backup)' list --all-environments --no-color" /dev/null </dev/null >"$BATS_TEST_TMPDIR/tty" 3>&-
    head -n 1 "$BATS_TEST_TMPDIR/tty" | grep -qE '^ID +AGE +ENVIRONMENT +DATABASE +SIZE +RATIO +ROWS +SCHEMA +LABELS'
    assert_equal 4 "$(wc -l <"$BATS_TEST_TMPDIR/tty")"
}

@test "list --all: the unfinished and the unreadable say so, and damage that was found" {
    some_backups
    mkdir "$STORE_DIR/backups/default/$PG_DB/20200101T000000Z-abcdef"
    touch "$STORE_DIR/backups/default/$PG_DB/20200101T000000Z-abcdef/toc.dat"
    echo x >>"$STORE_DIR/backups/default/$PG_DB/$OLDER/manifest.json"
    truncate -s 5 "$FOLDER/toc.dat"
    run_evo evo-backup verify "$NEWEST"
    assert_exit 6
    run_evo evo-backup list
    assert_equal 1 "$(wc -l <"$OUT")"
    grep -qE 'DAMAGED [0-9]+ s ago' "$OUT" || fail "the damage is not named" "$output"
    run_evo evo-backup list --all --json
    assert_json '.data.backups | map(.complete) == [true, false, false]'
    assert_json '.data.backups[0].verified_ok == false'
    run_evo evo-backup list --all
    assert_stdout_has "unfinished"
    assert_stdout_has "manifest of backup \"$OLDER\""
}

@test "list: a folder that is not there is no empty store, and another environment is named" {
    for command in "list --backup-of shop" "prune --keep-last 1 --backup-of shop" "show latest --backup-of shop" gc; do
        # shellcheck disable=SC2086 # words
        run_evo evo-backup $command --store "$BATS_TEST_TMPDIR/missing"
        assert_exit 4
        assert_stderr_has 'missing" does not exist'
    done
    pg_sql 'CREATE TABLE t AS SELECT 1 AS i'
    run_evo evo-backup create --environment staging
    assert_exit 0
    run_evo evo-backup list --environment stagin
    assert_exit 0
    assert_stderr_has 'environments in this store: "staging"'
    echo broken >"$(echo "$STORE_DIR"/backups/staging/*/*)/manifest.json"
    run_evo evo-backup list --environment staging
    assert_exit 0
    assert_stderr_has '1 more cannot be read, or was not finished: evo-backup list --all --environment staging'
}

@test "list: none there, and a label without a value" {
    mkdir -p "$STORE_DIR"
    run_evo evo-backup list
    assert_exit 0
    assert_stdout_has "no backups of $PG_DB in environment \"default\""
    run_evo evo-backup list --all-environments
    assert_stdout_has "no backups of $PG_DB in any environment"
    for label in release =1; do
        run_evo evo-backup list --label "$label" --json
        assert_exit 2
        assert_json '.error.reason == "usage"'
    done
}

@test "show: what, when, from where, the largest tables, and how to restore it" {
    some_backups
    run_evo evo-backup verify "$OLDER"
    run_evo evo-backup show "$OLDER"
    assert_exit 0
    for text in "made         2026-01-02 03:04:05 UTC" "database     $PG_DB" "server       PostgreSQL" "2 tables, 5001 rows" \
        "labels       release=1.2 by=a=b" "schema       0123456789abcdef" "verified     whole at 20" "drilled      never" \
        "location     $FOLDER" "restore: evo-restore $OLDER --create --to postgresql://HOST/${PG_DB}_restored"; do
        assert_stdout_has "${text/$NEWEST/$OLDER}"
    done
    # The larger table comes first.
    assert_equal "public.big public.small" "$(sed -n 's/^\(public\.[a-z]*\) .*/\1/p' "$OUT" | paste -sd ' ')"
    run_evo evo-backup show "$OLDER" --json
    assert_json ".data.id == \"$OLDER\" and (.data.objects | length) > 2 and .data.checksum != null"
    # What it proposes does what it says.
    run_evo evo-backup show "$OLDER"
    command=$(sed -n 's/^restore: evo-restore //p' "$OUT")
    command=${command/postgresql:\/\/HOST\/${PG_DB}_restored/"$(pg_url "${PG_DB}_restored")"}
    # shellcheck disable=SC2086 # words
    run_evo evo-restore $command
    assert_exit 0
    assert_equal 5000 "$(pg_sql -d "${PG_DB}_restored" 'SELECT count(*) FROM big')"
}

@test "show names twenty tables and counts the rest" {
    pg_sql "SELECT format('CREATE TABLE t%s AS SELECT 1 AS id', i) FROM generate_series(1, 25) i \gexec" >/dev/null
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-backup show latest
    assert_exit 0
    assert_equal 20 "$(grep -c '^public\.t' "$OUT")"
    assert_stdout_has "and 5 smaller ones"
}

@test "show of an encrypted backup: no name of a table, and what a restore of it needs" {
    pg_sql 'CREATE TABLE canary_name AS SELECT 1 AS id'
    run_evo evo-backup create --encrypt-to age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj
    assert_exit 0
    run_evo evo-backup show latest
    assert_exit 0
    assert_stdout_has "encrypted    to age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    assert_stdout_has "which tables it holds is encrypted, too"
    assert_stdout_has " --identity FILE"
    run_evo evo-backup list
    assert_stdout_has "encrypted"
    run_program grep -c canary_name "$OUT"
    assert_exit 1
}
