# The real Prisma CLI works against the harness's cluster: what the tests of evo
# as a guest in a Prisma project stand on.
# Nothing of this build runs here: not again under the sanitizers.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/prisma

setup() {
    pg_fresh_db
    prisma_project
}

rows() {
    pg_sql 'SELECT migration_name, applied_steps_count, finished_at IS NOT NULL, rolled_back_at IS NOT NULL
            FROM _prisma_migrations ORDER BY started_at'
}

@test "status, deploy, status, deploy" {
    prisma_cli migrate status
    assert_exit 1
    assert_stdout_has 20250102000000_user_status

    prisma_cli migrate deploy
    assert_exit 0
    assert_equal $'20250101000000_init|1|t|f\n20250102000000_user_status|1|t|f' "$(rows)"
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM users WHERE status = 'active'")"
    local file=$PRISMA_DIR/prisma/migrations/20250101000000_init/migration.sql
    assert_equal "$(sha256sum <"$file" | cut -d' ' -f1)" \
        "$(pg_sql "SELECT checksum FROM _prisma_migrations WHERE migration_name = '20250101000000_init'")"

    prisma_cli migrate status
    assert_exit 0
    prisma_cli migrate deploy
    assert_exit 0
    assert_stdout_has 'No pending migrations'
}

@test "a failed migration stops deploy until it is resolved" {
    prisma_migration 20250103000000_bad 'CREATE TABLE half (id int); SELECT * FROM nope;'
    prisma_cli migrate deploy
    assert_exit 1
    assert_equal 'f' "$(pg_sql "SELECT to_regclass('half') IS NOT NULL")"
    prisma_cli migrate deploy
    assert_exit 1
    assert_stderr_has P3009

    prisma_cli migrate resolve --rolled-back 20250103000000_bad
    assert_exit 0
    assert_equal '20250103000000_bad|0|f|t' "$(rows | tail -n 1)"
    prisma_migration 20250103000000_bad 'CREATE TABLE half (id int);'
    prisma_cli migrate deploy
    assert_exit 0
    assert_equal '20250103000000_bad|1|t|f' "$(rows | tail -n 1)"
}

@test "resolve --applied records a migration that was not run" {
    prisma_cli migrate resolve --applied 20250101000000_init
    assert_exit 0
    assert_equal '20250101000000_init|0|t|f' "$(rows)"
}
