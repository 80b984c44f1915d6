# evo-status against real databases: what it says of each state, and with which exit status.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/prisma

setup() {
    pg_fresh_db
    mkdir -p "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return
}

# migration NAME SQL: in the layout prisma.
migration() {
    mkdir -p "prisma/migrations/$1"
    printf '%s\n' "$2" >"prisma/migrations/$1/migration.sql"
}

checksum() {
    sha256sum "prisma/migrations/$1/migration.sql" | cut -d' ' -f1
}

prisma_table() {
    pg_sql 'CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL,
        finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
        started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)'
}

# row NAME [FINISHED [ROLLED_BACK]]: a row of Prisma's, times as SQL (now(), NULL).
row() {
    pg_sql "INSERT INTO _prisma_migrations VALUES (gen_random_uuid(), '$(checksum "$1" 2>/dev/null || echo gone)',
        ${2:-clock_timestamp()}, '$1', NULL, ${3:-NULL}, clock_timestamp(), 1)"
}

# a, b applied.
two_applied() {
    migration 1_a 'SELECT 1;'
    migration 2_b 'SELECT 2;'
    prisma_table
    row 1_a
    row 2_b
}

names() {
    json ".data.$1 | map(.name) | join(\" \")"
}

verdict() {
    json ".data.checks[] | select(.name == \"$1\") | .verdict"
}

next_of() {
    json ".data.checks[] | select(.name == \"$1\") | .next"
}

# status_json ARGUMENT...: every result is held against the schemas at the end of the test.
status_json() {
    local kept=$BATS_TEST_TMPDIR/result-$((++RESULTS))
    run_evo evo-status --json "$@"
    cp "$OUT" "$kept.envelope"
    jq .data "$OUT" >"$kept.data"
}

@test "an empty database: everything is pending, which is no failure" {
    migration 1_a 'SELECT 1;'
    migration 2_b 'SELECT 2;'
    status_json
    assert_exit 0
    assert_equal '1_a 2_b' "$(names pending)"
    assert_equal '' "$(names applied)"
    assert_json '.data.layout == "prisma" and .data.last_applied == null'
    assert_equal ok "$(verdict pending)"
    assert_equal 'evo-migrate up' "$(next_of pending)"

    status_json --fail-on pending
    assert_exit 1
    assert_json '.error.reason == "pending" and .error.next == "evo-migrate up"'
    # A look changes nothing.
    assert_equal '' "$(pg_sql "SELECT relname FROM pg_class WHERE relname = '_prisma_migrations'")"
}

@test "text for people" {
    two_applied
    migration 3_c 'SELECT 3;'
    run_evo evo-status
    assert_exit 0
    assert_stdout_has '2 applied, 1 pending; last 2_b'
    assert_stdout_has '  pending     3_c'
    assert_stdout_has 'next: evo-migrate up'
    assert_stdout_has '  ok    pooler'
    # No terminal: no colours.
    run ! grep -q $'\e' "$OUT"

    # --quiet: the same, without what is as it should be.
    run_evo evo-status --quiet
    assert_exit 0
    assert_stdout_has '2 applied, 1 pending; last 2_b'
    assert_stdout_has '  pending     3_c'
    run ! grep -q '^  ok ' "$OUT"
}

@test "one that stopped half-way is unfinished, and nowhere failed" {
    migration 1_a 'CREATE TABLE t (id int);'
    migration 2_b $'CREATE TABLE done (id int);\nCREATE INDEX CONCURRENTLY i ON t (nope);'
    run_evo evo-migrate up
    assert_exit 7
    run_evo evo-status --environment staging
    assert_exit 0
    assert_stdout_has '1 applied, 0 pending, 1 unfinished; last 1_a'
    assert_stdout_has '  unfinished  2_b'
    assert_stdout_has 'next: evo-migrate up --environment staging'
    run ! grep -q '1 failed\|  failed  *2_b' "$OUT"
    status_json
    assert_exit 0
    assert_json '.data.unfinished == 1 and (.data.failed | map([.name, .unfinished]) == [["2_b", true]])'
    assert_equal ok "$(verdict failed)"
    assert_equal warn "$(verdict unfinished)"
    # Is everything applied? No.
    status_json --fail-on pending
    assert_exit 1
    assert_json '.error.next == "evo-migrate up" and .error.migration == "2_b"'
    # One of which nothing is on record did fail.
    pg_sql 'DELETE FROM evo.journal'
    status_json
    assert_exit 1
    assert_json '.data.unfinished == 0 and .data.failed[0].unfinished == false'
    run_evo evo-status
    assert_stdout_has '1 applied, 0 pending, 1 failed; last 1_a'
    run_evo evo-status --layout prisma --migrations prisma/migrations
    assert_stdout_has 'resolve --rolled-back 2_b --layout prisma --migrations prisma/migrations'
}

