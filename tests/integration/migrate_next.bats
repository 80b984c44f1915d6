# What evo proposes next means what was asked for, and what it counts is what the ledger holds.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project sql
    migration 1_a up 'CREATE TABLE a (id int PRIMARY KEY, v text);'
    migration 1_a down 'DROP TABLE a;'
    migration 2_b up 'CREATE TABLE b (id int);'
    migration 2_b down 'DROP TABLE b;'
}

# counts: how many up and status say there are, each a line.
counts() {
    run_evo evo-migrate up
    printf '%s\n' "${output##*: }" | tail -n 1
    run_evo evo-status
    sed -n '2s/;.*//p' <<<"$output"
}

@test "an empty folder, or a wrong one, is not up to date" {
    run_evo evo-migrate up
    assert_exit 0
    mkdir empty other
    local folder
    printf 'CREATE TABLE z (id int);' >other/9_z.up.sql
    for folder in empty other; do
        run_evo evo-migrate up --layout sql --migrations $folder --json
        assert_exit 1
        assert_json ".error.reason == \"not_found\" and (.error.message | contains(\"none of the 2 migrations\") and contains(\"$folder\")) and .data.applied_total == 2"
        assert_json '.error.hint | contains("--migrations")'
        run_evo evo-status --layout sql --migrations $folder --fail-on missing --json
        assert_exit 1
        assert_json '.error.message | contains("none of the 2 migrations")'
    done
    assert_equal f "$(exists z)"
}

@test "a file that is gone is counted as applied, and told of" {
    run_evo evo-migrate up
    rm -r "$MIGRATIONS/1_a"
    assert_equal $'2 applied, 0 pending, 1 missing\n2 applied, 0 pending, 1 missing' "$(counts)"
    run_evo evo-migrate up
    assert_exit 0
    assert_stderr_has 'migration "1_a" is applied, but its file is gone'
}

@test "up and status count in the same words" {
    migration 3_c up $'CREATE INDEX CONCURRENTLY i ON a (v);\nCREATE INDEX CONCURRENTLY j ON a (nope);'
    migration 4_d up 'SELECT 1;'
    assert_equal $'2 applied, 1 pending, 1 unfinished\n2 applied, 1 pending, 1 unfinished' "$(counts)"
    run_evo evo-migrate up --json
    assert_exit 7
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-up.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_json '[.data.pending[] | .name + " " + .state] == ["3_c unfinished", "4_d pending"]'
}

@test "--fail-on unfinished; none stands alone" {
    migration 3_c up $'CREATE INDEX CONCURRENTLY i ON a (v);\nCREATE INDEX CONCURRENTLY j ON a (nope);'
    run_evo evo-migrate up
    assert_exit 7
    run_evo evo-status
    assert_exit 0
    local word
    for word in unfinished pending; do
        run_evo evo-status --fail-on $word --json
        assert_exit 1
        assert_json '.error.reason == "failed" and .error.migration == "3_c" and .error.next == "evo-migrate up"'
    done
    run_evo evo-status --fail-on none,failed
    assert_exit 2
    assert_stderr_has 'stands alone'
    run_evo evo-status --fail-on none
    assert_exit 0
}

@test "the next command keeps what was asked for" {
    printf '{"environments": {"staging": {}}}' >evo.json
    migration 3_c up 'CREATE TABLE c (id nope);'
    migration 4_d up 'SELECT 1;'
    run_evo evo-migrate up --environment staging --atomic --to 3_c --json
    assert_exit 7
    assert_json '.error.next == "evo-migrate up --atomic --to 3_c --environment staging"'
    assert_json '.error.hint | contains("then: evo-migrate up --atomic --to 3_c --environment staging")'
    run_evo evo-migrate up --lock-timeout 5s --json
    assert_json '.error.next == "evo-migrate up"'
    # Three were applied, so not "nothing" was changed.
    assert_json '(.data.applied | length == 2) and (.error.hint | contains("Nothing of this migration was changed"))'
}

@test "an edited file: how to see it, and a way to accept it" {
    local layout
    for layout in sql prisma; do
        pg_fresh_db
        rm -rf "$PROJECT"
        migrate_project $layout
        migration 1_a up 'CREATE TABLE a (id int);'
        migration 1_a down 'DROP TABLE a;'
        run_evo evo-migrate up
        assert_exit 0
        run_evo evo-migrate resolve --edited 1_a --json
        assert_exit 2
        migration 1_a up 'CREATE TABLE a (id  int);'
        run_evo evo-migrate up --json
        assert_exit 1
        assert_json '.error.reason == "edited" and (.error.next | startswith("git log -p -- ")) and (.error.hint | contains("evo-migrate resolve --edited 1_a"))'
        run_evo evo-status --json
        assert_exit 1
        assert_json '.error.next | startswith("git log -p -- ")'
        run_evo evo-migrate resolve --edited 1_a --json
        assert_exit 0
        assert_json '.data.resolved | .name == "1_a" and .as == "edited"'
        json .data >"$BATS_TEST_TMPDIR/data.json"
        assert_schema "$EVO_ROOT/lib/schema/data/migrate-resolve.schema.json" "$BATS_TEST_TMPDIR/data.json"
        run_evo evo-status --fail-on failed,edited,drift
        assert_exit 0
        run_evo evo-migrate up
        assert_exit 0
    done
    run_evo evo-migrate resolve --edited 9_z
    assert_exit 1
}

@test "a way back of an edited migration is warned of" {
    run_evo evo-migrate up
    migration 2_b up 'CREATE TABLE b (id bigint);'
    run_evo evo-migrate down
    assert_exit 0
    assert_stderr_has 'migration "2_b" was edited since it was applied'
}

@test "the plan of a way back names the tables that would go, with their rows" {
    migration 3_c up 'ALTER TABLE a ADD COLUMN w int;'
    migration 3_c down 'ALTER TABLE a DROP COLUMN w;'
    run_evo evo-migrate up
    pg_sql 'INSERT INTO a SELECT n FROM generate_series(1, 500) n; ANALYZE a'
    run_evo evo-migrate plan --down --steps 3 --json
    assert_exit 0
    assert_json '.data.steps[0].warnings == ["it drops a column of table a, with about 500 rows"]'
    assert_json '(.data.steps[1].warnings == []) and .data.steps[2].warnings == ["it drops table a, with about 500 rows"]'
}

@test "a backfill that is half done is told of, with the command that goes on" {
    migration 2_b backfill $'-- evo:backfill table=a key=id\nUPDATE a SET v = \'x\' WHERE v IS NULL;'
    run_evo evo-migrate up
    pg_sql 'INSERT INTO a SELECT n FROM generate_series(1, 500) n'
    run_evo evo-backfill 2_b --batch 10 --pause 50ms --max-duration 300ms
    assert_exit 1
    run_evo evo-status --json
    assert_exit 0
    assert_json '.data.checks[] | select(.name == "backfills") | .verdict == "warn" and .next == "evo-backfill 2_b" and (.message | test("\"2_b\" is not done: [1-9][0-9]* rows changed so far"))'
    run_evo evo-status --fail-on backfills --json
    assert_exit 1
    assert_json '.error.reason == "incomplete" and .error.next == "evo-backfill 2_b"'
    run_evo evo-backfill 2_b
    assert_exit 0
    run_evo evo-status --fail-on backfills
    assert_exit 0
}
