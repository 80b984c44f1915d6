# A migration that stopped half-way: up, down, plan, status and resolve say the same of it, and none of them calls the schema
# clean, or takes for undone what is on record as done.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project sql
    migration 1_a up 'CREATE TABLE t (id int, v int); INSERT INTO t VALUES (1, 1), (2, 1);'
    migration 2_b up $'CREATE INDEX CONCURRENTLY ia ON t (id);\nCREATE UNIQUE INDEX CONCURRENTLY ib ON t (v);'
}

# refute_stderr_has TEXT
# shellcheck disable=SC2154 # run_evo sets it
refute_stderr_has() {
    [[ $stderr != *"$1"* ]] || fail "stderr has \"$1\": $stderr"
}

# stopped: 2_b has made its first index, and not its second.
stopped() {
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .error.next == "evo-migrate up" and .data.stopped.failed == 2'
}

# says NEXT: what status proposes for it.
says() {
    run_evo evo-status --json
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/status.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_json "[.data.failed[0].next] == $1"
}

@test "nobody says that the schema is clean while a migration is half applied" {
    stopped
    local verb
    for verb in up plan; do
        run_evo evo-migrate $verb --atomic
        assert_exit 2
        assert_stderr_has 'begun by an earlier run'
        refute_stderr_has 'schema: clean'
        assert_stderr_has 'schema: not clean'
    done
    run_evo evo-migrate up --atomic --json
    assert_json '.error.schema_clean == false'
    # Nothing was begun, and nothing is half applied: no word of it.
    migrate_project prisma
    pg_fresh_db
    migration 1_a up 'SELECT 1;'
    migration 1_a verify_up $'-- evo:expect nonsense\nSELECT 1;'
    run_evo evo-migrate up
    assert_exit 2
    refute_stderr_has 'schema:'
}

@test "what can go on is proposed to go on, by up, down, plan and status" {
    stopped
    run_evo evo-migrate down --json
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.next == "evo-migrate up"'
    assert_json '(.error.detail | contains("Done, and not undone: 1 of 2 statements: 1 (line 1, CREATE INDEX CONCURRENTLY ia"))'
    says '["evo-migrate up"]'
    assert_json '.data.unfinished == 1 and (.data.checks[] | select(.name == "unfinished") | .next == "evo-migrate up" and (.message | contains("CREATE INDEX CONCURRENTLY ia")))'
    run_evo evo-migrate plan --json
    assert_exit 0
    assert_json '.data.steps[0].resumed'
    pg_sql 'DELETE FROM t WHERE id = 2'
    run_evo evo-migrate up
    assert_exit 0
}

@test "a statement that is done and was changed: the file first, and everybody says so" {
    stopped
    migration 2_b up $'CREATE INDEX CONCURRENTLY other ON t (id);\nCREATE UNIQUE INDEX CONCURRENTLY ib ON t (id);'
    local next='git log -p -- migrations/2_b/up.sql'
    local verb
    for verb in up down plan; do
        run_evo evo-migrate $verb --json
        assert_exit 1
        assert_json ".error.reason == \"failed\" and .error.next == \"$next\""
    done
    says "[\"$next\"]"
    assert_exit 1
}

@test "resolve --rolled-back is refused where statements are on record as done, until they are undone" {
    stopped
    run_evo evo-migrate resolve --rolled-back 2_b --json
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.next == "evo-migrate up" and .data.resolved == null'
    assert_json '(.error.detail | contains("CREATE INDEX CONCURRENTLY ia")) and (.error.hint | contains("--undone"))'
    assert_equal 1 "$(pg_sql "SELECT count(*) FROM evo.migrations WHERE name = '2_b' AND rolled_back_at IS NULL")"
    # The schema is what it was: the fingerprint proves it.
    pg_sql 'DROP INDEX ia'
    run_evo evo-migrate resolve --rolled-back 2_b --json
    assert_exit 0
    assert_json '.data.resolved | .as == "rolled-back" and .undone == "fingerprint"'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-resolve.schema.json" "$BATS_TEST_TMPDIR/data.json"
    run_evo evo-status --fail-on drift
    assert_exit 0
}

@test "resolve --rolled-back --undone is believed, and what is left shows as drift" {
    stopped
    run_evo evo-migrate resolve --rolled-back 2_b --undone --json
    assert_exit 0
    assert_json '.data.resolved.undone == "word"'
    assert_stderr_has 'the schema is not what it was before'
    run_evo evo-status --fail-on drift --json
    assert_exit 1
    assert_json 'any(.data.fingerprint.differences[]; contains("+ index public.ia"))'
    run_evo evo-migrate resolve --drift --undone
    assert_exit 2
}

@test "rows that were changed do not show in the schema: the fingerprint proves nothing of them" {
    migration 2_b up $'-- evo:no-transaction\nUPDATE t SET v = 5;\nSELECT nope;'
    run_evo evo-migrate up
    assert_exit 7
    run_evo evo-migrate resolve --rolled-back 2_b --json
    assert_exit 1
    assert_json '.error.detail | contains("more than the schema shows")'
    run_evo evo-migrate resolve --rolled-back 2_b --undone
    assert_exit 0
}

@test "a file that handles transactions itself, and committed a part: a person looks, and no command is proposed" {
    local layout
    for layout in sql prisma; do
        pg_fresh_db
        rm -rf "$PROJECT"
        migrate_project $layout
        migration 1_a up 'CREATE TABLE t (id int);'
        migration 2_b up $'BEGIN;\nCREATE TABLE u (id int);\nCOMMIT;\nSELECT nope;'
        run_evo evo-migrate up --json
        assert_exit 7
        assert_json '.error.schema_clean == false and .error.next == null'
        run_evo evo-migrate up --json
        assert_exit 1
        assert_json '.error.reason == "failed" and .error.next == null and (.error.detail | contains("3 of 4 statements"))'
        run_evo evo-migrate down --json
        assert_exit 1
        assert_json '.error.next == null'
        says '[null]'
        assert_exit 1
        run_evo evo-migrate resolve --rolled-back 2_b
        assert_exit 1
        pg_sql 'DROP TABLE u'
        run_evo evo-migrate resolve --rolled-back 2_b
        assert_exit 0
        run_evo evo-migrate down --json
        assert_json '.error.reason == "irreversible"'
        assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
    done
}

@test "resolve --drift would bless what a half applied migration left: neither proposed nor done" {
    stopped
    run_evo evo-status --json
    assert_json 'any(.data.checks[].next; . != null and contains("resolve --drift")) | not'
    run_evo evo-migrate resolve --drift --json
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.next == "evo-migrate up"'
    # as where nothing but the ledger knows of it
    pg_sql 'DELETE FROM evo.journal'
    run_evo evo-migrate resolve --drift
    assert_exit 1
}

@test "a way back that stopped half-way is no less on record" {
    migration 2_b up 'CREATE TABLE u (id int); CREATE TABLE w (id int);'
    migration 2_b down $'DROP TABLE u;\nVACUUM t;\nDROP TABLE nope;'
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-migrate down
    assert_exit 7
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.next == "evo-migrate down --steps 1"'
    run_evo evo-migrate resolve --applied 2_b --json
    assert_exit 1
    assert_json '.error.next == "evo-migrate down --steps 1" and (.error.detail | contains("DROP TABLE u"))'
    run_evo evo-migrate resolve --drift
    assert_exit 1
    run_evo evo-migrate resolve --applied 2_b --undone
    assert_exit 0
}
