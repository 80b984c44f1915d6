# shellcheck shell=bash
# What the benchmarks share: a private server, the databases, an S3 server, and who ran where. Sourced by
# scripts/bench/status, backup, restore, backfill and plot, in the repository's root.
#
#     bench_begin                  # servers up; all of it ends with the shell
#     bench_fill shop 1.2          # a database with so many GB of COPY text
#     bench_measure TITLE NAME=COMMAND...
#
# EVO_BENCH_SCALE (1) shrinks every database; EVO_BENCH_ROUNDS (5) are the rounds that count; EVO_BENCH_S3 (seaweedfs)
# is the S3 server: versitygw takes little processor itself, and so shows more of what its clients take.

BUILD=${BUILD:-build}
scale=${EVO_BENCH_SCALE:-1}
rounds=${EVO_BENCH_ROUNDS:-5}
s3_server=${EVO_BENCH_S3:-seaweedfs}
unset "${!EVO_@}" "${!PG@}" "${!AWS_@}" DATABASE_URL DIRECT_URL 2>/dev/null || true
# shellcheck source=tests/lib/common.bash
. tests/lib/common.bash
# shellcheck source=tests/lib/pg.bash
. tests/lib/pg.bash
# shellcheck source=tests/lib/s3.bash
. tests/lib/s3.bash
bin=$BUILD/bin

# bench_begin: the server; says what this is measured on. bench_begin_s3: an S3 server too.
bench_begin() {
    work=$(mktemp -d /tmp/evo-bench.XXXXXX)
    chmod 0755 "$work"
    trap bench_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # Beside the servers' own folders: whatever a program writes that is no result shows here.
    mkdir "$work/tmp"
    export TMPDIR=$work/tmp
    pg_cluster_init "$work/pg"
    pg_cluster_start "$work/pg" -c shared_buffers=1GB -c max_wal_size=16GB -c checkpoint_timeout=1h \
        -c maintenance_work_mem=256MB -c autovacuum=off
    pg_use "$work/pg"
    export PGHOST=$PG_SOCKET PGPORT=$PG_PORT PGUSER=postgres
    echo "$(date -u +%Y-%m-%d), $(uname -m), $(nproc) cores ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), $(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB;" \
        "PostgreSQL $(pg_sql -d postgres 'SHOW server_version') on the same machine by socket, shared_buffers 1GB, fsync off, cache warm;" \
        "evo $("$bin/evo" --version | cut -d' ' -f2) ($(git rev-parse --short HEAD 2>/dev/null || echo 'no commit'))"
}

bench_begin_s3() {
    s3_server_start "$work/s3" "$s3_server"
    s3_server_wait "$work/s3"
    s3_use "$work/s3"
    s3_env
    s3_curl -X PUT "$S3_ENDPOINT/bench" >/dev/null
    aws=$EVO_TOOLS/awscli/bin/aws
    [ -x "$aws" ] || fail "no aws found: ci/tools.sh awscli"
    # The folder's name has the version.
    echo "S3: $(basename "$(readlink -f "$EVO_TOOLS/$s3_server")") on the same machine, by loopback;" \
        "$("$aws" --version 2>&1 | cut -d' ' -f1 | tr / ' ')"
}

bench_end() {
    local status=$?
    trap - EXIT
    pg_cluster_stop "$work/pg" QUIT || true
    s3_server_stop "$work/s3" || true
    rm -rf "$work"
    exit "$status"
}

# scaled NUMBER: times the scale, at least 1, whole.
scaled() {
    awk -v n="$1" -v s="$scale" 'BEGIN { n *= s; printf "%d\n", n < 1 ? 1 : n }'
}

# events DB GB: the table of events: so many GB of COPY text, in rows of about 490 bytes. The server makes it by itself;
# nothing in it is random. gzip makes about a fifth of it.
events() {
    pg_sql -d "$1" "CREATE TABLE events AS
        WITH words AS (SELECT array_agg(w || ' ' || right(md5(w), 3)) AS w FROM (SELECT a || ' ' || b AS w
            FROM unnest('{order,customer,payment,address,invoice,session,refund,parcel}'::text[]) a,
                unnest('{was created,has been paid,could not be found,is on its way,was returned,waits for an answer,belongs to another,has been closed}'::text[]) b) x)
        SELECT i AS id, md5(i::text) AS token, timestamptz '2026-01-01 00:00+00' + i * interval '1.37 s' AS created_at,
            (ARRAY['created', 'paid', 'shipped', 'returned'])[1 + h % 4] AS kind,
            jsonb_build_object('user_id', h % 100003, 'path', '/api/v1/' || (ARRAY['orders', 'users', 'carts', 'items'])[1 + h / 7 % 4] || '/' || h % 7919,
                'duration_ms', h / 3 % 1733, 'agent', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/' || 100 + h % 30, 'trace', md5((i * 7)::text),
                'tags', jsonb_build_array(w[1 + h % 64], h % 17), 'locale', (ARRAY['de-DE', 'en-GB', 'fr-FR'])[1 + h / 11 % 3],
                'currency', 'EUR', 'version', h % 5, 'referrer', 'https://example.com/campaign/' || h % 211) AS body,
            w[1 + h / 5 % 64] || ', ' || w[1 + h / 331 % 64] || '; ' || w[1 + h / 21193 % 64] || ' ' || i % 1000 || '. ' || w[1 + h / 1356352 % 64] AS note
        FROM generate_series(1, $(scaled "$(awk -v gb="$2" 'BEGIN { printf "%d", gb * 1e9 / 490 }')")) i, words, abs(hashint4(i)) h"
    pg_sql -d "$1" 'ALTER TABLE events ADD PRIMARY KEY (id); CREATE INDEX ON events (created_at)'
}

