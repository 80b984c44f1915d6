# The pipeline: its order, its refusals, rollback, cancel, and what a crash leaves.
# seconds: 20

load ../lib/evo
load ../lib/server
load ../lib/shop

setup_file() {
    server_start app_server.py "$BATS_FILE_TMPDIR/told"
    export TOLD=$BATS_FILE_TMPDIR/told
    touch "$TOLD"
}

teardown_file() {
    server_stop
}

setup() {
    pg_fresh_db
    shop_project
    export EVO_STORE=$BATS_TEST_TMPDIR/store EVO_HEALTH_HTTP=$SERVER/health EVO_HEALTH_DEADLINE=5s
    SLACK_WEBHOOK_URL=$SERVER/services/canary-hook-$(random_word)
    export SLACK_WEBHOOK_URL
    add_canary "${SLACK_WEBHOOK_URL##*/}"
    RUN=$BATS_TEST_TMPDIR/run
    : >"$TOLD"
}

# verdict STEP: of the deploy envelope on stdout.
verdict() {
    json ".data.steps[] | select(.name == \"$1\") | .verdict"
}

@test "the whole pipeline leaves a green run: backup, migrations, probes, health, passport, message" {
    run_evo evo-deploy --json --environment staging --run-dir "$RUN"
    assert_exit 0
    assert_json '.ok and .data.schema_clean and .data.applied == 2 and .data.pending == 0'
    assert_json '[.data.steps[] | select(.verdict == "done") | .name]
        == ["status", "backup", "migrate", "verify", "health", "promote-record", "notify"]'
    assert_json '.data.steps[] | select(.name == "promote-check") | .verdict == "skipped"'
    assert_equal "20240101000000_init
20240115_add_user_status" "$(shop_applied)"
    [ -s "$EVO_STORE/backups/staging/$PG_DB/$(json .data.backup_id)/manifest.json" ]
    [ "$(find "$EVO_STORE/passports/staging" -name '*.json' | wc -l)" -eq 1 ]
    [ "$(find "$EVO_STORE/passports/staging" -name '*.tar' | wc -l)" -eq 1 ]
    assert_equal 1 "$(wc -l <"$TOLD")"
    grep -q "$PG_DB" "$TOLD"
    assert_unlocked
}

