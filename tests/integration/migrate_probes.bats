# verify_up.sql and verify_down.sql as gates of a migration.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project sql
    migration 001_a up 'CREATE TABLE a (id int);'
}

# refused PROBE: the migration is rolled back for it.
refused() {
    migration 001_a verify_up "$1"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.reason == "migration_failed" and .error.schema_clean == true and .error.migration == "001_a"'
    assert_equal f "$(exists a)"
}

@test "what does not pass rolls the migration back" {
    refused 'SELECT false'
    refused 'SELECT NULL::boolean'
    refused 'SELECT true WHERE false'
    refused 'SELECT 1'
    refused 'SELECT nonsense'
    refused "SELECT to_regclass('a') IS NULL"
    refused 'INSERT INTO a VALUES (1) RETURNING true'
    refused 'SELECT true; SELECT false;'
}

# hint PROBE TEXT: the hint names what to mend.
hint() {
    refused "$1"
    json .error.hint >"$BATS_TEST_TMPDIR/hint"
    grep -qF "$2" "$BATS_TEST_TMPDIR/hint" || fail "expected in the hint: $2" "$(cat "$BATS_TEST_TMPDIR/hint")"
}

@test "the hint names the file to mend" {
    local dir=migrations/001_a
    hint 'SELECT false' "Correct $dir/up.sql or, where that is right, its probe in $dir/verify_up.sql"
    hint 'SELECT nonsense' "Correct the probe in $dir/verify_up.sql or, where it is right, $dir/up.sql"
    hint 'INSERT INTO a VALUES (1) RETURNING true' "A probe may only read: correct $dir/verify_up.sql"
    hint 'SELECT false AS this_check_has_not_been_written_yet' "Write the check in $dir/verify_up.sql"
}

@test "what evo made and nobody wrote is told so" {
    run_evo evo-migrate new second --json
    local name
    name=$(json .data.name)
    run_evo evo-migrate plan
    assert_exit 0
    assert_stdout_has "warning: \"$name\": no statement: an empty skeleton, which changes nothing"
    assert_stdout_has 'warning: "001_a": no verify_up.sql'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_stderr_has "migration \"$name\" holds no statement"
    assert_json '(.error.hint | contains("Write the check in migrations/")) and any(.data.warnings[]; contains("empty skeleton"))'
}

@test "a probe sees the migration, and leaves its transaction alone" {
    migration 001_a verify_up "SELECT to_regclass('public.a') IS NOT NULL; SELECT count(*) = 0 FROM a;"
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied[0].verify == "passed"'
    assert_equal '001_a|applied' "$(ledger)"
}

@test "a probe file that is wrong is refused before anything is started" {
    migration 000_first up 'CREATE TABLE first (id int);'
    migration 001_a verify_up $'-- evo:expect roughly 3\nSELECT 1'
    run_evo evo-migrate up --json
    assert_exit 2
    assert_json '.error.reason == "config" and (.error.file | endswith("verify_up.sql")) and .error.line == 1'
    assert_equal f "$(exists first)"
    migration 001_a verify_up '-- nothing to see'
    run_evo evo-migrate up --json
    assert_exit 2
    migration 001_a verify_up 'COMMIT; SELECT true'
    run_evo evo-migrate up --json
    assert_exit 2
    assert_equal f "$(exists first)"
}

@test "a probe that only passes inside the transaction is caught behind it" {
    # inside, a transaction id is assigned; on a new connection none is
    migration 001_a verify_up 'SELECT pg_current_xact_id_if_assigned() IS NOT NULL'
    migration 001_a down 'DROP TABLE a;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .error.next == "evo-migrate down --steps 1"'
    # it is in: no longer pending, and its verdict is there
    assert_json '.data.pending == [] and .data.applied[0].name == "001_a" and .data.applied[0].verify == "failed"'
    assert_equal t "$(exists a)"
    assert_equal '001_a|applied' "$(ledger)"
    run_evo evo-migrate down --steps 1
    assert_exit 0
    assert_equal f "$(exists a)"
}

@test "a false verify_down keeps what was there" {
    migration 001_a down 'SELECT 1;'
    migration 001_a verify_down $'-- evo:expect empty\nSELECT 1 FROM pg_tables WHERE tablename = \'a\''
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-migrate down --json
    assert_exit 7
    assert_json '.error.schema_clean == true and (.error.file | endswith("verify_down.sql"))'
    assert_equal '001_a|applied' "$(ledger)"
    migration 001_a down 'DROP TABLE a;'
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back[0].verify == "passed"'
}

@test "a false probe behind a file without a transaction is found again until it is true" {
    migration 002_i up 'CREATE INDEX CONCURRENTLY i ON a (id);'
    migration 002_i verify_up 'SELECT count(*) > 0 FROM a'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.migration == "002_i" and .error.schema_clean == false and .error.next == "evo-migrate up"'
    assert_equal $'001_a|applied\n002_i|failed' "$(ledger)"
    pg_sql 'INSERT INTO a VALUES (1)'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_equal applied "$(ledger | grep 002_i | tail -n 1 | cut -d'|' -f2)"
}
