# What an earlier run did is proven, not guessed: refused statements, lost answers, files that commit as they go.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project sql
}

teardown() {
    release
}

# fails_twice LINE: up fails with the server's error both times, and nothing is called applied.
fails_twice() {
    local i
    for i in 1 2; do
        run_evo evo-migrate up --json
        assert_exit 7
        assert_json ".error.reason == \"migration_failed\" and .error.line == $1 and .data.applied == []"
        assert_equal failed "$(ledger | tail -n 1 | cut -d'|' -f2)"
    done
}

# begun NAME NUMBER SQL: on record as sent without an answer, as a kill between statement and checkpoint leaves it.
begun() {
    pg_sql "UPDATE evo.migrations SET finished_at = NULL WHERE name = '$1' AND rolled_back_at IS NULL;
            INSERT INTO evo.journal (ledger, name, checksum, statement, sha256)
            SELECT 'sql', name, '', $2, encode(sha256(convert_to(\$x\$$3\$x\$, 'UTF8')), 'hex')
              FROM evo.migrations WHERE name = '$1' AND rolled_back_at IS NULL"
}

# asks NAME: up stops for a person and says both ways out.
asks() {
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json ".error.reason == \"failed\" and .error.schema_clean == false and .error.migration == \"$1\""
    assert_json "(.error.hint | contains(\"resolve --applied $1\") and contains(\"resolve --rolled-back $1\"))"
}

# kill_evo: as the machine does it; the server's session lives on.
kill_evo() {
    kill -KILL "$EVO_PID"
    wait "$EVO_PID" || true
}

@test "an index of the name that is another: refused, and refused again" {
    pg_sql 'CREATE TABLE u (a int, b int); CREATE INDEX u_idx ON u (a)'
    migration 0001_x up 'CREATE UNIQUE INDEX CONCURRENTLY "u_idx" ON u(b);'
    fails_twice 1
    assert_equal f "$(pg_sql "SELECT indisunique FROM pg_index WHERE indexrelid = 'u_idx'::regclass")"
}

@test "a table of the name that is another: refused, and refused again" {
    pg_sql 'CREATE TABLE foo (a int)'
    migration 0001_x up $'-- evo:no-transaction\nCREATE TABLE foo(a int, b text NOT NULL);'
    fails_twice 2
}

@test "one column of two is there: refused, and refused again" {
    pg_sql 'CREATE TABLE foo (a int, b text)'
    migration 0001_x up $'-- evo:no-transaction\nALTER TABLE foo ADD COLUMN b text, ADD COLUMN c text;'
    fails_twice 2
}

@test "an index to drop that was never there: refused, and refused again" {
    migration 0001_x up 'DROP INDEX CONCURRENTLY idx_typo;'
    fails_twice 1
}

@test "an index whose build was not answered is compared with the statement, not with its name" {
    pg_sql 'CREATE TABLE u (a int, b text)'
    local sql='CREATE UNIQUE INDEX CONCURRENTLY u_idx ON u (lower(b), a DESC) WHERE a > 0'
    migration 0001_x up "$sql;"
    run_evo evo-migrate up
    assert_exit 0
    begun 0001_x 1 "$sql"
    run_evo evo-migrate up
    assert_exit 0
    assert_stderr_has 'done line 1 already'
    local other
    for other in 'CREATE INDEX u_idx ON u (lower(b), a DESC) WHERE a > 0' \
        'CREATE UNIQUE INDEX u_idx ON u (lower(b), a) WHERE a > 0' \
        'CREATE UNIQUE INDEX u_idx ON u (lower(b), a DESC)' \
        'CREATE TABLE u_idx (id int)'; do
        pg_sql 'DROP INDEX u_idx'
        pg_sql "$other"
        begun 0001_x 1 "$sql"
        asks 0001_x
        asks 0001_x
        run_evo evo-migrate resolve --applied 0001_x
        assert_exit 0
    done
    # none of the name: the build is what is missing
    pg_sql 'DROP TABLE u_idx'
    begun 0001_x 1 "$sql"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(pg_sql "SELECT indisvalid FROM pg_index WHERE indexrelid = 'u_idx'::regclass")"
}

