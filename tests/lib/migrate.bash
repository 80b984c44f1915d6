# Projects of migrations for tests, and what became of them.
#
#     load ../lib/evo
#     load ../lib/migrate
#     setup() { pg_fresh_db; migrate_project sql; }
#     @test ... { migration 001_users up 'CREATE TABLE users (id int)'; run_evo evo-migrate up; assert_exit 0; }
#
# migrate_project changes into the new project's folder; evo is run there.
# shellcheck shell=bash

# migrate_project prisma|sql
migrate_project() {
    LAYOUT=$1
    PROJECT=$BATS_TEST_TMPDIR/project
    case $LAYOUT in
    prisma) MIGRATIONS=$PROJECT/prisma/migrations UP=migration ;;
    sql) MIGRATIONS=$PROJECT/migrations UP=up ;;
    *) fail "no such layout: $LAYOUT" || return ;;
    esac
    mkdir -p "$MIGRATIONS"
    cd "$PROJECT" || return
}

# migration NAME up|down|verify_up|verify_down [SQL]: writes one file of a migration, exactly (no newline is added);
# SQL - or none: from standard input.
migration() {
    local file=$2
    [ "$file" != up ] || file=$UP
    mkdir -p "$MIGRATIONS/$1"
    if [ "${3:--}" = - ]; then
        cat >"$MIGRATIONS/$1/$file.sql"
    else
        printf '%s' "$3" >"$MIGRATIONS/$1/$file.sql"
    fi
}

# ledger: a line a row, "name|state", in the order of the rows.
ledger() {
    local table=_prisma_migrations name=migration_name
    [ "$LAYOUT" = prisma ] || table=evo.migrations name=name
    pg_sql "SELECT $name, CASE WHEN rolled_back_at IS NOT NULL THEN 'rolled back'
                               WHEN finished_at IS NOT NULL THEN 'applied' ELSE 'failed' END
            FROM $table ORDER BY started_at, ctid"
}

# schema_sum: the same for the same schema; evo's own tables and the ledger are left out.
schema_sum() {
    "$PG_BINDIR/pg_dump" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -s --exclude-schema=evo -T '_prisma_migrations' "$PG_DB" |
        grep -vE '^\\(un)?restrict ' | sha256sum
}

# exists NAME: t or f.
exists() {
    pg_sql "SELECT to_regclass('$1') IS NOT NULL"
}

# start_evo NAME ARGUMENT...: in the background; its pid is EVO_PID, its output in the files BG_OUT and BG_ERR.
start_evo() {
    local bin
    bin=$(evo_bin "$1")
    shift
    BG_OUT=$BATS_TEST_TMPDIR/bg.out BG_ERR=$BATS_TEST_TMPDIR/bg.err
    "$bin" "$@" </dev/null >"$BG_OUT" 2>"$BG_ERR" 3>&- 8>&- &
    EVO_PID=$!
}

# finish_evo: waits for it; sets status, output, stderr as run_evo does.
# shellcheck disable=SC2034 # the assertions of evo.bash read them
finish_evo() {
    status=0
    wait "$EVO_PID" || status=$?
    OUT=$BG_OUT ERR=$BG_ERR
    output=$(cat "$OUT") stderr=$(cat "$ERR")
    LAST_RUN=(evo-migrate "in the background")
    assert_no_secret "$OUT" "$ERR"
}

# query_runs PATTERN: true while a session of this database runs a query like it.
query_runs() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
                 AND pid <> pg_backend_pid() AND query LIKE '$1'")" != 0 ]
}

# no_sessions: true when nobody but us is connected to this database.
no_sessions() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")" = 0 ]
}

# hold SQL: a session that runs SQL in a transaction and keeps it open; its pid (of psql) is HOLD_PID.
hold() {
    mkfifo "$BATS_TEST_TMPDIR/hold.$BASHPID" 2>/dev/null || true
    HOLD_FIFO=$BATS_TEST_TMPDIR/hold.$BASHPID
    "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 "$PG_URL" <"$HOLD_FIFO" >"$BATS_TEST_TMPDIR/hold.out" 2>&1 3>&- &
    HOLD_PID=$!
    exec 8>"$HOLD_FIFO"
    printf "SET application_name = 'holder';\nBEGIN;\n%s;\nSELECT 'held';\n" "$1" >&8
    wait_until 10 grep -q held "$BATS_TEST_TMPDIR/hold.out"
}

# release: ends what hold began.
release() {
    [ -n "${HOLD_PID:-}" ] || return 0
    # Not by the end of its input alone: another child may have inherited the pipe.
    printf 'ROLLBACK;\n\\q\n' >&8 || true
    exec 8>&-
    wait "$HOLD_PID" || true
    HOLD_PID=
}
