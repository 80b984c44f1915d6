# The layout alembic, with the real Alembic: failures, lies, locks, cancels, secrets.
# seconds: 40
# shellcheck disable=SC2154 # LAYOUT and the like come from the helpers
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/alembic

setup() {
    pg_fresh_db
    alembic_project
}

teardown() {
    release
}

@test "a revision that fails leaves those before it, and nothing of its own" {
    revision aaa1 "'2b3c4d5e6f70'" 'CREATE TABLE aaa1 (); CREATE TABLE users ()'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.reason == "migration_failed" and .error.migration == "aaa1_step" and .error.schema_clean'
    assert_json '.error.detail | contains("relation \"users\" already exists")'
    assert_json '(.data.applied | length) == 2 and [.data.pending[].name] == ["aaa1_step"]'
    assert_equal 2b3c4d5e6f70 "$(versions)"
    assert_equal f "$(exists aaa1)"
    PER_MIGRATION=1 run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean'
    # Mended, it goes on.
    revision aaa1 "'2b3c4d5e6f70'" 'CREATE TABLE aaa1 ()'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal aaa1 "$(versions)"
}

@test "a revision that leaves the transaction is not called clean, and can be recorded" {
    revision aaa1 "'2b3c4d5e6f70'"
    cat >>"$VERSIONS/aaa1_step.py" <<'END'


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY users_email ON users (email)")
    op.execute("SELECT 1 / 0")
END
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.migration == "aaa1_step" and .error.schema_clean == null'
    assert_json '.error.hint | contains("evo-migrate resolve --applied aaa1_step")'
    assert_equal t "$(exists users_email)"
    run_evo evo-migrate resolve --applied aaa1_step
    assert_exit 0
    assert_equal aaa1 "$(versions)"
    alembic_run current --check-heads
}

@test "an alembic that says yes and does nothing is not believed" {
    lying_alembic 'echo "INFO all done"; exit 0'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.message | contains("says that it succeeded, but by its ledger") and contains("is not applied")'
    assert_json '.error.hint | contains("DATABASE_URL")'
    assert_json '.error.detail | contains("INFO all done")'
    assert_json '.data.applied == [] and .error.schema_clean'
}

@test "an alembic that says no behind its work is not believed either" {
    # shellcheck disable=SC2016
    lying_alembic '"$REAL" "$@"; exit 1'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '(.data.applied | length) == 2'
    assert_stderr_has 'ended with status 1, but by its ledger it is applied'
    run_evo evo-migrate down
    assert_exit 0
    assert_equal 1a2b3c4d5e6f "$(versions)"
}

@test "an alembic that does more than it was asked for is stopped" {
    # shellcheck disable=SC2016
    lying_alembic '"$REAL" upgrade head'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.message | contains("did something else") and contains("2b3c4d5e6f70_add_user_status")'
    assert_json '.error.schema_clean == false and .data.applied == []'
}

@test "time-outs reach alembic, a lock is tried for again, and the one in the way is named" {
    alembic_run upgrade head
    revision aaa1 "'2b3c4d5e6f70'" 'ALTER TABLE users ADD COLUMN age int'
    hold 'SELECT * FROM users'
    run_evo evo-migrate up --lock-timeout 300ms --lock-retries 1 --json
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable" and .error.sqlstate == "55P03" and .error.schema_clean'
    assert_json '.error.message | contains("in 2 tries")'
    assert_json '.error.detail | contains("holder")'
    release
    revision aaa1 "'2b3c4d5e6f70'" 'SELECT pg_sleep(30)'
    run_evo evo-migrate up --statement-timeout 200ms --json
    assert_exit 7
    assert_json '.error.message | contains("statement timeout")'
    assert_json '.error.sqlstate == "57014" and .error.schema_clean'
}

@test "a cancel ends alembic and its statement, and says that nothing is left" {
    revision aaa1 "'2b3c4d5e6f70'" 'CREATE TABLE aaa1 (); SELECT pg_sleep(60)'
    start_evo evo-migrate up --json
    wait_until 20 query_runs 'CREATE TABLE aaa1%'
    kill -INT "$EVO_PID"
    local begun=$SECONDS
    finish_evo
    assert_exit 130
    [ $((SECONDS - begun)) -le 6 ]
    assert_json '.error.reason == "cancelled" and .error.migration == "aaa1_step" and .error.schema_clean'
    assert_json '(.data.applied | length) == 2'
    assert_equal f "$(exists aaa1)"
    wait_until 5 no_sessions
}

@test "an alembic that does not listen is killed, and what it left at the server is ended" {
    # shellcheck disable=SC2016
    lying_alembic 'trap "" INT; psql -Xqc "SELECT pg_sleep(60)" & psql -Xqc "SELECT pg_sleep(61)"; sleep 60'
    start_evo evo-migrate up --json
    wait_until 20 query_runs 'SELECT pg_sleep(61)%'
    kill -TERM "$EVO_PID"
    local begun=$SECONDS
    finish_evo
    assert_exit 143
    [ $((SECONDS - begun)) -le 7 ]
    wait_until 5 no_sessions
}