@test "what Prisma applied is applied" {
    prisma_project "$PWD"
    prisma_cli migrate deploy
    assert_exit 0
    status_json --fail-on pending,failed,edited,missing,not-valid
    assert_exit 0
    assert_equal '20250101000000_init 20250102000000_user_status' "$(names applied)"
    assert_json '.data.last_applied == "20250102000000_user_status"'
    assert_json '.data.applied | all(.finished_at != null)'
}

@test "a migration that failed under Prisma" {
    prisma_project "$PWD"
    prisma_migration 20250103000000_bad 'SELECT * FROM nope;'
    prisma_cli migrate deploy
    assert_exit 1
    status_json
    assert_exit 1
    assert_equal 20250103000000_bad "$(names failed)"
    assert_json '.error.reason == "failed" and .error.migration == "20250103000000_bad"'
    assert_json '.error.next == "evo-migrate resolve --rolled-back 20250103000000_bad"'
    assert_json '.data.failed[0].logs | contains("nope")'

    # Prisma's own resolve, and it is pending again.
    prisma_cli migrate resolve --rolled-back 20250103000000_bad
    assert_exit 0
    status_json
    assert_exit 0
    assert_equal 20250103000000_bad "$(names pending)"
    assert_json '.data.pending[0].rolled_back'
}

@test "edited is refused, other line ends are not" {
    two_applied
    sed -i 's/$/\r/' prisma/migrations/1_a/migration.sql
    status_json
    assert_exit 0
    assert_equal '' "$(names edited)"
    printf 'SELECT 22;\n' >prisma/migrations/2_b/migration.sql
    status_json
    assert_exit 1
    assert_equal 2_b "$(names edited)"
    assert_equal '1_a 2_b' "$(names applied)"
    assert_json '.error.reason == "edited" and .error.next == "git log -p -- prisma/migrations/2_b/migration.sql"'
    run_evo evo-status --fail-on none
    assert_exit 0
}

@test "missing is a warning, a failure when asked for" {
    two_applied
    row 0_old
    rm -r prisma/migrations/1_a
    status_json
    assert_exit 0
    assert_equal '1_a 0_old' "$(names missing)"
    assert_equal warn "$(verdict missing)"
    status_json --fail-on missing
    assert_exit 1
    assert_json '.error.reason == "drift"'
}

@test "pending behind an applied one" {
    two_applied
    migration 1_b 'SELECT 3;'
    status_json
    assert_exit 0
    assert_equal warn "$(verdict order)"
    assert_json '.data.pending == [.data.pending[] | select(.behind)]'
    assert_equal 'evo-migrate up' "$(next_of order)"
}

@test "the sql layout" {
    mkdir migrations
    printf 'SELECT 1;\n' >migrations/1_a.up.sql
    printf -- '-- migrate:up\nSELECT 1;\n' >migrations/2_b.sql
    status_json
    assert_exit 0
    assert_json '.data.layout == "sql"'
    assert_equal '1_a 2_b' "$(names pending)"
}

@test "tables without a ledger: the way to a baseline is named" {
    migration 1_a 'CREATE TABLE t (id int);'
    pg_sql 'CREATE TABLE t (id int)'
    status_json
    assert_exit 0
    assert_equal warn "$(verdict ledger)"
    assert_equal 'evo-migrate baseline --to 1_a --dry-run' "$(next_of ledger)"
}

@test "the ledger of another tool is refused and named" {
    mkdir migrations
    printf 'SELECT 1;\n' >migrations/1_a.up.sql
    pg_sql 'CREATE TABLE schema_migrations (version varchar PRIMARY KEY)'
    status_json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.message | contains("dbmate"))'
    assert_json '.data.layout == "sql" and .data.pending == []'
}

@test "the ledger in the schema that the URL names" {
    migration 1_a 'SELECT 1;'
    prisma_table
    row 1_a
    pg_sql 'CREATE SCHEMA "my shop"; ALTER TABLE _prisma_migrations SET SCHEMA "my shop"'
    DATABASE_URL="$DATABASE_URL&schema=my%20shop" status_json
    assert_exit 0
    assert_equal 1_a "$(names applied)"
    status_json
    assert_equal 1_a "$(names pending)"
}

# ---- safe to start? --------------------------------------------------------------

