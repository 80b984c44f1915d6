# What is refused before anything starts, with its reason, exit status and hint.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
}

@test "tables whose rows are hidden from the role are named" {
    pg_fresh_role
    pg_sql "CREATE TABLE guarded (id int); CREATE TABLE plain (id int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
        ALTER TABLE guarded FORCE ROW LEVEL SECURITY; GRANT SELECT ON ALL TABLES IN SCHEMA public TO $PG_ROLE"
    run_evo evo-backup create --database "$(pg_url "$PG_DB" "$PG_ROLE")" --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.detail | contains("public.guarded")) and (.error.hint | contains("BYPASSRLS"))'
    [ ! -e "$STORE_DIR/backups" ]
}

@test "a table that may not be read is named" {
    pg_fresh_role
    pg_sql "CREATE TABLE secret (id int)"
    run_evo evo-backup create --database "$(pg_url "$PG_DB" "$PG_ROLE")" --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.detail | contains("secret"))'
    assert_json ".error.hint == \"GRANT pg_read_all_data TO \\\"$PG_ROLE\\\";\""
}

@test "a role that may only read can make a backup" {
    pg_fresh_role
    pg_sql "CREATE TABLE t AS SELECT 1 AS id; GRANT pg_read_all_data TO $PG_ROLE"
    run_evo evo-backup create --database "$(pg_url "$PG_DB" "$PG_ROLE")" --json
    assert_exit 0
    assert_json '.data.rows == 1'
}

@test "a wrong password, no such database, no server" {
    local bad
    bad=$(pg_tcp_url "$PG_DB" postgres wrong-canary)
    DATABASE_URL=$bad run_evo evo-backup create --json
    assert_exit 3
    assert_json '.error.reason == "connect"'
    run_evo evo-backup create --database "$(pg_url no_such_database)" --json
    assert_exit 3
    assert_json '.error.reason == "connect" and (.error.message | contains("no_such_database"))'
    run_evo evo-backup create --database "postgresql://postgres@127.0.0.1:1/x" --json
    assert_exit 3
    assert_json '.error.reason == "connect"'
}

@test "the password reaches pg_dump by the environment, and shows nowhere" {
    pg_sql "CREATE TABLE t AS SELECT 1 AS id; SELECT lo_from_bytea(4711, 'lo')" >/dev/null
    DATABASE_URL=$PG_TCP_URL run_evo evo-backup create --json --verbose
    assert_exit 0
    EVO_TARGET_URL=$(pg_tcp_url "${PG_DB}_r") run_evo evo-restore latest --create --json --verbose
    assert_exit 0
    assert_json '.data.rows == 1'
    run ! grep -r canary-pg "$STORE_DIR"
}

@test "the guard on another database" {
    run_evo evo-backup create --json
    assert_exit 0
    printf '{"expect-database": "production"}' >"$BATS_TEST_TMPDIR/evo.json"
    run_evo evo-backup create --config "$BATS_TEST_TMPDIR/evo.json" --json
    assert_exit 2
    assert_json '.error.reason == "config"'
}

@test "no store, a store that cannot be written, a store that is a file" {
    run env -u EVO_STORE "$(evo_bin evo-backup)" create
    assert_equal 2 "$status"
    touch "$BATS_TEST_TMPDIR/file"
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/file" --json
    assert_exit 4
    run_evo evo-backup create --store "/proc/no/such" --json
    assert_exit 4
}

@test "ids: malformed, unknown, none at all, latest of nobody" {
    run_evo evo-backup show nonsense --json
    assert_exit 2
    mkdir -p "$STORE_DIR"
    run_evo evo-backup show 20200101T000000Z-abcdef --json
    assert_exit 1
    assert_json '.error.reason == "not_found" and (.error.hint | contains("evo-backup list"))'
    run_evo evo-backup show latest --json
    assert_exit 1
    DATABASE_URL='' run_evo evo-backup show latest --json
    assert_exit 2
    assert_json '.error.hint | contains("--backup-of NAME")'
    run_evo evo-backup show
    assert_exit 2
    run_evo evo-backup list --json
    assert_exit 0
    assert_json '.data.backups == []'
}

@test "a full id is found in another environment and database; latest is not" {
    run_evo evo-backup create --environment staging --json
    assert_exit 0
    id=$(json .data.id)
    run_evo evo-backup show "$id" --json
    assert_exit 0
    assert_json '.data.environment == "staging"'
    DATABASE_URL='' run_evo evo-backup verify "$id"
    assert_exit 0
    run_evo evo-backup show latest
    assert_exit 1
    run_evo evo-backup show latest --environment staging --backup-of "$PG_DB"
    assert_exit 0
}

