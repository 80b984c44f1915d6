# Files that would have a migration half done, or done twice.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project prisma
}

teardown() {
    release
}

@test "what DO or a function runs cannot run in a transaction: nothing is left, and it is not tried piece by piece" {
    migration 001_x up $'CREATE TABLE a (id int);\nDO $$ BEGIN EXECUTE \'CREATE INDEX CONCURRENTLY i ON a (id)\'; END $$;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.sqlstate == "25001" and .error.schema_clean == true and .error.line == 2'
    assert_equal f "$(exists a)"
    pg_sql "CREATE FUNCTION ends() RETURNS void LANGUAGE plpgsql AS 'BEGIN COMMIT; END'"
    migration 001_x up $'CREATE TABLE a (id int);\nSELECT ends();'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.sqlstate == "2D000" and .error.schema_clean == true'
    assert_equal f "$(exists a)"
    # the same in a file that is run statement by statement: refused, not asked about
    migration 001_x up $'CREATE TABLE a (id int);\nSELECT ends();\nVACUUM a;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == false and (.error.hint | contains("go on where it stopped"))'
    pg_sql "CREATE OR REPLACE FUNCTION ends() RETURNS void LANGUAGE plpgsql AS 'BEGIN END'"
    run_evo evo-migrate up --json
    assert_exit 0
}

@test "another session that took the released lock may be at the same migration: nothing is committed" {
    migration 001_gap up - <<'SQL'
CREATE TABLE once (id int);
SELECT pg_advisory_unlock(72707369);
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 72707369
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) LOOP
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SQL
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%WHILE NOT EXISTS%'
    hold 'SELECT pg_advisory_lock(72707369)'
    finish_evo
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable" and .error.schema_clean == true and (.error.message | contains("released the migration lock"))'
    assert_equal f "$(exists once)"
    assert_equal '' "$(ledger)"
}

@test "another run that applied the same migration while the lock was released: it is not applied twice" {
    pg_sql 'CREATE TABLE _go (id int); CREATE SCHEMA app'
    export DATABASE_URL="$PG_URL&schema=app"
    migration 001_gap up - <<'SQL'
CREATE TABLE IF NOT EXISTS app.counted (id int);
SELECT pg_advisory_unlock(72707369);
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM public._go) LOOP PERFORM pg_sleep(0.02); END LOOP;
END $$;
INSERT INTO app.counted VALUES (1);
SQL
    # the table is there already, so that the two do not meet in it
    pg_sql 'CREATE TABLE app.counted (id int)'
    run_evo evo-migrate baseline --to 001_gap
    assert_exit 0
    pg_sql 'DELETE FROM app._prisma_migrations'
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%WHILE NOT EXISTS%'
    # what another machine's run does: its rows, committed
    pg_sql "INSERT INTO app.counted VALUES (1);
            INSERT INTO app._prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
            VALUES ('x', 'x', '001_gap', now(), now(), 1); INSERT INTO _go VALUES (1)"
    finish_evo
    assert_exit 5
    assert_json '.error.schema_clean == true and (.error.message | contains("another run applied it"))'
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM app.counted')"
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM app._prisma_migrations')"
}

@test "a probe that releases the migration lock is noticed with its own migration" {
    migration 001_x up 'CREATE TABLE x (id int);'
    migration 001_x verify_up 'SELECT true FROM pg_advisory_unlock_all();'
    migration 002_y up "CREATE TABLE held AS SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();"
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.warnings[] | select(contains("released the migration lock"))] | length == 1 and (.[0] | contains("001_x"))'
    assert_equal 1 "$(pg_sql 'SELECT n FROM held')"
}

@test "a pipe in place of a file is refused at once" {
    mkdir -p "$MIGRATIONS/001_x"
    mkfifo "$MIGRATIONS/001_x/migration.sql"
    EVO_RUN_TIMEOUT=10 run_evo evo-migrate up --json
    assert_exit 2
    assert_json '.error.message | contains("no plain file")'
}

@test "a COMMIT that stands in no text as evo reads it: not called clean, and not run a second time" {
    # Behind COPY data a message of its own begins, which the server reads by the setting that the file has made.
    migration 001_x up - <<'SQL'
CREATE TABLE t (id int);
SET standard_conforming_strings = off;
COPY t FROM stdin;
1
\.
SELECT '\''; COMMIT; BEGIN; --'
;
CREATE TABLE u (id int);
SELECT 1 / 0;
SQL
    for layout in prisma sql; do
        [ $layout = prisma ] || {
            pg_fresh_db
            mv "$MIGRATIONS/001_x/migration.sql" up.sql
            migrate_project sql
            mkdir -p "$MIGRATIONS/001_x"
            mv up.sql "$MIGRATIONS/001_x/up.sql"
            rm -r prisma
        }
        run_evo evo-migrate up --json
        assert_exit 7
        assert_json '.error.schema_clean == false and (.error.detail | contains("ended the transaction")) and (.error.hint | contains("resolve --applied 001_x") and contains("resolve --rolled-back 001_x"))'
        assert_equal 1 "$(pg_sql 'SELECT count(*) FROM t')"
        assert_equal '001_x|failed' "$(ledger)"
        run_evo evo-migrate up --json
        assert_exit 1
        assert_json '.error.reason == "failed"'
    done
}

@test "SET TRANSACTION as the first statement holds for the file" {
    migration 001_x up $'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE x AS SELECT current_setting(\'transaction_isolation\') AS level;'
    migration 002_y up "CREATE TABLE y AS SELECT current_setting('transaction_isolation') AS level;"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 'serializable|read committed' "$(pg_sql 'SELECT x.level, y.level FROM x, y')"
}

@test "plain SQL: a folder whose name has no version is named, not passed over in silence" {
    rm -r prisma
    migrate_project sql
    migration 001_a up 'SELECT 1;'
    migration users up 'CREATE TABLE users (id int);'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json 'any(.data.warnings[]; contains("migrations/users/up.sql\" is not applied"))'
}
