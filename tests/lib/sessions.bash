# Sessions that hold locks, wait and are ended: psql in the background, by name.
#
#     load ../lib/sessions
#     teardown() { sessions_end; }
#     @test ... { session holder "BEGIN; SELECT 1 AS held FROM t" held; session waiter "ALTER TABLE t ..."; pid_of waiter; }
#
# The name is the application_name of the session. Files: $BATS_TEST_TMPDIR/session.NAME.
# shellcheck shell=bash

declare -gA SESSION_FD=() SESSION_PSQL=() SESSION_PID=()
declare -gi SESSIONS=0

# session NAME SQL [TEXT]: runs SQL and stays; waits until its output shows TEXT, where one is given.
session() {
    _session "$PG_URL" "$@"
}

# session_as ROLE PASSWORD NAME SQL [TEXT]: the same as another role.
session_as() {
    local url
    url=$(pg_tcp_url "$PG_DB" "$1" "$2")
    shift 2
    _session "$url" "$@"
}

_session() {
    local url=$1 name=$2 sql=$3 text=${4:-} fifo fd
    fifo=$BATS_TEST_TMPDIR/session.$((SESSIONS += 1))
    mkfifo "$fifo"
    PGAPPNAME=$name "$PG_BINDIR/psql" -Xtq "$url" <"$fifo" >"$fifo.out" 2>&1 3>&- &
    SESSION_PSQL[$name]=$!
    exec {fd}>"$fifo"
    SESSION_FD[$name]=$fd
    printf '%s\n' "SELECT 'pid=' || pg_backend_pid();" >&"$fd"
    wait_until 10 grep -q 'pid=' "$fifo.out"
    SESSION_PID[$name]=$(sed -n 's/.*pid=//p' "$fifo.out" | head -n 1)
    printf '\\pset tuples_only off\n%s;\n' "$sql" >&"$fd"
    [ -z "$text" ] || wait_until 10 grep -q -- "$text" "$fifo.out"
}

# pid_of NAME: the server's process.
pid_of() {
    printf '%s\n' "${SESSION_PID[$1]}"
}

# session_says NAME SQL: one more statement.
session_says() {
    printf '%s;\n' "$2" >&"${SESSION_FD[$1]}"
}

# session_lives NAME, session_gone PID
session_lives() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE pid = ${SESSION_PID[$1]}")" = 1 ] ||
        fail "session $1 is gone"
}
session_gone() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE pid = $1")" = 0 ]
}

# idle_in_transaction NAME
idle_in_transaction() {
    [ "$(pg_sql "SELECT state FROM pg_stat_activity WHERE pid = ${SESSION_PID[$1]}")" = 'idle in transaction' ]
}

# session_end NAME: its transaction is rolled back.
session_end() {
    local fd=${SESSION_FD[$1]}
    kill "${SESSION_PSQL[$1]}" 2>/dev/null || true
    wait "${SESSION_PSQL[$1]}" 2>/dev/null || true
    exec {fd}>&-
    unset "SESSION_FD[$1]" "SESSION_PSQL[$1]"
}

sessions_end() {
    local name
    for name in "${!SESSION_FD[@]}"; do session_end "$name"; done
}
