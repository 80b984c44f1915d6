# Who restores, when, with which program, and what is done at the end.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
}

in_copy() {
    pg_sql -d "${PG_DB}_r" "$1"
}

@test "a role that owns nothing but the database restores all but what only a superuser may make" {
    pg_fresh_role
    pg_sql - 2>/dev/null <<'SQL'
CREATE EXTENSION citext; CREATE EXTENSION pageinspect;
CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION log_ddl();
CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION whole FOR TABLES IN SCHEMA public;
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE f (id int) SERVER s;
CREATE USER MAPPING FOR postgres SERVER s;
CREATE FUNCTION eq(text, text) RETURNS bool LANGUAGE internal AS 'texteq';
CREATE FUNCTION sealed() RETURNS int LEAKPROOF LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
CREATE OPERATOR CLASS oc FOR TYPE int4 USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4);
CREATE TABLE t (id int PRIMARY KEY, c citext); INSERT INTO t VALUES (1, 'a'); CREATE INDEX by_oc ON t (id oc); CREATE INDEX by_c ON t (c);
CREATE PUBLICATION one FOR TABLE t; CREATE STATISTICS st ON id, c FROM t; CREATE POLICY p ON t USING (true);
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor; GRANT EXECUTE ON FUNCTION pg_ls_dir(text) TO pg_monitor;
CREATE ACCESS METHOD am TYPE TABLE HANDLER heap_tableam_handler;
CREATE TRANSFORM FOR int LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal));
SELECT lo_create(4711);
SQL
    run_evo evo-backup create
    assert_exit 0
    pg_sql -d postgres "CREATE DATABASE ${PG_DB}_r OWNER $PG_ROLE"
    run_evo evo-restore latest --no-owner --to "$(pg_url "${PG_DB}_r" "$PG_ROLE")" --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("--no-privileged"))'
    run_evo evo-restore latest --no-owner --no-privileged --to "$(pg_url "${PG_DB}_r" "$PG_ROLE")" --json
    assert_exit 0
    assert_json '.data.rows == 1'
    for skipped in 'EXTENSION "pageinspect"' 'COMMENT "EXTENSION citext"' 'EVENT TRIGGER "et"' 'PUBLICATION "everything"' 'FOREIGN DATA WRAPPER "w"' \
        'FOREIGN TABLE "public.f"' 'FUNCTION "public.eq(text, text)"' 'FUNCTION "public.sealed()"' 'OPERATOR CLASS "public.oc"' 'INDEX "public.by_oc"' \
        'ACL "pg_catalog.FUNCTION pg_ls_dir(text)"' 'DEFAULT ACL ' 'ACCESS METHOD "am"' 'TRANSFORM '; do
        jq -e --arg s "$skipped" '.data.skipped | any(startswith($s))' "$OUT" >/dev/null || fail "not named: $skipped"
    done
    assert_equal $'by_c\nt_pkey' "$(in_copy "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1")"
    assert_equal "one|t" "$(in_copy 'SELECT pubname, tablename FROM pg_publication_tables')"
    assert_equal "citext|$PG_ROLE" "$(in_copy "SELECT extname, pg_get_userbyid(extowner) FROM pg_extension WHERE extname <> 'plpgsql'")"
}

@test "--role: everything is made as that role, and one that may not be taken is named" {
    pg_fresh_role
    local owner=$PG_ROLE
    pg_fresh_role
    pg_sql "CREATE TABLE t AS SELECT 1 AS id; ALTER TABLE t ADD PRIMARY KEY (id); CREATE SEQUENCE q; SELECT lo_create(4711)" >/dev/null
    run_evo evo-backup create
    assert_exit 0
    pg_sql "ALTER ROLE $owner CREATEDB"
    run_evo evo-restore latest --create --role "$owner" --no-owner --to "$(pg_url "${PG_DB}_r" "$PG_ROLE")" --json
    assert_exit 3
    assert_json ".error.reason == \"permission\" and (.error.message | contains(\"$owner\"))"
    pg_sql "GRANT $owner TO $PG_ROLE"
    run_evo evo-restore latest --create --role "$owner" --no-owner --to "$(pg_url "${PG_DB}_r" "$PG_ROLE")" --json
    assert_exit 0
    assert_equal "$owner" "$(in_copy "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace")"
    assert_equal "$owner|$owner" "$(in_copy "SELECT pg_get_userbyid(datdba), (SELECT pg_get_userbyid(lomowner) FROM pg_largeobject_metadata) FROM pg_database WHERE datname = current_database()")"
}