@test "an index without a name whose build was not answered is not built twice" {
    pg_sql 'CREATE TABLE u (a int, b text); CREATE INDEX ON u (b)'
    migration 0001_x up 'CREATE INDEX CONCURRENTLY ON u (a);'
    run_evo evo-migrate up
    assert_exit 0
    begun 0001_x 1 'CREATE INDEX CONCURRENTLY ON u (a)'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 2 "$(pg_sql "SELECT count(*) FROM pg_index WHERE indrelid = 'u'::regclass")"
}

@test "COPY before the file's own BEGIN is committed: no second try, and it says so" {
    pg_sql 'CREATE TABLE t (id int); CREATE TABLE busy (id int)'
    hold 'SELECT count(*) FROM busy'
    migration 0001_x up $'INSERT INTO t VALUES (1);\nCOPY t FROM stdin;\n2\n\\.\nBEGIN;\nALTER TABLE busy ADD COLUMN x int;\nCOMMIT;\n'
    run_evo evo-migrate up --lock-timeout 100ms --lock-retries 3 --json
    assert_exit 7
    assert_json '.error.schema_clean == false and (.error.hint | contains("Nothing of this migration was changed") | not) and (.error.hint | contains("resolve --rolled-back 0001_x"))'
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM t')"
    release
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "failed"'
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM t')"
}

@test "CALL that commits inside is never tried again and never called clean" {
    pg_sql 'CREATE TABLE t (id int); CREATE TABLE busy (id int)'
    pg_sql 'CREATE PROCEDURE work() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (1); COMMIT; ALTER TABLE busy ADD COLUMN x int; END $$'
    hold 'SELECT count(*) FROM busy'
    migration 0001_x up 'CALL work();'
    run_evo evo-migrate up --lock-timeout 100ms --lock-retries 3 --json
    assert_exit 7
    assert_json '.error.schema_clean != true and (.error.detail | contains("may commit inside")) and (.error.hint | contains("resolve --applied 0001_x") and contains("resolve --rolled-back 0001_x"))'
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM t')"
    release
    asks 0001_x
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM t')"
    run_evo evo-migrate resolve --rolled-back 0001_x
    assert_exit 0
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM t')"
}

@test "kill -9 in a statement that commits on the server all the same: it is not run twice" {
    pg_sql 'CREATE TABLE t (id int); CREATE TABLE killed (verb text)'
    # It goes on until the test says that evo is gone.
    pg_sql "CREATE FUNCTION work() RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN
                PERFORM set_config('client_connection_check_interval', '0', false);
                INSERT INTO t VALUES (1); WHILE NOT EXISTS (SELECT FROM killed) LOOP PERFORM pg_sleep(0.02); END LOOP; END \$\$"
    migration 0001_x up $'-- evo:no-transaction\nSELECT work();\nVACUUM t;'
    migration 0001_x down $'-- evo:no-transaction\nSELECT work();\nVACUUM t;'
    local verb
    for verb in up down; do
        pg_sql 'TRUNCATE killed'
        start_evo evo-migrate "$verb"
        wait_until 20 query_runs '%work()%'
        kill_evo
        pg_sql "INSERT INTO killed VALUES ('$verb')"
        wait_until 20 no_sessions
        run_evo evo-migrate "$verb" --wait 20s
        assert_exit 0
    done
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM t')"
}

@test "kill -9 in a CALL without a transaction: up and down ask, and run nothing twice" {
    pg_sql 'CREATE TABLE t (id int)'
    pg_sql "CREATE PROCEDURE work() LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO t VALUES (1); COMMIT; PERFORM pg_sleep(60); END \$\$"
    migration 0001_x up 'CALL work();'
    migration 0001_x down 'CALL work();'
    start_evo evo-migrate up
    wait_until 20 query_runs '%work()%'
    wait_until 20 eval '[ "$(pg_sql "SELECT count(*) FROM t")" = 1 ]'
    kill_evo
    wait_until 20 no_sessions
    asks 0001_x
    run_evo evo-migrate resolve --applied 0001_x
    assert_exit 0
    start_evo evo-migrate down
    wait_until 20 eval '[ "$(pg_sql "SELECT count(*) FROM t")" = 2 ]'
    kill_evo
    wait_until 20 no_sessions
    run_evo evo-migrate down --json
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.schema_clean == false and (.error.hint | contains("resolve --applied 0001_x") and contains("resolve --rolled-back 0001_x"))'
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM t')"
    run_evo evo-migrate resolve --rolled-back 0001_x
    assert_exit 0
    assert_equal '0001_x|rolled back' "$(ledger | tail -n 1)"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
}

