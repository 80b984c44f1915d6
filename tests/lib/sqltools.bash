# Projects of dbmate, golang-migrate and goose, and the real tools on them.
#
#     load ../lib/evo
#     load ../lib/migrate
#     load ../lib/sqltools
#     setup() { pg_fresh_db; tool_project dbmate; }
#     @test ... { tool_migration 1_users 'CREATE TABLE users (id int);' 'DROP TABLE users;'; tool up; assert_exit 0; }
#
# The tools are in build/tools (ci/tools.sh dbmate golang-migrate goose). They connect by TCP with a password, so a
# secret in their output fails the test, too.
# shellcheck shell=bash

# tool_project dbmate|golang-migrate|goose: makes the project and changes into it.
tool_project() {
    TOOL=$1
    PROJECT=$BATS_TEST_TMPDIR/project
    case $TOOL in
    dbmate) TOOL_BIN=$EVO_TOOLS/dbmate/node_modules/@dbmate/linux-x64/bin/dbmate LEDGER=schema_migrations ;;
    golang-migrate) TOOL_BIN=$EVO_TOOLS/golang-migrate/bin/migrate LEDGER=schema_migrations ;;
    goose) TOOL_BIN=$EVO_TOOLS/goose/bin/goose LEDGER=goose_db_version ;;
    *) fail "no such tool: $TOOL" || return ;;
    esac
    if [ ! -x "$TOOL_BIN" ]; then
        fail "no $TOOL found: ci/tools.sh $TOOL"
        return
    fi
    MIGRATIONS=$PROJECT/db/migrations
    mkdir -p "$MIGRATIONS"
    cd "$PROJECT" || return
}

# tool_migration NAME UP DOWN [OPTION]: OPTION is what follows "-- migrate:up" and "-- migrate:down" (dbmate), or a
# whole annotation (goose).
tool_migration() {
    local name=$1 up=$2 down=$3 option=${4:+ $4}
    case $TOOL in
    dbmate) printf -- '-- migrate:up%s\n%s\n\n-- migrate:down%s\n%s\n' "$option" "$up" "$option" "$down" >"$MIGRATIONS/$name.sql" ;;
    golang-migrate)
        printf '%s\n' "$up" >"$MIGRATIONS/$name.up.sql"
        printf '%s\n' "$down" >"$MIGRATIONS/$name.down.sql"
        ;;
    goose)
        printf -- '%s\n-- +goose Up\n%s\n\n-- +goose Down\n%s\n' "${4:+-- +goose $4}" "$up" "$down" >"$MIGRATIONS/$name.sql"
        ;;
    esac
}

# tool ARGUMENT...: as run_evo: sets status, output, stderr. TOOL_QUERY is added to the URL.
tool() {
    local url="$PG_TCP_URL?sslmode=disable${TOOL_QUERY:+&$TOOL_QUERY}"
    case $TOOL in
    dbmate) run_program env DATABASE_URL="$url" DBMATE_NO_DUMP_SCHEMA=1 "$TOOL_BIN" "$@" ;;
    golang-migrate) run_program "$TOOL_BIN" -path "$MIGRATIONS" -database "$url" "$@" ;;
    goose) run_program env GOOSE_DRIVER=postgres GOOSE_DBSTRING="$url" GOOSE_MIGRATION_DIR="$MIGRATIONS" NO_COLOR=1 "$TOOL_BIN" "$@" ;;
    esac
}

# tool_table: the ledger's definition, as pg_dump writes it.
tool_table() {
    "$PG_BINDIR/pg_dump" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -s -t "${1:-$LEDGER}" "$PG_DB" | grep -v -E '^(--|$|[\])'
}

# app_schema: the same for the same schema; evo's own tables are left out, the ledger is not.
app_schema() {
    "$PG_BINDIR/pg_dump" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -s --exclude-schema=evo "$PG_DB" | grep -v -E '^(--|$|[\])'
}

# names KEY: of the migrations in evo-status.
names() {
    json ".data.$1 | map(.name) | join(\" \")"
}

# evo_sees APPLIED PENDING: the names, by evo-status alone, which finds the layout by itself; nothing else is wrong.
evo_sees() {
    run_evo evo-status --json --fail-on failed,edited,missing
    assert_exit 0
    assert_json ".data.layout == \"$TOOL\""
    assert_equal "$1" "$(names applied)"
    assert_equal "$2" "$(names pending)"
}
