# --clean: what the backup brings takes the place of what is there in one transaction, or nothing is changed.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load ../../lib/sessions
load helpers

setup() {
    pg_fresh_db
    use_folder_store
}

teardown() {
    sessions_end
}

# shop: a backup of it is made, and what is there afterwards differs from it in every table. Sets BEFORE.
shop() {
    pg_sql - <<'SQL'
CREATE SCHEMA s;
CREATE TABLE s.users (id serial PRIMARY KEY, name text);
CREATE TABLE s.orders (id int PRIMARY KEY, user_id int REFERENCES s.users);
CREATE INDEX by_user ON s.orders (user_id);
CREATE FUNCTION s.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER t BEFORE UPDATE ON s.users FOR EACH ROW EXECUTE FUNCTION s.f();
CREATE MATERIALIZED VIEW s.counted AS SELECT count(*) AS n FROM s.users;
GRANT SELECT ON s.users TO PUBLIC;
CREATE TABLE mine AS SELECT 1 AS id;
INSERT INTO s.users (name) SELECT 'n' || i FROM generate_series(1, 1000) i;
INSERT INTO s.orders SELECT i, i FROM generate_series(1, 500) i;
REFRESH MATERIALIZED VIEW s.counted;
SQL
    run_evo evo-backup create
    assert_exit 0
    AFTER=$(state_of_s)
    pg_sql 'DELETE FROM s.orders; DELETE FROM s.users WHERE id > 10; ALTER TABLE s.users ADD later int; DROP INDEX s.by_user; REFRESH MATERIALIZED VIEW s.counted'
    BEFORE=$(state_of_s)
    [ "$BEFORE" != "$AFTER" ]
}

# Which tables those are, and what is in them: oids tell an old one from one that looks like it.
state_of_s() {
    rows_of "$PG_DB"
    text_of "$PG_DB"
}

oids_of_s() {
    pg_sql "SELECT string_agg(oid || ' ' || relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 's'::regnamespace"
}

restore_s() {
    run_evo evo-restore latest --clean --schema s --into-existing --confirm "$PG_DB" --to "$PG_URL" --json "$@"
}

# stop_at TAG: the server refuses that statement from now on; stop_at: none.
stop_at() {
    pg_sql "DROP EVENT TRIGGER IF EXISTS stop" 2>/dev/null
    [ -z "${1:-}" ] || pg_sql "CREATE EVENT TRIGGER stop ON ddl_command_start WHEN TAG IN ('$1') EXECUTE FUNCTION stop()"
}

@test "whatever the server refuses, all is as it was" {
    shop
    pg_sql "CREATE FUNCTION stop() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'not today: %', tg_tag; END \$\$"
    local tag oids
    oids=$(oids_of_s)
    for tag in 'DROP TABLE' 'CREATE FUNCTION' 'CREATE TABLE' 'ALTER TABLE' 'CREATE INDEX' 'CREATE TRIGGER' 'GRANT' 'REFRESH MATERIALIZED VIEW'; do
        stop_at "$tag"
        restore_s
        assert_exit 3
        assert_json ".error.message | contains(\"not today: $tag\")"
        assert_stderr_has "nothing was changed in database \"$PG_DB\""
        stop_at
        assert_equal "$oids" "$(oids_of_s)"
    done
    pg_sql 'DROP FUNCTION stop()'
    assert_equal "$BEFORE" "$(state_of_s)"
    restore_s
    assert_exit 0
    assert_json '.data.rows == 1500 and (.data.tables | length) == 2'
    assert_equal "$AFTER" "$(state_of_s)"
}

@test "with several sessions drops and schema are one transaction, and what comes behind it is told" {
    shop
    pg_sql "CREATE FUNCTION stop() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'not today: %', tg_tag; END \$\$"
    stop_at 'CREATE TABLE'
    restore_s --jobs 2
    assert_exit 3
    assert_stderr_has "nothing was changed in database \"$PG_DB\""
    stop_at
    assert_equal "1|10" "$(pg_sql 'SELECT (SELECT count(*) FROM mine), (SELECT count(*) FROM s.users)')"
    stop_at 'CREATE INDEX'
    restore_s --jobs 2
    assert_exit 3
    assert_stderr_has 'the restore into database'
    assert_stderr_has 'what the backup holds was dropped before, nothing else was changed'
    stop_at
    # What it left is no obstacle: the same again makes it whole.
    restore_s --jobs 2
    assert_exit 0
    pg_sql 'DROP FUNCTION stop()'
    assert_equal "$AFTER" "$(state_of_s)"
}

