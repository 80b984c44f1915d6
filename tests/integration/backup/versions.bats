# Backups of the feature database, on each major version of the server: EVO_TEST_VERSIONS names them (tests/README.md).
# A loop within each test, since bats wants to know its tests before it runs anything.
# seconds: 60
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers
load features
load compare

setup() {
    use_folder_store
    CLUSTERS=()
}

teardown() {
    local PG_CLUSTER
    for PG_CLUSTER in "${CLUSTERS[@]}"; do pg_private_stop; done
}

# start_version MAJOR: a cluster of that version, filled; the one before it goes on running.
start_version() {
    echo "PostgreSQL $1" >&2
    features_start "$1"
    CLUSTERS+=("$PG_CLUSTER")
}

# for_each_version ROWS MAJORS COMMAND...: with the feature database of each version, that many rows in its large table.
for_each_version() {
    local major rows=$1 majors=$2
    shift 2
    for major in $majors; do
        start_version "$major"
        features_db "$rows"
        "$@"
        pg_private_stop
    done
}

# there_and_back OPTION...: a backup made so is restored by evo and by hand; both are what stock tools make of the database.
there_and_back() {
    local copy
    run_evo evo-backup create --json "$@"
    assert_exit 0
    STORE_BACKUP=$(json .data.location)
    run_evo evo-backup verify "$(json .data.id)"
    assert_exit 0
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_evo")"
    assert_exit 0
    follow_instructions "$STORE_BACKUP" "${PG_DB}_by_hand"
    for copy in evo by_hand; do
        assert_same_contents "$PG_DB" "${PG_DB}_$copy"
        assert_same_schema "${PG_DB}_stock" "${PG_DB}_$copy"
        drop_copy "$copy"
    done
}

# A database that holds a subscription cannot be dropped.
drop_copy() {
    pg_sql -d "${PG_DB}_$1" 'DROP SUBSCRIPTION idle'
    pg_sql -d postgres "DROP DATABASE \"${PG_DB}_$1\""
}

in_every_way() {
    stock_copy "$PG_DB" "${PG_DB}_stock"
    assert_same_contents "$PG_DB" "${PG_DB}_stock"
    there_and_back
    # Large tables in many objects, by more sessions than there are processors.
    there_and_back --range-size 2MiB --object-size 3MiB --jobs 5
    [ "$(jq '[.objects[] | select(.table == "large")] | length' "$STORE_BACKUP/manifest.json")" -gt 8 ]
    if [ "$(pg_sql "SELECT setting ~ 'with-zstd' FROM pg_config WHERE name = 'CONFIGURE'")" = t ] && [ "$major" -ge 16 ]; then
        there_and_back --codec zstd --range-size 16MiB --compress better
    fi
}

@test "evo-restore, and the commands in RESTORE.txt, make of a backup what stock tools make of the database" {
    for_each_version 40000 "$(pg_versions 15)" in_every_way
}

# From MAJOR into the newest, as somebody does who changes to a newer server.
into_the_newest() {
    local source=$PG_DB role=$NASTY_ROLE old_cluster=$PG_CLUSTER
    run_evo evo-backup create
    assert_exit 0
    contents_of "$source" >"$BATS_TEST_TMPDIR/want"
    start_version "$(pg_versions 15 | tail -n 1)"
    pg_sql -d postgres "CREATE ROLE $role"
    run_evo evo-restore latest --backup-of "$source" --create --to "$(pg_url from_older)"
    assert_exit 0
    contents_of from_older >"$BATS_TEST_TMPDIR/got"
    diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
    pg_private_stop
    PG_CLUSTER=$old_cluster
}

@test "a backup of each older version is restored into the newest" {
    local older
    older=$(pg_versions 15 | head -n -1)
    # Where only one is named: into another server of the same version.
    for_each_version 2000 "${older:-$(pg_versions 15)}" into_the_newest
}

@test "twenty thousand large objects, some with an owner, privileges and a comment" {
    start_version "$(pg_versions 15 | tail -n 1)"
    pg_fresh_db
    pg_fresh_role
    NASTY_ROLE=$PG_ROLE
    many_large_objects 20000
    run_evo evo-backup create --json
    assert_exit 0
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_evo")"
    assert_exit 0
    assert_equal 20000 "$(contents_of "${PG_DB}_evo" | grep -c '^large object ')"
    assert_same_contents "$PG_DB" "${PG_DB}_evo"
    follow_instructions "$(backup_folder)" "${PG_DB}_by_hand"
    assert_same_contents "$PG_DB" "${PG_DB}_by_hand"
}
