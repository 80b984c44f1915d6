# evo-locks kill: one session is ended, after saying whose it is; and some never are.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sessions

setup() {
    pg_fresh_db
    pg_sql 'CREATE TABLE orders (id int)'
}

teardown() {
    sessions_end
}

schema_holds() {
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/locks.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

# waits N: true when so many sessions of this database wait for a lock.
waits() {
    [ "$(pg_sql "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE NOT l.granted AND a.datname = current_database()")" = "$1" ]
}

@test "kill: without --yes it only says what it would end, and the command to do it" {
    pg_fresh_role
    session_as "$PG_ROLE" "$PG_ROLE_PASSWORD" victim "BEGIN; SELECT count(*) AS held FROM pg_class" held
    local pid
    pid=$(pid_of victim)
    run_evo evo-locks kill "$pid" --json
    assert_exit 2
    schema_holds
    assert_json ".error.reason == \"usage\" and .data.ended == false and .data.target.pid == $pid and .data.target.application == \"victim\""
    assert_json ".error.next | startswith(\"evo-locks kill $pid --yes --started 20\")"
    session_lives victim
    # the command that it proposes
    eval "run_evo $(json .error.next) --json"
    assert_exit 0
    schema_holds
    assert_json ".data.ended and .data.target.user == \"$PG_ROLE\""
    wait_until 5 session_gone "$pid"
    run_evo evo-locks kill "$pid" --yes --json
    assert_exit 1
    assert_json '.error.reason == "not_found"'
}

@test "kill --yes says whom it ended and who waited; those go on" {
    pg_fresh_role
    pg_sql "GRANT SELECT ON orders TO $PG_ROLE"
    session_as "$PG_ROLE" "$PG_ROLE_PASSWORD" victim "BEGIN; SELECT count(*) AS held FROM orders" held
    session alter 'ALTER TABLE orders ADD COLUMN note text'
    wait_until 10 waits 1
    run_evo evo-locks kill "$(pid_of victim)" --yes
    assert_exit 0
    assert_stdout_has "ended: pid $(pid_of victim) (user \"$PG_ROLE\", application \"victim\", idle in transaction for"
    assert_stdout_has "1 session waits behind it: pid $(pid_of alter) (public.orders)"
    wait_until 10 waits 0
    assert_equal note "$(pg_sql "SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'note'")"
}

@test "kill --cancel ends the query and leaves the session; an idle one has none" {
    pg_fresh_role
    session_as "$PG_ROLE" "$PG_ROLE_PASSWORD" victim 'SELECT pg_sleep(600)'
    wait_until 10 query_runs 'SELECT pg_sleep(600)%'
    run_evo evo-locks kill "$(pid_of victim)" --cancel --yes --json
    assert_exit 0
    session_lives victim
    assert_equal f "$(pg_sql "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $(pid_of victim)")"
    run_evo evo-locks kill "$(pid_of victim)" --cancel --yes --json
    assert_exit 2
    assert_json '.error.message | contains("runs no query that could be cancelled")'
}

@test "kill never ends a superuser, itself, the server's own, another database's, or another session with the pid" {
    session boss "BEGIN; SELECT count(*) AS held FROM orders" held
    run_evo evo-locks kill "$(pid_of boss)" --yes --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.message | contains("superuser")) and (.error.detail | contains("application \"boss\"")) and .data.ended == false'
    session_lives boss
    local own
    own=$(pg_sql "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    run_evo evo-locks kill "$own" --yes --json
    assert_exit 3
    assert_json '.error.message | contains("server'"'"'s own, checkpointer")'
    pg_fresh_role
    session_as "$PG_ROLE" "$PG_ROLE_PASSWORD" victim "BEGIN; SELECT count(*) AS held FROM pg_class" held
    run_evo evo-locks kill "$(pid_of victim)" --yes --started 2020-01-01T00:00:00.000000Z --json
    assert_exit 1
    assert_json '.error.reason == "not_found" and (.error.detail | contains("another session now"))'
    DATABASE_URL=$(pg_url postgres) run_evo evo-locks kill "$(pid_of victim)" --yes --json
    assert_exit 3
    assert_json '.error.message | contains("another database")'
    session_lives victim
    # a role without the right to see it
    local victim=$PG_ROLE
    pg_fresh_role
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-locks kill "$(pid_of victim)" --yes --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("GRANT"))'
    # one that may see and not end
    pg_sql "GRANT pg_read_all_stats TO $PG_ROLE"
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-locks kill "$(pid_of victim)" --yes --json
    assert_exit 3
    assert_json '.error.reason == "permission" and .error.sqlstate == "42501" and (.error.hint | contains("pg_signal_backend"))'
    session_lives victim
    run_evo evo-locks kill nobody --yes
    assert_exit 2
    run_evo evo-locks kill 2147483646 --yes --json
    assert_exit 1
    assert_json '.error.reason == "not_found"'
}
