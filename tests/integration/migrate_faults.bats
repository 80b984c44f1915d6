# Locks, cancels, kills and lost connections: nothing lost, nothing half done, and it is always said.
# seconds: 20
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project prisma
    migration 20250101000000_t up 'CREATE TABLE users (id int); INSERT INTO users VALUES (1);'
    run_evo evo-migrate up
    assert_exit 0
}

teardown() {
    release
}

@test "a blocker during DDL: tried again, then named" {
    hold 'SELECT count(*) FROM users'
    migration 20250102000000_email up 'CREATE TABLE other (id int); ALTER TABLE users ADD COLUMN email text;'
    run_evo evo-migrate up --lock-timeout 300ms --lock-retries 1 --json
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable" and .error.sqlstate == "55P03" and .error.schema_clean == true and .error.migration == "20250102000000_email"'
    assert_json '(.error.message | contains("2 tries")) and (.error.detail | contains("pid ") and contains("application \"holder\"") and contains("idle in transaction"))'
    assert_json '.error.next == "evo-migrate up" and .error.line == 1'
    local pid
    pid=$(pg_sql "SELECT pid FROM pg_stat_activity WHERE application_name = 'holder' AND datname = current_database()")
    assert_json ".error.hint | contains(\"SELECT pg_terminate_backend($pid);\")"
    assert_equal f "$(exists other)"
    assert_equal 1 "$(ledger | wc -l)"
}

@test "a blocker that goes away: the migration gets through and says how often it tried" {
    hold 'SELECT count(*) FROM users'
    migration 20250102000000_email up 'ALTER TABLE users ADD COLUMN email text;'
    start_evo evo-migrate up --lock-timeout 200ms --json
    wait_until 20 grep -q 'next try in' "$BG_ERR"
    release
    finish_evo
    assert_exit 0
    assert_json '.data.applied[0].retries >= 1'
}

@test "the migration lock held by another is named, and waited for" {
    hold 'SELECT pg_advisory_lock(72707369)'
    migration 20250102000000_email up 'ALTER TABLE users ADD COLUMN email text;'
    run_evo evo-migrate up --wait 200ms --json
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable" and (.error.detail | contains("holder"))'
    start_evo evo-migrate up --wait 30s --json
    wait_until 20 grep -q 'waiting for the migration lock' "$BG_ERR"
    release
    finish_evo
    assert_exit 0
}

@test "two runs at once: one applies, the other finds nothing to do" {
    # it goes on until the other says that it waits
    migration 20250102000000_slow up - <<'SQL'
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM users WHERE id = 2) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;
CREATE TABLE slow (id int);
SQL
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%WHILE NOT EXISTS%'
    { wait_until 20 grep -q 'waiting for the migration lock' "$BATS_TEST_TMPDIR/stderr" && pg_sql 'INSERT INTO users VALUES (2)'; } 3>&- &
    local other=$!
    run_evo evo-migrate up --wait 30s --json
    wait "$other"
    assert_exit 0
    assert_json '.data.applied == []'
    finish_evo
    assert_exit 0
    assert_json '.data.applied | length == 1'
    assert_equal 2 "$(ledger | grep -c applied)"
}

@test "SIGINT in the middle of a long migration: as before, no lock, said so, at once" {
    migration 20250102000000_slow up 'CREATE TABLE half (id int); SELECT pg_sleep(60);'
    local before
    before=$(schema_sum)
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%pg_sleep(60)%'
    local began=$SECONDS
    kill -INT "$EVO_PID"
    finish_evo
    [ $((SECONDS - began)) -le 5 ]
    assert_exit 130
    assert_json '.error.reason == "cancelled" and .error.schema_clean == true and .error.migration == "20250102000000_slow" and .error.next == "evo-migrate up"'
    assert_unlocked
    assert_equal "$before" "$(schema_sum)"
    assert_equal 1 "$(ledger | wc -l)"
}