@test "kill -9 in a block of the file's own: the checkpoint is part of it" {
    pg_sql 'CREATE TABLE t (id int); CREATE TABLE killed ()'
    pg_sql "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
                PERFORM set_config('client_connection_check_interval', '0', false);
                WHILE NOT EXISTS (SELECT FROM killed) LOOP PERFORM pg_sleep(0.02); END LOOP; RETURN NULL; END \$\$"
    pg_sql 'CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()'
    migration 0001_x up $'BEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\nCREATE INDEX CONCURRENTLY i ON t (id);'
    start_evo evo-migrate up
    wait_until 20 query_runs 'COMMIT%'
    kill_evo
    pg_sql 'INSERT INTO killed DEFAULT VALUES'
    wait_until 20 no_sessions
    run_evo evo-migrate up --wait 20s
    assert_exit 0
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM t')"
}

@test "a down file stopped behind its own COMMIT is not run again before somebody looked" {
    pg_sql 'CREATE TABLE t (id int)'
    migration 0001_x up 'SELECT 1;'
    migration 0001_x down $'BEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\nSELECT pg_sleep(60);'
    run_evo evo-migrate up
    assert_exit 0
    start_evo evo-migrate down
    wait_until 20 eval '[ "$(pg_sql "SELECT count(*) FROM t")" = 1 ]'
    kill_evo
    wait_until 20 no_sessions
    local i
    for i in 1 2; do
        run_evo evo-migrate down --json
        assert_exit 1
        assert_json '.error.reason == "failed" and .error.next == "evo-migrate resolve --applied 0001_x" and (.error.hint | contains("resolve --rolled-back 0001_x"))'
    done
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM t')"
    run_evo evo-migrate up --json
    assert_exit 1
    run_evo evo-migrate resolve --applied 0001_x
    assert_exit 0
    migration 0001_x down $'BEGIN;\nDELETE FROM t;\nCOMMIT;'
    run_evo evo-migrate down
    assert_exit 0
    assert_equal '0001_x|rolled back' "$(ledger | tail -n 1)"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
}

@test "set_config() holds for the rest of a file that is resumed" {
    pg_sql 'CREATE SCHEMA side; CREATE TABLE side.things (id int)'
    migration 0001_x up $'SELECT pg_catalog.set_config(\'search_path\', \'side\', false);\nCREATE INDEX CONCURRENTLY i ON things (id);\nSELECT 1/(SELECT count(*)::int FROM things);\nCREATE INDEX CONCURRENTLY j ON things (id);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.line == 3'
    pg_sql 'INSERT INTO side.things VALUES (1)'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists side.j)"
}

@test "SET ROLE and read-only sessions of a file do not keep evo from its journal, and hold" {
    pg_fresh_role
    pg_sql "GRANT CREATE ON SCHEMA public TO $PG_ROLE"
    migration 0001_x up "-- evo:no-transaction
SET ROLE $PG_ROLE;
CREATE TABLE t (id int);
CREATE INDEX CONCURRENTLY i ON t (id);
SET default_transaction_read_only = on;
SELECT 1/(SELECT count(*)::int FROM t);
RESET default_transaction_read_only;
CREATE TABLE last AS SELECT current_user AS who;"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.line == 6'
    pg_sql 'INSERT INTO t VALUES (1)'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal "$PG_ROLE" "$(pg_sql 'SELECT who FROM last')"
    assert_equal "$PG_ROLE" "$(pg_sql "SELECT tableowner FROM pg_tables WHERE tablename = 't'")"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
}
