# What a person on a terminal, a log, and a program see of a long operation.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
}

teardown() {
    # Whatever a failed test left running in the background.
    jobs -p | xargs -r kill 2>/dev/null || true
    wait
}

# assert_events: every line of stderr is an event as the schema says.
assert_events() {
    local dir=$BATS_TEST_TMPDIR/events
    rm -rf "$dir"
    mkdir "$dir"
    [ -s "$ERR" ] || fail "no event at all"
    split -l 1 -a 5 "$ERR" "$dir/"
    assert_schema "$EVO_ROOT/lib/schema/progress.schema.json" "$dir"/*
}

# events FILTER: jq's FILTER over the array of the events.
events() {
    jq -rs "$1" <"$ERR"
}

# gated_backup: a backup of this database whose rows a restore can load only when advisory lock 42 of the target's
# database is to be had.
gated_backup() {
    pg_sql "CREATE FUNCTION public.gate() RETURNS boolean LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(42); RETURN true; END';
            CREATE TABLE plain AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
            CREATE TABLE \"gated öäü with a name that is long enough to be cut\" (i int CHECK (public.gate()));
            INSERT INTO \"gated öäü with a name that is long enough to be cut\" SELECT generate_series(1, 100)"
    run_evo evo-backup create --json
    assert_exit 0
    ID=$(json .data.id)
    TARGET=${PG_DB}_to
    pg_sql -d postgres "CREATE DATABASE $TARGET"
}

# close_gate: a session that holds the lock in the target's database, until open_gate.
close_gate() {
    coproc GATE { "$PG_BINDIR/psql" -XAtq -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "$TARGET" 2>&1; }
    gate=$GATE_PID # bash forgets its own variable as soon as the process has ended
    echo 'SELECT pg_advisory_lock(42);' >&"${GATE[1]}"
    wait_until 10 gate_waits 1 t
}

open_gate() {
    echo '\q' >&"${GATE[1]}"
    wait "$gate"
}

# gate_waits AT_LEAST GRANTED: so many sessions hold the lock, or wait for it.
gate_waits() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE datname = '$TARGET' AND locktype = 'advisory' AND objid = 42 AND granted = '$2'")" -ge "$1" ]
}

# restore_on_pty COLUMNS [VARIABLE=VALUE...]: the restore begins on a terminal, in the background. Sets RESTORE_PID.
restore_on_pty() {
    local columns=$1
    shift
    SCREEN=$BATS_TEST_TMPDIR/screen OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
    : >"$SCREEN"
    env -u CI -u COLUMNS TERM=xterm "$@" "$EVO_ROOT/tests/lib/on_pty.py" "$columns" "$SCREEN" "$(evo_bin evo-restore)" \
        "$ID" --to "$(pg_url "$TARGET")" --jobs 2 --no-analyze </dev/null >"$OUT" 2>"$ERR" 3>&- &
    RESTORE_PID=$!
}

# bars: what stood in the bar's line one after the other, without the sequence that erases the rest of it.
bars() {
    tr '\r' '\n' <"$SCREEN" | sed 's/\x1b\[K//g' | grep '^restore '
}

# has_stood: the bar was drawn eight times, at least 100 ms apart: of less, nothing would stay.
has_stood() {
    [ "$(bars | grep -c 'restore \[')" -ge 8 ]
}

# line_ends: how many were written so far.
line_ends() {
    tr -cd '\n' <"$SCREEN" | wc -c
}

# assert_narrower COLUMNS: no bar fills the line, so none can wrap.
assert_narrower() {
    bars | LC_ALL=C.UTF-8 awk -v columns="$1" 'length($0) >= columns { print; bad = 1 } END { exit bad }' ||
        fail "wider than $1 columns"
}

@test "evo-backup create --progress json: every line of stderr is an event" {
    big_table big 50000
    run_evo evo-backup create --progress json --json --verbose
    assert_exit 0
    assert_json '.data.tables == 1'
    assert_events
    assert_equal "begin end" "$(events '[.[] | select(.what == "backup") | .event] | [first, last] | join(" ")')"
    assert_equal "1 of 1 tables" "$(events 'last(.[] | select(.event == "end")) | "\(.items) of \(.items_total) \(.item)"')"
    [ "$(events 'last(.[] | select(.event == "end")) | .bytes')" -gt 1000000 ]
}

@test "with --progress json the error is an event, too, and nothing is printed around it" {
    mkdir -p "$STORE_DIR"
    GITHUB_ACTIONS=true run_evo evo-backup verify 20200101T000000Z-abcdef --progress json --json
    assert_exit 1
    assert_json '.error.reason == "not_found"'
    assert_events
    assert_equal "evo-backup not_found" "$(events 'last | "\(.program) \(.error.reason)"')"
    assert_equal "$(json .error.message)" "$(events 'last | .error.message')"
}

@test "--progress json counts what verify and restore do" {
    big_table big 1000
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-backup verify latest --progress json
    assert_exit 0
    assert_events
    assert_equal "begin verify" "$(events 'first(.[] | select(.event == "begin")) | "\(.event) \(.what)"')"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_to")" --progress json
    assert_exit 0
    assert_events
    assert_equal notice "$(events 'first | select(.event == "log") | .level')"
    assert_equal "restore 1 of 1, analyze 1 of 1" "$(events '[.[] | select(.event == "end") | "\(.what) \(.items) of \(.items_total)"] | join(", ")')"
}

@test "progress by variable, by word, and an unknown word" {
    big_table big 1000
    EVO_BACKUP_PROGRESS=plain run_evo evo-backup create
    assert_exit 0
    assert_stderr_has 'backup: '
    assert_stderr_has ', 1 of 1 tables, in '
    run_evo evo-backup create --progress none
    assert_exit 0
    assert_equal "" "$stderr"
    run_evo evo-backup create
    assert_exit 0
    assert_equal "" "$stderr"
    run_evo evo-backup create --progress fancy
    assert_exit 2
    assert_stderr_has progress
}

@test "on a terminal the bar is redrawn in place, within its width, and ends with the line" {
    gated_backup
    close_gate
    restore_on_pty 60
    wait_until 20 has_stood
    wait_until 20 gate_waits 1 f
    # The line that says what goes where is all that has ended so far.
    assert_equal 1 "$(line_ends)"
    open_gate
    wait "$RESTORE_PID"
    assert_narrower 60
    bars | tail -n 1 | grep -F 'restore [==========]  100%'
    assert_equal 2 "$(line_ends)"
    assert_equal " 0d 0a" "$(tail -c 2 "$SCREEN" | od -An -tx1)"
    grep -q '20100 rows' "$OUT"
}

@test "COLUMNS is believed, and a failed operation leaves the bar as it was" {
    gated_backup
    close_gate
    restore_on_pty 200 COLUMNS=30 NO_COLOR=1
    wait_until 20 has_stood
    wait_until 20 gate_waits 1 f
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = '$TARGET' AND application_name = 'evo-restore'" >/dev/null
    restored=0
    wait "$RESTORE_PID" || restored=$?
    assert_equal 3 "$restored"
    open_gate
    assert_narrower 30
    # The line before the error's.
    tr '\r' '\n' <"$SCREEN" | sed 's/\x1b\[K//g' | grep -v '^$' | grep -B 1 '^evo-restore: error: ' | head -n 1 |
        grep '^restore \['
}

@test "in CI a terminal gets no bar" {
    gated_backup
    close_gate
    restore_on_pty 60 CI=true
    wait_until 20 gate_waits 1 f
    open_gate
    wait "$RESTORE_PID"
    assert_equal "" "$(bars)"
    assert_equal 0 "$(grep -c $'\x1b' "$SCREEN" || true)"
    assert_equal 1 "$(line_ends)"
}