@test "restore: the target is named, empty, and never DATABASE_URL" {
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create
    run_evo evo-restore latest --json
    assert_exit 2
    assert_json '.error.hint | contains("EVO_TARGET_URL")'
    run_evo evo-restore latest --to "$PG_URL" --json
    assert_exit 1
    assert_json '.error.reason == "target_not_empty" and (.error.detail | contains("public.t"))'
    run_evo evo-restore latest --create --to "$PG_URL" --json
    assert_exit 1
    assert_json '.error.reason == "target_not_empty"'
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_none")" --json
    assert_exit 3
    assert_json '.error.hint | contains("--create")'
    run_evo evo-restore latest --to 'postgresql://postgres:canary-typed@127.0.0.1/x'
    assert_exit 2
    run_evo evo-restore latest --to "$PG_URL" --into-existing
    assert_exit 2
    assert_stderr_has "--confirm $PG_DB"
    run_evo evo-restore latest --to "$PG_URL" --into-existing --confirm other
    assert_exit 2
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM t')"
}

@test "restore: what counts as empty" {
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create
    # shellcheck disable=SC2016
    for thing in 'CREATE TABLE x ()' 'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1$$' "CREATE TYPE e AS ENUM ('a')" \
        'CREATE SCHEMA s' 'SELECT lo_create(1)' 'CREATE VIEW v AS SELECT 1' 'CREATE SEQUENCE q'; do
        pg_sql -d postgres "CREATE DATABASE ${PG_DB}_x"
        pg_sql -d "${PG_DB}_x" "$thing" >/dev/null
        run_evo evo-restore latest --to "$(pg_url "${PG_DB}_x")" --json
        assert_exit 1
        assert_json '.error.reason == "target_not_empty"'
        pg_sql -d postgres "DROP DATABASE ${PG_DB}_x"
    done
    pg_sql -d postgres "CREATE DATABASE ${PG_DB}_x"
    pg_sql -d "${PG_DB}_x" 'CREATE EXTENSION hstore'
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_x")"
    assert_exit 0
}

@test "restore: into an existing database when told so, beside what is there" {
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create
    pg_sql -d postgres "CREATE DATABASE ${PG_DB}_x"
    pg_sql -d "${PG_DB}_x" 'CREATE TABLE other AS SELECT 2 AS id'
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_x")" --into-existing --confirm "${PG_DB}_x" --json
    assert_exit 0
    assert_equal "1|2" "$(pg_sql -d "${PG_DB}_x" 'SELECT t.id, other.id FROM t, other')"
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_x")" --into-existing --confirm "${PG_DB}_x" --json
    assert_exit 1
    assert_json '.error.reason == "target_not_empty" and (.error.detail | contains("\"public.t\"")) and (.error.hint | contains("--into-existing") | not)'
    assert_equal 1 "$(pg_sql -d "${PG_DB}_x" 'SELECT count(*) FROM t')"
}

@test "restore: over the database that was backed up is refused, also with --into-existing" {
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id; CREATE SCHEMA s; CREATE VIEW s.v AS SELECT 1 AS n'
    run_evo evo-backup create
    run_evo evo-restore latest --to "$PG_URL" --json
    assert_exit 1
    assert_json '(.error.detail | contains("very database")) and (.error.hint | contains("--create")) and (.error.hint | contains("--into-existing") | not)'
    run_evo evo-restore latest --to "$PG_URL" --into-existing --confirm "$PG_DB"
    assert_exit 1
    assert_stderr_has "database \"$PG_DB\" is the very database that this backup was taken from"
    assert_stderr_has '"public.t", "s.v", "schema s"'
    assert_stderr_has 'in environment "default", taken '
    # shellcheck disable=SC2154 # set by run_evo
    [[ $stderr != *"drop it"* ]]
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM t')"
}

@test "restore: as a plain role what cannot be owned is hinted at, and the retry finds the target empty" {
    pg_fresh_role
    pg_sql "CREATE SCHEMA evo; CREATE TABLE evo.t AS SELECT 1 AS id"
    run_evo evo-backup create
    pg_sql -d postgres "CREATE DATABASE ${PG_DB}_x OWNER $PG_ROLE"
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_x" "$PG_ROLE")" --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("--no-owner"))'
    assert_stderr_has "nothing was changed in database"
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_x" "$PG_ROLE")" --no-owner --json
    assert_exit 0
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_y" "$PG_ROLE")" --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("CREATEDB"))'
}

