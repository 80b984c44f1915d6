# evo as a guest in a golang-migrate project: the one row is what golang-migrate would have written, each of the two goes
# on where the other stopped, both keep out of each other's way, and a dirty database is named with both ways out. The
# real command stands on the other side.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sqltools

A=000001_create_users B=000002_add_status C=000003_mix

setup() {
    pg_fresh_db
    tool_project golang-migrate
    tool_migration $A 'CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE);' 'DROP TABLE users;'
    tool_migration $B 'ALTER TABLE users ADD status text;' 'ALTER TABLE users DROP status;'
}

teardown() {
    [ -z "${TOOL_PID:-}" ] || wait "$TOOL_PID" || true
}

# row: the table's content.
row() {
    pg_sql 'SELECT version, dirty FROM schema_migrations'
}

# migrate_sees VERSION [dirty]: as its own command says it; none: nothing is applied.
migrate_sees() {
    tool version
    if [ "$1" = none ]; then
        assert_stderr_has 'no migration'
        return
    fi
    assert_exit 0
    assert_equal "$1${2:+ (dirty)}" "$stderr$output"
}

# migrate_is_content: nothing to do.
migrate_is_content() {
    tool up
    assert_exit 0
    assert_stderr_has 'no change'
}

@test "table, row and schema are those of migrate up" {
    run_evo evo-migrate up --layout golang-migrate
    assert_exit 0
    migrate_sees 2
    migrate_is_content
    local table schema rows
    table=$(tool_table) schema=$(app_schema) rows=$(row)
    assert_equal '2|f' "$rows"

    pg_fresh_db
    tool up
    assert_exit 0
    assert_equal "$(tool_table)" "$table"
    assert_equal "$(app_schema)" "$schema"
    assert_equal "$(row)" "$rows"
    evo_sees "$A $B" ''
    assert_equal f "$(exists evo.migrations)"
    run_evo evo-migrate down --to $A
    assert_exit 0
    migrate_sees 1
    run_evo evo-migrate down
    assert_exit 0
    migrate_sees none
    assert_equal '' "$(row)"
    assert_equal f "$(exists users)"
}

@test "half by one, half by the other, and back" {
    run_evo evo-migrate up --layout golang-migrate --steps 1
    assert_exit 0
    migrate_sees 1
    tool up
    assert_exit 0
    evo_sees "$A $B" ''
    run_evo evo-migrate up
    assert_exit 0
    tool down 1
    assert_exit 0
    evo_sees "$A" "$B"
    run_evo evo-migrate up
    assert_exit 0
    tool down -all
    assert_exit 0
    evo_sees '' "$A $B"
    assert_equal f "$(exists users)"
}

@test "without its table the folder is plain SQL, with it evo is a guest" {
    run_evo evo-status --json
    assert_json '.data.layout == "sql"'
    tool version
    evo_sees '' "$A $B"
    # dbmate's table of the same name is not golang-migrate's
    pg_sql 'DROP TABLE schema_migrations; CREATE TABLE schema_migrations (version varchar PRIMARY KEY)'
    run_evo evo-status --layout golang-migrate --json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.message | contains("recorded by dbmate"))'
    pg_sql 'DROP TABLE schema_migrations; CREATE TABLE schema_migrations (version bigint, dirty boolean)'
    pg_sql 'INSERT INTO schema_migrations VALUES (1, false), (2, false)'
    run_evo evo-status --layout golang-migrate --json
    assert_exit 3
    assert_json '.error.message | contains("has more than one row")'
}

@test "a failure in a transaction is not dirty: nothing happened" {
    tool_migration $C $'CREATE TABLE half (id int);\nSELECT * FROM nope;' 'DROP TABLE half;'
    run_evo evo-migrate up --layout golang-migrate --json
    assert_exit 7
    assert_json '.error.schema_clean and .error.migration == "000003_mix" and .error.line == 2'
    migrate_sees 2
    tool_migration $C 'CREATE TABLE half (id int);' 'DROP TABLE half;'
    tool up
    assert_exit 0
    evo_sees "$A $B $C" ''
}

