# PostgreSQL for tests: throwaway clusters in a temporary folder.
#
# tests/run starts one cluster for the whole run (EVO_TEST_PG names its folder);
# a test takes a database of its own from it with pg_fresh_db. A test that has to
# restart, kill or reconfigure the server starts a private one:
#
#     setup()    { pg_fresh_db; }                    # DATABASE_URL, PG_URL, PG_DB
#     @test ...  { pg_sql 'CREATE TABLE t (id int)'; }
#
#     setup_file()    { pg_private_start -c max_connections=5; }
#     teardown_file() { pg_private_stop; }
#
# A cluster's folder holds data/, sock/, log and env (its PG_* values as shell
# assignments). It listens on a unix socket (trust) and on a loopback port (scram,
# for tests of passwords). fsync is off: a crash of the
# server loses nothing, one of the machine may. The server drops to the user
# postgres where root runs the tests, and dies with the shell that started it:
# never start one in $( ) or with bats' run.
# shellcheck shell=bash

# pg_bindir: the folder of the newest server programs of this machine.
pg_bindir() {
    local dir
    if [ -n "${EVO_TEST_PG_BINDIR:-}" ]; then
        printf '%s\n' "$EVO_TEST_PG_BINDIR"
        return
    fi
    dir=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    if [ ! -x "$dir" ]; then
        dir=$(command -v initdb) || fail "no PostgreSQL server found: ci/install-deps.sh run" || return
    fi
    printf '%s\n' "${dir%/initdb}"
}

# pg_version_bindir MAJOR: the programs of that major version: the machine's own, else what ci/tools.sh put there.
pg_version_bindir() {
    local dir
    for dir in "/usr/lib/postgresql/$1/bin" "$EVO_TOOLS/pg$1/bin"; do
        if [ -x "$dir/initdb" ]; then
            (cd -P "$dir" && pwd)
            return
        fi
    done
    fail "PostgreSQL $1 is not on this machine: ci/tools.sh pg$1"
}

# pg_versions [OLDEST]: the major versions that a test of all of them runs on: those in EVO_TEST_VERSIONS ("15 17"; "all" for
# every supported one), else the machine's own and the newest. The test's features begin with OLDEST.
pg_versions() {
    local own
    own=$("$(EVO_TEST_PG_BINDIR='' pg_bindir)/postgres" --version | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
    case ${EVO_TEST_VERSIONS:-} in
    '') printf '%s\n' "$own" 18 ;;
    all) printf '%s\n' "$own" 13 14 16 17 18 ;;
    *) tr -s ' ,' '\n' <<<"$EVO_TEST_VERSIONS" ;;
    esac | sort -nu | awk -v oldest="${1:-0}" '$1 >= oldest'
}

# The words to put before a server program: it refuses to run as root.
_pg_drop=()
_pg_user=
if [ "$(id -u)" -eq 0 ]; then
    _pg_user=postgres
    _pg_drop=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi

# Programs below a folder that only root may enter (a clone in /root): the server's user gets the right to read there.
_pg_reach() {
    [ -n "$_pg_user" ] && [[ ${_pg_drop[*]} != *dac_read_search* ]] && ! "${_pg_drop[@]}" test -x "$1/postgres" || return 0
    # The last of them: access(2) would not count it otherwise.
    _pg_drop+=(--inh-caps=+dac_read_search --ambient-caps=+dac_read_search --securebits=+no_setuid_fixup)
}

# pg_cluster_init DIR: makes a cluster in DIR (created here), not started.
pg_cluster_init() {
    local dir=$1 bindir password
    bindir=$(pg_bindir) || return
    _pg_reach "$bindir"
    password=canary-pg-$(random_word)
    mkdir -p "$dir/data" "$dir/sock"
    chmod 0700 "$dir/data"
    chmod 0755 "$dir" "$dir/sock"
    : >"$dir/log"
    printf '%s\n' "$password" >"$dir/password"
    [ -z "$_pg_user" ] || chown -R "$_pg_user" "$dir"
    if ! (cd / && env -u PGDATA LC_ALL=C "${_pg_drop[@]}" "$bindir/initdb" -D "$dir/data" -U postgres \
        --auth-local=trust --auth-host=scram-sha-256 --pwfile="$dir/password" \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync) >"$dir/initdb.log" 2>&1; then
        cat "$dir/initdb.log" >&2
        fail "could not initialize a PostgreSQL cluster in \"$dir\""
    fi
    [ ! -e "${EVO_TEST_CANARIES:-/nonexistent}" ] || add_canary "$password"
}

