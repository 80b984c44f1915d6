# What evo-backup create can be told, and what it does with large tables.
# seconds: 10
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    use_folder_store
}

# objects_of TABLE: how many objects the newest backup keeps it in.
objects_of() {
    jq "[.objects[] | select(.table == \"$1\")] | length" "$(backup_folder)/manifest.json"
}

@test "a large table lies in ranges that stock pg_restore and evo-restore put together" {
    nasty_db
    big_table big 60000
    pg_sql "ALTER TABLE big ADD PRIMARY KEY (id); CREATE TABLE refers (id int REFERENCES big)"
    stock_copy "$PG_DB" "${PG_DB}_stock"
    run_evo evo-backup create --range-size 1MiB --jobs 3 --json
    assert_exit 0
    [ "$(objects_of big)" -ge 5 ]
    # Parts count from 1, and the table counts once.
    jq -e '[.objects[] | select(.table == "big") | .part] | sort == [range(1; length + 1)]' "$(backup_folder)/manifest.json"
    assert_json ".data.tables == $(jq '[.objects[] | select(.kind == "table") | .schema + "." + .table] | unique | length' "$(backup_folder)/manifest.json")"
    assert_json '.data.rows > 60000'
    run_evo evo-backup verify latest
    assert_exit 0
    follow_instructions "$(backup_folder)" "${PG_DB}_by_hand"
    assert_same_database "$PG_DB" "${PG_DB}_by_hand" "${PG_DB}_stock"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_by_evo")" --json
    assert_exit 0
    assert_json '[.data.tables[] | select(.name == "public.big")] == [{"name": "public.big", "rows": 60000}]'
    assert_same_database "$PG_DB" "${PG_DB}_by_evo" "${PG_DB}_stock"
}

@test "an object that has grown large enough is ended, and the rows go on in another" {
    pg_fresh_db
    big_table big 60000
    pg_sql "CREATE TABLE wide AS SELECT i, repeat(md5(i::text), 5000) AS w FROM generate_series(1, 100) i"
    run_evo evo-backup create --range-size 1GiB --object-size 300kB
    assert_exit 0
    [ "$(objects_of big)" -ge 3 ]
    run_evo evo-backup verify latest
    assert_exit 0
    follow_instructions "$(backup_folder)" "${PG_DB}_by_hand"
    assert_same_database "$PG_DB" "${PG_DB}_by_hand"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_by_evo")"
    assert_exit 0
    assert_same_database "$PG_DB" "${PG_DB}_by_evo"
}

changes_run() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '$PG_DB' AND query LIKE 'DO %'")" -ge 1 ]
}

@test "ranges hold the rows of one moment, also of a table that is being changed" {
    pg_fresh_db
    big_table big 60000
    pg_sql "CREATE INDEX ON big (id)"
    # Each change moves rows to other blocks; their sum stays as it is.
    "$PG_BINDIR/psql" -X -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "$PG_DB" -c "DO \$\$ BEGIN FOR i IN 1..100000 LOOP
        UPDATE big SET id = id + 1 WHERE id = i * 7 % 60000; UPDATE big SET id = id - 1 WHERE id = i * 7 % 60000 + 1 AND ctid > '(0,0)'; COMMIT;
        END LOOP; END \$\$" >/dev/null 2>&1 3>&- &
    writer=$!
    wait_until 10 changes_run
    run_evo evo-backup create --range-size 1MiB --jobs 4 --json
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$PG_DB' AND query LIKE 'DO %'" >/dev/null
    wait "$writer" || true
    assert_exit 0
    assert_json '.data.rows == 60000'
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_copy")"
    assert_exit 0
    [ "$(pg_sql -d "${PG_DB}_copy" 'SELECT count(DISTINCT a) FROM big')" -eq 60000 ]
}

@test "rows without compression lie in ranges as well" {
    pg_fresh_db
    big_table big 30000
    run_evo evo-backup create --range-size 1MiB --compress none
    assert_exit 0
    [ "$(objects_of big)" -ge 3 ]
    follow_instructions "$(backup_folder)" "${PG_DB}_by_hand"
    assert_same_database "$PG_DB" "${PG_DB}_by_hand"
}

