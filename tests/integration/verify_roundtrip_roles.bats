# evo-verify roundtrip where migrations make the roles that they grant to.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/roundtrip

setup() {
    roundtrip_setup
    migrate_project sql
}

teardown() {
    roundtrip_teardown
    pg_sql "DROP OWNED BY $ROLE; DROP ROLE $ROLE" || true
}

@test "a role that an applied migration made is not there before it; one from elsewhere is" {
    pg_fresh_db
    ROLE=made_$(random_word)
    pg_fresh_role
    migration 001_role up "CREATE ROLE $ROLE; CREATE TABLE a (id int); GRANT SELECT ON a TO $ROLE, $PG_ROLE;"
    migration 001_role down "DROP TABLE a; DROP ROLE $ROLE;"
    run_evo evo-migrate up
    assert_exit 0
    migration 002_b up "CREATE TABLE b (id int); GRANT SELECT ON b TO $ROLE;"
    migration 002_b down 'DROP TABLE b;'
    run_evo evo-verify roundtrip --json
    assert_exit 0
    assert_json '[.data.migrations[] | {name, verdict}] == [{name: "002_b", verdict: "unproven"}]'
    run_evo evo-verify roundtrip 001_role --json
    assert_exit 0
}