@test "another run waits at the lock while alembic is at work" {
    revision aaa1 "'2b3c4d5e6f70'" 'SELECT pg_sleep(60)'
    start_evo evo-migrate up
    wait_until 20 query_runs 'SELECT pg_sleep(60)%'
    run_evo evo-migrate up --wait 0 --json
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable"'
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
}

@test "the password goes in by environment, and comes out nowhere" {
    local user
    pg_fresh_role
    pg_sql "GRANT CREATE, USAGE ON SCHEMA public TO $PG_ROLE"
    unset PGPASSWORD
    # What stands in DATABASE_URL is another database: evo's own choice has to win.
    export DATABASE_URL=postgresql://nobody@127.0.0.1:1/nowhere
    # shellcheck disable=SC2016
    lying_alembic 'ps -ww -o args= -p $$ -p $PPID; env | grep -E "^(PGPASSWORD|DATABASE_URL|PGOPTIONS)="; exec "$REAL" "$@"'
    EVO_DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-migrate up --verbose
    assert_exit 0
    assert_stderr_has 'DATABASE_URL=postgresql://'
    assert_equal 2b3c4d5e6f70 "$(versions)"
    user=$(pg_sql "SELECT tableowner FROM pg_tables WHERE tablename = 'users'")
    assert_equal "$PG_ROLE" "$user"
}

@test "a probe that fails behind alembic's commit says how to take it back" {
    mkdir -p evo/2b3c4d5e6f70_add_user_status evo/1a2b3c4d5e6f_create_users
    echo 'SELECT false' >evo/2b3c4d5e6f70_add_user_status/verify_up.sql
    echo "SELECT to_regclass('users') IS NOT NULL" >evo/1a2b3c4d5e6f_create_users/verify_up.sql
    echo "SELECT to_regclass('users') IS NULL" >evo/1a2b3c4d5e6f_create_users/verify_down.sql
    echo 'SELECT 1' >evo/1a2b3c4d5e6f_create_users/down.sql
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '[.data.applied[].verify] == ["passed", "failed"]'
    assert_json '.error.next | startswith("evo-migrate down --steps 1")'
    assert_json 'any(.data.warnings[]; contains("alembic takes its migrations back itself"))'
    run_evo evo-migrate down --steps 2 --json
    assert_exit 0
    assert_json '[.data.rolled_back[].verify] == ["none", "passed"]'
}

pooler_answers() {
    "$PG_BINDIR/psql" -XAtq -h 127.0.0.1 -p "$1" -U postgres -d "$PG_DB" -c 'SELECT 1' >/dev/null 2>&1
}

@test "a session pooler refuses the time-outs, and is named" {
    local port dir bouncer
    port=$(free_ports 1)
    # A folder that the user the pooler drops to can reach.
    dir=$(mktemp -d "$EVO_TEST_DIR/pooler.XXXXXX")
    chmod 0777 "$dir"
    cat >"$dir/pgbouncer.ini" <<INI
[databases]
$PG_DB = host=$PG_SOCKET port=$PG_PORT user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
auth_type = any
pool_mode = session
unix_socket_dir =
logfile = $dir/log
INI
    chmod 0644 "$dir/pgbouncer.ini"
    "${_pg_drop[@]:-env}" pgbouncer -q "$dir/pgbouncer.ini" </dev/null >/dev/null 2>&1 3>&- &
    bouncer=$!
    wait_until 10 pooler_answers "$port" || fail 'pgbouncer did not start'
    DATABASE_URL="postgresql://postgres@127.0.0.1:$port/$PG_DB" run_evo evo-migrate up --json
    kill "$bouncer"
    wait "$bouncer" || true
    assert_exit 3
    assert_json '.error.reason == "unsupported" and .error.schema_clean and (.error.message | contains("PGOPTIONS"))'
    assert_json '.error.hint | contains("DIRECT_URL")'
    assert_equal f "$(exists users)"
}

@test "a server that goes away under alembic leaves a verdict, not a guess" {
    revision aaa1 "'2b3c4d5e6f70'" 'CREATE TABLE aaa1 (); SELECT pg_sleep(60)'
    start_evo evo-migrate up --json
    wait_until 20 query_runs 'CREATE TABLE aaa1%'
    # Both sessions: evo's own, with the lock, and alembic's.
    pg_sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'evo-migrate%' AND datname = current_database()"
    finish_evo
    assert_exit 7
    assert_json '.error.migration == "aaa1_step" and .error.schema_clean and (.data.applied | length) == 2'
    assert_equal 2b3c4d5e6f70 "$(versions)"
    assert_unlocked
}