_pg_is_ready() {
    # A postmaster that ended will not get ready; its log says why.
    process_gone "$1" && return 0
    # Its first line is the server's pid: after a crash the file of the old one is still there.
    [ "$(sed -n -e 1p -e '8s/ *$//p' "$2/data/postmaster.pid" 2>/dev/null)" = "$1"$'\n'ready ]
}

# pg_cluster_start DIR [-c name=value]...: starts the cluster and waits until it
# takes connections. The port is picked on the first start and kept afterwards.
pg_cluster_start() {
    local dir=$1 bindir pid port try keep
    shift
    bindir=$(pg_bindir) || return
    _pg_reach "$bindir"
    keep=$(sed -n 's/^PG_PORT=//p' "$dir/env" 2>/dev/null || true)
    for try in 1 2 3; do
        port=${keep:-$(free_ports 1)} || return
        # Standard output and bats' descriptor 3 must not stay open in the server.
        (cd / && exec env -u PGDATA LC_ALL=C "${_pg_drop[@]:-env}" ${_pg_user:+--pdeathsig QUIT} \
            "$bindir/postgres" -D "$dir/data" -k "$dir/sock" -c listen_addresses=127.0.0.1 -p "$port" \
            -c fsync=off -c full_page_writes=off -c shared_buffers=64MB \
            -c max_connections=200 -c max_wal_size=2GB -c logging_collector=off -c log_min_messages=warning \
            -c log_line_prefix='%m [%p] %d ' -c timezone=UTC "$@") </dev/null >>"$dir/log" 2>&1 3>&- &
        pid=$!
        if wait_until 30 _pg_is_ready "$pid" "$dir" && ! process_gone "$pid"; then
            printf '%s\n' "$pid" >"$dir/pid"
            _pg_write_env "$dir" "$port"
            disown "$pid"
            return 0
        fi
        kill -KILL "$pid" 2>/dev/null || true
        if [ -n "$keep" ] || ! grep -q 'Address already in use' "$dir/log"; then
            break
        fi
    done
    tail -n 20 "$dir/log" >&2
    fail "could not start PostgreSQL in \"$dir\" (try $try)"
}

_pg_write_env() {
    local dir=$1 port=$2
    cat >"$dir/env" <<EOF
PG_SOCKET=$dir/sock
PG_PORT=$port
PG_PASSWORD=$(cat "$dir/password")
PG_LOG=$dir/log
PG_DATA=$dir/data
PG_PID=$(cat "$dir/pid")
PG_BINDIR=$(pg_bindir)
EOF
}

# pg_cluster_stop DIR [SIGNAL]: INT (the default) ends sessions in order, QUIT
# does not wait for a checkpoint, KILL is a crash.
pg_cluster_stop() {
    local pid
    [ -e "$1/pid" ] || return 0
    pid=$(cat "$1/pid")
    end_process "$pid" "${2:-INT}" 10
    # After a crash the next start would take the old lock file for a live server.
    [ "${2:-INT}" != KILL ] || wait_until 5 process_gone "$pid"
    rm -f "$1/pid"
}

# pg_use DIR: the helpers below talk to this cluster from now on.
pg_use() {
    # shellcheck source=/dev/null
    . "$1/env"
    export PG_SOCKET PG_PORT PG_PASSWORD PG_LOG PG_DATA PG_PID PG_BINDIR
    # psql and pg_dump of the server's own version, for tests and for evo.
    case $PATH: in
    "$PG_BINDIR:"*) ;;
    *) export PATH=$PG_BINDIR:$PATH ;;
    esac
}

# pg_url DB [USER]: connection string by the unix socket, no password in it.
pg_url() {
    printf 'postgresql:///%s?host=%s&port=%s&user=%s\n' "$1" "$PG_SOCKET" "$PG_PORT" "${2:-postgres}"
}

