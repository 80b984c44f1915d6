# evo-migrate resolve by Prisma's own rules: the same verdict and the same rows as the real Prisma, state by state.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/prisma

NAME=20250102000000_user_status

setup() {
    pg_fresh_db
    prisma_project
    cd "$PRISMA_DIR" || return
}

rows() {
    pg_sql "SELECT migration_name, checksum, applied_steps_count, coalesce(logs, 'NULL'), finished_at IS NOT NULL,
        started_at = finished_at, rolled_back_at IS NOT NULL FROM _prisma_migrations ORDER BY started_at, migration_name, finished_at"
}

# state STATE: puts the ledger into it.
state() {
    pg_sql 'DROP TABLE IF EXISTS _prisma_migrations'
    [ "$1" != none ] || return 0
    pg_sql 'CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL,
        finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
        started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)'
    local insert="INSERT INTO _prisma_migrations VALUES (gen_random_uuid(), 'sum',"
    case $1 in
    applied) pg_sql "$insert now(), '$NAME', NULL, NULL, '2025-01-01', 1)" ;;
    failed) pg_sql "$insert NULL, '$NAME', 'text', NULL, '2025-01-01', 0)" ;;
    rolled_back) pg_sql "$insert NULL, '$NAME', 'text', now(), '2025-01-01', 0)" ;;
    failed_twice) pg_sql "$insert NULL, '$NAME', 'one', now(), '2025-01-01', 0); $insert NULL, '$NAME', 'two', NULL, '2025-01-02', 0)" ;;
    esac
}

# agree STATE OPTION [CODE]: both do the same; CODE is Prisma's error, none: both succeed.
agree() {
    state "$1"
    prisma_cli migrate resolve "$2" "${4:-$NAME}"
    local prisma=$status prisma_rows code=${3:-}
    [ -z "$code" ] || assert_stderr_has "$code" || return
    prisma_rows=$(rows 2>/dev/null) || true
    state "$1"
    run_evo evo-migrate resolve "$2" "${4:-$NAME}"
    assert_equal "$([ "$prisma" = 0 ] && echo 0)" "$([ "$status" = 0 ] && echo 0)" || return
    assert_equal "$([ -z "$code" ] && echo 0)" "$([ "$prisma" = 0 ] && echo 0)" || return
    assert_equal "$prisma_rows" "$(rows 2>/dev/null || true)"
}

@test "--applied: nothing on record, failed, failed twice" {
    agree none --applied
    agree failed --applied
    agree failed_twice --applied
}

@test "--applied: rolled back, applied, no such migration" {
    agree rolled_back --applied
    agree applied --applied P3008
    agree none --applied P3017 20250109000000_nope
}

@test "--rolled-back: failed, failed twice, rolled back already" {
    agree failed --rolled-back
    agree failed_twice --rolled-back
    agree rolled_back --rolled-back
}

@test "--rolled-back: applied, never applied" {
    agree applied --rolled-back P3012
    state failed
    pg_sql 'TRUNCATE _prisma_migrations'
    prisma_cli migrate resolve --rolled-back "$NAME"
    assert_exit 1
    assert_stderr_has P3011
    run_evo evo-migrate resolve --rolled-back "$NAME" --json
    assert_exit 1
    assert_json '.error.reason == "not_found"'
}