@test "what migrate left dirty is named as failed, with both ways out" {
    tool_migration $C $'CREATE TABLE half (id int);\nSELECT * FROM nope;' 'DROP TABLE half;'
    tool up
    assert_exit 1
    migrate_sees 3 dirty
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.migration == "000003_mix"'
    assert_json '.error.hint | contains("evo-migrate resolve --applied 000003_mix") and contains("evo-migrate resolve --rolled-back 000003_mix")'
    run_evo evo-status --json
    assert_exit 1
    assert_json '.data.failed | map(.name) == ["000003_mix"]'
    run_evo evo-migrate down --json
    assert_exit 1

    run_evo evo-migrate resolve --rolled-back $C
    assert_exit 0
    migrate_sees 2
    evo_sees "$A $B" $C
    tool up
    assert_exit 1
    run_evo evo-migrate resolve --applied $C
    assert_exit 0
    migrate_sees 3
    evo_sees "$A $B $C" ''
    run_evo evo-migrate resolve --rolled-back $C --json
    assert_exit 2
}

@test "a way back that migrate left dirty" {
    tool up
    assert_exit 0
    printf 'SELECT nope;\n' >"$MIGRATIONS/$B.down.sql"
    tool down 1
    assert_exit 1
    migrate_sees 1 dirty
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.migration == "000001_create_users" and (.error.detail | contains("a down to it"))'
    # nothing of it was undone: the database is where it was
    run_evo evo-migrate resolve --applied $B
    assert_exit 0
    migrate_sees 2
    printf 'SELECT nope;\n' >"$MIGRATIONS/$A.down.sql"
    printf 'ALTER TABLE users DROP status;\n' >"$MIGRATIONS/$B.down.sql"
    tool down -all
    assert_exit 1
    # below the first one
    assert_equal '-1|t' "$(row)"
    run_evo evo-status --json
    assert_json '.data.failed | map(.name) == ["000001_create_users"]'
    run_evo evo-migrate resolve --applied $A
    assert_exit 0
    assert_equal '1|f' "$(row)"
    tool down 1
    assert_exit 1
    pg_sql 'DROP TABLE users'
    run_evo evo-migrate resolve --rolled-back $A
    assert_exit 0
    migrate_sees none
    run_evo evo-migrate up
    assert_exit 0
    migrate_sees 2
}

@test "the table holds one version: nothing is recorded past a file, and what is behind counts as applied" {
    tool version
    run_evo evo-migrate resolve --applied $B --layout golang-migrate --json
    assert_exit 3
    assert_json '.error.next == "evo-migrate resolve --applied 000001_create_users --layout golang-migrate"'
    assert_json '.error.reason == "unsupported" and (.error.message | contains("\"000001_create_users\" comes before it"))'
    assert_equal '' "$(row)"
    run_evo evo-migrate resolve --applied $A
    assert_exit 0
    run_evo evo-migrate resolve --applied $B
    assert_exit 0
    tool_migration 000000_late 'CREATE TABLE late (id int);' 'DROP TABLE late;'
    migrate_is_content
    evo_sees "000000_late $A $B" ''
    # evo knows that nobody ran it (late.bats); whoever knows better says so, once
    run_evo evo-migrate resolve --applied 000000_late
    assert_exit 0
    run_evo evo-migrate resolve --applied 000000_late --json
    assert_exit 2
    # a version whose file is gone
    pg_sql 'UPDATE schema_migrations SET version = 5'
    run_evo evo-status --json
    assert_json '.data.missing | map(.name) == ["5"]'
    run_evo evo-migrate down --json
    assert_exit 1
    assert_json '.error.message | contains("its file is gone")'
}

@test "outside a transaction: dirty for migrate while it is unfinished, resumed by evo" {
    tool_migration $C $'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY by_nope ON users (nope);' \
        $'DROP INDEX CONCURRENTLY by_email;\nDROP TABLE once;'
    run_evo evo-migrate up --layout golang-migrate --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .data.stopped.failed == 2'
    migrate_sees 3 dirty
    run_evo evo-status --json
    assert_json '.data.failed[0].name == "000003_mix" and .data.failed[0].unfinished'
    printf 'CREATE TABLE once (id int);\nCREATE INDEX CONCURRENTLY by_email ON users (email);\n' >"$MIGRATIONS/$C.up.sql"
    run_evo evo-migrate up
    assert_exit 0
    migrate_sees 3
    # the way back the same: migrate writes the version below, and so does evo
    printf 'DROP INDEX CONCURRENTLY by_email;\nDROP TABLE nope;\n' >"$MIGRATIONS/$C.down.sql"
    run_evo evo-migrate down --json
    assert_exit 7
    migrate_sees 2 dirty
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.message | contains("the rollback of migration \"000003_mix\" was begun")'
    printf 'DROP INDEX CONCURRENTLY by_email;\nDROP TABLE once;\n' >"$MIGRATIONS/$C.down.sql"
    run_evo evo-migrate down
    assert_exit 0
    migrate_sees 2
    assert_equal f "$(exists once)"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
}