# pg_tcp_url DB [USER [PASSWORD]]: by loopback TCP, where the password counts.
pg_tcp_url() {
    printf 'postgresql://%s:%s@127.0.0.1:%s/%s\n' "${2:-postgres}" "${3:-$PG_PASSWORD}" "$PG_PORT" "$1"
}

# pg_sql [-d DB] SQL [VARIABLE=VALUE]...: rows unaligned, fields split by |, no
# header; fails with the server's message. SQL - reads from standard input.
pg_sql() {
    local db=${PG_DB:-postgres} sql v vars=()
    if [ "$1" = -d ]; then
        db=$2
        shift 2
    fi
    sql=$1
    shift
    for v in "$@"; do vars+=(-v "$v"); done
    if [ "$sql" = - ]; then
        cat
    else
        printf '%s\n' "$sql"
    fi | env -u PGOPTIONS "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 "${vars[@]}" \
        -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "$db" -f -
}

# pg_fresh_db: a new empty database. Sets and exports PG_DB, PG_URL (socket),
# PG_TCP_URL and DATABASE_URL (= PG_URL). PG_DB alone changes for a second call,
# so keep the first name where both are needed.
pg_fresh_db() {
    local cluster=${PG_CLUSTER:-${EVO_TEST_PG:?start the tests with tests/run}} strategy=''
    pg_use "$cluster" || return
    PG_DB=t_$(random_word)
    # Copied file by file: half the work, and nothing of it in the log. Servers before 15 know no other way.
    [ "$(<"$cluster/data/PG_VERSION")" -lt 15 ] || strategy='STRATEGY file_copy'
    pg_sql -d postgres "CREATE DATABASE $PG_DB $strategy" || return
    PG_URL=$(pg_url "$PG_DB")
    PG_TCP_URL=$(pg_tcp_url "$PG_DB")
    export PG_DB PG_URL PG_TCP_URL DATABASE_URL=$PG_URL
}

# pg_fresh_role [ATTRIBUTES]: a new login role; sets PG_ROLE and PG_ROLE_PASSWORD.
pg_fresh_role() {
    PG_ROLE=r_$(random_word)
    PG_ROLE_PASSWORD=canary-role-$(random_word)
    add_canary "$PG_ROLE_PASSWORD"
    pg_sql "CREATE ROLE $PG_ROLE LOGIN PASSWORD '$PG_ROLE_PASSWORD' ${1:-}"
}

# pg_advisory_locks: how many are held in this database.
pg_advisory_locks() {
    pg_sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
}

_pg_is_unlocked() {
    [ "$(pg_advisory_locks)" = 0 ]
}

# assert_unlocked: none is held in this database. The server needs a moment to end a session whose program is gone.
assert_unlocked() {
    wait_until 5 _pg_is_unlocked || fail "an advisory lock is left"
}

# pg_private_start [-c name=value]...: a cluster of this file or test alone; the
# helpers use it until pg_private_stop. Sets PG_CLUSTER.
pg_private_start() {
    PG_CLUSTER=$(mktemp -d "${EVO_TEST_DIR:?start the tests with tests/run}/pg.XXXXXX") || return
    export PG_CLUSTER
    pg_cluster_init "$PG_CLUSTER" && pg_cluster_start "$PG_CLUSTER" "$@" && pg_use "$PG_CLUSTER"
}

# pg_version_start MAJOR [-c name=value]...: a private cluster of that major version.
pg_version_start() {
    EVO_TEST_PG_BINDIR=$(pg_version_bindir "$1") || return
    export EVO_TEST_PG_BINDIR
    shift
    pg_private_start "$@"
}

# pg_private_restart [-c name=value]...: stop in order, start again on the same port.
pg_private_restart() {
    pg_cluster_stop "$PG_CLUSTER" && pg_cluster_start "$PG_CLUSTER" "$@" && pg_use "$PG_CLUSTER"
}

# pg_private_kill: a crash: the postmaster is killed, its children follow.
pg_private_kill() {
    pg_cluster_stop "$PG_CLUSTER" KILL
}

pg_private_stop() {
    [ -n "${PG_CLUSTER:-}" ] || return 0
    pg_cluster_stop "$PG_CLUSTER" QUIT
    rm -rf "$PG_CLUSTER"
    unset PG_CLUSTER
}
