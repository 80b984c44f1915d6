# kill -9 at moments that nobody chose: of evo-backup, of a server process that it talks to, of the whole server.
# Whatever is listed afterwards verifies and restores; what a program that lived on could take back, it took back; and gc
# leaves nothing but whole backups.
#
# EVO_TEST_KILLS says how often (15); EVO_TEST_SEED repeats the moments of a run, as far as the machine lets it.
# seconds: 35
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    KILLS=${EVO_TEST_KILLS:-15}
    RANDOM=${EVO_TEST_SEED:-$((SRANDOM % 32768))}
    echo "EVO_TEST_SEED=$RANDOM" >&2
    RANDOM=$RANDOM
    pg_private_start
    pg_fresh_db
    # Rows that do not compress: in a bucket the large tables are several parts each.
    pg_sql "CREATE TABLE a AS SELECT i, encode(sha512(i::text::bytea), 'hex') AS h FROM generate_series(1, 250000) i;
        CREATE TABLE b AS SELECT i, encode(sha512((-i)::text::bytea), 'hex') AS h FROM generate_series(1, 150000) i;
        CREATE TABLE c AS SELECT i FROM generate_series(1, 1000) i; CREATE TABLE d (i int PRIMARY KEY REFERENCES d);
        SELECT lo_from_bytea(4711, 'lo')" >/dev/null
    WANT=$(sums_of "$PG_DB")
    known=()
}

teardown() {
    jobs -p | xargs -r kill -KILL 2>/dev/null || true
    wait
    pg_private_stop
}

sums_of() {
    pg_sql -d "$1" "SELECT 'a', count(*), sum(hashtext(t::text)) FROM a t UNION ALL SELECT 'b', count(*), sum(hashtext(t::text)) FROM b t
        UNION ALL SELECT 'c', count(*), sum(i) FROM c UNION ALL SELECT 'lo', count(*), sum(length(lo_get(oid))) FROM pg_largeobject_metadata"
}

server_answers() {
    pg_sql -d postgres 'SELECT 1' >/dev/null 2>&1
}

# strike WHOM: the blow itself. Where there is no such process at this moment, nothing happens.
strike() {
    local pid
    case $1 in
    program) kill -KILL "$EVO_PID" 2>/dev/null || true ;;
    session)
        pid=$(pg_sql -d postgres "SELECT pid FROM pg_stat_activity WHERE datname = '$PG_DB' AND backend_type = 'client backend' ORDER BY random() LIMIT 1")
        [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
        ;;
    server) pg_private_kill ;;
    esac
}

# kill_once WHOM: a backup, the blow at some moment of it, and what must hold then.
kill_once() {
    local whom=$1 started id
    started=$(date -u +%Y%m%dT%H%M%SZ)
    start_evo evo-backup create --jobs 3 --compress better --range-size 8MiB --json
    # The moment is random: from before it connects until after it may have ended.
    sleep "$(awk -v ms="$DURATION" -v r="$RANDOM" 'BEGIN { printf "%.3f", ms * r / 32767 * 1.05 / 1000 }')"
    strike "$whom"
    wait_until 60 process_gone "$EVO_PID" || fail "evo-backup hangs after kill -9 of the $whom"
    finish_evo
    echo "kill -9 of the $whom: exit $status" >&2
    case $whom in
    server) pg_private_restart ;;
    session) wait_until 30 server_answers ;;
    program)
        # Nobody is left who could use them: neither pg_dump nor the sessions.
        wait_until 10 no_session_left
        # What was on its way may still arrive. Ids begin with their second: the next run's is a later one.
        wait_until 3 later_than "$EPOCHSECONDS"
        ;;
    esac
    case $whom-$status in
    *-0) id=$(json .data.id) ;;
    program-137) id= ;;
    session-3 | server-3)
        id=
        assert_json '.ok == false and .data.id == null'
        ;;
    *) fail "exit status $status after kill -9 of the $whom: $stderr" ;;
    esac
    # One that lived on took back what it had stored.
    [ "$status" -eq 137 ] || assert_equal "" "$(unfinished_since "$started")"
    check_listed
    [ -z "$id" ] || [[ " ${known[*]} " == *" $id "* ]] || fail "\"$id\" was reported, and is not listed"
}

later_than() {
    [ "$EPOCHSECONDS" -gt "$1" ]
}

# unfinished_since ID: what lies in the store, or is half uploaded, of backups without a manifest, whose ids are not before that one.
unfinished_since() {
    if [ "$EVO_STORE" = "${STORE_DIR:-}" ]; then
        (cd "$STORE_DIR/backups/default/$PG_DB" && find . -type f -printf '%P\n')
    else
        { s3_list "store/backups/default/$PG_DB/" && s3_uploads; } | sed "s,^store/backups/default/$PG_DB/,,"
    fi | awk -F / -v since="$1" '$1 >= since { names[$1] = names[$1] " " $2 }
        END { for (id in names) if (names[id] !~ / manifest[.]json/) print id ":" names[id] }'
}

# check_listed: each complete backup that was not there before verifies, and restores to what was backed up.
check_listed() {
    local id
    run_evo evo-backup list --json
    assert_exit 0
    for id in $(json '.data.backups[].id'); do
        [[ " ${known[*]} " != *" $id "* ]] || continue
        run_evo evo-backup verify "$id"
        assert_exit 0
        run_evo evo-restore "$id" --create --to "$(pg_url restored)"
        assert_exit 0
        assert_equal "$WANT" "$(sums_of restored)"
        pg_sql -d postgres 'DROP DATABASE restored'
        known+=("$id")
    done
}

# kill_many N: in turns the program, a session, the server; then everything still works.
kill_many() {
    local i began
    began=$(date +%s%3N)
    run_evo evo-backup create --jobs 3 --compress better --range-size 8MiB
    assert_exit 0
    DURATION=$(($(date +%s%3N) - began))
    check_listed
    for ((i = 0; i < $1; i++)); do
        case $((i % 3)) in
        0) kill_once program ;;
        1) kill_once session ;;
        2) kill_once server ;;
        esac
    done
    run_evo evo-backup create --json
    assert_exit 0
    check_listed
    run_evo evo-backup gc --grace 0s --json
    assert_exit 0
    assert_json '.data.left == [] and .data.failed == []'
    assert_equal "" "$(unfinished_since '')"
    # Not only the new ones: no blow harmed a backup that was there.
    for id in "${known[@]}"; do
        run_evo evo-backup verify "$id"
        assert_exit 0
    done
}

@test "kill -9 while a backup goes to a folder" {
    use_folder_store
    kill_many $(((KILLS + 1) / 2))
    # Nor is a folder left that holds nothing, or a file under a passing name.
    assert_equal "$(printf '%s\n' "${known[@]}" | sort)" "$(find "$STORE_DIR/backups/default/$PG_DB" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)"
    assert_equal "" "$(find "$STORE_DIR" -name '.*')"
}

@test "kill -9 while a backup goes to S3" {
    s3_fresh_bucket
    kill_many $((KILLS / 2))
}
