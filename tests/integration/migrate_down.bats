# evo-migrate down, plan, resolve and new.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project sql
    local n
    for n in 1 2 3; do
        migration 00${n}_m up "CREATE TABLE t$n (id int);"
        migration 00${n}_m down "DROP TABLE t$n;"
    done
}

@test "down takes back the last one, --steps more, --to all behind a name" {
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '[.data.rolled_back[].name] == ["003_m"] and .data.rolled_back[0].transaction'
    assert_equal f "$(exists t3)"
    assert_equal '003_m|rolled back' "$(ledger | tail -n 1)"
    run_evo evo-migrate up
    run_evo evo-migrate down --to 001_m --json
    assert_json '[.data.rolled_back[].name] == ["003_m", "002_m"]'
    assert_equal t "$(exists t1)"
    run_evo evo-migrate down --steps 5 --json
    assert_json '[.data.rolled_back[].name] == ["001_m"]'
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back == []'
}

@test "down goes by the order of application, not of names" {
    mv migrations/002_m "$BATS_TEST_TMPDIR/"
    run_evo evo-migrate up
    mv "$BATS_TEST_TMPDIR/002_m" migrations/
    run_evo evo-migrate up --out-of-order
    assert_exit 0
    run_evo evo-migrate down --json
    assert_json '[.data.rolled_back[].name] == ["002_m"]'
}

