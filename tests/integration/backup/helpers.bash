# shellcheck shell=bash
# What the tests of backups share: the hard database, and comparing two databases.
# Sourced behind tests/lib/evo.bash, whose variables these set and read.
# shellcheck disable=SC2034,SC2153

# nasty_db: a fresh database filled by nasty.sql; DATABASE_URL names it. NASTY_ROLE owns parts of it.
nasty_db() {
    pg_fresh_db && pg_fresh_role || return
    NASTY_ROLE=$PG_ROLE
    "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -v owner="$NASTY_ROLE" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres \
        -d "$PG_DB" -f "$EVO_ROOT/tests/integration/backup/nasty.sql" 2>"$BATS_TEST_TMPDIR/nasty.log" ||
        fail "$(cat "$BATS_TEST_TMPDIR/nasty.log")"
}

# use_folder_store: a store of this test in a local folder. Sets STORE_DIR and EVO_STORE.
use_folder_store() {
    STORE_DIR=$BATS_TEST_TMPDIR/store
    export EVO_STORE=$STORE_DIR
}

# libpq's variables for the stock tools.
use_stock_tools() {
    export PGHOST=$PG_SOCKET PGPORT=$PG_PORT PGUSER=postgres
}

# stock_copy FROM TO: what pg_dump and pg_restore make of it.
stock_copy() {
    use_stock_tools
    createdb --template=template0 "$2"
    pg_dump -Fc "$1" | pg_restore --exit-on-error -d "$2"
}

# rows_of DB: a hash of the rows of each table, whatever partition or column order they are in.
rows_of() {
    pg_sql -d "$1" - <<'SQL'
SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(to_jsonb(t)::text, E''\n'' ORDER BY to_jsonb(t)::text COLLATE "C"), '''')) FROM %s %s t',
        c.oid::regclass, CASE WHEN relkind = 'p' THEN '' ELSE 'ONLY' END, c.oid::regclass)
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'm') AND NOT relispartition AND nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND (relkind <> 'm' OR relispopulated)
    ORDER BY c.oid::regclass::text COLLATE "C" \gexec
SQL
}

# text_of DB: all that pg_dump says of it, in an order of its own: where a partition is chosen by the hash of an enum's
# OID, rows of a copy lie in another one.
text_of() {
    use_stock_tools
    pg_dump "$1" | grep -v '^\\\(un\)\?restrict ' | LC_ALL=C sort
}

# assert_same_database WANT GOT [STOCK]: the rows of WANT are in GOT, and pg_dump says of GOT what it says of STOCK (default: WANT).
assert_same_database() {
    local stock=${3:-$1}
    diff <(rows_of "$1") <(rows_of "$2") || fail "rows of $2 differ from those of $1" || return
    diff <(text_of "$stock") <(text_of "$2") || fail "pg_dump of $2 differs from that of $stock"
}

# follow_instructions FOLDER TARGET: runs the commands of RESTORE.txt as they stand there.
follow_instructions() {
    use_stock_tools
    grep '^    [^ ]' "$1/RESTORE.txt" | sed 's/^    //' >"$BATS_TEST_TMPDIR/commands"
    (cd "$1" && TARGET=$2 sh -eu "$BATS_TEST_TMPDIR/commands")
}

# backup_folder: the one backup of the folder store.
backup_folder() {
    printf '%s\n' "$STORE_DIR/backups/default/$PG_DB"/*
}

# big_table NAME ROWS: about 100 bytes a row.
big_table() {
    pg_sql "CREATE TABLE $1 AS SELECT i AS id, md5(i::text) AS a, md5((i + 1)::text) AS b, now() AS at FROM generate_series(1, $2) i"
}

# start_evo NAME ARGUMENT...: the executable in the background, its output in OUT and ERR, which are not the files of
# run_evo. Sets EVO_PID.
start_evo() {
    BG_OUT=$BATS_TEST_TMPDIR/bg.out BG_ERR=$BATS_TEST_TMPDIR/bg.err
    OUT=$BG_OUT ERR=$BG_ERR
    local bin
    bin=$(evo_bin "$1")
    shift
    "$bin" "$@" </dev/null >"$OUT" 2>"$ERR" 3>&- &
    EVO_PID=$!
    LAST_RUN=("$bin" "$@")
}

# finish_evo: waits for it; sets status, output and stderr.
finish_evo() {
    status=0
    wait "$EVO_PID" || status=$?
    OUT=$BG_OUT ERR=$BG_ERR
    output=$(cat "$OUT")
    stderr=$(cat "$ERR")
    assert_no_secret "$OUT" "$ERR"
}

# sessions_of NAME: how many sessions of that application are in this database.
sessions_of() {
    pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '$PG_DB' AND application_name = '$1'"
}

no_session_left() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '$PG_DB'")" -eq 0 ]
}

# run_within MIB PROGRAM ARGUMENT...: it succeeds, and its memory never was more. A sanitizer's own memory is many
# times that: with one, what is proven is only that it succeeds.
run_within() {
    local peak limit=$(($1 * 1024))
    shift
    ! ldd "$1" | grep -q lib.san || limit=1048576
    run_program python3 -c 'import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, "KiB", file=sys.stderr)
sys.exit(status)' "$@"
    assert_exit 0 || return
    peak=$(sed -n 's/^peak \([0-9]*\) KiB$/\1/p' "$ERR")
    echo "# ${*:2}: peak $peak KiB" >&2
    [ "$peak" -le "$limit" ] || fail "${*:2}: peak $peak KiB"
}

run_within_64_mib() {
    run_within 64 "$@"
}

# edit_manifest FILE FILTER: what jq's FILTER makes of the manifest, with a checksum that is right again.
edit_manifest() {
    local body sum
    body=$(jq -c "del(.checksum) | $2" "$1") || return
    sum=$(printf %s "$body" | sha256sum) || return
    printf %s "$body" | jq --arg sum "${sum%% *}" '. + {checksum: $sum}' >"$1.new" && mv "$1.new" "$1"
}

# copy_backup FOLDER TIME [FILTER]: the same backup once more, beside it, as if made at TIME (RFC 3339, whole seconds, Z). Sets COPY_ID.
copy_backup() {
    local to
    COPY_ID=$(printf %s "$2" | tr -d ':-')-$(printf '%06x' $((RANDOM * 64 + RANDOM % 64)))
    to=${1%/*}/$COPY_ID
    cp -r "$1" "$to" &&
        edit_manifest "$to/manifest.json" ".id = \"$COPY_ID\" | .created_at = \"${2%Z}.000Z\" | ${3:-.}"
}

# upload_store: the folder store goes into a bucket of this test, and EVO_STORE names that from now on.
upload_store() {
    local file
    s3_fresh_bucket || return
    while read -r file; do
        s3_put "store/$file" "$STORE_DIR/$file" || return
    done < <(cd "$STORE_DIR" && find . -type f -printf '%P\n')
}