@test "a way back that stopped is settled by hand, either way" {
    local way
    for way in applied rolled-back; do
        tool_migration $C 'CREATE TABLE once (id int);' $'DROP TABLE once;\nDROP INDEX CONCURRENTLY nope;'
        run_evo evo-migrate up --layout golang-migrate
        assert_exit 0
        run_evo evo-migrate down
        assert_exit 7
        migrate_sees 2 dirty
        [ $way != applied ] || pg_sql 'CREATE TABLE once (id int)'
        run_evo evo-migrate resolve --$way $C --undone
        assert_exit 0
        if [ $way = applied ]; then
            migrate_sees 3
            printf 'DROP TABLE once;\n' >"$MIGRATIONS/$C.down.sql"
            tool down 1
            assert_exit 0
        fi
        migrate_sees 2
        assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
    done
}

@test "checkpoints of a way back that was finished by hand are forgotten" {
    tool_migration $C 'CREATE TABLE once (id int);' $'DROP TABLE once;\nDROP INDEX CONCURRENTLY nope;'
    run_evo evo-migrate up --layout golang-migrate
    assert_exit 0
    run_evo evo-migrate down
    assert_exit 7
    run_evo evo-status --json
    assert_json '.data.checks | map(select(.verdict != "ok" and (.message | contains("000003_mix")))) | length == 1'
    tool force 2
    assert_exit 0
    run_evo evo-migrate up
    assert_exit 0
    evo_sees "$A $B $C" ''
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
}

@test "kill -9 in the middle of a way back outside a transaction, and on" {
    tool_migration $C 'CREATE TABLE once (id int); CREATE TABLE last (id int);' $'-- evo:no-transaction\nDROP TABLE last;\nSELECT pg_sleep(60);\nDROP TABLE once;'
    run_evo evo-migrate up --layout golang-migrate
    assert_exit 0
    start_evo evo-migrate down
    wait_until 20 query_runs '%pg_sleep(60)%'
    kill -9 "$EVO_PID"
    wait "$EVO_PID" || true
    wait_until 20 no_sessions
    migrate_sees 2 dirty
    sed -i 's/pg_sleep(60)/1/' "$MIGRATIONS/$C.down.sql"
    run_evo evo-migrate down
    assert_exit 0
    assert_equal f "$(exists once)"
    migrate_sees 2
}

@test "kill -9 in the middle of a file outside a transaction, and on" {
    tool_migration $C $'-- evo:no-transaction\nCREATE TABLE once (id int);\nSELECT pg_sleep(60);\nCREATE TABLE last (id int);' 'DROP TABLE last, once;'
    start_evo evo-migrate up --layout golang-migrate
    wait_until 20 query_runs '%pg_sleep(60)%'
    kill -9 "$EVO_PID"
    wait "$EVO_PID" || true
    wait_until 20 no_sessions
    migrate_sees 3 dirty
    sed -i 's/pg_sleep(60)/1/' "$MIGRATIONS/$C.up.sql"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists last)"
    migrate_sees 3
}

@test "a file that handles transactions itself: dirty, and settled by hand" {
    tool_migration $C $'BEGIN;\nCREATE TABLE first (id int);\nCOMMIT;\nSELECT nope;' $'BEGIN;\nDROP TABLE first;\nCOMMIT;\nSELECT nope;'
    run_evo evo-migrate up --layout golang-migrate --json
    assert_exit 7
    migrate_sees 3 dirty
    run_evo evo-migrate resolve --applied $C
    assert_exit 0
    migrate_sees 3
    run_evo evo-migrate down --json
    assert_exit 7
    migrate_sees 2 dirty
    run_evo evo-migrate resolve --rolled-back $C
    assert_exit 0
    migrate_sees 2
    # one that left nothing leaves no mark
    printf 'SELECT nope;\nBEGIN;\nCOMMIT;\n' >"$MIGRATIONS/$C.up.sql"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean'
    migrate_sees 2
    printf 'BEGIN;\nSELECT 1;\nCOMMIT;\n' >"$MIGRATIONS/$C.up.sql"
    run_evo evo-migrate up
    assert_exit 0
    printf 'SELECT nope;\nBEGIN;\nCOMMIT;\n' >"$MIGRATIONS/$C.down.sql"
    run_evo evo-migrate down --json
    assert_exit 7
    assert_json '.error.schema_clean'
    migrate_sees 3
}

