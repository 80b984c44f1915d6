# Projects of Flyway, and the real Flyway on them.
#
#     load ../lib/evo
#     load ../lib/migrate
#     load ../lib/sqltools
#     load ../lib/flyway
#     setup() { pg_fresh_db; flyway_project; }
#     @test ... { put V1__users 'CREATE TABLE users (id int);'; flyway migrate info; assert_exit 0; }
#
# Flyway is in build/tools (ci/tools.sh flyway). It connects by TCP with a password, so a secret in its output fails the
# test, too. Each call starts a JVM: give it all commands at once.
# shellcheck shell=bash

# flyway_project: makes the project and changes into it.
flyway_project() {
    # shellcheck disable=SC2034 # sqltools.bash reads them
    TOOL=flyway LEDGER=flyway_schema_history
    if [ ! -e "$EVO_TOOLS/flyway/classes/RunFlyway.class" ]; then
        fail "no Flyway found: ci/tools.sh flyway"
        return
    fi
    PROJECT=$BATS_TEST_TMPDIR/project MIGRATIONS=$BATS_TEST_TMPDIR/project/db/migration
    mkdir -p "$MIGRATIONS"
    cd "$PROJECT" || return
}

# put NAME SQL: a file of the project.
put() {
    printf '%s\n' "$2" >"$MIGRATIONS/$1.sql"
}

# flyway [NAME=VALUE]... COMMAND...: as run_evo: sets status, output, stderr.
flyway() {
    run_program env FLYWAY_PASSWORD="$PG_PASSWORD" java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto \
        -cp "$EVO_TOOLS/flyway/lib/*:$EVO_TOOLS/flyway/classes" RunFlyway \
        url="jdbc:postgresql://127.0.0.1:$PG_PORT/$PG_DB" user=postgres locations="filesystem:$MIGRATIONS" "$@"
}

# history [TABLE]: a line a row, without what depends on the time.
history() {
    pg_sql "SELECT installed_rank, version, description, type, script, checksum, installed_by, success
            FROM ${1:-flyway_schema_history} ORDER BY 1"
}