# session SQL...: a session that runs SQL and stays; wait for it by a condition. Ended by the teardown.
session() {
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    # shellcheck disable=SC2153 # the harness's
    "$PG_BINDIR/psql" -XAtq -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "$PG_DB" \
        <"$BATS_TEST_TMPDIR/fifo" >/dev/null 2>&1 3>&- &
    SESSION=$!
    exec {SESSION_IN}>"$BATS_TEST_TMPDIR/fifo"
    printf '%s\n' "$@" >&"$SESSION_IN"
}

teardown() {
    if [ -n "${WAITER:-}" ]; then kill "$WAITER" 2>/dev/null || true; fi
    if [ -n "${SESSION:-}" ]; then
        exec {SESSION_IN}>&-
        end_process "$SESSION" TERM 5
    fi
    if [ "${RESULTS:-0}" -gt 0 ]; then
        assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" "$BATS_TEST_TMPDIR"/result-*.envelope
        assert_schema "$EVO_ROOT/lib/schema/data/status.schema.json" "$BATS_TEST_TMPDIR"/result-*.data
    fi
}

is_true() {
    [ "$(pg_sql "SELECT $1")" = t ]
}

@test "who holds the migration lock" {
    two_applied
    session 'SELECT pg_advisory_lock(72707369);'
    wait_until 10 is_true "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database()))"
    status_json
    assert_exit 0
    assert_equal warn "$(verdict lock)"
    assert_json '.data.checks[] | select(.name == "lock") | .message | contains("application \"psql\"")'
}

@test "who blocks whom" {
    two_applied
    pg_sql 'CREATE TABLE t (id int)'
    session 'BEGIN; LOCK TABLE t;'
    wait_until 10 is_true "EXISTS (SELECT FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock')"
    "$PG_BINDIR/psql" -Xq -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "$PG_DB" -c 'SELECT * FROM t' >/dev/null 2>&1 3>&- &
    WAITER=$!
    wait_until 10 is_true 'EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database())'
    status_json
    assert_exit 0
    assert_equal warn "$(verdict blockers)"
    assert_json '.data.checks[] | select(.name == "blockers") | .message | contains("blocks 1 other session")'
    status_json --fail-on blockers
    assert_exit 1
    assert_json '.error.reason == "unhealthy"'
    # The next command does what it says.
    local pid
    pid=$(json .error.next | sed -n 's/^evo-locks kill \([0-9]*\)$/\1/p')
    # A superuser's session evo leaves to a superuser, and says how.
    run_evo evo-locks kill "$pid" --yes
    assert_exit 3
    assert_stderr_has "SELECT pg_terminate_backend($pid);"
    pg_sql "SELECT pg_terminate_backend($pid)" >/dev/null
    wait_until 10 is_true 'NOT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database())'
    status_json --fail-on blockers
    assert_exit 0
}

@test "invalid indexes and constraints never validated" {
    two_applied
    pg_sql 'CREATE SCHEMA "S 1"; CREATE TABLE "S 1".t (id int); INSERT INTO "S 1".t VALUES (1), (1);
            ALTER TABLE "S 1".t ADD CONSTRAINT positive CHECK (id > 0) NOT VALID'
    run ! pg_sql 'CREATE UNIQUE INDEX CONCURRENTLY "T Key" ON "S 1".t (id)'
    status_json
    assert_exit 0
    assert_equal warn "$(verdict invalid-indexes)"
    assert_equal warn "$(verdict not-valid)"
    [[ $(next_of invalid-indexes) == 'psql "postgresql://'*"/$PG_DB"*'" -c '"'REINDEX INDEX CONCURRENTLY \"S 1\".\"T Key\"'" ]]
    status_json --fail-on invalid-indexes,not-valid
    assert_exit 1
    # The commands as given.
    pg_sql 'DELETE FROM "S 1".t'
    bash -c "$(next_of invalid-indexes)"
    bash -c "$(next_of not-valid)"
    status_json --fail-on invalid-indexes,not-valid
    assert_exit 0
}