@test "restore: what fails behind the rows is taken back from an empty database, and nothing else" {
    pg_fresh_role
    # Event triggers are the last of it, and only a superuser makes them.
    pg_sql "CREATE EXTENSION citext; CREATE SCHEMA s; CREATE TYPE s.e AS ENUM ('a'); CREATE TABLE s.t (id int PRIMARY KEY, up int REFERENCES s.t, e s.e, c citext);
        INSERT INTO s.t VALUES (1, 1, 'a', 'x'); CREATE VIEW v AS SELECT * FROM s.t; CREATE PUBLICATION p; SELECT lo_create(4711);
        CREATE FUNCTION s.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION s.f()" >/dev/null
    run_evo evo-backup create
    pg_sql -d postgres "CREATE DATABASE ${PG_DB}_x OWNER $PG_ROLE"
    pg_sql -d "${PG_DB}_x" 'CREATE EXTENSION citext; CREATE PUBLICATION mine'
    run_evo evo-restore latest --no-owner --to "$(pg_url "${PG_DB}_x" "$PG_ROLE")"
    assert_exit 3
    assert_stderr_has "it is empty as before"
    assert_equal "citext plpgsql" "$(pg_sql -d "${PG_DB}_x" "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension")"
    assert_equal "mine" "$(pg_sql -d "${PG_DB}_x" 'SELECT pubname FROM pg_publication')"
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_x")"
    assert_exit 0
    assert_equal "1" "$(pg_sql -d "${PG_DB}_x" 'SELECT id FROM v')"
}

@test "restore: a dry run changes nothing" {
    pg_sql 'CREATE TABLE t AS SELECT 1 AS id'
    run_evo evo-backup create
    run_evo evo-restore latest --create --dry-run --to "$(pg_url "${PG_DB}_x")"
    assert_exit 0
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_x'")"
    run_evo evo-restore latest --dry-run --to "$PG_URL"
    assert_exit 1
}

@test "restore: a missing role is named with what to do, and --no-owner does without it" {
    pg_fresh_role
    pg_sql "CREATE TABLE t AS SELECT 1 AS id; ALTER TABLE t OWNER TO $PG_ROLE"
    run_evo evo-backup create
    pg_sql "ALTER TABLE t OWNER TO postgres; DROP ROLE $PG_ROLE"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 3
    assert_json ".error.message | contains(\"$PG_ROLE\")"
    assert_json '.error.hint | contains("--no-owner")'
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_r'")"
    run_evo evo-restore latest --create --no-owner --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_equal postgres "$(pg_sql -d "${PG_DB}_r" "SELECT tableowner FROM pg_tables WHERE tablename = 't'")"
}

@test "a transaction pooler is refused, with the variable to set" {
    pg_sql 'CREATE TABLE t (id int)'
    local dir pid
    # Where the user that it drops to can make its socket.
    dir=$(mktemp -d "$EVO_TEST_DIR/pooler.XXXXXX")
    chmod 0777 "$dir"
    cat >"$dir/ini" <<INI
[databases]
* = host=$PG_SOCKET port=$PG_PORT user=postgres
[pgbouncer]
unix_socket_dir = $dir
listen_addr =
listen_port = 6432
auth_type = any
pool_mode = transaction
logfile = $dir/log
server_idle_timeout = 1
INI
    "${_pg_drop[@]:-env}" pgbouncer -q "$dir/ini" >/dev/null 2>&1 3>&- &
    pid=$!
    wait_until 10 test -S "$dir/.s.PGSQL.6432"
    # Other clients take turns on its connections, as they do in real life.
    "$PG_BINDIR/psql" -XAtqc 'SELECT 1' -h "$dir" -p 6432 -U postgres "$PG_DB" >/dev/null
    run_evo evo-backup create --database "postgresql:///$PG_DB?host=$dir&port=6432&user=postgres" --json
    kill "$pid"
    wait "$pid" || true
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.hint | contains("DIRECT_URL"))'
}

@test "a statement that pg_restore could not run is not shown: it may hold a password" {
    pg_fresh_db
    local source=$PG_DB role
    role=r_mapped_$(random_word)
    add_canary canary-user-mapping
    pg_sql "CREATE EXTENSION IF NOT EXISTS postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw; CREATE ROLE $role;
        CREATE USER MAPPING FOR $role SERVER s OPTIONS (user 'u', password 'canary-user-mapping')"
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/mapped"
    assert_exit 0
    pg_sql "DROP USER MAPPING FOR $role SERVER s; DROP ROLE $role"
    run_evo evo-restore latest --backup-of "$source" --store "$BATS_TEST_TMPDIR/mapped" --to "$(pg_url "${source}_new")" --create --json
    assert_exit 3
    assert_stderr_has "$role"
}

@test "more tables than the server has room for locks: which setting to raise" {
    pg_private_start -c max_locks_per_transaction=10 -c max_connections=10 -c max_wal_senders=0 -c max_worker_processes=2
    pg_fresh_db
    # One transaction each. The server's shared memory has some room to spare.
    pg_sql - <<'SQL'
SELECT 'CREATE TABLE t' || i || '()' FROM generate_series(1, 3500) i \gexec
SQL
    run_evo evo-backup create --json
    assert_exit 3
    assert_json '.error.hint | contains("max_locks_per_transaction")'
    pg_private_stop
}
