# evo as a guest in a project of Flyway: the history is what Flyway would have written, each of the two goes on where the
# other stopped, and both agree on every state. The real Flyway stands on the other side.
# seconds: 35
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sqltools
load ../lib/flyway

setup() {
    pg_fresh_db
    flyway_project
    put V1__create_users 'CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE);'
    put V1_1__add_status $'ALTER TABLE users ADD status text;\r\nCREATE INDEX ON users (status);\r'
    put V2 $'\xef\xbb\xbfCREATE TABLE orders (id int);'
    put U2 'DROP TABLE orders;'
    put R__all_users 'CREATE OR REPLACE VIEW all_users AS SELECT id, email FROM users;'
}

teardown() {
    release
}

ALL='V1__create_users V1_1__add_status V2 R__all_users'

# flyway_sees STATES: of all migrations, in Flyway's order.
flyway_sees() {
    flyway info
    assert_exit 0
    assert_equal "$1" "$(cut -d '|' -f 4 <<<"$output" | xargs)"
}

@test "history, rows and schema are those of flyway migrate" {
    run_evo evo-migrate up
    assert_exit 0
    local rows schema
    rows=$(history) schema=$(app_schema)
    flyway info validate migrate
    assert_exit 0
    assert_equal 4 "$(grep -c '|SUCCESS$' <<<"$output")"
    assert_stdout_has 'valid'
    assert_stdout_has 'migrated 0'
    assert_equal f "$(exists evo.migrations)"

    pg_fresh_db
    flyway migrate
    assert_exit 0
    assert_equal "$(history)" "$rows"
    assert_equal "$(app_schema)" "$schema"
    evo_sees "$ALL" ''
}

@test "what Flyway applied evo takes back, and Flyway applies it again" {
    flyway migrate
    assert_exit 0
    run_evo evo-migrate down
    assert_exit 0
    assert_equal f "$(exists orders)"
    flyway_sees 'SUCCESS SUCCESS DELETED SUCCESS PENDING'
    evo_sees 'V1__create_users V1_1__add_status R__all_users' 'V2'
    flyway migrate validate
    assert_exit 0
    assert_stdout_has 'migrated 1'
    evo_sees "$ALL" ''
    # the newest with a way back was taken back; the one before it has none, and repeatable ones never have
    run_evo evo-migrate down --steps 2
    assert_exit 1
    assert_stderr_has 'V1_1__add_status'
    assert_equal t "$(exists orders)"
}

@test "half by one, half by the other; a repeatable migration runs again when it changed" {
    run_evo evo-migrate up --steps 1
    assert_exit 0
    flyway info migrate
    assert_exit 0
    assert_stdout_has 'migrated 3'
    put R__all_users 'CREATE OR REPLACE VIEW all_users AS SELECT id, email, status FROM users;'
    evo_sees 'V1__create_users V1_1__add_status V2' 'R__all_users'
    put V3__more 'CREATE TABLE more (id int);'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied | map(.name) == ["V3__more", "R__all_users"]'
    flyway info validate migrate
    assert_exit 0
    assert_stdout_has 'migrated 0'
    assert_equal 1 "$(grep -c '|SUPERSEDED$' <<<"$output")"
    put R__all_users 'CREATE OR REPLACE VIEW all_users AS SELECT id, email, status, 1 AS one FROM users;'
    flyway migrate
    assert_exit 0
    evo_sees 'V1__create_users V1_1__add_status V2 V3__more R__all_users' ''
}

@test "an edited file, and one with another description, are found by both" {
    run_evo evo-migrate up
    assert_exit 0
    put V2 'CREATE TABLE orders (id bigint);'
    flyway validate
    assert_exit 1
    assert_stderr_has 'checksum mismatch for migration version 2'
    put V3__next 'SELECT 1;'
    run_evo evo-migrate up
    assert_exit 1
    assert_stderr_has '"V2" was edited'
    put V2 $'\xef\xbb\xbfCREATE TABLE orders (id int);'
    rm "$MIGRATIONS/V3__next.sql"
    mv "$MIGRATIONS/V1__create_users.sql" "$MIGRATIONS/V1__make_users.sql"
    flyway validate
    assert_exit 1
    assert_stderr_has 'description mismatch for migration version 1'
    run_evo evo-status --json
    assert_exit 1
    assert_equal V1__make_users "$(names edited)"
}

@test "a failure in the middle: nothing is left, or a row that both know as failed" {
    put V3__bad $'CREATE TABLE half (id int);\nSELECT 1/0;'
    run_evo evo-migrate up
    assert_exit 7
    assert_equal f "$(exists half)"
    flyway_sees 'SUCCESS SUCCESS SUCCESS PENDING PENDING'

    put V3__bad 'CREATE INDEX CONCURRENTLY bad ON nothing (id);'
    run_evo evo-migrate up
    assert_exit 7
    assert_equal '4|3|bad|f' "$(pg_sql "SELECT installed_rank, version, description, success FROM flyway_schema_history WHERE NOT success")"
    flyway info migrate
    assert_exit 1
    assert_stdout_has '3|bad|SQL|FAILED'
    assert_stderr_has 'Detected failed migration to version 3'
    put V3__bad 'CREATE INDEX CONCURRENTLY good ON users (email);'
    run_evo evo-migrate up
    assert_exit 0
    flyway validate migrate
    assert_exit 0
    assert_stdout_has 'migrated 0'
}

