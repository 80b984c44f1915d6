# Beside evo-backfill: sessions that write meanwhile, and how far it is.
#
#     load ../lib/evo
#     load ../lib/migrate
#     load ../lib/backfill
#
# shellcheck shell=bash

# writer_start SCRIPT: pgbench runs the transaction in SCRIPT over and over, in two sessions, until writer_stop.
writer_start() {
    printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/writer.sql"
    "$PG_BINDIR/pgbench" -n -c 2 -T 120 -f "$BATS_TEST_TMPDIR/writer.sql" "$PG_URL" >"$BATS_TEST_TMPDIR/writer.log" 2>&1 3>&- &
    WRITER_PID=$!
}

writer_stop() {
    [ -n "${WRITER_PID:-}" ] || return 0
    kill -TERM "$WRITER_PID" 2>/dev/null || true
    wait "$WRITER_PID" || true
    WRITER_PID=
    # What it says at the end is no matter; an error of its statements is.
    ! grep -E '^pgbench: error' "$BATS_TEST_TMPDIR/writer.log" || fail "the writer failed"
}

# rows_done: of all backfills, as committed so far.
rows_done() {
    pg_sql "SELECT coalesce(sum(rows_done), 0) FROM evo.backfill" 2>/dev/null || echo 0
}

rows_done_at_least() {
    [ "$(rows_done)" -ge "$1" ]
}

# numbers N [EXTRA COLUMNS]: table n with ids 1 to N and hits = 0.
numbers() {
    pg_sql "CREATE TABLE n (id bigint PRIMARY KEY, hits int NOT NULL DEFAULT 0 ${2:+, $2});
            INSERT INTO n (id) SELECT generate_series(1, $1); ANALYZE n"
}

# once ROWS: each of so many rows of n was changed once, and none else.
once() {
    assert_equal "$1|1|1" "$(pg_sql 'SELECT count(*), min(hits), max(hits) FROM n')"
}
