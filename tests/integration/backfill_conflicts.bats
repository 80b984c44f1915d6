# Conflicts with the application that the server ends for real: a deadlock, and a row that moved away under a lock.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/backfill
load ../lib/sessions

setup() {
    pg_fresh_db
}

teardown() {
    sessions_end
}

waits() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '$1'
                 AND wait_event_type = 'Lock'")" != 0 ]
}

in_trigger() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'evo-backfill'
                 AND wait_event = 'PgSleep'")" != 0 ]
}

@test "a deadlock in which the batch is the victim: rolled back, tried again, each row changed once" {
    numbers 30
    pg_sql "CREATE TABLE other (id int PRIMARY KEY, n int); INSERT INTO other VALUES (1, 0);
            CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
                WHILE EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'app' AND datname = current_database()
                              AND state = 'idle in transaction') LOOP
                    PERFORM pg_sleep(0.02);
                    PERFORM pg_stat_clear_snapshot();
                END LOOP;
                UPDATE other SET n = n + 1 WHERE id = 1;
                RETURN NEW;
            END \$\$;
            CREATE TRIGGER meet BEFORE UPDATE OF hits ON n FOR EACH ROW WHEN (NEW.id = 1 AND OLD.hits = 0) EXECUTE FUNCTION meet();
            ALTER TABLE n ADD COLUMN seen bool"
    session app "SET deadlock_timeout = '1h'; BEGIN; UPDATE other SET n = n WHERE id = 1; SELECT 'has it'" 'has it'
    start_evo evo-backfill --table n --set 'hits = hits + 1' --batch 10 --lock-timeout 20s --json
    wait_until 20 in_trigger
    session_says app 'UPDATE n SET seen = true WHERE id = 1'
    wait_until 20 grep -q 'deadlock detected' "$BG_ERR"
    session_says app 'COMMIT'
    finish_evo
    assert_exit 0
    assert_json '.data.retries >= 1 and .data.rows_done == 30'
    once 30
    assert_equal t "$(pg_sql 'SELECT seen FROM n WHERE id = 1')"
}

@test "a row that moves to another partition while it is waited for: a serialization failure, tried again" {
    pg_sql "CREATE TABLE p (id int, region text, a int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
            CREATE TABLE p_north PARTITION OF p FOR VALUES IN ('north');
            CREATE TABLE p_south PARTITION OF p FOR VALUES IN ('south');
            INSERT INTO p SELECT i, 'north' FROM generate_series(1, 30) i"
    session app "BEGIN; UPDATE p SET region = 'south' WHERE id = 7; SELECT 'moved'" moved
    start_evo evo-backfill --table p --set 'a = 1' --where 'a IS NULL' --lock-timeout 20s --json
    wait_until 20 waits evo-backfill
    session_says app 'COMMIT'
    finish_evo
    assert_exit 0
    assert_json '.data.retries >= 1'
    assert_equal '30|30' "$(pg_sql 'SELECT count(*), count(a) FROM p')"
}

@test "a key that is generated from what the statement changes is refused: its rows would be found again" {
    pg_sql "CREATE TABLE g (base int, id int GENERATED ALWAYS AS (base * 2) STORED NOT NULL UNIQUE, a int);
            INSERT INTO g (base) SELECT generate_series(1, 50)"
    run_evo evo-backfill --table g --key id --set 'base = base + 100' --batch 10 --json
    assert_exit 2
    assert_json '.error.message | contains("\"base\", of which \"id\" is generated")'
    run_evo evo-backfill --table g --key id --set 'a = 1' --json
    assert_exit 0
    assert_equal '50|50|50' "$(pg_sql 'SELECT count(a), max(base), count(*) FROM g')"
}

@test "a key of arrays is refused by name" {
    pg_sql 'CREATE TABLE g (id int[] PRIMARY KEY, a int)'
    run_evo evo-backfill --table g --set 'a = 1' --json
    assert_exit 2
    assert_json '.error.detail | contains("id is an array")'
}

@test "rows that a trigger keeps as they are: not counted, and said" {
    pg_sql "CREATE TABLE g (id int PRIMARY KEY, a int); INSERT INTO g SELECT generate_series(1, 20);
            CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER keep BEFORE UPDATE ON g FOR EACH ROW EXECUTE FUNCTION keep()"
    run_evo evo-backfill --table g --set 'a = 1' --where 'a IS NULL' --batch 5 --json
    assert_exit 0
    assert_json '.data.rows_done == 0'
    assert_stderr_has 'keeps rows of g from being changed'
}