@test "a failed row is settled by flyway repair, or by evo-migrate resolve" {
    run_evo evo-migrate up
    assert_exit 0
    put V3__bad 'CREATE INDEX CONCURRENTLY bad ON nothing (id);'
    run_evo evo-migrate up
    assert_exit 7
    flyway repair
    assert_exit 0
    evo_sees "$ALL" 'V3__bad'
    run_evo evo-migrate up
    assert_exit 7
    run_evo evo-migrate resolve --rolled-back V3__bad
    assert_exit 0
    evo_sees "$ALL" 'V3__bad'
    run_evo evo-migrate resolve --applied V3__bad
    assert_exit 0
    flyway validate migrate
    assert_exit 0
    assert_stdout_has 'migrated 0'
    # a row that Flyway wrote itself, by its other lock
    put V4__worse 'CREATE INDEX CONCURRENTLY worse ON nothing (id);'
    flyway sessionLock=true migrate
    assert_exit 1
    run_evo evo-status --json
    assert_exit 1
    assert_equal V4__worse "$(names failed)"
    run_evo evo-migrate resolve --rolled-back V4__worse
    assert_exit 0
    flyway_sees 'SUCCESS SUCCESS SUCCESS SUCCESS SUCCESS PENDING'
}

@test "several locations: one list, and each script is told from its own" {
    mkdir -p more/deep gone
    put V3__c 'CREATE TABLE c (id int);'
    printf 'CREATE TABLE b (id int);\n' >more/V1_5__b.sql
    printf 'CREATE TABLE d (id int);\n' >more/deep/V4__d.sql
    printf '[flyway]\nlocations = ["filesystem:more", "filesystem:db/migration", "filesystem:more/deep"]\n' >flyway.toml
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["V1__create_users", "V1_1__add_status", "V1_5__b", "V2", "V3__c", "V4__d", "R__all_users"]'
    local rows
    rows=$(history)
    flyway locations="filesystem:$PROJECT/more,filesystem:$MIGRATIONS" validate migrate
    assert_exit 0
    assert_stdout_has 'migrated 0'
    pg_fresh_db
    flyway locations="filesystem:$PROJECT/more,filesystem:$MIGRATIONS" migrate
    assert_exit 0
    assert_equal "$(history)" "$rows"
    # Of one folder alone: what the others hold is not looked at.
    run_evo evo-migrate plan --migrations more --json
    assert_exit 0
    assert_json '.data.steps == []'
    cp more/V1_5__b.sql db/migration/V01.5__twin.sql
    run_evo evo-status --json
    assert_exit 2
    assert_json '.error.reason == "config" and (.error.message | contains("are the same migration: version"))'
}

@test "tables without a history are refused by both; a baseline of Flyway counts" {
    pg_sql 'CREATE TABLE users (id serial PRIMARY KEY, email text, status text)'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "target_not_empty"'
    flyway migrate
    assert_exit 1
    assert_stderr_has 'no schema history table'
    flyway baselineVersion=1.1 baseline
    assert_exit 0
    evo_sees 'V1__create_users V1_1__add_status' 'V2 R__all_users'
    run_evo evo-migrate up
    assert_exit 0
    flyway validate migrate
    assert_exit 0
    assert_stdout_has 'migrated 0'
    run_evo evo-migrate down --to V1_1__add_status
    assert_exit 0
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back == []'
}

@test "schema and table of flyway.toml, made as Flyway makes them" {
    printf '[flyway]\nlocations = ["filesystem:db/migration"]\ndefaultSchema = "app"\ntable = "history"\n' >flyway.toml
    mkdir -p evo/V1__create_users
    printf 'SELECT count(*) = 0 FROM users;' >evo/V1__create_users/verify_up.sql
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-verify up V1__create_users
    assert_exit 0
    local rows schema
    rows=$(history app.history) schema=$(app_schema)
    assert_equal t "$(exists app.users)"
    flyway defaultSchema=app table=history validate migrate
    assert_exit 0
    assert_stdout_has 'migrated 0'
    pg_fresh_db
    flyway defaultSchema=app table=history migrate
    assert_exit 0
    assert_equal "$(history app.history)" "$rows"
    assert_equal "$(app_schema)" "$schema"
    evo_sees "$ALL" ''
}

@test "a version behind the applied ones is refused by both, and applied by both when told" {
    run_evo evo-migrate up
    assert_exit 0
    put V1.5__late 'CREATE TABLE late (id int);'
    put V1.7__later 'CREATE TABLE later (id int);'
    run_evo evo-migrate up
    assert_exit 1
    assert_stderr_has 'V1.5__late'
    flyway migrate
    assert_exit 1
    assert_stderr_has 'not applied to database: 1.5'
    run_evo evo-migrate up --out-of-order --steps 1
    assert_exit 0
    flyway outOfOrder=true migrate info validate
    assert_exit 0
    assert_equal 2 "$(grep -c '|OUT_OF_ORDER$' <<<"$output")"
    evo_sees 'V1__create_users V1_1__add_status V1.5__late V1.7__later V2 R__all_users' ''
}

@test "the lock is Flyway's own" {
    # "public"."flyway_schema_history", as Java hashes it, behind Flyway's number
    hold 'SELECT pg_advisory_lock(77433833903597)'
    run_evo evo-migrate up --wait 0
    assert_exit 5
    flyway lockRetryCount=0 migrate
    assert_exit 1
    assert_stderr_has 'Number of retries exceeded'
    release
    run_evo evo-migrate up --wait 0
    assert_exit 0
}
