# evo-migrate up --atomic: everything that is pending in one transaction, or nothing.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project sql
    local n
    for n in 1 2 3; do
        migration 00${n}_m up "CREATE TABLE t$n (id int);"
        migration 00${n}_m verify_up "SELECT to_regclass('t$n') IS NOT NULL;"
    done
}

teardown() {
    release
}

# nothing_happened: no table, no row.
nothing_happened() {
    assert_equal '' "$(pg_sql "SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.migrations')"
    assert_unlocked
}

# one_transaction TABLE: how many transactions wrote its rows.
transactions_of() {
    pg_sql "SELECT count(DISTINCT xmin::text) FROM $1"
}

@test "all of them, with their probes and rows, in one transaction" {
    migration 001_m up $'CREATE TABLE t1 (id int);\nSET search_path = nowhere;\nSET lock_timeout = 1;'
    migration 002_m up $'-- evo:statement-timeout 7min\nCREATE TABLE t2 AS SELECT current_setting(\'statement_timeout\') AS s, current_setting(\'lock_timeout\') AS l;'
    run_evo evo-migrate up --atomic --json
    assert_exit 0
    assert_json '.data.applied | map([.name, .transaction, .verify]) == [["001_m", true, "passed"], ["002_m", true, "passed"], ["003_m", true, "passed"]]'
    assert_json '.data.pending == [] and .data.applied_total == 3'
    # What nobody saw is on no record.
    assert_json '.data.applied | map(.fingerprint | type) == ["null", "null", "string"]'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-up.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_equal $'001_m|applied\n002_m|applied\n003_m|applied' "$(ledger)"
    assert_equal 1 "$(transactions_of evo.migrations)"
    # The session is put back between two files, directives are each file's own.
    assert_equal '7min|2s' "$(pg_sql 'SELECT * FROM t2')"
    run_evo evo-migrate up --atomic
    assert_exit 0
    assert_stdout_has 'up to date: 3 applied'
}

@test "without it each has its own" {
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 3 "$(transactions_of evo.migrations)"
}

@test "one that fails undoes all, and says so" {
    migration 003_m up 'CREATE TABLE t3 (id nope);'
    run_evo evo-migrate up --atomic --json
    assert_exit 7
    assert_json '.error.migration == "003_m" and .error.schema_clean == true and (.error.file | endswith("003_m/up.sql"))'
    assert_json '.error.detail | contains("None of the 3 migrations was applied")'
    assert_json '.data.applied == [] and (.data.pending | length == 3) and .data.stopped == null'
    nothing_happened
}

@test "a false probe undoes all" {
    migration 002_m verify_up 'SELECT false;'
    run_evo evo-migrate up --atomic --json
    assert_exit 7
    assert_json '.error.migration == "002_m" and .error.schema_clean == true and (.error.message | contains("is not true"))'
    nothing_happened
}

@test "what cannot run in a transaction is refused before anything, each with its reason" {
    migration 002_m up $'CREATE TABLE t2 (id int);\nCREATE INDEX CONCURRENTLY i ON t2 (id);'
    migration 003_m up $'BEGIN;\nCREATE TABLE t3 (id int);\nCOMMIT;'
    migration 004_m up $'-- evo:no-transaction\nCREATE TABLE t4 (id int);'
    local arguments
    for arguments in 'up --atomic' 'up --atomic --dry-run' 'plan --atomic'; do
        # shellcheck disable=SC2086 # words
        run_evo evo-migrate $arguments --json
        assert_exit 2
        assert_json '.error.reason == "usage" and .error.schema_clean == true and .error.next == "evo-migrate up"'
        assert_json '.error.message | contains("\"002_m\", \"003_m\", \"004_m\"")'
        assert_json '.error.detail | contains("line 2: CREATE INDEX CONCURRENTLY") and contains("line 1: BEGIN") and contains("evo:no-transaction")'
    done
    assert_equal f "$(exists t1)"
    # What comes before them can.
    run_evo evo-migrate up --atomic --to 001_m
    assert_exit 0
    assert_equal t "$(exists t1)"
}

@test "one that was begun by an earlier run is refused" {
    migration 001_m up $'CREATE TABLE t1 (id int);\nCREATE INDEX CONCURRENTLY i ON t1 (nope);'
    run_evo evo-migrate up
    assert_exit 7
    run_evo evo-migrate up --atomic --json
    assert_exit 2
    assert_json '.error.detail | contains("goes on where that stopped")'
}

