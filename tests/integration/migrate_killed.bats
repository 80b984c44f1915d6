# Blows at moments that nobody chose, in the middle of evo-migrate up: kill -9 of evo, pg_terminate_backend of its session, a
# crash of the server, a cut of the network. Whatever the moment, running it again ends in the same schema, rows and ledger
# as a run without faults, and nothing was applied twice.
#
# EVO_TEST_KILLS says how often (8); EVO_TEST_SEED repeats the moments of a run, as far as the machine lets it.
# seconds: 30
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    KILLS=${EVO_TEST_KILLS:-8}
    RANDOM=${EVO_TEST_SEED:-$((SRANDOM % 32768))}
    echo "EVO_TEST_SEED=$RANDOM" >&2
    RANDOM=$RANDOM
    pg_private_start
    pg_fresh_db
    DIRECT=$DATABASE_URL
}

teardown() {
    jobs -p | xargs -r kill -KILL 2>/dev/null || true
    wait
    pg_private_stop
}

# make_migrations: files of every kind that evo can resume by itself. Each statement that changes rows says so in table
# `done`, which has no key: what ran twice stands there twice.
make_migrations() {
    local i name
    migration 20250101000000_done up 'CREATE TABLE done (what text);'
    for ((i = 12; i < 24; i++)); do
        name=202502${i}000000_m
        case $((i % 4)) in
        0) migration "$name" up "CREATE TABLE t$i (id int); INSERT INTO t$i SELECT generate_series(1, 20000);
               CREATE INDEX ON t$i (id); INSERT INTO done VALUES ('a$i');" ;;
        1) migration "$name" up "INSERT INTO done VALUES ('b$i'); CREATE INDEX CONCURRENTLY i$i ON done (what);
               CREATE TABLE u$i (id int); INSERT INTO done VALUES ('c$i');" ;;
        2) migration "$name" up "INSERT INTO done VALUES ('d$i'); CREATE TABLE t$i (id int); CREATE TYPE e$i AS ENUM ('a');" ;;
        3) migration "$name" up "ALTER TYPE e$((i - 1)) ADD VALUE 'b'; DROP INDEX CONCURRENTLY i$((i - 2));
               CREATE INDEX CONCURRENTLY i$i ON done (what); REINDEX INDEX CONCURRENTLY i$i;" ;;
        esac
        migration "$name" verify_up "SELECT count(*) > 0 FROM done;"
    done
}

# outcome: what must be the same in the end, however it came about.
outcome() {
    schema_sum
    pg_sql 'SELECT what, count(*) FROM done GROUP BY what ORDER BY what'
    ledger | grep -v '|rolled back$'
    pg_sql "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    pg_sql 'SELECT count(*) FROM evo.journal'
    pg_advisory_locks
}

# strike WHOM
strike() {
    case $1 in
    program) kill -KILL "$EVO_PID" 2>/dev/null || true ;;
    session)
        "$PG_BINDIR/psql" -XAtq "$DIRECT" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'evo-migrate'" >/dev/null
        ;;
    server) pg_private_kill ;;
    network) kill -KILL "$PROXY" 2>/dev/null || true ;;
    esac
}

server_answers() {
    pg_sql -d postgres 'SELECT 1' >/dev/null 2>&1
}

# start_proxy: DATABASE_URL leads through it.
start_proxy() {
    local sockets=$BATS_TEST_TMPDIR/proxy
    rm -rf "$sockets"
    mkdir -p "$sockets"
    "$EVO_ROOT/tests/lib/cut_proxy.py" "$sockets/.s.PGSQL.$PG_PORT" "$PG_SOCKET/.s.PGSQL.$PG_PORT" \
        >"$sockets/ready" 3>&- &
    PROXY=$!
    wait_until 10 grep -q ready "$sockets/ready"
    DATABASE_URL="postgresql://postgres@/$PG_DB?host=$sockets&port=$PG_PORT"
}

# kill_once WHOM: from an empty database; a blow, perhaps two; then again until all is there.
kill_once() {
    local whom=$1 tries
    pg_sql -d postgres "DROP DATABASE \"$PG_DB\" WITH (FORCE)" >/dev/null
    pg_sql -d postgres "CREATE DATABASE \"$PG_DB\"" >/dev/null
    for tries in 1 2; do
        DATABASE_URL=$DIRECT
        [ "$whom" != network ] || start_proxy
        start_evo evo-migrate up --wait 30s --json
        sleep "$(awk -v ms="$DURATION" -v r="$RANDOM" 'BEGIN { printf "%.3f", ms * r / 32767 / 1000 }')"
        strike "$whom"
        wait_until 60 process_gone "$EVO_PID" || fail "evo-migrate hangs after a blow to the $whom"
        finish_evo
        [ "$whom" != server ] || pg_private_restart
        wait_until 30 server_answers
        # It lived on, or it was through: what it says is true.
        case $whom-$status in
        *-0 | program-137 | session-[37] | server-[37] | network-[37]) ;;
        *) fail "exit status $status after a blow to the $whom: $stderr" ;;
        esac
        [ "$status" -ne 0 ] || break
    done
    DATABASE_URL=$DIRECT
    run_evo evo-migrate up --wait 30s --json
    [ "$status" -eq 0 ] || fail "after a blow to the $whom: $stderr"
    wait_until 10 no_sessions
    assert_equal "$WANT" "$(outcome)"
}

# kill_many LAYOUT N
kill_many() {
    local i began whom=(program session server network)
    migrate_project "$1"
    make_migrations
    began=$(date +%s%3N)
    run_evo evo-migrate up
    assert_exit 0
    DURATION=$(($(date +%s%3N) - began))
    wait_until 10 no_sessions
    WANT=$(outcome)
    for ((i = 0; i < $2; i++)); do
        kill_once "${whom[i % 4]}"
    done
}

@test "blows in the middle of Prisma's migrations" {
    kill_many prisma $(((KILLS + 1) / 2))
}

@test "blows in the middle of migrations of plain SQL" {
    kill_many sql $((KILLS / 2))
}