@test "SIGTERM while waiting for the migration lock, and between retries" {
    hold 'SELECT pg_advisory_lock(72707369); SELECT count(*) FROM users'
    start_evo evo-migrate up --wait 60s --json
    wait_until 20 grep -q 'waiting for the migration lock' "$BG_ERR"
    kill -TERM "$EVO_PID"
    finish_evo
    assert_exit 143
    assert_json '.error.reason == "cancelled"'
    pg_sql "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())" >/dev/null
    release
    hold 'SELECT count(*) FROM users'
    migration 20250102000000_email up 'ALTER TABLE users ADD COLUMN email text;'
    start_evo evo-migrate up --lock-timeout 100ms --lock-retries 1000 --json
    wait_until 20 grep -q 'next try in' "$BG_ERR"
    kill -TERM "$EVO_PID"
    finish_evo
    assert_exit 143
    assert_json '.error.reason == "cancelled" and .error.schema_clean == true'
    assert_equal 1 "$(ledger | wc -l)"
}

@test "SIGINT in a file with its own BEGIN and COMMIT leaves nothing open" {
    migration 20250102000000_own up $'BEGIN;\nCREATE TABLE half (id int);\nSELECT pg_sleep(60);\nCOMMIT;'
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%pg_sleep(60)%'
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
    assert_json '.error.schema_clean == true'
    assert_equal f "$(exists half)"
    wait_until 5 no_sessions
    assert_equal '20250102000000_own|rolled back' "$(ledger | tail -n 1)"
}

@test "a backend that is terminated in the middle: rolled back, said, and applied by the next run" {
    migration 20250102000000_slow up 'CREATE TABLE half (id int); SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM users WHERE id = 2) THEN 0 ELSE 60 END);'
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%pg_sleep(CASE%'
    pg_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(CASE%' AND pid <> pg_backend_pid()" >/dev/null
    finish_evo
    assert_exit 7
    assert_json '.error.reason == "migration_failed" and .error.schema_clean == true and .error.next == "evo-migrate up"'
    assert_equal f "$(exists half)"
    pg_sql 'INSERT INTO users VALUES (2)'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists half)"
}

standby_is_missed() {
    [ "$(pg_sql 'SHOW synchronous_standby_names')" = nobody ]
}

commit_waits() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")" = 1 ]
}

@test "a connection lost in COMMIT: the server is asked, not guessed: rolled back" {
    migration 20250102000000_late up - <<'SQL'
CREATE TABLE late (id int);
CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER end_it AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_it();
INSERT INTO late VALUES (1);
SQL
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and (.error.detail | contains("was rolled back"))'
    assert_equal f "$(exists late)"
    assert_equal 1 "$(ledger | wc -l)"
}

@test "a connection lost in COMMIT: the server is asked, not guessed: committed, and the run goes on" {
    pg_private_start
    pg_fresh_db
    migration 20250102000000_next up 'CREATE TABLE next_one (id int);'
    run_evo evo-migrate up --steps 1
    assert_exit 0
    # COMMIT waits for a standby that does not exist; ended there, it is committed all the same
    pg_sql "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" && pg_sql 'SELECT pg_reload_conf()' >/dev/null
    wait_until 10 standby_is_missed
    migration 20250103000000_last up 'SET synchronous_commit = local; CREATE TABLE last_one (id int);'
    start_evo evo-migrate up --json
    wait_until 20 commit_waits
    pg_sql 'SET synchronous_commit = local; ALTER SYSTEM RESET synchronous_standby_names'
    pg_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'" >/dev/null
    pg_sql 'SELECT pg_reload_conf()' >/dev/null
    finish_evo
    assert_exit 0
    assert_json '[.data.applied[].name] == ["20250102000000_next", "20250103000000_last"]'
    assert_stderr_has 'lost in COMMIT'
    assert_equal 3 "$(ledger | grep -c applied)"
    pg_private_stop
}

@test "SIGINT in COMMIT: what is committed is called applied, the rest is not started" {
    pg_private_start
    pg_fresh_db
    run_evo evo-migrate up
    assert_exit 0
    pg_sql "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" && pg_sql 'SELECT pg_reload_conf()' >/dev/null
    wait_until 10 standby_is_missed
    migration 20250102000000_next up 'CREATE TABLE next_one (id int);'
    migration 20250103000000_last up 'CREATE TABLE last_one (id int);'
    start_evo evo-migrate up --json
    wait_until 20 commit_waits
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
    assert_json '[.data.applied[].name] == ["20250102000000_next"] and .error.migration == "20250103000000_last" and .error.schema_clean == true'
    assert_equal t "$(exists next_one)"
    assert_equal f "$(exists last_one)"
    assert_equal 2 "$(ledger | grep -c applied)"
    pg_private_stop
}