index_is_built() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '$PG_DB' AND application_name = 'evo-restore' AND wait_event = 'PgSleep'")" -eq 1 ]
}

session_gone() {
    [ "$(sessions_of evo-restore)" -eq 0 ]
}

# slow_table: t has one row in the backup, and an index that takes for ever to restore; what is there now are two rows.
slow_table() {
    pg_sql "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; CREATE TABLE t AS SELECT 1 AS id; CREATE INDEX ON t (slow(id))"
    run_evo evo-backup create
    assert_exit 0
    pg_sql "INSERT INTO t VALUES (2);
        CREATE OR REPLACE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(600); RETURN 1; END'" >/dev/null
    OID=$(pg_sql "SELECT 't'::regclass::oid")
}

start_slow() {
    start_evo evo-restore latest --clean --table t --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    wait_until 30 index_is_built
    # It is as good as done, and nobody sees anything of it.
    assert_equal "$OID" "$(pg_sql "SELECT 't'::regclass::oid")"
}

@test "kill -9, a lost session, SIGTERM behind the drops and the rows: all is as it was" {
    slow_table
    start_slow
    kill -KILL "$EVO_PID"
    finish_evo
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$PG_DB' AND application_name = 'evo-restore'" >/dev/null
    wait_until 10 session_gone
    assert_equal "$OID|2" "$(pg_sql "SELECT 't'::regclass::oid, count(*) FROM t")"
    start_slow
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$PG_DB' AND application_name = 'evo-restore'" >/dev/null
    finish_evo
    [ "$status" -eq 3 ]
    assert_stderr_has "nothing was changed in database \"$PG_DB\""
    assert_equal "$OID|2" "$(pg_sql "SELECT 't'::regclass::oid, count(*) FROM t")"
    start_slow
    kill -TERM "$EVO_PID"
    finish_evo
    [ "$status" -eq 143 ]
    assert_stderr_has "nothing was changed in database \"$PG_DB\""
    assert_equal "$OID|2" "$(pg_sql "SELECT 't'::regclass::oid, count(*) FROM t")"
}

waits_for_standby() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '$PG_DB' AND wait_event = 'SyncRep'")" -eq 1 ]
}

@test "COMMIT without an answer: the server is asked what became of it" {
    pg_private_start -c synchronous_standby_names=nobody -c synchronous_commit=local
    pg_fresh_db
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create
    assert_exit 0
    pg_sql -d postgres "ALTER DATABASE \"$PG_DB\" SET synchronous_commit = on"
    in_commit() {
        pg_sql 'SET synchronous_commit = local; TRUNCATE t'
        start_evo evo-restore latest --clean --table t --into-existing --confirm "$PG_DB" --to "$PG_URL" --json --no-analyze
        # It is committed here; no standby will ever say that it has it.
        wait_until 30 waits_for_standby
    }
    in_commit
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'" >/dev/null
    finish_evo
    [ "$status" -eq 0 ]
    assert_json '.data.rows == 1'
    in_commit
    kill -TERM "$EVO_PID"
    finish_evo
    [ "$status" -eq 143 ]
    assert_stderr_has "the backup's tables are there as a whole"
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM t')"
    in_commit
    pg_private_kill
    finish_evo
    [ "$status" -eq 3 ]
    assert_json '.error.hint | contains("pg_xact_status")'
    assert_stderr_has 'which of the two is not known'
    pg_private_stop
}

@test "large objects come behind, and what fails there is told" {
    pg_sql "CREATE TABLE t AS SELECT 1 AS id; SELECT lo_from_bytea(4711, 'of the backup')" >/dev/null
    run_evo evo-backup create
    assert_exit 0
    pg_sql "TRUNCATE t; SELECT lo_put(4711, 0, 'of today     ')" >/dev/null
    session holder "BEGIN; ALTER LARGE OBJECT 4711 OWNER TO postgres; SELECT 1 AS held" held
    start_evo evo-restore latest --clean --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    wait_until 20 sh -c "[ \"\$('$PG_BINDIR/psql' -XAtq '$PG_URL' -c 'SELECT count(*) FROM t')\" = 1 ]"
    kill -TERM "$EVO_PID"
    finish_evo
    [ "$status" -eq 143 ]
    assert_stderr_has 'large objects may be missing'
    sessions_end
    run_evo evo-restore latest --clean --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    assert_exit 0
    assert_equal "of the backup" "$(pg_sql "SELECT convert_from(lo_get(4711), 'UTF8')")"
}