# bench_fill DB GB: six tenths of the text in events, three in pgbench_accounts, the rest in 24 small tables.
bench_fill() {
    local db=$1 gb=$2 i rows
    pg_sql -d postgres "CREATE DATABASE $db"
    events "$db" "$(awk -v gb="$gb" 'BEGIN { print gb * 0.6 }')"
    # 97 bytes a row.
    pg_sql -d "$db" "CREATE TABLE pgbench_accounts AS SELECT i AS aid, 1 + i / 100000 AS bid, 0 AS abalance, ''::char(84) AS filler
        FROM generate_series(1, $(scaled "$(awk -v gb="$gb" 'BEGIN { printf "%d", gb * 0.3e9 / 97 }')")) i;
        ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid)"
    rows=$(scaled "$(awk -v gb="$gb" 'BEGIN { printf "%d", gb * 0.1e9 / 24 / 49 }')")
    for ((i = 1; i <= 24; i++)); do
        echo "CREATE TABLE small_$i AS SELECT i AS id, md5(($i * i)::text) AS name, i % 97 AS n FROM generate_series(1, $rows) i;
            ALTER TABLE small_$i ADD PRIMARY KEY (id);"
    done | pg_sql -d "$db" -
    pg_sql -d "$db" 'VACUUM (ANALYZE)'
    bench_describe "$db"
}

# bench_fill_one DB GB: all of it in one table.
bench_fill_one() {
    pg_sql -d postgres "CREATE DATABASE $1"
    events "$1" "$2"
    pg_sql -d "$1" 'VACUUM (ANALYZE)'
    bench_describe "$1"
}

# tables_of DB: its tables, the largest first.
tables_of() {
    pg_sql -d "$1" "SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relpages DESC, relname"
}

# text_of DB: bytes of its COPY text.
text_of() {
    local table
    for table in $(tables_of "$1"); do "$PG_BINDIR/psql" -XAtqc "COPY $table TO STDOUT" "$1"; done | wc -c
}

bench_describe() {
    text_bytes=$(text_of "$1")
    printf 'database "%s": %s of COPY text in %d tables, %s on disk\n' "$1" "$(numfmt --to=si "$text_bytes")B" "$(tables_of "$1" | wc -l)" \
        "$(pg_sql -d "$1" "SELECT pg_size_pretty(pg_database_size('$1'))")"
}

# bench_measure OPTION... TITLE NAME=COMMAND...: measure.py, whose options come first.
bench_measure() {
    local options=()
    while [[ $1 == --* ]]; do
        options+=("$1" "$2")
        shift 2
    done
    python3 "$EVO_ROOT/scripts/bench/measure.py" "${options[@]}" "$rounds" "$@"
}

# bench_measure_s3 OPTION... TITLE NAME=COMMAND...: also what the S3 server spends on each.
bench_measure_s3() {
    bench_measure --server "$(cat "$work/s3/pid")" "$@"
}

# stored_in WHAT: bytes under a folder, or under an s3:// URL of which the newest alone counts.
stored_in() {
    case $1 in
    s3://*) "$aws" s3 ls --recursive --summarize "$1" | sed -n 's/^ *Total Size: //p' ;;
    *) find "$1" -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%d\n", n }' ;;
    esac
}

# bench_stored NAME=WHAT...: a table of what lies where.
bench_stored() {
    local row bytes name
    printf '\n| stored by | bytes | ratio |\n| --- | --- | --- |\n'
    for row in "$@"; do
        bytes=$(stored_in "${row#*=}")
        name=${row%%=*}
        printf '| %s | %s | %s |\n' "${name//|/\\|}" "$(numfmt --to=si "$bytes")B" "$(awk -v t="$text_bytes" -v b="$bytes" 'BEGIN { printf "%.2f", b ? t / b : 0 }')"
    done
}

# bench_files COMMAND: runs it once, not measured, and says whether it or a child of its own has a file open for writing,
# or made one in TMPDIR, that is no part of the result: looked at 20 times a second.
bench_files() {
    local pid seen=$work/seen
    : >"$seen"
    bash -c "$1" >/dev/null 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        {
            find "$TMPDIR" -mindepth 1
            # Descriptors open for writing are links with the owner's write bit. Servers are not under it.
            ps -o pid= --ppid "$pid" --pid "$pid" | while read -r p; do
                find "/proc/$p/fd" -type l -perm -u+w -lname '/*' ! -lname '/dev/*' ! -lname '/memfd:*' ! -lname "$work/store*" -printf '%l\n' 2>/dev/null
            done
        } >>"$seen" || true
        sleep 0.05
    done
    wait "$pid"
    if [ -s "$seen" ]; then
        echo "temporary files: $(sort -u "$seen" | head -n 5 | tr '\n' ' ')"
    else
        echo "temporary files: none"
    fi
}
