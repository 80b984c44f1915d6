# evo as a guest in a Prisma project: the rows in _prisma_migrations are what Prisma would have written, each of the
# two goes on where the other stopped, and both agree on every state. The real CLI stands on the other side.
# seconds: 30
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/prisma

setup() {
    pg_fresh_db
    prisma_project
    cd "$PRISMA_DIR" || return
}

# rows: every column in the form in which two runs can be compared.
rows() {
    pg_sql "SELECT migration_name, checksum, applied_steps_count, coalesce(logs, 'NULL'),
        id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\$' AS v4,
        finished_at IS NOT NULL, finished_at >= started_at, rolled_back_at IS NOT NULL,
        started_at = date_trunc('milliseconds', started_at), finished_at = date_trunc('milliseconds', finished_at)
        FROM _prisma_migrations ORDER BY started_at, migration_name"
}

# table: the ledger's definition, as pg_dump writes it.
table() {
    "$PG_BINDIR/pg_dump" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -s -t _prisma_migrations "$PG_DB" |
        grep -v -E '^(--|$|[\])'
}

# prisma_is_content: nothing to do, and nothing it complains about.
prisma_is_content() {
    prisma_cli migrate status
    assert_exit 0
    assert_stdout_has 'Database schema is up to date!'
    prisma_cli migrate deploy
    assert_exit 0
    assert_stdout_has 'No pending migrations to apply.'
}

# evo_is_content: likewise.
evo_is_content() {
    run_evo evo-status --json --fail-on pending,failed,edited,missing
    assert_exit 0
}

@test "rows and table are those of prisma migrate deploy" {
    prisma_migration 20250103000000_comments '-- nothing but a comment'
    run_evo evo-migrate up
    assert_exit 0
    local evo_rows evo_table
    evo_rows=$(rows)
    evo_table=$(table)
    assert_equal 3 "$(wc -l <<<"$evo_rows")"
    prisma_is_content
    assert_equal "$evo_rows" "$(rows)"

    pg_fresh_db
    prisma_cli migrate deploy
    assert_exit 0
    assert_equal "$(rows)" "$evo_rows"
    assert_equal "$(table)" "$evo_table"
    evo_is_content
}

@test "each goes on where the other stopped" {
    prisma_cli migrate deploy
    assert_exit 0
    prisma_migration 20250103000000_third 'CREATE TABLE third (id int);'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["20250103000000_third"]'
    prisma_is_content
    prisma_migration 20250104000000_fourth 'CREATE TABLE fourth (id int);'
    run_evo evo-status --fail-on pending
    assert_exit 1
    prisma_cli migrate deploy
    assert_exit 0
    evo_is_content
    assert_equal 4 "$(rows | wc -l)"
}

@test "a statement outside a transaction leaves the row that Prisma leaves" {
    prisma_migration 20250103000000_index 'CREATE INDEX CONCURRENTLY users_later ON users (id);'
    run_evo evo-migrate up
    assert_exit 0
    local evo_rows
    evo_rows=$(rows)
    prisma_is_content
    pg_fresh_db
    prisma_cli migrate deploy
    assert_exit 0
    assert_equal "$(rows)" "$evo_rows"
}

@test "names are ordered alike" {
    local name
    for name in 20250103_a '20250103_a copy' 20250103_B 20250103-c 20250103_c_d 20250103_c2 01_init b Ab aB '20250104000000_x.sql'; do
        prisma_migration "$name" 'SELECT 1;'
    done
    rm -r prisma/migrations/20250101000000_init prisma/migrations/20250102000000_user_status
    run_evo evo-status --json
    assert_exit 0
    local ours
    ours=$(json '.data.pending[].name')
    prisma_cli migrate deploy
    assert_exit 0
    # Prisma's own order: that of the rows.
    assert_equal "$(pg_sql 'SELECT migration_name FROM _prisma_migrations ORDER BY started_at')" "$ours"
    evo_is_content
}

@test "resolve --applied writes the same row" {
    prisma_cli migrate resolve --applied 20250101000000_init
    assert_exit 0
    local prisma_rows
    prisma_rows=$(rows)
    pg_fresh_db
    run_evo evo-migrate resolve --applied 20250101000000_init
    assert_exit 0
    assert_equal "$prisma_rows" "$(rows)"
    run_evo evo-migrate resolve --applied 20250101000000_init
    assert_exit 2
    prisma_cli migrate status
    assert_stdout_has 20250102000000_user_status
}

@test "a failure under Prisma, resolved by evo, is applied by Prisma" {
    prisma_migration 20250103000000_bad 'SELECT * FROM nope;'
    prisma_cli migrate deploy
    assert_exit 1
    # Prisma also ends with 1 where it never got as far as the migration.
    case $output$stderr in *nope*) ;; *) _show_run && fail 'Prisma failed for another reason' ;; esac
    run_evo evo-migrate up
    assert_exit 1
    run_evo evo-migrate resolve --rolled-back 20250103000000_bad
    assert_exit 0
    prisma_migration 20250103000000_bad 'CREATE TABLE nope (id int);'
    prisma_cli migrate deploy
    assert_exit 0
    evo_is_content
    # The failed attempt stays on record.
    assert_equal 4 "$(pg_sql 'SELECT count(*) FROM _prisma_migrations')"
}

@test "what evo rolled back is pending for Prisma" {
    prisma_migration 20250103000000_third 'CREATE TABLE third (id int);'
    echo 'DROP TABLE third;' >prisma/migrations/20250103000000_third/down.sql
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-migrate down
    assert_exit 0
    prisma_cli migrate status
    assert_exit 1
    assert_stdout_has 20250103000000_third
    prisma_cli migrate deploy
    assert_exit 0
    evo_is_content
    prisma_is_content
}

@test "both wait for one lock" {
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    "$PG_BINDIR/psql" -XAtq -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "$PG_DB" <"$BATS_TEST_TMPDIR/fifo" >/dev/null 2>&1 3>&- &
    local holder=$! in
    exec {in}>"$BATS_TEST_TMPDIR/fifo"
    echo 'SELECT pg_advisory_lock(72707369);' >&"$in"
    wait_until 10 lock_is_held
    run_evo evo-migrate up --wait 100ms
    exec {in}>&-
    wait "$holder"
    assert_exit 5
}

lock_is_held() {
    [ "$(pg_sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")" = 1 ]
}