@test "patterns choose what is backed up, and the manifest says that something was left out" {
    pg_fresh_db
    pg_sql "CREATE SCHEMA one; CREATE SCHEMA two; CREATE TABLE one.a AS SELECT 1 AS i; CREATE TABLE one.b AS SELECT 2 AS i;
        CREATE TABLE two.c AS SELECT 3 AS i; CREATE TABLE two.log AS SELECT 4 AS i"
    # tables NAME... : those with rows in the newest backup.
    tables() {
        jq -r '[.objects[] | select(.kind == "table") | .schema + "." + .table] | sort | join(" ")' \
            "$(printf '%s\n' "$STORE_DIR/backups/default/$PG_DB"/*/manifest.json | tail -n 1)"
    }
    run_evo evo-backup create --schema one
    assert_exit 0
    [ "$(tables)" = "one.a one.b" ]
    run_evo evo-backup create --exclude-schema one --exclude-table-data 'two.l*' --json
    assert_exit 0
    [ "$(tables)" = "two.c" ]
    run_evo evo-backup show "$(jq -r .data.id <<<"$output")" --json
    assert_json '.data.options.filtered and .data.options.filter == {"exclude_schema": ["one"], "exclude_table_data": ["two.l*"]}'
    run_evo evo-backup create --table 'one.a,two.c'
    assert_exit 0
    [ "$(tables)" = "one.a two.c" ]
    run_evo evo-backup create --exclude-table '*.log'
    assert_exit 0
    [ "$(tables)" = "one.a one.b two.c" ]
    # Whoever restores the latest one does not get a part for the whole; who asks for it by its id is told.
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_part")"
    assert_exit 2
    assert_stderr_has 'holds only a part of it'
    run_evo evo-restore "$(run_evo evo-backup list --json && json '.data.backups[0].id')" --create --to "$(pg_url "${PG_DB}_part")"
    assert_exit 0
    assert_stderr_has 'is not of the whole database: options left something out'
    run_evo evo-backup create --table nothing.like_it
    assert_exit 1
    assert_stderr_has 'no matching tables were found'
    run_evo evo-backup create --json
    assert_exit 0
    [ "$(tables)" = "one.a one.b two.c two.log" ]
    run_evo evo-backup show latest --json
    assert_json '.data.options.filtered == false'
}

@test "a table that row-level security hides does not matter where it is left out" {
    pg_fresh_db
    pg_fresh_role
    pg_sql "CREATE TABLE seen AS SELECT 1 AS i; CREATE TABLE hidden AS SELECT 2 AS i; ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO $PG_ROLE"
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE")
    export DATABASE_URL
    run_evo evo-backup create
    assert_exit 3
    assert_stderr_has 'row-level security hides rows of 1 table from role'
    assert_stderr_has 'public.hidden'
    run_evo evo-backup create --exclude-table hidden
    assert_exit 0
}

@test "roles come with --globals, without their passwords" {
    pg_fresh_db
    pg_fresh_role
    pg_sql "CREATE TABLE t AS SELECT 1 AS i"
    run_evo evo-backup create --globals
    assert_exit 0
    gunzip -c "$(backup_folder)/globals.sql.gz" >"$BATS_TEST_TMPDIR/globals.sql"
    grep -q "CREATE ROLE $PG_ROLE;" "$BATS_TEST_TMPDIR/globals.sql"
    ! grep -qi 'SCRAM-SHA\|PASSWORD .' "$BATS_TEST_TMPDIR/globals.sql" || fail "a password is in it"
    jq -e '[.objects[] | select(.kind == "globals") | .name] == ["globals.sql.gz"]' "$(backup_folder)/manifest.json"
    run_evo evo-backup verify latest
    assert_exit 0
    grep -q 'gunzip -c globals.sql.gz | psql' "$(backup_folder)/RESTORE.txt"
}

@test "labels are kept, and what is none is refused" {
    pg_fresh_db
    run_evo evo-backup create --label release=2026.11 --label 'why=before the move'
    assert_exit 0
    run_evo evo-backup show latest --json
    assert_json '.data.labels == {"release": "2026.11", "why": "before the move"}'
    run_evo evo-backup create --label nothing
    assert_exit 2
    assert_stderr_has 'label "nothing" is not of the form K=V'
}

@test "the store gets no more a second than it may" {
    pg_fresh_db
    pg_sql "CREATE TABLE noise AS SELECT i, md5(i::text) || md5((i * 7)::text) AS n FROM generate_series(1, 40000) i"
    run_evo evo-backup create --max-rate 1MB --json
    assert_exit 0
    # A quarter of a second's worth may pass at once.
    assert_json '.data.stored_bytes > 1500000 and .data.elapsed_ms >= (.data.stored_bytes / 1000 - 300)'
}

@test "zstd needs a pg_dump that writes it" {
    pg_fresh_db
    [ "$(pg_sql 'SHOW server_version_num')" -lt 160000 ] || EXPECTED=0
    run_evo evo-backup create --codec zstd
    assert_exit "${EXPECTED:-3}"
    [ -n "${EXPECTED:-}" ] || assert_stderr_has 'zstd needs the archive format of PostgreSQL 16 or newer'
}
