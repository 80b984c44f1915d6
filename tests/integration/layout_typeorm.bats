# evo as a guest in a TypeORM project: the real TypeORM applies, evo decides what, and both agree on what is there.
# seconds: 35
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/typeorm

setup() {
    pg_fresh_db
    typeorm_project
}

teardown() {
    release
}

# fake_node SCRIPT: a node of that text stands first in PATH; REAL_NODE is the other one.
fake_node() {
    REAL_NODE=$(command -v node)
    export REAL_NODE
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/bash\n%s\n' "$1" >"$BATS_TEST_TMPDIR/bin/node"
    chmod 0755 "$BATS_TEST_TMPDIR/bin/node"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "what evo applies is what TypeORM would have applied, and the other way round" {
    run_evo evo-migrate up --steps 1 --json
    assert_exit 0
    assert_json '.data.applied == [.data.applied[0]] and .data.applied[0].name == "CreateUsers1735689600000" and .data.applied[0].transaction'
    assert_json '[.data.pending[].name] == ["AddUserStatus1735776000000"]'
    typeorm_cli migration:show
    assert_exit 0
    assert_stdout_has '[X] 1 CreateUsers1735689600000'
    assert_stdout_has '[ ] AddUserStatus1735776000000'

    typeorm_cli migration:run
    assert_exit 0
    run_evo evo-status --json
    assert_exit 0
    assert_json '.data.layout == "typeorm" and .data.pending == [] and [.data.applied[].name] == ["CreateUsers1735689600000", "AddUserStatus1735776000000"]'
    assert_json '.data.last_applied == "AddUserStatus1735776000000" and .data.applied[0].finished_at == null and .data.edited == []'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/status.schema.json" "$BATS_TEST_TMPDIR/data.json"

    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '[.data.rolled_back[].name] == ["AddUserStatus1735776000000"]'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-down.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_equal '1735689600000|CreateUsers1735689600000' "$(typeorm_rows)"
    typeorm_cli migration:show
    assert_stdout_has '[ ] AddUserStatus1735776000000'
}

@test "the plan names the command; an empty project and one that is through are fine" {
    run_evo evo-migrate plan --json
    assert_exit 0
    assert_json '[.data.steps[].mode] == ["delegated", "delegated"] and (.data.steps[0].command | contains("migration:run -d") and contains("CreateUsers1735689600000"))'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-plan.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_equal f "$(exists migrations)"
    rm migrations/*
    run_evo evo-migrate up --layout typeorm --migrations migrations --json
    assert_exit 0
    assert_json '.data.applied == [] and .data.pending == []'
}

@test "a migration that arrives behind others is applied, and is the first to be taken back" {
    typeorm_cli migration:run
    typeorm_migration 1735700000000 Late 'CREATE TABLE late (id int)' 'DROP TABLE late'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["Late1735700000000"] and any(.data.warnings[]; contains("arrived behind"))'
    run_evo evo-migrate down --json
    assert_json '[.data.rolled_back[].name] == ["Late1735700000000"]'
    assert_equal f "$(exists late)"
}

@test "what fails leaves nothing, and says what TypeORM said" {
    typeorm_migration 1735900000000 Bad 'CREATE TABLE half (id int); SELECT * FROM nope'
    typeorm_migration 1735900000001 Next 'CREATE TABLE next (id int)'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '[.data.applied[].name] == ["CreateUsers1735689600000", "AddUserStatus1735776000000"]'
    assert_json '.error.migration == "Bad1735900000000" and .error.schema_clean == true and (.error.detail | contains("nope"))'
    assert_equal 'f|f' "$(exists half)|$(exists next)"
    typeorm_migration 1735900000000 Bad 'CREATE TABLE half (id int)'
    run_evo evo-migrate up --to Bad1735900000000 --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["Bad1735900000000"] and [.data.pending[].name] == ["Next1735900000001"]'
}

@test "transaction = false runs without one, and what fails then may have left something" {
    typeorm_migration 1735900000000 Index 'CREATE INDEX CONCURRENTLY by_mail ON users (email)' \
        'DROP INDEX CONCURRENTLY by_mail' 'transaction = false'
    typeorm_migration 1735900000001 Half 'SELECT 1' '' 'transaction = false'
    sed -i 's/SELECT 1`)/CREATE TABLE half (id int)`); await queryRunner.query(`SELECT * FROM nope`)/' migrations/1735900000001-Half.js
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.data.applied[2].name == "Index1735900000000" and .data.applied[2].transaction == false'
    assert_json '.error.schema_clean == null and .error.migration == "Half1735900000001" and (.error.hint | contains("resolve --applied Half1735900000001"))'
    assert_equal 't|t' "$(exists half)|$(exists by_mail)"
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '[.data.rolled_back[].name] == ["Index1735900000000"] and .data.rolled_back[0].transaction == false'
    assert_equal f "$(exists by_mail)"
}

@test "probes beside a migration are run; a false one stops behind the COMMIT, with the way back" {
    mkdir -p evo/CreateUsers1735689600000
    echo "SELECT to_regclass('users') IS NULL;" >evo/CreateUsers1735689600000/verify_up.sql
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.migration == "CreateUsers1735689600000" and .error.schema_clean == false and .error.next == "evo-migrate down --steps 1"'
    assert_equal '1735689600000|CreateUsers1735689600000' "$(typeorm_rows)"
}

@test "the exit status of the tool decides nothing" {
    # shellcheck disable=SC2016 # of the fake
    fake_node 'echo "Migration has been executed successfully."'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.message | contains("says that it succeeded") and contains("not applied")'
    assert_equal f "$(exists migrations)"
    # shellcheck disable=SC2016 # of the fake
    fake_node '"$REAL_NODE" "$@"; exit 3'
    REAL_NODE=$EVO_TOOLS/node/bin/node run_evo evo-migrate up --steps 1
    assert_exit 0
    assert_stderr_has 'ended with status 3'
    assert_equal '1735689600000|CreateUsers1735689600000' "$(typeorm_rows)"
}

@test "the connection reaches the tool by its environment, and wins over the project's own" {
    sed -i "s|url: process.env.DATABASE_URL|host: '127.0.0.1', port: 9, username: 'nobody', password: 'wrong', database: 'other'|" data-source.js
    # shellcheck disable=SC2016 # of the fake
    fake_node 'printf "%s\n" "$@" >>"$BATS_TEST_TMPDIR/argv"; exec "$REAL_NODE" "$@"'
    run_evo evo-migrate up --steps 1
    assert_exit 0
    assert_equal '1735689600000|CreateUsers1735689600000' "$(typeorm_rows)"
    grep -q migration:run "$BATS_TEST_TMPDIR/argv"
    assert_no_secret "$BATS_TEST_TMPDIR/argv"
    # The file made for the run is gone with it.
    local script
    script=$(grep evo-data-source.mjs "$BATS_TEST_TMPDIR/argv")
    [ ! -e "${script%/*}" ]
    # By a socket, with nothing but libpq's variables.
    run_evo evo-migrate up --database "$PG_URL"
    assert_exit 0
}

@test "a ledger that the data source names is used, one that it computes is refused before anything runs" {
    pg_sql 'CREATE SCHEMA app'
    sed -i "s|  migrations:|  schema: 'app', migrationsTableName: 'history', migrations:|" data-source.js
    run_evo evo-migrate up --steps 1
    assert_exit 0
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM app.history')"
    sed -i "s|'history'|['his', 'tory'].join('')|" data-source.js
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.detail | contains("records migrations in app.history, and evo looked at app.migrations")'
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM app.history')"
    assert_json 'any(.data.warnings[]; contains("cannot tell where migrations are recorded"))'
}

@test "resolve writes the row and the table as TypeORM does" {
    run_evo evo-migrate resolve --applied CreateUsers1735689600000
    assert_exit 0
    assert_equal '1735689600000|CreateUsers1735689600000' "$(typeorm_rows)"
    local ours
    ours=$("$PG_BINDIR/pg_dump" -s -t migrations "$PG_URL" | grep -v restrict)
    pg_sql 'DROP TABLE migrations'
    typeorm_cli migration:show
    assert_equal "$ours" "$("$PG_BINDIR/pg_dump" -s -t migrations "$PG_URL" | grep -v restrict)"
    run_evo evo-migrate resolve --applied CreateUsers1735689600000
    run_evo evo-migrate resolve --applied CreateUsers1735689600000
    assert_exit 2
    typeorm_cli migration:show
    assert_stdout_has '[X] 1 CreateUsers1735689600000'
    run_evo evo-migrate resolve --rolled-back CreateUsers1735689600000
    assert_exit 0
    assert_equal '' "$(typeorm_rows)"
}

@test "TypeScript, ES modules and a data source that only package.json names" {
    rm -r migrations data-source.js
    mkdir -p src/migrations src/database
    cat >src/database/postgres.ts <<'END'
import { DataSource } from 'typeorm'
export const source: Promise<DataSource> = Promise.resolve(new DataSource({
    type: 'postgres', url: process.env.OTHER_URL as string, migrations: ['src/migrations/*.ts'],
}))
END
    cat >src/migrations/1735689600000-A.ts <<'END'
import type { MigrationInterface, QueryRunner } from 'typeorm'
export class A1735689600000 implements MigrationInterface {
    public async up(queryRunner: QueryRunner): Promise<void> { await queryRunner.query(`CREATE TABLE a (id int)`) }
    public async down(queryRunner: QueryRunner): Promise<void> { await queryRunner.query(`DROP TABLE a`) }
}
END
    cat >package.json <<'END'
{ "type": "module", "scripts": { "migrate": "tsx node_modules/typeorm/cli.js migration:run -d ./src/database/postgres.ts" } }
END
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["A1735689600000"]'
    assert_equal t "$(exists a)"
}

@test "what is missing is named before anything runs" {
    mv data-source.js elsewhere.js
    run_evo evo-migrate up --json
    assert_exit 2
    assert_json '(.error.message | contains("found no TypeORM data source")) and (.error.hint | contains("EVO_TYPEORM_DATASOURCE"))'
    EVO_TYPEORM_DATASOURCE=elsewhere.js run_evo evo-migrate up --dry-run
    assert_exit 0
    EVO_TYPEORM_DATASOURCE=nowhere.js run_evo evo-migrate up
    assert_exit 2
    assert_stderr_has 'there is no file "nowhere.js"'
    mv elsewhere.js data-source.js
    cp data-source.js ormconfig.js
    run_evo evo-migrate up
    assert_exit 2
    assert_stderr_has 'cannot tell which is the TypeORM data source'
    rm ormconfig.js node_modules
    run_evo evo-migrate up
    assert_exit 2
    assert_stderr_has 'npm ci'
    run_program env PATH=/nowhere "$(evo_bin evo-migrate)" up
    assert_exit 2
    assert_stderr_has 'found no node'
    assert_equal f "$(exists migrations)"
}

@test "a data source that does not have the migration changes nothing" {
    sed -i 's|migrations/\*.js|elsewhere/*.js|' data-source.js
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and (.error.detail | contains("has 0 migrations named CreateUsers1735689600000"))'
    assert_equal f "$(exists users)"
}

@test "a lock that is not to be had is tried for again" {
    typeorm_cli migration:run
    typeorm_migration 1735900000000 Wide 'ALTER TABLE users ADD wide int'
    hold 'LOCK TABLE users IN SHARE MODE'
    run_evo evo-migrate up --lock-timeout 700ms --lock-retries 1 --json
    assert_exit 5
    assert_json '.error.schema_clean == true and (.error.detail | contains("holder"))'
    release
    run_evo evo-migrate up
    assert_exit 0
}

@test "the table of another tool by the same name is refused" {
    pg_sql 'CREATE TABLE migrations (id serial, migration varchar(255), batch int)'
    run_evo evo-status --json
    assert_exit 3
    assert_json '.error.message | contains("recorded by laravel, in table public.migrations")'
}

@test "a backup knows what is applied, and new leaves new migrations to TypeORM" {
    run_evo evo-migrate up --steps 1
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/store"
    assert_exit 0
    run_evo evo-backup show latest --store "$BATS_TEST_TMPDIR/store" --json
    assert_json '.data.ledger.layout == "typeorm" and .data.ledger.applied == [{"name": "CreateUsers1735689600000", "checksum": null}]'
    run_evo evo-migrate new add_things
    assert_exit 2
    assert_stderr_has 'npx typeorm migration:create add_things'
}

@test "a cancel ends TypeORM and its statement, and nothing stays" {
    typeorm_cli migration:run
    typeorm_migration 1735900000000 Slow 'CREATE TABLE slow (id int); SELECT pg_sleep(600)'
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%pg_sleep(600)%'
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
    assert_json '.error.reason == "cancelled" and .error.schema_clean == true and .error.migration == "Slow1735900000000"'
    assert_equal f "$(exists slow)"
    wait_until 10 no_sessions
}

@test "a role that may not create the ledger, or write it, is told what to ask for" {
    pg_fresh_role
    export DATABASE_URL=postgresql://$PG_ROLE:$PG_ROLE_PASSWORD@${PG_TCP_URL#*@}
    run_evo evo-migrate resolve --applied CreateUsers1735689600000
    assert_exit 3
    assert_stderr_has "GRANT USAGE, CREATE ON SCHEMA public TO $PG_ROLE;"
    typeorm_cli migration:show # which makes it
    assert_exit 1
    DATABASE_URL=$PG_TCP_URL typeorm_cli migration:show
    run_evo evo-status
    assert_exit 3
    assert_stderr_has "GRANT SELECT, INSERT, DELETE ON public.migrations TO $PG_ROLE;"
}

@test "without a schema in the data source the ledger is where search_path leads" {
    pg_sql "CREATE SCHEMA app; ALTER DATABASE $PG_DB SET search_path = app, public"
    run_evo evo-migrate up --steps 1
    assert_exit 0
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM app.migrations')"
    typeorm_cli migration:show
    assert_stdout_has '[X] 1 CreateUsers1735689600000'
    run_evo evo-status --json
    assert_json '[.data.pending[].name] == ["AddUserStatus1735776000000"]'
}