@test "what only the server knows cannot run in a transaction undoes all" {
    migration 002_m up $'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;\nCALL p();'
    run_evo evo-migrate up --atomic --json
    assert_exit 7
    assert_json '.error.migration == "002_m" and .error.schema_clean == true and (.error.hint | contains("without --atomic"))'
    nothing_happened
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_proc WHERE proname = 'p'")"
}

@test "a value of an enum type added by another of them: said what to do" {
    migration 001_m up "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t1 (id int);"
    run_evo evo-migrate up --to 001_m
    assert_exit 0
    migration 002_m up "ALTER TYPE mood ADD VALUE 'fine'; CREATE TABLE t2 (id int);"
    migration 003_m up "CREATE TABLE t3 (m mood DEFAULT 'fine');"
    run_evo evo-migrate up --atomic --json
    assert_exit 7
    assert_json '.error.sqlstate == "55P04" and (.error.hint | contains("without --atomic"))'
    assert_equal f "$(exists t2)"
    run_evo evo-migrate up
    assert_exit 0
}

@test "a lock that is not to be had rolls the whole back and is tried for again" {
    pg_sql 'CREATE TABLE busy (id int)'
    migration 003_m up 'ALTER TABLE busy ADD COLUMN x int; CREATE TABLE t3 (id int);'
    hold 'LOCK TABLE busy'
    run_evo evo-migrate up --atomic --lock-timeout 50ms --lock-retries 1 --json
    assert_exit 5
    assert_json '.error.migration == "003_m" and .error.schema_clean == true and (.error.detail | contains("None of the 3"))'
    assert_equal f "$(exists t1)"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.migrations')"
    release
    run_evo evo-migrate up --atomic
    assert_exit 0
}

@test "a file that releases the migration lock cannot stand before others" {
    migration 001_m up 'SELECT pg_advisory_unlock_all(); CREATE TABLE t1 (id int);'
    run_evo evo-migrate up --atomic --json
    assert_exit 7
    assert_json '.error.migration == "001_m" and (.error.message | contains("released the migration lock"))'
    nothing_happened
}

@test "Prisma sees nothing to do afterwards" {
    rm -r migrations
    migrate_project prisma
    migration 1_a up 'CREATE TABLE a (id int);'
    migration 2_b up 'CREATE TABLE b (id int);'
    run_evo evo-migrate up --atomic
    assert_exit 0
    assert_equal $'1_a|applied\n2_b|applied' "$(ledger)"
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM _prisma_migrations WHERE applied_steps_count = 1 AND finished_at >= started_at AND logs IS NULL')"
    assert_equal 1 "$(transactions_of _prisma_migrations)"
}

@test "a connection lost in the COMMIT: the server is asked what became of all" {
    migration 002_m up - <<'SQL'
CREATE TABLE t2 (id int);
CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER end_it AFTER INSERT ON t2 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_it();
INSERT INTO t2 VALUES (1);
SQL
    run_evo evo-migrate up --atomic --json
    assert_exit 7
    assert_json '.error.schema_clean == true and (.error.detail | contains("was rolled back")) and .data.applied == []'
    nothing_happened
}

# standby_is_missed: the server has read its new configuration, commit_waits: a COMMIT waits for the standby.
standby_is_missed() {
    [ "$(pg_sql 'SHOW synchronous_standby_names')" = nobody ]
}
commit_waits() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")" = 1 ]
}

@test "a connection lost in the COMMIT, which was through: all are applied" {
    pg_private_start
    pg_fresh_db
    run_evo evo-migrate up --steps 1
    assert_exit 0
    # COMMIT waits for a standby that does not exist; ended there, it is committed all the same
    pg_sql "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" && pg_sql 'SELECT pg_reload_conf()' >/dev/null
    wait_until 10 standby_is_missed
    start_evo evo-migrate up --atomic --json
    wait_until 20 commit_waits
    pg_sql 'SET synchronous_commit = local; ALTER SYSTEM RESET synchronous_standby_names'
    pg_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'" >/dev/null
    pg_sql 'SELECT pg_reload_conf()' >/dev/null
    finish_evo
    assert_exit 0
    assert_json '.data.applied | map([.name, .verify]) == [["002_m", "passed"], ["003_m", "passed"]]'
    assert_stderr_has 'lost in COMMIT'
    assert_equal 3 "$(ledger | grep -c applied)"
    pg_private_stop
}