@test "kill -9 in a file with its own COMMIT: nobody can know, so the next run says both ways out" {
    migration 20250102000000_own up $'BEGIN;\nCREATE TABLE half (id int);\nSELECT pg_sleep(60);\nCOMMIT;'
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%pg_sleep(60)%'
    kill -KILL "$EVO_PID"
    wait "$EVO_PID" || true
    run_evo evo-migrate up --wait 20s --json
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.next == "evo-migrate resolve --rolled-back 20250102000000_own"'
    assert_equal f "$(exists half)"
    run_evo evo-migrate resolve --rolled-back 20250102000000_own
    assert_exit 0
    migration 20250102000000_own up $'BEGIN;\nCREATE TABLE half (id int);\nCOMMIT;'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists half)"
}

@test "kill -9 at random moments: the same schema and ledger in the end" {
    local i name
    for ((i = 12; i < 24; i++)); do
        name=202502${i}000000_m
        case $((i % 4)) in
        0) migration "$name" up "CREATE TABLE t$i (id int); INSERT INTO t$i SELECT generate_series(1, 20000); CREATE INDEX ON t$i (id);" ;;
        1) migration "$name" up "CREATE TABLE t$i (id int); CREATE INDEX CONCURRENTLY i$i ON t$((i - 1)) (id); CREATE TABLE u$i (id int);" ;;
        2) migration "$name" up "CREATE TABLE t$i (id int);" ;;
        3) migration "$name" up "CREATE INDEX CONCURRENTLY i$i ON t$((i - 3)) (id); DROP INDEX CONCURRENTLY i$((i - 2));" ;;
        esac
    done
    # how it looks when nothing goes wrong
    run_evo evo-migrate up
    assert_exit 0
    local expected
    expected=$(schema_sum)
    pg_fresh_db
    local n kills=0
    for ((n = 0; n < 20; n++)); do
        start_evo evo-migrate up --wait 20s
        # a moment that differs each time: so many milliseconds in
        perl -e 'select(undef, undef, undef, $ARGV[0] / 1000)' "$((RANDOM % 120 + 2))"
        kill -KILL "$EVO_PID" 2>/dev/null && kills=$((kills + 1))
        wait "$EVO_PID" || true
    done
    [ "$kills" -gt 0 ]
    run_evo evo-migrate up --wait 30s --json
    assert_exit 0
    assert_equal "$expected" "$(schema_sum)"
    assert_equal 13 "$(pg_sql 'SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL AND applied_steps_count = 1')"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL')"
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM evo.journal")"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM pg_index WHERE NOT indisvalid')"
}

# ---- a file that releases evo's lock ------------------------------------------------

@test "a file that releases the migration lock is named, and the lock is taken again" {
    migration 20250102000000_all up 'CREATE TABLE b (id int); SELECT pg_advisory_unlock_all();'
    migration 20250103000000_one up 'SELECT pg_advisory_unlock(72707369);'
    migration 20250104000000_discard up $'CREATE TABLE c (id int);\nDISCARD ALL;'
    migration 20250105000000_look up "CREATE TABLE held AS SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();"
    run_evo evo-migrate up --json
    assert_exit 0
    for name in 20250102000000_all 20250103000000_one 20250104000000_discard; do
        assert_stderr_has "migration \"$name\" released the migration lock; it was taken again"
        assert_json "any(.data.warnings[]; contains(\"$name\\\" released\"))"
    done
    assert_equal 1 "$(pg_sql 'SELECT n FROM held')"
    # what does nothing of the kind is not named
    assert_json '[.data.warnings[] | select(contains("released"))] | length == 3'
    assert_unlocked
}

@test "when another session has the lock by then, the file is rolled back and the run stops" {
    migration 20250102000000_gap up - <<'SQL'
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) LOOP
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
SELECT pg_advisory_unlock(72707369);
SQL
    migration 20250103000000_never up 'CREATE TABLE never (id int);'
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%WHILE NOT EXISTS%'
    hold 'SELECT pg_advisory_lock(72707369)'
    finish_evo
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable" and (.error.message | contains("20250102000000_gap"))'
    assert_json '[.data.pending[].name] == ["20250102000000_gap", "20250103000000_never"]'
    assert_equal f "$(exists never)"
    printf 'SELECT pg_advisory_unlock_all();\n' >&8
    release
}
