# evo as a guest in a Laravel project: the real artisan applies, evo decides what, and both agree on what is there.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/laravel

USERS=2025_01_01_000000_create_users_table
USER_STATUS=2025_01_02_000000_add_user_status

setup() {
    pg_fresh_db
    laravel_project
}

teardown() {
    release
}

# fake_php SCRIPT: a php of that text stands first in PATH; REAL_PHP is the other one.
fake_php() {
    REAL_PHP=${REAL_PHP:-$(command -v php)}
    export REAL_PHP
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/bash\n%s\n' "$1" >"$BATS_TEST_TMPDIR/bin/php"
    chmod 0755 "$BATS_TEST_TMPDIR/bin/php"
    PATH=$BATS_TEST_TMPDIR/bin:${PATH#"$BATS_TEST_TMPDIR/bin:"}
}

@test "what evo applies is what artisan would have applied, and the other way round" {
    run_evo evo-migrate up --steps 1 --json
    assert_exit 0
    assert_json "[.data.applied[].name] == [\"$USERS\"] and .data.applied[0].transaction and [.data.pending[].name] == [\"$USER_STATUS\"]"
    artisan migrate:status
    assert_exit 0
    [[ $output =~ Yes.*$USERS.*No.*$USER_STATUS ]]

    artisan migrate
    assert_exit 0
    run_evo evo-status --json
    assert_exit 0
    assert_json ".data.layout == \"laravel\" and .data.pending == [] and [.data.applied[].name] == [\"$USERS\", \"$USER_STATUS\"]"
    assert_json ".data.last_applied == \"$USER_STATUS\" and .data.applied[0].finished_at == null and .data.edited == []"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/status.schema.json" "$BATS_TEST_TMPDIR/data.json"

    run_evo evo-migrate down --json
    assert_exit 0
    assert_json "[.data.rolled_back[].name] == [\"$USER_STATUS\"]"
    assert_equal "$USERS|1" "$(laravel_rows)"
    artisan migrate:status
    [[ $output =~ Yes.*$USERS.*No.*$USER_STATUS ]]
}

@test "each migration is a batch, so that artisan takes back what evo would" {
    run_evo evo-migrate up
    assert_exit 0
    assert_equal "$USER_STATUS|2"$'\n'"$USERS|1" "$(laravel_rows)"
    artisan migrate:rollback
    assert_exit 0
    assert_equal "$USERS|1" "$(laravel_rows)"
    run_evo evo-migrate up
    artisan migrate:rollback --step=2
    assert_equal '' "$(laravel_rows)"
    # One batch of artisan's own is taken back one by one, by name from the end.
    artisan migrate
    run_evo evo-migrate down --steps 2 --json
    assert_exit 0
    assert_json "[.data.rolled_back[].name] == [\"$USER_STATUS\", \"$USERS\"]"
    assert_equal f "$(exists users)"
}

@test "a late migration is applied, and is the first to be taken back, in production without a question" {
    export APP_ENV=production
    run_evo evo-migrate up
    laravel_migration 2025_01_01_120000_late "DB::statement('CREATE TABLE late (id int)');" "DB::statement('DROP TABLE late');"
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["2025_01_01_120000_late"] and any(.data.warnings[]; contains("arrived behind"))'
    run_evo evo-migrate down --json
    assert_json '[.data.rolled_back[].name] == ["2025_01_01_120000_late"]'
    assert_equal f "$(exists late)"
}

@test "what fails leaves nothing, and says what artisan said" {
    laravel_migration 2025_01_03_000000_bad "DB::statement('CREATE TABLE half (id int)'); DB::statement('SELECT * FROM nope');"
    laravel_migration 2025_01_04_000000_next "DB::statement('CREATE TABLE next (id int)');"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.data.applied | length == 2'
    assert_json '.error.migration == "2025_01_03_000000_bad" and .error.schema_clean == true and (.error.detail | contains("SQLSTATE[42P01]"))'
    assert_equal 'f|f' "$(exists half)|$(exists next)"
    laravel_migration 2025_01_03_000000_bad "throw new RuntimeException('not today');"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and (.error.detail | contains("not today"))'
    laravel_migration 2025_01_03_000000_bad "DB::statement('CREATE TABLE half (id int)');"
    run_evo evo-migrate up --to 2025_01_03_000000_bad --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["2025_01_03_000000_bad"] and [.data.pending[].name] == ["2025_01_04_000000_next"]'
}

@test "withinTransaction = false runs without one, and what fails then may have left something" {
    laravel_migration 2025_01_03_000000_index "DB::statement('CREATE INDEX CONCURRENTLY by_mail ON users (email)');" \
        "DB::statement('DROP INDEX CONCURRENTLY by_mail');" 'public $withinTransaction = false;'
    laravel_migration 2025_01_04_000000_half "DB::statement('CREATE TABLE half (id int)'); DB::statement('SELECT * FROM nope');" \
        '' 'public $withinTransaction = false;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.data.applied[2].name == "2025_01_03_000000_index" and .data.applied[2].transaction == false'
    assert_json '.error.schema_clean == null and (.error.hint | contains("resolve --applied 2025_01_04_000000_half"))'
    assert_equal 't|t' "$(exists half)|$(exists by_mail)"
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back[0].name == "2025_01_03_000000_index" and .data.rolled_back[0].transaction == false'
    assert_equal f "$(exists by_mail)"
}

@test "ended between COMMIT and the row: nobody can know, and that is what is said" {
    # The row cannot be written: the migration is in all the same.
    artisan migrate:install
    pg_sql "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN RAISE 'no row today'; END\$\$;
            CREATE TRIGGER no BEFORE INSERT ON migrations FOR EACH ROW EXECUTE FUNCTION no()"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json ".error.schema_clean == null and .error.migration == \"$USERS\" and (.error.hint | contains(\"evo-migrate resolve --applied $USERS\"))"
    assert_equal t "$(exists users)"
    # With a probe evo sees for itself.
    pg_sql 'DROP TABLE users'
    mkdir -p "evo/$USERS"
    echo "SELECT to_regclass('users') IS NOT NULL;" >"evo/$USERS/verify_up.sql"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json ".error.schema_clean == false and .error.next == \"evo-migrate resolve --applied $USERS\" and (.error.detail | contains(\"its row is missing\"))"
    pg_sql 'DROP TRIGGER no ON migrations'
    run_evo evo-migrate resolve --applied "$USERS"
    assert_exit 0
    # The same on the way back.
    pg_sql "CREATE TRIGGER no BEFORE DELETE ON migrations FOR EACH ROW EXECUTE FUNCTION no()"
    run_evo evo-migrate down --json
    assert_exit 7
    assert_json ".error.schema_clean == null and (.error.hint | contains(\"evo-migrate resolve --rolled-back $USERS\"))"
    pg_sql 'DROP TRIGGER no ON migrations'
    assert_equal f "$(exists users)"
    run_evo evo-migrate resolve --rolled-back "$USERS"
    assert_exit 0
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied | length == 2'
}

@test "killed in the middle: nobody can know, either" {
    laravel_migration 2025_01_03_000000_suicide 'posix_kill(getmypid(), 9);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == null and .error.migration == "2025_01_03_000000_suicide" and (.error.message | contains("ended by signal 9"))'
    assert_json '.error.hint | contains("evo-migrate up") and contains("resolve --applied 2025_01_03_000000_suicide")'
}

@test "the exit status of the tool decides nothing" {
    fake_php 'echo "Migrated."'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.message | contains("says that it succeeded") and contains("not applied")'
    # shellcheck disable=SC2016 # of the fake
    fake_php '"$REAL_PHP" "$@"; exit 3'
    run_evo evo-migrate up --steps 1
    assert_exit 0
    assert_stderr_has 'ended with status 3'
    assert_equal "$USERS|1" "$(laravel_rows)"
}

@test "a tool that does more than it was asked for is caught by its ledger" {
    # shellcheck disable=SC2016 # of the fake
    fake_php '"$REAL_PHP" artisan migrate --force'
    run_evo evo-migrate up --steps 1 --json
    assert_exit 7
    assert_json ".error.schema_clean == false and (.error.message | contains(\"did something else\") and contains(\"$USER_STATUS\"))"
}

@test "the connection reaches artisan by its environment alone, in every form" {
    # shellcheck disable=SC2016 # of the fake
    fake_php 'printf "%s\n" "$@" >>"$BATS_TEST_TMPDIR/argv"; exec "$REAL_PHP" "$@"'
    printf 'DB_HOST=203.0.113.1\nDB_DATABASE=other\nDATABASE_URL=pgsql://x:y@203.0.113.1/other\n' >.env
    run_evo evo-migrate up --steps 1
    assert_exit 0
    grep -q -- --realpath "$BATS_TEST_TMPDIR/argv"
    assert_no_secret "$BATS_TEST_TMPDIR/argv"
    # A project without a URL, and a socket, which Laravel takes in no URL.
    sed -i "/'url'/d" config/database.php
    run_evo evo-migrate up --steps 1
    assert_exit 0
    run_evo evo-migrate down --database "$PG_URL"
    assert_exit 0
    assert_equal "$USERS|1" "$(laravel_rows)"
    sed -i "s|'host' =>|'url' => env('DB_URL'), 'host' =>|" config/database.php
    run_evo evo-migrate up --database "$PG_URL"
    assert_exit 0
}

@test "the table that config/database.php names is used, one that it computes is refused" {
    pg_sql 'CREATE SCHEMA app'
    sed -i "s|'schema' => 'public'|'schema' => 'app'|; s|'migrations' => 'migrations'|'migrations' => env('HISTORY', 'history')|" config/database.php
    run_evo evo-migrate up --steps 1
    assert_exit 0
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM app.history')"
    sed -i "s|env('HISTORY', 'history')|implode(['his', 'tory'])|" config/database.php
    run_evo evo-status --json
    assert_exit 2
    assert_json '(.error.message | contains("cannot tell the table of migrations")) and (.error.file | endswith("config/database.php")) and .error.line > 1'
}

@test "resolve writes the row and the table as artisan does" {
    run_evo evo-migrate resolve --applied "$USERS"
    assert_exit 0
    run_evo evo-migrate resolve --applied "$USER_STATUS"
    assert_equal "$USER_STATUS|2"$'\n'"$USERS|1" "$(laravel_rows)"
    local ours
    ours=$("$PG_BINDIR/pg_dump" -s -t migrations "$PG_URL" | grep -v restrict)
    artisan migrate:status
    assert_exit 0
    pg_sql 'DROP TABLE migrations'
    artisan migrate:install
    assert_equal "$ours" "$("$PG_BINDIR/pg_dump" -s -t migrations "$PG_URL" | grep -v restrict)"
}

@test "what artisan would do beside the migration is refused before anything runs" {
    mkdir -p database/schema
    echo 'CREATE TABLE dumped (id int);' >database/schema/pgsql-schema.sql
    run_evo evo-migrate up --json
    assert_exit 2
    assert_json '(.error.message | contains("pgsql-schema.sql")) and .error.schema_clean == true'
    rm -r database/schema
    echo '<?php return [];' >bootstrap/cache/config.php
    run_evo evo-migrate up --json
    assert_exit 2
    assert_json '(.error.message | contains("configuration is cached")) and .error.next == "php artisan config:clear"'
    rm bootstrap/cache/config.php
    sed -i 's/public function down/public function away/' "database/migrations/$USER_STATUS.php"
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-migrate down --json
    assert_exit 1
    assert_json '.error.reason == "irreversible" and (.error.detail | contains("it has no down()"))'
    assert_equal 2 "$(laravel_rows | wc -l)"
}

@test "what is missing is named before anything runs" {
    mv artisan elsewhere
    run_evo evo-migrate up
    assert_exit 2
    assert_stderr_has 'found no artisan'
    run_program env PATH=/nowhere "$(evo_bin evo-migrate)" up
    assert_exit 2
    assert_stderr_has 'found no php'
    sed -i 's/class CreateUsersTable/class CreateUsers/' "database/migrations/$USERS.php"
    run_evo evo-status --json
    assert_exit 2
    assert_json ".error.line == 7 and (.error.message | contains(\"Laravel looks for \\\"CreateUsersTable\\\"\"))"
}

@test "a lock that is not to be had is tried for again" {
    run_evo evo-migrate up
    laravel_migration 2025_01_03_000000_wide "DB::statement('ALTER TABLE users ADD wide int');"
    hold 'LOCK TABLE users IN SHARE MODE'
    run_evo evo-migrate up --lock-timeout 700ms --lock-retries 1 --json
    assert_exit 5
    assert_json '.error.schema_clean == true and (.error.detail | contains("holder"))'
    release
    run_evo evo-migrate up
    assert_exit 0
}

@test "a backup knows what is applied, and new leaves new migrations to artisan" {
    run_evo evo-migrate up --steps 1
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/store"
    assert_exit 0
    run_evo evo-backup show latest --store "$BATS_TEST_TMPDIR/store" --json
    assert_json ".data.ledger.layout == \"laravel\" and .data.ledger.applied == [{\"name\": \"$USERS\", \"checksum\": null}]"
    run_evo evo-migrate new add_things
    assert_exit 2
    assert_stderr_has 'php artisan make:migration add_things'
}

@test "a cancel ends artisan and its statement" {
    run_evo evo-migrate up
    laravel_migration 2025_01_03_000000_slow "DB::statement('CREATE TABLE slow (id int)'); DB::statement('SELECT pg_sleep(600)');"
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%pg_sleep(600)%'
    kill -TERM "$EVO_PID"
    finish_evo
    assert_exit 143
    assert_json '.error.reason == "cancelled" and .error.migration == "2025_01_03_000000_slow"'
    assert_equal f "$(exists slow)"
    wait_until 10 no_sessions
}

@test "a connection that is lost in the middle: nobody can know" {
    run_evo evo-migrate up
    laravel_migration 2025_01_03_000000_slow "DB::statement('SELECT pg_sleep(600)');"
    start_evo evo-migrate up --json
    wait_until 20 query_runs '%pg_sleep(600)%'
    pg_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT pg_sleep(600)' AND pid <> pg_backend_pid()"
    finish_evo
    assert_exit 7
    assert_json '.error.schema_clean == null and .error.next == "evo-status" and (.error.hint | contains("resolve --applied 2025_01_03_000000_slow"))'
}
