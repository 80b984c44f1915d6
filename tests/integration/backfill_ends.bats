# However a backfill ends: nothing is lost, nothing is done twice.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/backfill

setup() {
    pg_fresh_db
}

teardown() {
    release
    writer_stop
}

# Counts every change of a row by itself.
counted_numbers() {
    numbers "$1"
    pg_sql 'CREATE TABLE log (id bigint NOT NULL);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (new.id); RETURN NULL; END $$;
            CREATE TRIGGER note AFTER UPDATE ON n FOR EACH ROW EXECUTE FUNCTION note()'
}

# kill_until_done SEED ARGUMENT...: kill -9 at random moments, the same command again, until one ends by itself: at the
# latest the one after so many kills as EVO_TEST_KILLS says (12).
kill_until_done() {
    KILLS=0
    RANDOM=$1
    shift
    for ((;;)); do
        start_evo evo-backfill "$@" --json
        if [ "$KILLS" -lt "${EVO_TEST_KILLS:-12}" ]; then
            sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
            kill -KILL "$EVO_PID" 2>/dev/null && KILLS=$((KILLS + 1))
        fi
        finish_evo 2>/dev/null
        [ "$status" -eq 137 ] || break
    done
    assert_exit 0
}

@test "kill -9 at any moment neither loses nor repeats a batch" {
    counted_numbers 12000
    local seed=${EVO_TEST_SEED:-$$}
    kill_until_done "$seed" --table n --set 'hits = hits + 1' --batch 100 --pause 10ms || fail "seed $seed"
    [ "$KILLS" -ge 3 ]
    once 12000
    assert_equal '12000|12000' "$(pg_sql 'SELECT count(*), count(DISTINCT id) FROM log')"
    assert_json '.data.rows_done == 12000 and .data.resumed'
}

@test "kill -9 of several jobs, beside a writer that holds rows" {
    counted_numbers 12000
    pg_sql 'ALTER TABLE n ADD other int; ALTER TABLE n DISABLE TRIGGER note;
            DROP TRIGGER note ON n; CREATE TRIGGER note AFTER UPDATE OF hits ON n FOR EACH ROW EXECUTE FUNCTION note()'
    writer_start '\set id random(1, 12000)
        UPDATE n SET other = 1 WHERE id = :id;'
    local seed=${EVO_TEST_SEED:-$$}
    kill_until_done "$seed" --table n --set 'hits = hits + 1' --batch 100 --pause 10ms --jobs 3 || fail "seed $seed"
    writer_stop
    [ "$KILLS" -ge 1 ]
    once 12000
    assert_equal '12000|12000' "$(pg_sql 'SELECT count(*), count(DISTINCT id) FROM log')"
}

@test "Ctrl-C rolls the batch back, ends with 130 and says how to go on" {
    numbers 5000
    start_evo evo-backfill --table n --set 'hits = hits + 1' --batch 100 --pause 20ms --json
    wait_until 10 rows_done_at_least 300
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
    assert_json '.error.reason == "cancelled" and .data.more and .data.rows_done < 5000'
    assert_json '(.error.detail | contains("committed and on record")) and (.error.next | startswith("evo-backfill --table n --set "))'
    wait_until 5 no_sessions
    # The table is what counts: the answer to a COMMIT may have been lost in the cancel.
    assert_equal "$(rows_done)" "$(pg_sql 'SELECT count(*) FROM n WHERE hits = 1')"
    run_evo evo-backfill --table n --set 'hits = hits + 1'
    assert_exit 0
    once 5000
}

@test "sessions that the server ends are opened again" {
    numbers 8000
    start_evo evo-backfill --table n --set 'hits = hits + 1' --batch 100 --pause 20ms --jobs 2 --json
    local i
    for i in 1 2 3; do
        wait_until 10 rows_done_at_least $((i * 1000))
        pg_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evo-backfill' AND datname = current_database()" >/dev/null
    done
    finish_evo
    assert_exit 0
    assert_json '.data.rows_done == 8000 and .data.retries >= 1'
    once 8000
}

@test "two runs of the same backfill do not meet; another one goes beside it" {
    numbers 4000
    start_evo evo-backfill --table n --set 'hits = hits + 1' --batch 100 --pause 200ms --json
    wait_until 10 rows_done_at_least 200
    run_evo evo-backfill --table n --set 'hits = hits + 1' --json
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable" and (.error.message | contains("lock of backfill \"n "))'
    pg_sql 'CREATE TABLE m (id int PRIMARY KEY, a int); INSERT INTO m SELECT generate_series(1, 10)'
    run_evo evo-backfill --table m --set 'a = 1'
    assert_exit 0
    kill -TERM "$EVO_PID"
    finish_evo
    assert_exit 143
}

@test "a run that was taken over while it could not see writes nothing more" {
    numbers 4000
    start_evo evo-backfill --table n --set 'hits = hits + 1' --batch 100 --pause 50ms --json
    wait_until 10 rows_done_at_least 300
    pg_sql "UPDATE evo.backfill SET run = 'another', version = version + 1"
    finish_evo
    assert_exit 5
    assert_stderr_has 'another run has taken this backfill over'
    assert_equal "$(rows_done)" "$(pg_sql 'SELECT count(*) FROM n WHERE hits = 1')"
}

@test "slices of --max-duration do the whole of it, each row once" {
    numbers 4000
    local runs=0
    for ((;;)); do
        run_evo evo-backfill --table n --set 'hits = hits + 1' --batch 100 --pause 10ms --max-duration 300ms --json
        runs=$((runs + 1))
        [ "$status" -eq 1 ] || break
        assert_json '.error.reason == "incomplete"'
        [ "$runs" -lt 60 ]
    done
    assert_exit 0
    [ "$runs" -ge 2 ]
    once 4000
}

@test "a statement that takes too long is tried again with less" {
    numbers 1200
    pg_sql "CREATE FUNCTION slow(bigint) RETURNS int LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_sleep(0.002); RETURN 1; END \$\$"
    run_evo evo-backfill --table n --set 'hits = hits + slow(id)' --batch 400 --statement-timeout 400ms --json
    assert_exit 0
    assert_json '.data.retries >= 1 and .data.batches > 3 and .data.rows_done == 1200'
    once 1200
    pg_sql "CREATE FUNCTION stuck(bigint) RETURNS int LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_sleep(2); RETURN 1; END \$\$"
    run_evo evo-backfill --table n --set 'hits = hits + stuck(id)' --batch 2 --statement-timeout 100ms --retries 2 --json
    assert_exit 3
    assert_json '.error.reason == "timeout" and (.error.hint | contains("--statement-timeout")) and .data.rows_done == 0'
}
