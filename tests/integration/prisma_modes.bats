# What differs between Prisma and evo, and what must not: transactions, schemas of URLs. The real Prisma CLI stands on the
# other side.
# seconds: 20
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/prisma

setup() {
    pg_fresh_db
    prisma_project
    cd "$PRISMA_DIR" || return
}

tables() {
    pg_sql "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = '$1'::regnamespace"
}

@test "a file that fails: all or nothing here, a part of it stays under Prisma from 7.4 on; the plan says so" {
    prisma_migration 20250103000000_bad $'CREATE TABLE first_one (id int);\nCREATE TABLE second_one (id nope);'
    prisma_migration 20250102500000_one 'CREATE TABLE one (id int);'
    run_evo evo-migrate plan --json
    assert_exit 0
    assert_json 'any(.data.warnings[]; contains("\"20250103000000_bad\": all or nothing here; Prisma from 7.4 on"))'
    assert_json 'all(.data.warnings[]; contains("\"20250102500000_one\": all or nothing") | not)'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and all(.data.warnings[]; contains("Prisma from") | not)'
    assert_equal '_prisma_migrations one users' "$(tables public)"
    # Prisma as it was until 7.3: the file is one message, and leaves nothing either
    prisma_cli migrate deploy
    assert_exit 1
    assert_equal '_prisma_migrations one users' "$(tables public)"
    prisma_cli migrate resolve --rolled-back 20250103000000_bad
    assert_exit 0
    # ... and as it is since: the first statement stays
    PRISMA_SPLIT=1 prisma_cli migrate deploy
    assert_exit 1
    assert_equal '_prisma_migrations first_one one users' "$(tables public)"
}

@test "CREATE INDEX CONCURRENTLY with others: evo and Prisma from 7.4 on can, Prisma before cannot; the plan says so" {
    prisma_migration 20250103000000_i $'CREATE TABLE t (id int);\nCREATE INDEX CONCURRENTLY i ON t (id);'
    run_evo evo-migrate plan --json
    assert_json 'any(.data.warnings[]; contains("\"20250103000000_i\": statement by statement here; Prisma before 7.4"))'
    run_evo evo-migrate up --to 20250102000000_user_status
    prisma_cli migrate deploy
    assert_exit 1
    assert_equal '_prisma_migrations users' "$(tables public)"
    prisma_cli migrate resolve --rolled-back 20250103000000_i
    run_evo evo-migrate up
    assert_exit 0
    prisma_cli migrate status
    assert_exit 0
}

@test "the schema of the URL: what evo applies there is applied for Prisma, and the other way round" {
    local url="$PG_URL&schema=app" PRISMA_SCHEMA=app
    DATABASE_URL=$url run_evo evo-migrate up --to 20250101000000_init
    assert_exit 0
    prisma_cli migrate deploy
    assert_exit 0
    assert_stdout_has '20250102000000_user_status'
    assert_equal '_prisma_migrations users' "$(tables app)"
    assert_equal '' "$(tables public)"
    DATABASE_URL=$url run_evo evo-status --fail-on pending,failed,edited,missing,drift
    assert_exit 0
    prisma_migration 20250103000000_third 'CREATE TABLE third (id int);'
    DATABASE_URL=$url run_evo evo-migrate up
    assert_exit 0
    prisma_cli migrate status
    assert_exit 0
    assert_equal '_prisma_migrations third users' "$(tables app)"
    # Another schema of the same database is another matter.
    run_evo evo-status --json
    assert_json '.data.pending | length == 3'
}

@test "baseline records what Prisma takes for applied" {
    pg_sql - <prisma/migrations/20250101000000_init/migration.sql
    prisma_cli migrate deploy
    assert_exit 1
    assert_stderr_has P3005
    run_evo evo-migrate baseline --to 20250101000000_init
    assert_exit 0
    prisma_cli migrate deploy
    assert_exit 0
    assert_stdout_has '20250102000000_user_status'
    prisma_cli migrate status
    assert_exit 0
}

@test "the ledger of Prisma 8 is named and refused, by every command" {
    run_evo evo-migrate up
    pg_sql 'CREATE SCHEMA prisma_contract; CREATE TABLE prisma_contract.ledger (id bigserial, created_at timestamptz, space text,
        migration_name text, migration_hash text, operations jsonb)'
    local command
    for command in 'evo-status' 'evo-migrate up' 'evo-migrate baseline --to 20250101000000_init' 'evo-migrate plan'; do
        # shellcheck disable=SC2086 # words
        run_evo $command --json
        assert_exit 3
        assert_json '.error.reason == "unsupported" and (.error.message | contains("prisma-8, in table prisma_contract.ledger"))'
        assert_json '.error.detail | contains("up to version 7")'
    done
}