@test "every envelope of a run, and the passport, follow their schemas" {
    run_evo evo-deploy --json --environment staging --run-dir "$RUN"
    assert_exit 0
    assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" "$RUN"/*.json
    jq .data "$OUT" >deploy-data.json
    assert_schema "$EVO_ROOT/lib/schema/data/deploy.schema.json" deploy-data.json
    assert_schema "$EVO_ROOT/lib/schema/passport.schema.json" "$EVO_STORE"/passports/staging/*.json
    assert_no_secret "$RUN"/*.json
}

@test "with nothing pending backup and migrate are skipped, and nobody is told" {
    run_evo evo-deploy --environment staging
    assert_exit 0
    : >"$TOLD"
    run_evo evo-deploy --json --environment staging
    assert_exit 0
    assert_equal skipped "$(verdict backup)"
    assert_equal skipped "$(verdict migrate)"
    assert_equal "done" "$(verdict health)"
    assert_equal skipped "$(verdict notify)"
    [ ! -s "$TOLD" ]
}

@test "a false probe ends with 7, the schema untouched, people told" {
    run_evo evo-deploy --only migrate
    assert_exit 0
    shop_migration 20240301_sku 'ALTER TABLE products ADD COLUMN sku text;' 'SELECT false;'
    before=$(shop_schema)
    run_evo evo-deploy --json --environment staging
    assert_exit 7
    assert_json '.error.reason == "migration_failed" and .error.migration == "20240301_sku" and .error.schema_clean'
    assert_json '.data.schema_clean and .data.applied == 0'
    assert_equal "$before" "$(shop_schema)"
    assert_equal skipped "$(verdict verify)"
    assert_equal 'not reached' "$(json '.data.steps[] | select(.name == "verify") | .reason')"
    assert_equal 1 "$(wc -l <"$TOLD")"
    grep -q 20240301_sku "$TOLD"
    assert_unlocked
    # The backup of before is there to be restored.
    run_evo evo-backup list --environment staging --json
    assert_json '.data.backups[0].complete'
}

@test "an unhealthy application ends with 1 and the command for a restore" {
    EVO_HEALTH_HTTP=$SERVER/unhealthy EVO_HEALTH_DEADLINE=1s run_evo evo-deploy --json --environment staging
    assert_exit 1
    assert_json '.error.reason == "unhealthy"'
    assert_json '.error.next | contains("evo restore")'
    assert_json '.error.detail | contains("2 migrations were applied and stay; to take them back: evo migrate down --steps 2")'
    assert_equal 2 "$(shop_applied | wc -l)"
    [ ! -d "$EVO_STORE/passports" ]
}

@test "--on-failure rollback undoes what this run applied" {
    run_evo evo-migrate up --to 20240101000000_init
    assert_exit 0
    before=$(shop_schema)
    EVO_HEALTH_HTTP=$SERVER/unhealthy EVO_HEALTH_DEADLINE=1s \
        run_evo evo-deploy --json --environment staging --on-failure rollback
    assert_exit 1
    assert_equal "done" "$(verdict rollback)"
    assert_json '.error.detail | contains("rolled back")'
    assert_equal "$before" "$(shop_schema)"
    assert_equal 20240101000000_init "$(shop_applied)"
}

@test "--dry-run changes nothing and says what would run" {
    run_evo evo-deploy --json --environment staging --dry-run
    assert_exit 0
    assert_equal "done" "$(verdict status)"
    assert_equal 'dry run: would run' "$(json '.data.steps[] | select(.name == "backup") | .reason')"
    [ ! -e "$EVO_STORE" ]
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_class WHERE relname = '_prisma_migrations'")"
    [ ! -s "$TOLD" ]
}

@test "--skip and --only choose the steps" {
    run_evo evo-deploy --json --skip backup,health,promote-record,notify
    assert_exit 0
    assert_json '[.data.steps[] | select(.verdict == "done") | .name] == ["status", "migrate", "verify"]'
    [ ! -e "$EVO_STORE" ]
    run_evo evo-deploy --only frobnicate
    assert_exit 2
    assert_stderr_has 'frobnicate'
}

@test "without a store a backup is refused before anything starts" {
    unset EVO_STORE
    run_evo evo-deploy --environment staging
    assert_exit 2
    assert_stderr_has 'no store is configured to back up to'
    assert_stderr_has '--skip backup'
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_class WHERE relname = '_prisma_migrations'")"
}

@test "the wrong database behind a guard is refused before anything starts" {
    run_evo evo-deploy --expect-database other_db
    assert_exit 2
    assert_stderr_has "$PG_DB"
    assert_stderr_has other_db
    [ ! -e "$EVO_STORE" ]
}

# Starts a deploy whose migration takes long; waits until its statement runs. DEPLOY is its pid.
start_long_deploy() {
    run_evo evo-migrate up --to 20240101000000_init
    assert_exit 0
    shop_migration 20240110_long "CREATE TABLE half (id int); SELECT pg_sleep(60);"
    before=$(shop_schema)
    "$BUILD/bin/evo-deploy" --json --environment staging --run-dir "$RUN" </dev/null >"$BATS_TEST_TMPDIR/out" \
        2>"$BATS_TEST_TMPDIR/err" 3>&- &
    DEPLOY=$!
    wait_until 20 long_statement_runs || {
        cat "$BATS_TEST_TMPDIR/err" >&2
        fail 'the long migration did not start'
    }
}

long_statement_runs() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'")" = 1 ]
}

no_session_left() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'")" = 0 ]
}

@test "a migration that was interrupted outside a transaction goes on with the next deploy" {
    run_evo evo-migrate up
    pg_sql "INSERT INTO products (name, price) VALUES ('same', 1), ('same', 1)"
    shop_migration 20240401_unique "CREATE TABLE first_half (id int);
CREATE UNIQUE INDEX CONCURRENTLY products_name ON products (name);"
    run_evo evo-deploy --json --environment staging
    assert_exit 7
    assert_json '.data.schema_clean == false'
    pg_sql "DELETE FROM products WHERE id = (SELECT min(id) FROM products)"
    run_evo evo-deploy --json --environment staging
    assert_exit 0
    assert_equal "done" "$(verdict migrate)"
    assert_equal 3 "$(shop_applied | wc -l)"
    assert_equal t "$(pg_sql "SELECT indisvalid FROM pg_index WHERE indexrelid = 'products_name'::regclass")"
}

@test "SIGINT in a long migration: schema as before, no lock, people told, within 7 seconds" {
    start_long_deploy
    began=$(date +%s%3N)
    kill -INT "$DEPLOY"
    status=0
    wait "$DEPLOY" || status=$?
    took=$(($(date +%s%3N) - began))
    assert_equal 130 "$status"
    [ "$took" -lt 7000 ] || fail "it took $took ms"
    jq -e '.error.reason == "cancelled" and .data.schema_clean' "$BATS_TEST_TMPDIR/out"
    jq -e '.data.steps[] | select(.name == "migrate") | .verdict == "cancelled"' "$BATS_TEST_TMPDIR/out"
    assert_equal "$before" "$(shop_schema)"
    assert_unlocked
    wait_until 5 no_session_left
    assert_equal 1 "$(wc -l <"$TOLD")"
    grep -qi cancelled "$TOLD"
    assert_no_secret "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err" "$RUN"/*.json
}

@test "after kill -9 in a migration the next run goes on, and no child is left behind" {
    start_long_deploy
    kill -KILL "$DEPLOY"
    wait "$DEPLOY" || true
    # The step's parent-death signal makes it clean up and end.
    wait_until 10 no_session_left || fail 'a child of the killed run is still at work'
    assert_equal "$before" "$(shop_schema)"
    assert_unlocked
    printf 'CREATE TABLE half (id int);\n' >prisma/migrations/20240110_long/migration.sql
    run_evo evo-deploy --json --environment staging
    assert_exit 0
    assert_equal 3 "$(shop_applied | wc -l)"
}

@test "two runs at once: the second is refused with 5 and names the first" {
    start_long_deploy
    run_evo evo-deploy --environment staging --json
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable"'
    assert_json '.error.message + .error.detail | contains("evo-deploy")'
    kill -INT "$DEPLOY"
    wait "$DEPLOY" || true
}

@test "on GitHub outputs and summary are written also when a step fails" {
    shop_migration 20240301_bad 'SELECT 1/0;'
    export GITHUB_ACTIONS=true GITHUB_OUTPUT=$BATS_TEST_TMPDIR/output GITHUB_STEP_SUMMARY=$BATS_TEST_TMPDIR/summary
    touch "$GITHUB_OUTPUT" "$GITHUB_STEP_SUMMARY"
    run_evo evo-deploy --environment staging --skip notify
    assert_exit 7
    grep -qx 'verdict=failure' "$GITHUB_OUTPUT"
    grep -qx 'failure-reason=migration_failed' "$GITHUB_OUTPUT"
    grep -qx 'applied=2' "$GITHUB_OUTPUT"
    grep -qE '^backup-id=[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$' "$GITHUB_OUTPUT"
    assert_equal 0 "$(grep -cx '' "$GITHUB_OUTPUT")"
    grep -q 'division by zero' "$GITHUB_STEP_SUMMARY"
    grep -q '| migrate | ❌ failed' "$GITHUB_STEP_SUMMARY"
    assert_stdout_has '::error title=evo'
    # With --json stdout is one envelope also on a runner, which reads commands from stderr as well.
    run_evo evo-deploy --environment staging --skip notify --json
    assert_exit 7
    assert_json '.ok == false'
    assert_stderr_has '::error title=evo'
    run_evo evo-deploy --environment staging --skip notify
    # What steps print cannot give the runner commands.
    assert_stdout_has '::stop-commands::'
}
