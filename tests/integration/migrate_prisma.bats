# evo as a guest in a Prisma project: the real Prisma CLI has the last word.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/prisma
load ../lib/migrate

setup() {
    pg_fresh_db
    prisma_project
    export LAYOUT=prisma
    cd "$PRISMA_DIR" || return
}

prisma_agrees() {
    prisma_cli migrate status
    assert_exit 0
    assert_stdout_has 'up to date'
    prisma_cli migrate deploy
    assert_exit 0
    assert_stdout_has 'No pending migrations'
}

@test "after evo, Prisma has nothing to do" {
    prisma_migration 20250103000000_index 'CREATE INDEX CONCURRENTLY i ON "users" ("status");'
    prisma_migration 20250104000000_own 'BEGIN; CREATE TABLE own (id int); COMMIT;'
    prisma_migration '20250105000000_with blank' 'CREATE TABLE blank (id int);'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied | length == 5'
    prisma_agrees
}

@test "what Prisma has begun, evo continues; and the other way round" {
    prisma_cli migrate deploy
    assert_exit 0
    prisma_migration 20250103000000_evo 'CREATE TABLE by_evo (id int);'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["20250103000000_evo"]'
    prisma_migration 20250104000000_prisma 'CREATE TABLE by_prisma (id int);'
    prisma_cli migrate deploy
    assert_exit 0
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied == []'
    prisma_agrees
}

@test "rows of evo and of Prisma look alike" {
    prisma_cli migrate deploy
    local theirs ours
    theirs=$(pg_sql "SELECT migration_name, checksum, logs, applied_steps_count, rolled_back_at, length(id), finished_at >= started_at FROM _prisma_migrations ORDER BY 1")
    local table
    table=$("$PG_BINDIR/pg_dump" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -s -t _prisma_migrations "$PG_DB" | grep -vE '^\\(un)?restrict ')
    pg_fresh_db
    run_evo evo-migrate up
    ours=$(pg_sql "SELECT migration_name, checksum, logs, applied_steps_count, rolled_back_at, length(id), finished_at >= started_at FROM _prisma_migrations ORDER BY 1")
    assert_equal "$theirs" "$ours"
    assert_equal "$table" "$("$PG_BINDIR/pg_dump" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -s -t _prisma_migrations "$PG_DB" | grep -vE '^\\(un)?restrict ')"
}

@test "a migration that failed under Prisma is settled by evo, one that failed under evo by Prisma" {
    prisma_migration 20250103000000_bad 'CREATE TABLE half (id int); SELECT * FROM nope;'
    prisma_cli migrate deploy
    assert_exit 1
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "failed"'
    run_evo evo-migrate resolve --rolled-back 20250103000000_bad
    assert_exit 0
    prisma_migration 20250103000000_bad 'CREATE TABLE half (id int);'
    run_evo evo-migrate up
    assert_exit 0
    prisma_agrees

    prisma_migration 20250104000000_index 'CREATE TABLE first (id int); CREATE INDEX CONCURRENTLY i ON nope (id);'
    run_evo evo-migrate up --json
    assert_exit 7
    prisma_cli migrate status
    assert_exit 1
    assert_stderr_has 20250104000000_index
    prisma_cli migrate resolve --rolled-back 20250104000000_index
    assert_exit 0
    pg_sql 'DROP TABLE first'
    prisma_migration 20250104000000_index 'CREATE TABLE first (id int);'
    run_evo evo-migrate up
    assert_exit 0
    prisma_agrees
}

@test "one that failed inside its transaction under evo leaves Prisma nothing to resolve" {
    prisma_migration 20250103000000_bad 'CREATE TABLE half (id int); SELECT * FROM nope;'
    run_evo evo-migrate up --json
    assert_exit 7
    prisma_migration 20250103000000_bad 'CREATE TABLE half (id int);'
    prisma_cli migrate deploy
    assert_exit 0
    prisma_agrees
}

@test "taken back by evo, applied again by Prisma" {
    echo 'DROP INDEX "users_status_idx"; ALTER TABLE "users" DROP COLUMN "status"; DROP TYPE "UserStatus";' \
        >prisma/migrations/20250102000000_user_status/down.sql
    run_evo evo-migrate up
    run_evo evo-migrate down
    assert_exit 0
    prisma_cli migrate status
    assert_exit 1
    prisma_cli migrate deploy
    assert_exit 0
    prisma_agrees
    run_evo evo-migrate up --json
    assert_json '.data.applied == []'
}
