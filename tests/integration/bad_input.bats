# Bad input, one test each: the documented exit status, a message that names the
# thing, a hint, nothing half-written, no secret shown.
# seconds: 10
# shellcheck disable=SC2030,SC2031 # each test sets its own environment

load ../lib/evo
load ../lib/shop

setup() {
    pg_fresh_db
    shop_project
    export EVO_STORE=$BATS_TEST_TMPDIR/store
}

# refused EXIT REASON TEXT...: by the last run_evo … --json.
refused() {
    local want=$1 reason=$2 text
    shift 2
    assert_exit "$want" || return
    assert_json ".error.reason == \"$reason\"" || return
    for text in "$@"; do
        assert_stderr_has "$text" || return
    done
    assert_stderr_has 'hint: '
}

untouched() {
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname IN ('public', 'evo')")"
}

@test "no database server" {
    DATABASE_URL="postgresql://postgres@127.0.0.1:$(free_ports 1)/shop" run_evo evo-deploy --json --skip backup
    refused 3 connect '127.0.0.1'
    DATABASE_URL="postgresql:///shop?host=$BATS_TEST_TMPDIR" run_evo evo-status --json
    refused 3 connect "$BATS_TEST_TMPDIR"
}

@test "no such database" {
    DATABASE_URL=$(pg_url nowhere_at_all) run_evo evo-migrate up --json
    refused 3 connect nowhere_at_all
}

@test "a wrong password" {
    add_canary canary-wrong-password
    DATABASE_URL=$(pg_tcp_url "$PG_DB" postgres canary-wrong-password) run_evo evo-status --json
    refused 3 connect postgres
}

@test "wrong store credentials" {
    s3_fresh_bucket
    add_canary canary-secret-key
    AWS_SECRET_ACCESS_KEY=canary-secret-key run_evo evo-backup create --json
    refused 4 store AWS_SECRET_ACCESS_KEY
    AWS_ACCESS_KEY_ID=nobody run_evo evo-backup list --json
    refused 4 store
    assert_equal 0 "$(s3_list | wc -l)"
}

@test "no such bucket" {
    s3_fresh_bucket
    EVO_STORE=s3://no-such-bucket-here/x run_evo evo-backup create --json
    refused 4 store no-such-bucket-here
}

@test "no store credentials at all" {
    s3_fresh_bucket
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    run_evo evo-backup list --json
    refused 4 store AWS_ACCESS_KEY_ID
}

@test "a store that cannot be reached" {
    s3_fresh_bucket
    AWS_ENDPOINT_URL_S3=http://127.0.0.1:$(free_ports 1) run_evo evo-backup list --json
    assert_exit 4
    assert_json '.error.reason == "network" or .error.reason == "store"'
    assert_stderr_has 127.0.0.1
    assert_stderr_has 'hint: '
}

@test "no migrations where one looks" {
    cd "$BATS_TEST_TMPDIR"
    run_evo evo-migrate up --json
    refused 2 config
    run_evo evo-migrate up --json --migrations nowhere
    refused 2 config nowhere
    untouched
}

@test "a migration folder that cannot be read" {
    chmod 000 prisma/migrations/20240115_add_user_status/migration.sql
    # Root reads everything: the folder's file is replaced by a folder then.
    if [ -r prisma/migrations/20240115_add_user_status/migration.sql ]; then
        rm prisma/migrations/20240115_add_user_status/migration.sql
        mkdir prisma/migrations/20240115_add_user_status/migration.sql
    fi
    run_evo evo-migrate up --json
    refused 2 config 20240115_add_user_status
    untouched
}

@test "a migration name with a line end in it" {
    mkdir "prisma/migrations/$(printf '20240301_a\n::error::pwned')"
    echo 'SELECT 1;' >"prisma/migrations/$(printf '20240301_a\n::error::pwned')/migration.sql"
    run_evo evo-migrate up --json
    refused 2 config 'control character'
    assert_equal 0 "$(grep -c '^::' "$ERR" || true)"
    untouched
}

@test "a run directory that cannot be written to is refused before anything starts" {
    touch file
    run_evo evo-migrate up --json --run-dir file/x
    refused 4 disk 'Nothing was started'
    untouched
}

@test "two layouts at once" {
    mkdir -p migrations/0001_init
    echo 'SELECT 1;' >migrations/0001_init/up.sql
    run_evo evo-status --json
    refused 2 config prisma sql --layout
    untouched
}

@test "a migration with a syntax error names the file and the line" {
    shop_migration 20240301_typo "$(printf 'CREATE TABLE one (id int);\n\nCREATE TABEL two (id int);')"
    run_evo evo-migrate up --json
    refused 7 migration_failed 20240301_typo
    assert_json '.error.line == 3 and .error.sqlstate == "42601" and .error.schema_clean'
    assert_json '.error.file | endswith("20240301_typo/migration.sql")'
    assert_equal 2 "$(shop_applied | wc -l)"
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_class WHERE relname = 'one'")"
}