@test "--globals: roles that the server lacks are made first, others are left alone" {
    # Of its own: what other files drop on the tests' server meanwhile must not come back by this.
    pg_private_start
    pg_fresh_db
    pg_fresh_role
    local member=$PG_ROLE
    pg_fresh_role CONNECTION\ LIMIT\ 7
    pg_sql "GRANT $PG_ROLE TO $member; ALTER ROLE $PG_ROLE SET work_mem = '9MB'; CREATE TABLE t AS SELECT 1 AS id; ALTER TABLE t OWNER TO $PG_ROLE; GRANT SELECT ON t TO $member"
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-restore latest --globals --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 1
    assert_json '.error.reason == "not_found" and (.error.message | contains("holds no roles"))'
    run_evo evo-backup create --globals
    assert_exit 0
    pg_sql "REASSIGN OWNED BY $PG_ROLE TO postgres; DROP OWNED BY $PG_ROLE, $member; DROP ROLE $PG_ROLE, $member"
    run_evo evo-restore latest --globals --dry-run --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_stderr_has "role \"$PG_ROLE\" would be made"
    assert_equal "" "$(pg_sql "SELECT rolname FROM pg_roles WHERE rolname = '$PG_ROLE'")"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 3
    run_evo evo-restore latest --globals --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_stderr_has 'without a password'
    assert_equal "$PG_ROLE|7|t|{work_mem=9MB}" "$(in_copy "SELECT tableowner, rolconnlimit, pg_has_role('$member', tableowner, 'member'), rolconfig FROM pg_tables JOIN pg_roles ON rolname = tableowner WHERE tablename = 't'")"
    pg_private_stop
}

@test "roles that the server lacks are named before anything starts, all at once" {
    pg_fresh_role
    gone=r_$(random_word)
    pg_sql "CREATE ROLE $gone; CREATE TABLE t AS SELECT 1 AS i; GRANT SELECT ON t TO $gone; ALTER TABLE t OWNER TO $PG_ROLE;
        CREATE FUNCTION f(interval day to second) RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION f TO $gone"
    run_evo evo-backup create
    assert_exit 0
    pg_sql "DROP OWNED BY $gone; ALTER TABLE t OWNER TO postgres; DROP ROLE $gone; DROP OWNED BY $PG_ROLE; DROP ROLE $PG_ROLE"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 3
    assert_json '.error.message | contains("lacks 2 roles") and contains("'"$gone"'") and contains("'"$PG_ROLE"'")'
    assert_json '.error.hint | contains("CREATE ROLE \"'"$gone"'\";") and contains("--no-owner --no-privileges")'
    assert_equal 0 "$(pg_sql -d postgres "SELECT count(*) FROM pg_database WHERE datname = '${PG_DB}_r'")"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --no-owner --dry-run
    assert_exit 3
    assert_stderr_has "lacks 1 role that the backup speaks of: \"$gone\""
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --no-owner --no-privileges
    assert_exit 0
    assert_equal "" "$(in_copy "SELECT relacl FROM pg_class WHERE relname = 't'")"
}

@test "--clean waits for a lock no longer than it may, and changes nothing then" {
    pg_sql "CREATE TABLE t AS SELECT 1 AS i"
    run_evo evo-backup create
    assert_exit 0
    pg_sql -d postgres "CREATE DATABASE ${PG_DB}_r"
    pg_sql -d "${PG_DB}_r" "CREATE TABLE t AS SELECT 7 AS i"
    "$PG_BINDIR/psql" -Xq -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "${PG_DB}_r" -c 'BEGIN; SELECT * FROM t; SELECT pg_sleep(60)' >/dev/null 2>&1 3>&- &
    holder=$!
    wait_until 10 holds_t
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_r")" --into-existing --confirm "${PG_DB}_r" --clean --lock-timeout 300ms
    assert_exit 5
    assert_stderr_has 'Nothing was changed'
    assert_stderr_has '--lock-timeout'
    assert_equal 7 "$(in_copy 'SELECT i FROM t')"
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${PG_DB}_r' AND query LIKE '%pg_sleep%'" >/dev/null
    wait "$holder" || true
}