# waits_for_lock: a session of this database waits for an advisory lock.
waits_for_lock() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'")" = 1 ]
}

@test "one lock for both" {
    tool_migration $C 'SELECT pg_sleep(60);' ''
    start_evo evo-migrate up --layout golang-migrate
    wait_until 20 query_runs '%pg_sleep(60)%'
    # its command's, and that of a program with an open connection
    assert_equal 2 "$(pg_advisory_locks)"
    tool_in_background up
    wait_until 20 waits_for_lock
    tool_migration $C 'SELECT pg_sleep(30);' ''
    pg_sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND datname = current_database()"
    finish_evo
    assert_exit 7
    # now migrate has it
    wait_until 20 query_runs '%pg_sleep(30)%'
    run_evo evo-migrate up --wait 100ms --json
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable"'
    pg_sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid() AND datname = current_database()"
}

# tool_in_background ARGUMENT...
tool_in_background() {
    "$TOOL_BIN" -path "$MIGRATIONS" -database "$PG_TCP_URL?sslmode=disable" "$@" </dev/null >"$BATS_TEST_TMPDIR/tool.out" 2>&1 3>&- 8>&- &
    TOOL_PID=$!
}

@test "the table stands where search_path leads" {
    pg_sql 'CREATE SCHEMA app'
    pg_sql "ALTER DATABASE \"$PG_DB\" SET search_path = app, public"
    run_evo evo-migrate up --layout golang-migrate --steps 1
    assert_exit 0
    assert_equal t "$(exists app.schema_migrations)"
    migrate_sees 1
    tool up
    assert_exit 0
    evo_sees "$A $B" ''
    pg_sql "ALTER DATABASE \"$PG_DB\" SET search_path = gone"
    run_evo evo-migrate up --layout golang-migrate --json
    assert_exit 2
    assert_json '.error.message | contains("search_path")'
}

@test "what evo cannot honour is named and refused" {
    DATABASE_URL="$PG_TCP_URL?x-migrations-table=mine" run_evo evo-migrate up --layout golang-migrate --json
    assert_exit 2
    assert_json '.error.detail | contains("x-migrations-table")'
    printf 'SELECT 1;\n' >"$MIGRATIONS/000003_b.down.sql"
    run_evo evo-migrate up --layout golang-migrate --json
    assert_exit 2
    assert_json '.error.message | contains("takes back version 000003, and no .up file has it")'
    # what was begun by hand while a migration runs is noticed: the version never goes back
    rm "$MIGRATIONS/000003_b.down.sql"
    tool_migration $C "UPDATE schema_migrations SET version = 7;" ''
    run_evo evo-migrate up --layout golang-migrate --json
    assert_exit 7
    assert_json '.error.schema_clean and (.error.message | contains("cannot be recorded: the database is at version 7"))'
    assert_equal '2|f' "$(row)"
}

@test "a role without TRUNCATE is told what to ask for" {
    tool version
    pg_fresh_role
    pg_sql "GRANT SELECT, INSERT ON schema_migrations TO $PG_ROLE; GRANT CREATE ON SCHEMA public TO $PG_ROLE"
    export DATABASE_URL
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE")
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.hint | contains("GRANT SELECT, INSERT, TRUNCATE ON public.schema_migrations")'
}

@test "new writes a pair that both take" {
    tool up
    assert_exit 0
    run_evo evo-migrate new add_orders --layout golang-migrate --json
    assert_exit 0
    assert_json '.data.name == "000003_add_orders"'
    printf 'CREATE TABLE orders (id int);\n' >"$MIGRATIONS/000003_add_orders.up.sql"
    printf 'DROP TABLE orders;\n' >"$MIGRATIONS/000003_add_orders.down.sql"
    rm -r evo
    tool up
    assert_exit 0
    run_evo evo-migrate down
    assert_exit 0
    assert_equal f "$(exists orders)"
}