@test "an archive in another encoding, as another role, without owners" {
    pg_fresh_role
    pg_sql -d postgres "CREATE DATABASE \"${PG_DB}_l\" TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'; ALTER DATABASE \"${PG_DB}_l\" OWNER TO $PG_ROLE"
    local url
    url=$(pg_url "${PG_DB}_l")
    pg_sql -d "${PG_DB}_l" "CREATE TABLE t AS SELECT U&'gr\\00fcn' AS farbe; COMMENT ON TABLE t IS U&'gr\\00fcn'; GRANT ALL ON SCHEMA public TO $PG_ROLE"
    run_evo evo-backup create --database "$url"
    assert_exit 0
    pg_sql -d "${PG_DB}_l" "TRUNCATE t; ALTER TABLE t OWNER TO $PG_ROLE; COMMENT ON TABLE t IS NULL"
    run_evo evo-restore latest --backup-of "${PG_DB}_l" --clean --table t --role "$PG_ROLE" --no-owner --into-existing --confirm "${PG_DB}_l" --to "$url" --json
    assert_exit 0
    assert_equal "6772c3bc6e|6772c3bc6e|$PG_ROLE" "$(pg_sql -d "${PG_DB}_l" "SELECT encode(convert_to(farbe, 'UTF8'), 'hex'), encode(convert_to(obj_description('t'::regclass), 'UTF8'), 'hex'),
        (SELECT tableowner FROM pg_tables WHERE tablename = 't') FROM t")"
}

@test "--dry-run says what would be dropped, and changes nothing" {
    shop
    pg_sql "ANALYZE; CREATE TABLE s.unknown AS SELECT i FROM generate_series(1, 100) i; CREATE AGGREGATE s.total(int) (SFUNC = int4pl, STYPE = int);
        CREATE DOMAIN s.d AS int; CREATE VIEW s.v AS SELECT 1 AS x; CREATE OPERATOR s.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq); CREATE SEQUENCE s.q;
        CREATE CAST (s.counted AS text) WITH INOUT; ALTER TABLE s.unknown SET (autovacuum_enabled = off)"
    run_evo evo-backup create
    assert_exit 0
    pg_sql 'CREATE TABLE s.not_in_the_backup AS SELECT 1 AS id; DROP DOMAIN s.d; INSERT INTO s.orders SELECT i, 1 FROM generate_series(1, 500) i; ANALYZE s.orders'
    local oids
    oids=$(oids_of_s)
    restore_s --dry-run
    assert_exit 0
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/restore.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_json '[.data.drops[] | .kind + " " + .name] | sort == ["AGGREGATE s.total(integer)", "FUNCTION s.f()", "MATERIALIZED VIEW s.counted", "OPERATOR s.===", "SEQUENCE s.q", "TABLE s.orders", "TABLE s.unknown", "TABLE s.users", "VIEW s.v"]'
    assert_json '[.data.drops[] | select(.name == "s.orders")][0] | .rows >= 500 and .bytes > 16384'
    # What nobody has counted is not called empty.
    assert_json '[.data.drops[] | select(.name == "s.users" or .name == "s.v")] | map(.rows) | sort == [null, 10]'
    assert_json '[.data.drops[] | select(.name == "s.f()")] == [{"kind": "FUNCTION", "name": "s.f()", "rows": null, "bytes": null}]'
    assert_equal "$oids" "$(oids_of_s)"
    run_evo evo-restore latest --clean --dry-run --into-existing --confirm "$PG_DB" --to "$PG_URL"
    assert_exit 0
    assert_stdout_has 'would be dropped: CAST (s.counted AS text)'
    assert_stdout_has 'would be dropped: TABLE public.mine, '
    run_evo evo-restore latest --clean --table s.orders --dry-run --into-existing --confirm "$PG_DB" --to "$PG_URL"
    assert_exit 0
    assert_stdout_has 'would be dropped: TABLE s.orders, about '
    pg_sql 'DROP TABLE s.orders'
    run_evo evo-restore latest --clean --table s.orders --dry-run --into-existing --confirm "$PG_DB" --to "$PG_URL"
    assert_exit 0
    assert_stdout_has 'nothing would be dropped'
    run_evo evo-restore latest --create --dry-run --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_json '.data.drops == []'
}
