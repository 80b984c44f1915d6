# evo-migrate baseline: a schema that is there already is put on record.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project prisma
    local n
    for n in 1 2 3; do
        migration "${n}_m" up "CREATE TABLE t$n (id int);"
        migration "${n}_m" verify_up "SELECT to_regclass('t$n') IS NOT NULL;"
    done
    # made without migrations, up to the second
    pg_sql 'CREATE TABLE t1 (id int); CREATE TABLE t2 (id int)'
}

baseline() {
    run_evo evo-migrate baseline --json "$@"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-baseline.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

@test "everything up to a name is recorded, proven and not run; up goes on from there" {
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "target_not_empty" and .error.next == "evo-migrate baseline --to 3_m --dry-run"'

    baseline --to 2_m --dry-run
    assert_exit 0
    assert_json '.data.steps | map([.name, .verify]) == [["1_m", "passed"], ["2_m", "passed"]]'
    assert_json '.data.applied == []'
    assert_equal f "$(exists _prisma_migrations)"

    baseline --to 2_m
    assert_exit 0
    assert_json '.data.applied == [{"name": "1_m"}, {"name": "2_m"}] and .data.warnings == []'
    assert_equal $'1_m|applied\n2_m|applied' "$(ledger)"
    # the rows of Prisma's own resolve --applied
    assert_equal 2 "$(pg_sql "SELECT count(*) FROM _prisma_migrations WHERE logs = '' AND applied_steps_count = 0 AND started_at = finished_at")"
    assert_equal 1 "$(pg_sql 'SELECT count(DISTINCT xmin::text) FROM _prisma_migrations')"
    assert_equal 'baseline|2_m' "$(pg_sql 'SELECT moment, name FROM evo.fingerprints')"

    # Again: nothing to do. One more: only that.
    baseline --to 2_m
    assert_exit 0
    assert_json '.data.applied == [] and .data.steps == []'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists t3)"
    run_evo evo-status --fail-on pending,failed,edited,missing,drift
    assert_exit 0
}

@test "a probe that is not true records nothing; all that are false are named" {
    pg_sql 'DROP TABLE t2'
    local arguments
    for arguments in '' --dry-run; do
        # shellcheck disable=SC2086 # no word where empty
        baseline --to 3_m $arguments
        assert_exit 1
        assert_json '.error.reason == "probe_false" and .error.migration == "2_m" and .error.schema_clean == true'
        assert_json '.error.message | startswith("2 of 3 migrations cannot be recorded")'
        assert_json '.data.steps | map(.verify) == ["passed", "failed", "failed"]'
        assert_json '.data.applied == [] and (.error.file | endswith("2_m/verify_up.sql"))'
        assert_equal f "$(exists _prisma_migrations)"
    done
    baseline --to 3_m --no-verify
    assert_exit 0
    assert_json '.data.steps | map(.verify) == ["skipped", "skipped", "skipped"]'
    assert_json '.data.warnings == ["3 of 3 migrations: nothing proves that the schema has what they make"]'
    assert_equal 3 "$(ledger | wc -l)"
}

@test "a probe that writes changes nothing" {
    migration 1_m verify_up 'INSERT INTO t1 VALUES (1) RETURNING true;'
    baseline --to 1_m
    assert_exit 1
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM t1')"
}

@test "a ledger that begins like the folder goes on; any other is refused" {
    baseline --to 1_m
    assert_exit 0
    baseline --to 2_m
    assert_exit 0
    assert_json '.data.applied == [{"name": "2_m"}]'

    # one before an applied one is open
    mkdir prisma/migrations/1_a && echo 'SELECT 1;' >prisma/migrations/1_a/migration.sql
    baseline --to 3_m --no-verify
    assert_exit 1
    assert_json '.error.reason == "target_not_empty" and .error.migration == "1_m" and (.error.message | contains("one before it is not"))'
    rm -r prisma/migrations/1_a

    # a file is gone
    mv prisma/migrations/1_m "$BATS_TEST_TMPDIR/"
    baseline --to 3_m --no-verify
    assert_exit 1
    assert_json '.error.migration == "1_m" and (.error.message | contains("file is gone"))'
    mv "$BATS_TEST_TMPDIR/1_m" prisma/migrations/

    # one failed
    pg_sql "UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '2_m'"
    baseline --to 3_m --no-verify
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.migration == "2_m"'
    assert_equal 2 "$(ledger | wc -l)"
}

@test "no name, an unknown name" {
    run_evo evo-migrate baseline --json
    assert_exit 2
    assert_json '.error.reason == "usage"'
    baseline --to 2_n
    assert_exit 1
    assert_json '.error.reason == "not_found" and (.error.hint | contains("2_m"))'
}

@test "text for people" {
    rm prisma/migrations/1_m/verify_up.sql
    run_evo evo-migrate baseline --to 2_m --dry-run
    assert_stdout_has 'to record 1_m  (no probe)'
    assert_stdout_has 'to record 2_m  (verified)'
    run_evo evo-migrate baseline --to 2_m
    assert_stdout_has 'recorded 2_m  (verified)'
    assert_stdout_has 'warning: 1 of 2 migrations: nothing proves'
    run_evo evo-migrate baseline --to 2_m
    assert_stdout_has 'nothing to record'
}

@test "the sql layout, and the database of another tool" {
    rm -r prisma
    migrate_project sql
    migration 001_a up 'CREATE TABLE t1 (id int);'
    migration 002_b up 'CREATE TABLE t3 (id int);'
    baseline --to 001_a
    assert_exit 0
    assert_equal '001_a|applied' "$(ledger)"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists t3)"
}

@test "hundreds of migrations are one transaction" {
    local n
    for n in $(seq 100 400); do migration "4_m$n" up "SELECT $n;"; done
    baseline --to 4_m400 --no-verify
    assert_exit 0
    assert_equal '304|1' "$(pg_sql 'SELECT count(*), count(DISTINCT xmin::text) FROM _prisma_migrations')"
}