holds_t() {
    [ "$(in_copy "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessShareLock' AND granted AND pid <> pg_backend_pid()")" -ge 1 ]
}

@test "a restore that was killed: the next run says what the database is that it left" {
    pg_sql "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; CREATE TABLE t AS SELECT 1 AS id;
        CREATE INDEX ON t (slow(id));
        CREATE OR REPLACE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1 FROM pg_catalog.pg_sleep(60)'" >/dev/null
    run_evo evo-backup create --json
    assert_exit 0
    local id
    id=$(json .data.id)
    start_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    wait_until 30 is_marked
    kill -KILL "$EVO_PID"
    finish_evo
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 1
    assert_stderr_has "what a restore of backup \"$id\" made and did not finish"
    assert_stderr_has 'DROP DATABASE'
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${PG_DB}_r'" >/dev/null
    pg_sql -d postgres "DROP DATABASE \"${PG_DB}_r\""
}

is_marked() {
    [ "$(pg_sql -d postgres "SELECT shobj_description(oid, 'pg_database') ~ '^evo-restore: incomplete' FROM pg_database WHERE datname = '${PG_DB}_r'")" = t ]
}

# later_than SECOND: the clock has gone on.
later_than() {
    [ "$EPOCHSECONDS" -gt "$1" ]
}

@test "--at: the newest backup that is not newer" {
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create --json
    assert_exit 0
    local first between
    first=$(json .data.id)
    # Backups are told apart by the second.
    wait_until 5 later_than "$EPOCHSECONDS"
    between=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    wait_until 5 later_than "$EPOCHSECONDS"
    pg_sql 'INSERT INTO t VALUES (2)'
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-restore --at "$between" --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_json ".data.id == \"$first\" and .data.rows == 1"
    # What marked the database while it was incomplete is gone.
    assert_equal "" "$(pg_sql -d postgres "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '${PG_DB}_r'")"
    run_evo evo-restore latest --at 2020-01-01T00:00:00Z --create --to "$(pg_url "${PG_DB}_x")" --json
    assert_exit 1
    run_evo evo-restore --at yesterday --create --to "$(pg_url "${PG_DB}_x")" --json
    assert_exit 2
    run_evo evo-restore "$first" --at "$between" --create --to "$(pg_url "${PG_DB}_x")" --json
    assert_exit 2
    run_evo evo-restore --create --to "$(pg_url "${PG_DB}_x")" --json
    assert_exit 2
    assert_json '.error.hint | contains("--at")'
}

@test "tables, roots of partitions and views are analyzed, unless told not to" {
    pg_sql "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 1000) i; CREATE TABLE r (id int) PARTITION BY RANGE (id); CREATE TABLE r1 PARTITION OF r DEFAULT;
        INSERT INTO r SELECT id FROM t; CREATE MATERIALIZED VIEW m AS SELECT id FROM t"
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_equal $'m\nr\nr1\nt' "$(in_copy "SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'public' ORDER BY 1")"
    run_evo evo-restore latest --create --no-analyze --to "$(pg_url "${PG_DB}_n")"
    assert_exit 0
    # The server's own autovacuum may have come by since: what counts is that nobody said ANALYZE.
    assert_equal 0 "$(pg_sql -d "${PG_DB}_n" 'SELECT sum(analyze_count) FROM pg_stat_user_tables')"
    assert_equal t "$(in_copy 'SELECT sum(analyze_count) > 0 FROM pg_stat_user_tables')"
}

@test "what cannot be analyzed is a warning" {
    pg_sql - <<SQL
CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 10) i;
CREATE FUNCTION f(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS \$\$ BEGIN
    IF current_database() <> '$PG_DB' AND current_query() LIKE 'ANALYZE%' THEN RAISE 'not now'; END IF; RETURN i; END \$\$;
CREATE INDEX i ON t (f(id));
SQL
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_stderr_has 'could not analyze "public.t": not now'
}

@test "memory for indexes is what was asked for" {
    pg_sql "CREATE TABLE t AS SELECT 1 AS id"
    # Its name says what the session had.
    pg_sql "CREATE FUNCTION mem(i int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT current_setting(''maintenance_work_mem'')'; CREATE INDEX i ON t (mem(id))"
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-restore latest --create --maintenance-work-mem 123MiB --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_equal "1" "$(in_copy "SET enable_seqscan = off; SELECT count(*) FROM t WHERE mem(id) = '123MB'")"
}

@test "a backup of a newer server goes into an older one, by the older pg_restore" {
    use_version() { EVO_TEST_PG_BINDIR=$(pg_version_bindir "$1") pg_private_start; }
    use_version 18
    pg_fresh_db
    pg_sql "CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i; CREATE VIEW v AS SELECT id FROM t; GRANT SELECT ON t TO PUBLIC"
    local source=$PG_DB newer=$PG_CLUSTER
    run_evo evo-backup create
    assert_exit 0
    assert_equal 1.16 "$(jq -r .tools.archive_version "$(backup_folder)/manifest.json" | cut -d. -f1-2)"
    # Into its own server by a pg_restore that is older than the archive.
    EVO_PG_BINDIR=$(pg_version_bindir 15) run_evo evo-restore latest --create --to "$(pg_url older_tool)" --json --verbose
    assert_exit 0
    assert_json '.data.rows == 1000 and (.data.tool | contains("15"))'
    assert_stderr_has 'as version 1.14'
    run_evo evo-restore latest --create --archive-version 1.15 --to "$(pg_url told_so)" --json --verbose
    assert_exit 0
    assert_stderr_has 'as version 1.15'
    pg_sql "SELECT lo_from_bytea(1000 + i, decode(repeat(md5(i::text), i * 10), 'hex')) FROM generate_series(1, 300) i; GRANT SELECT ON LARGE OBJECT 1005, 1006 TO PUBLIC;
        COMMENT ON LARGE OBJECT 1007 IS 'seven'" >/dev/null
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/with-lo"
    assert_exit 0
    PG_CLUSTER=
    unset DATABASE_URL
    pg_fresh_db
    run_evo evo-restore latest --backup-of "$source" --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_json '.data.rows == 1000'
    assert_stderr_has "the target's server is older"
    assert_equal "1000|1" "$(in_copy "SELECT (SELECT count(*) FROM v), (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated)")"
    run_evo evo-restore latest --store "$BATS_TEST_TMPDIR/with-lo" --backup-of "$source" --create --to "$(pg_url "${PG_DB}_x")" --json
    assert_exit 0
    # shellcheck disable=SC2016
    lo="SELECT count(*), bool_and(lo_get(oid) = decode(repeat(md5((oid::int8 - 1000)::text), (oid::int8 - 1000)::int * 10), 'hex')), count(lomacl), min(obj_description(oid, 'pg_largeobject'))
        FROM pg_largeobject_metadata"
    assert_equal "300|t|2|seven" "$(pg_sql -d "${PG_DB}_x" "$lo")"
    PG_CLUSTER=$newer
    pg_private_stop
}

@test "a database in another encoding than UTF-8, whose tables have names that are no UTF-8" {
    pg_sql -d postgres "CREATE DATABASE \"${PG_DB}_l\" TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'"
    pg_sql -d "${PG_DB}_l" "CREATE SCHEMA U&\"s\\00e4\"; CREATE TABLE U&\"s\\00e4\".U&\"Stra\\00dfe\" AS SELECT U&'gr\\00fcn' AS farbe"
    run_evo evo-backup create --database "$(pg_url "${PG_DB}_l")"
    assert_exit 0
    run_evo evo-restore latest --backup-of "${PG_DB}_l" --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_equal "6772c3bc6e" "$(in_copy "SELECT encode(convert_to(farbe, 'UTF8'), 'hex') FROM U&\"s\\00e4\".U&\"Stra\\00dfe\"")"
}

@test "an encrypted backup needs its identity" {
    local recipient
    recipient=$(age-keygen -o "$BATS_TEST_TMPDIR/key" 2>&1 | sed -n 's/^Public key: //p')
    pg_sql "CREATE TABLE t AS SELECT 1 AS id; SELECT lo_create(4711)" >/dev/null
    run_evo evo-backup create --encrypt-to "$recipient"
    assert_exit 0
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 2
    run_evo evo-restore latest --create --identity "$BATS_TEST_TMPDIR/key" --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_json '.data.tables == [{"name": "public.t", "rows": 1}]'
    run_evo evo-restore latest --identity "$BATS_TEST_TMPDIR/none" --create --to "$(pg_url "${PG_DB}_x")" --json
    [ "$status" -ne 0 ]
    assert_json '.error.message | contains("none")'
}