@test "--dry-run shows and changes nothing; plan --down is the same" {
    run_evo evo-migrate up
    run_evo evo-migrate down --steps 2 --dry-run --json
    assert_exit 0
    assert_json '.data.rolled_back == [] and ([.data.steps[].name] == ["003_m", "002_m"])'
    local steps
    steps=$(json .data.steps)
    run_evo evo-migrate plan --down --steps 2 --json
    assert_equal "$steps" "$(json .data.steps)"
    assert_equal t "$(exists t3)"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-plan.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

@test "a missing down file is named before anything starts" {
    run_evo evo-migrate up
    rm migrations/002_m/down.sql
    run_evo evo-migrate down --steps 3 --json
    assert_exit 1
    assert_json '.error.reason == "irreversible" and (.error.message | contains("002_m")) and .error.schema_clean == true'
    assert_json '.data.rolled_back == []'
    assert_equal t "$(exists t3)"
}

@test "a missing migration is named before anything starts" {
    run_evo evo-migrate up
    rm -r migrations/003_m
    run_evo evo-migrate down --json
    assert_exit 1
    assert_json '.error.reason == "not_found" and (.error.message | contains("003_m"))'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json 'any(.data.warnings[]; contains("003_m"))'
}

@test "a down file that fails leaves what was there" {
    migration 003_m down $'DROP TABLE t3;\nDROP TABLE nope;'
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-migrate down --json
    assert_exit 7
    assert_json '.error.schema_clean == true and .error.line == 2 and (.error.file | endswith("003_m/down.sql")) and .error.next == "evo-migrate down"'
    assert_equal t "$(exists t3)"
    assert_equal '003_m|applied' "$(ledger | tail -n 1)"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-down.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

@test "a down file has directives of its own" {
    migration 003_m down $'-- evo:no-transaction\nDROP TABLE t3;\nVACUUM t1;'
    run_evo evo-migrate up
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back[0].transaction == false'
    migration 002_m down $'-- evo:frobnicate\nDROP TABLE t2;'
    run_evo evo-migrate down --json
    assert_exit 2
    assert_json '.error.line == 1 and (.error.file | endswith("002_m/down.sql"))'
}

@test "a down file with its own BEGIN and COMMIT, through and stopped" {
    migration 003_m down $'BEGIN;\nDROP TABLE t3;\nCOMMIT;'
    migration 002_m down $'BEGIN;\nDROP TABLE t2;\nDROP TABLE nope;\nCOMMIT;'
    run_evo evo-migrate up
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back[0].transaction == false'
    assert_equal f "$(exists t3)"
    run_evo evo-migrate down --json
    assert_exit 7
    assert_json '.error.schema_clean == true and .error.line == 3'
    assert_equal t "$(exists t2)"
    assert_equal applied "$(ledger | grep 002_m | cut -d'|' -f2)"
}

@test "new in a folder without migrations says where it looked" {
    rm -r migrations
    run_evo evo-migrate new first --json
    assert_exit 2
    assert_json '.error.reason == "config" and (.error.detail | contains("migrations"))'
    mkdir migrations
    run_evo evo-migrate new first --json
    assert_exit 0
    assert_json '.data.name | test("^20[0-9]{12}_first$")'
}

@test "prisma: down sets rolled_back_at, and up applies it again in a row of its own" {
    rm -r migrations
    migrate_project prisma
    migration 20250101000000_a up 'CREATE TABLE a (id int);'
    migration 20250101000000_a down 'DROP TABLE a;'
    run_evo evo-migrate up
    run_evo evo-migrate down
    assert_exit 0
    assert_equal '20250101000000_a|rolled back' "$(ledger)"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal $'20250101000000_a|rolled back\n20250101000000_a|applied' "$(ledger)"
}

@test "plan: text for people" {
    migration 004_i up $'CREATE INDEX CONCURRENTLY i ON t1 (id);'
    migration 005_own up $'BEGIN; SELECT 1; COMMIT;'
    migration 006_gone up $'-- evo:irreversible the data is gone\nDROP TABLE t1;'
    migration 007_new up 'FROBNICATE TABLE t2;'
    run_evo evo-migrate plan
    assert_exit 0
    assert_stdout_has '7 migrations to apply'
    assert_stdout_has '1 statement, in one transaction'
    assert_stdout_has 'statement by statement'
    assert_stdout_has 'lock: SHARE UPDATE EXCLUSIVE on t1'
    assert_stdout_has 'evo cannot undo it'
    assert_stdout_has 'irreversible: the data is gone'
    assert_stdout_has 'is not understood'
    assert_stdout_has '"005_own" and 2 more: no verify_up.sql'
    assert_equal f "$(exists evo.migrations)"
    assert_unlocked
}

@test "resolve: one of two options, and the rules of the ledger" {
    run_evo evo-migrate resolve --json
    assert_exit 2
    run_evo evo-migrate resolve --applied 001_m --rolled-back 001_m
    assert_exit 2
    run_evo evo-migrate resolve --applied nope --json
    assert_exit 1
    assert_json '.error.reason == "not_found"'
    # a slip: the name that was meant, and the options in use
    for option in --applied --rolled-back; do
        run_evo evo-migrate resolve "$option" 001_n --layout sql --json
        assert_exit 1
        assert_json '.error.reason == "not_found" and (.error.hint | contains("Did you mean \"001_m\"?")) and .error.next == "evo-status --layout sql"'
    done
    run_evo evo-migrate resolve --applied 001_m --json
    assert_exit 0
    assert_json '.data.resolved | .name == "001_m" and .as == "applied" and (.fingerprint | length == 64)'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-resolve.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_equal f "$(exists t1)"
    run_evo evo-migrate resolve --applied 001_m --json
    [ "$status" -ne 0 ]
    run_evo evo-migrate resolve --rolled-back 001_m --json
    [ "$status" -ne 0 ]
    run_evo evo-migrate up --json
    assert_json '[.data.applied[].name] == ["002_m", "003_m"]'
}

@test "new makes files that teach, and that cannot be deployed unfinished" {
    run_evo evo-migrate new 'add user status' --json
    assert_exit 0
    assert_json '.data.name == "004_add_user_status" and (.data.files | length == 4)'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-new.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_equal 'down.sql up.sql verify_down.sql verify_up.sql' "$(cd migrations/004_add_user_status && echo *)"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.migration == "004_add_user_status" and .error.schema_clean == true'
    assert_equal 3 "$(ledger | grep -c applied)"
    migration 004_add_user_status verify_up 'SELECT true'
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-migrate down --json
    assert_exit 7
    assert_json '.error.message | contains("has not been written yet")'
    run_evo evo-migrate new 'no/slashes' --json
    assert_exit 2
}

@test "new follows the form of the project: prisma, a pair, one file" {
    rm -r migrations
    mkdir -p migrations
    printf 'SELECT 1;' >migrations/20250101000000_a.up.sql
    run_evo evo-migrate new more --json
    assert_exit 0
    local name
    name=$(json .data.name)
    [ -e "migrations/$name.up.sql" ] && [ -e "migrations/$name.down.sql" ] && [ -e "evo/$name/verify_up.sql" ]
    run_evo evo-migrate plan --json
    assert_json '.data.steps[1].probes == 1'

    rm -r migrations evo && mkdir migrations
    printf -- '-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n' >migrations/1_a.sql
    run_evo evo-migrate new more --json
    assert_exit 0
    assert_json '.data.name == "2_more"'
    grep -q -- '-- migrate:down' migrations/2_more.sql
    run_evo evo-migrate plan --json
    assert_json '.data.steps[1].name == "2_more" and .data.steps[1].probes == 1'

    rm -r migrations evo
    migrate_project prisma
    migration 20250101000000_a up 'SELECT 1;'
    run_evo evo-migrate new more --json
    assert_exit 0
    [ -e "$MIGRATIONS/$(json .data.name)/migration.sql" ]
    [[ $(json .data.name) =~ ^20[0-9]{12}_more$ ]]
}

@test "one file with both parts goes up and down, and its lines are the file's" {
    rm -r migrations
    mkdir migrations
    printf -- '-- migrate:up\nCREATE TABLE one (id int);\n\n-- migrate:down\nDROP TABLE one;\nSELECT nonsense;\n' >migrations/1_one.sql
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists one)"
    run_evo evo-migrate down --json
    assert_exit 7
    assert_json '.error.line == 6'
    assert_equal t "$(exists one)"
}