@test "the newest complete backup and its age" {
    two_applied
    local dir=$BATS_TEST_TMPDIR/store/backups/default/$PG_DB
    mkdir -p "$dir/20200101T000000Z-aaaaaa" "$dir/$(date -u +%Y%m%dT%H%M%SZ)-bbbbbb" "$dir/junk"
    echo '{}' >"$dir/20200101T000000Z-aaaaaa/manifest.json"
    # Begun, and never finished.
    echo data >"$(echo "$dir"/*-bbbbbb)/toc.dat"
    status_json --store "$BATS_TEST_TMPDIR/store"
    assert_exit 0
    assert_equal warn "$(verdict backup)"
    assert_equal 'evo-backup create' "$(next_of backup)"
    assert_json '.data.checks[] | select(.name == "backup") | .message | contains("20200101T000000Z-aaaaaa")'
    status_json --store "$BATS_TEST_TMPDIR/store" --fail-on backup
    assert_exit 1
    cp "$dir/20200101T000000Z-aaaaaa/manifest.json" "$dir"/*-bbbbbb/
    status_json --store "$BATS_TEST_TMPDIR/store" --fail-on backup
    assert_exit 0
    assert_equal ok "$(verdict backup)"
    status_json --fail-on backup
    assert_exit 1
}

@test "a store that is not there yet" {
    two_applied
    status_json --store "$BATS_TEST_TMPDIR/new/store"
    assert_exit 0
    assert_equal ok "$(verdict store)"
    assert_equal warn "$(verdict backup)"
    [ ! -e "$BATS_TEST_TMPDIR/new" ]
}

@test "a store that cannot be read" {
    two_applied
    echo file >"$BATS_TEST_TMPDIR/file"
    status_json --store "$BATS_TEST_TMPDIR/file/store"
    assert_exit 4
    assert_equal fail "$(verdict store)"
}

@test "a role that may only read" {
    two_applied
    pg_fresh_role
    run_evo evo-status --json --database "$(pg_url "$PG_DB" "$PG_ROLE")"
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("GRANT"))'
    pg_sql "GRANT SELECT ON _prisma_migrations TO $PG_ROLE"
    run_evo evo-status --json --database "$(pg_url "$PG_DB" "$PG_ROLE")"
    assert_exit 0
    assert_json '.data.checks[] | select(.name == "blockers") | .hint | contains("pg_read_all_stats")'
}

# ---- bad input --------------------------------------------------------------------

@test "no server, wrong password, no such database" {
    migration 1_a 'SELECT 1;'
    DATABASE_URL="postgresql:///x?host=$BATS_TEST_TMPDIR" status_json
    assert_exit 3
    assert_json '.error.reason == "connect" and .data.layout == "prisma" and .data.checks[0].verdict == "fail"'
    DATABASE_URL=$(pg_tcp_url "$PG_DB" postgres canary-wrong-password) status_json
    assert_exit 3
    run ! grep -q canary-wrong "$OUT" "$ERR"
    DATABASE_URL=$(pg_url nowhere) status_json
    assert_exit 3
    assert_json '.error.reason == "connect" and (.error.message | contains("nowhere"))'
}

@test "no migrations, two layouts, a folder that cannot be read" {
    status_json
    assert_exit 2
    assert_json '.error.reason == "config" and (.error.message | contains("found no migrations"))'
    assert_json '.data.layout == null'
    migration 1_a 'SELECT 1;'
    mkdir migrations
    printf 'SELECT 1;\n' >migrations/1_a.up.sql
    status_json
    assert_exit 2
    assert_json '.error.hint | contains("--layout")'
    status_json --layout sql
    assert_exit 0
    status_json --migrations nowhere
    assert_exit 2
    assert_json '.error.message | contains("nowhere")'
}

@test "a folder that may not be read" {
    # Where no other user comes is no place for this; root reads everything.
    local dir as=()
    dir=$(mktemp -d "$EVO_TEST_DIR/closed.XXXXXX")
    mkdir -p "$dir/prisma/migrations/1_a"
    echo 'SELECT 1;' >"$dir/prisma/migrations/1_a/migration.sql"
    cp "$(evo_bin evo-status)" "$dir/"
    chmod 0755 "$dir" "$dir/prisma"
    [ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    cd "$dir" || return
    chmod 0000 prisma/migrations
    run_program "${as[@]}" "$dir/evo-status" --json
    assert_exit 2
    assert_json '.error.reason == "config" and (.error.message | contains("prisma/migrations") and contains("Permission denied"))'
    chmod 0755 prisma/migrations
    chmod 0000 prisma/migrations/1_a/migration.sql
    run_program "${as[@]}" "$dir/evo-status" --json
    assert_exit 2
    assert_json '.error.reason == "config" and .error.migration == "1_a"'
}

@test "an unknown directive is named with its line" {
    migration 1_a $'SELECT 1;\n'
    migration 2_b $'\n-- evo:no-transactoin\nSELECT 1;'
    status_json
    assert_exit 2
    assert_json '.error.line == 2 and (.error.file | endswith("2_b/migration.sql")) and .error.migration == "2_b"'
}

@test "an unknown value of --fail-on is refused" {
    migration 1_a 'SELECT 1;'
    run_evo evo-status --fail-on nonsense
    assert_exit 2
}