@test "a password in a statement that a function ran is not shown with the error" {
    add_canary canary-in-context
    # shellcheck disable=SC2016 # the server's quotes
    shop_migration 20240301_role 'DO $$ BEGIN EXECUTE $q$ALTER ROLE no_such_role_here PASSWORD '\''canary-in-context'\''$q$; END $$;'
    run_evo evo-migrate up --json --run-dir run
    assert_exit 7
    assert_stderr_has no_such_role_here
    assert_stderr_has 'not shown'
    assert_no_secret run/*.json
}

@test "a disk that is full" {
    run_evo evo-migrate up
    pg_sql "INSERT INTO users (email) SELECT md5(i::text) || md5((i * 3)::text) FROM generate_series(1, 20000) i"
    # A folder of 256 KiB, in a mount name space of its own. left: what stays behind in it.
    cat >on-a-small-disk <<'SH'
#!/bin/sh
mkdir -p small && mount -t tmpfs -o size=256k tmpfs small || exit 99
trap 'umount small' EXIT
status=0
"$@" || status=$?
find small -type f >left
exit "$status"
SH
    chmod +x on-a-small-disk
    local -a apart=(unshare --mount)
    [ "$(id -u)" -eq 0 ] || apart+=(--user --map-root-user)
    # The root of a chroot is no mount point, and its propagation cannot be changed.
    "${apart[@]}" true 2>/dev/null || apart+=(--propagation unchanged)
    run_program "${apart[@]}" ./on-a-small-disk "$BUILD/bin/evo-backup" create --store small --json
    refused 4 disk
    assert_equal '' "$(cat left)"
}

@test "a server newer than pg_dump" {
    mkdir old
    printf '#!/bin/sh\necho "pg_dump (PostgreSQL) 12.3"\n' >old/pg_dump
    chmod +x old/pg_dump
    EVO_PG_BINDIR=$PWD/old run_evo evo-backup create --json
    refused 3 unsupported pg_dump
    [ ! -e "$EVO_STORE" ]
}

@test "a transaction pooler in the way" {
    local port dir
    port=$(free_ports 1)
    # A folder that the user the pooler drops to can reach.
    dir=$(mktemp -d "$EVO_TEST_DIR/pooler.XXXXXX")
    chmod 0777 "$dir"
    cat >"$dir/pgbouncer.ini" <<INI
[databases]
$PG_DB = host=$PG_SOCKET port=$PG_PORT user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
auth_type = any
pool_mode = transaction
unix_socket_dir =
logfile = $dir/log
INI
    chmod 0644 "$dir/pgbouncer.ini"
    "${_pg_drop[@]:-env}" pgbouncer -q "$dir/pgbouncer.ini" </dev/null >/dev/null 2>&1 3>&- &
    local bouncer=$!
    wait_until 10 pooler_answers "$port" || fail 'pgbouncer did not start'
    # Another client, so that a second session is not simply the same one.
    DATABASE_URL="postgresql://postgres@127.0.0.1:$port/$PG_DB" run_evo evo-migrate up --json
    kill "$bouncer"
    wait "$bouncer" || true
    refused 3 unsupported pooler DIRECT_URL
    untouched
}

pooler_answers() {
    "$PG_BINDIR/psql" -XAtq -h 127.0.0.1 -p "$1" -U postgres -d "$PG_DB" -c 'SELECT 1' >/dev/null 2>&1
}

@test "a webhook that is no URL" {
    add_canary canary-no-url
    run_evo evo-status --run-dir run
    SLACK_WEBHOOK_URL=canary-no-url run_evo evo-notify --json --run-dir run
    refused 2 config SLACK_WEBHOOK_URL
}

@test "a guard that names another cluster" {
    run_evo evo-migrate up --expect-system-identifier 1234567890123456789 --json
    refused 2 config 1234567890123456789
    untouched
}

@test "two migrations at once: the second waits for the lock, then says who holds it" {
    # A session of another tool that holds Prisma's key.
    coproc HOLDER { "$PG_BINDIR/psql" -XAtq -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -d "$PG_DB" 2>&1; }
    printf "SET application_name = 'the other deploy';\nSELECT pg_advisory_lock(72707369);\n\\\\echo held\n" >&"${HOLDER[1]}"
    while read -r line <&"${HOLDER[0]}"; do [ "$line" != held ] || break; done
    run_evo evo-migrate up --json --wait 300ms
    refused 5 lock_unavailable
    assert_json '.error.message + .error.detail | contains("the other deploy")'
    untouched
    printf '\\q\n' >&"${HOLDER[1]}"
    wait "$HOLDER_PID" || true
}

@test "a folder whose database holds another tool's ledger" {
    pg_sql "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200),
        type varchar(20), script varchar(1000), checksum int, installed_by varchar(100), installed_on timestamp,
        execution_time int, success boolean)"
    rm -r prisma
    mkdir -p migrations/0001_init
    echo 'CREATE TABLE t (id int);' >migrations/0001_init/up.sql
    run_evo evo-migrate up --json
    refused 3 unsupported flyway_schema_history
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_class WHERE relname = 't'")"
}

@test "an unknown backup" {
    mkdir -p "$EVO_STORE"
    run_evo evo-restore 20200101T000000Z-abcdef --to "$(pg_url new_db)" --json
    refused 1 not_found 20200101T000000Z-abcdef
    run_evo evo-backup verify latest --json
    refused 1 not_found
}

@test "a target that is not empty" {
    run_evo evo-migrate up
    run_evo evo-backup create --json
    assert_exit 0
    run_evo evo-restore latest --to "$PG_URL" --json
    refused 1 target_not_empty "$PG_DB"
}

@test "a malformed connection string is not repeated" {
    add_canary canary-malformed
    DATABASE_URL='postgresql://user:canary-malformed@host:notaport/db?%zz' run_evo evo-status --json
    assert_exit 2
    assert_json '.error.reason == "config"'
}
