# Production takes only what staging proved: the same bytes, in the same order.
# seconds: 10

load ../lib/evo
load ../lib/shop

setup() {
    export EVO_STORE=$BATS_TEST_TMPDIR/store
    pg_fresh_db
    STAGING=$PG_DB STAGING_URL=$PG_URL
    pg_fresh_db
    PRODUCTION=$PG_DB PRODUCTION_URL=$PG_URL
    shop_project
    DATABASE_URL=$STAGING_URL run_evo evo-migrate up
    assert_exit 0
}

record() {
    DATABASE_URL=$STAGING_URL run_evo evo-promote record --environment staging --json "$@"
}

check() {
    DATABASE_URL=$PRODUCTION_URL run_evo evo-promote check --environment production --from staging --json "$@"
}

# refused KIND MIGRATION
refused() {
    assert_exit 1
    assert_json '.error.reason == "promotion_refused" and .data.verdict == "refused"'
    assert_json ".data.differences | map(select(.kind == \"$1\" and .migration == \"$2\")) | length == 1"
    assert_stderr_has "$2"
    assert_stderr_has 'next: evo deploy --environment staging'
    assert_equal 0 "$(pg_sql -d "$PRODUCTION" "SELECT count(*) FROM pg_class WHERE relname = '_prisma_migrations'")"
}

@test "what staging proved is allowed" {
    record
    assert_exit 0
    assert_schema "$EVO_ROOT/lib/schema/passport.schema.json" "$EVO_STORE"/passports/staging/*.json
    check
    assert_exit 0
    assert_json '.data.verdict == "allowed" and (.data.set_hash | length == 64)'
}

@test "the migration files travel with the passport" {
    record
    tar -xf "$EVO_STORE"/passports/staging/*.tar -C "$BATS_TEST_TMPDIR" --one-top-level=out
    diff -r prisma/migrations/20240115_add_user_status "$BATS_TEST_TMPDIR/out/prisma/migrations/20240115_add_user_status"
}

@test "without a passport nothing is allowed" {
    check
    assert_exit 1
    assert_stderr_has 'there is no passport of "staging"'
}

@test "a passport older than --max-age does not count" {
    record
    check --max-age 0
    assert_exit 1
    assert_stderr_has 'older than the maximum age'
    check --max-age 1h
    assert_exit 0
}

@test "a changed file is refused and named" {
    record
    printf -- '-- one more line\n' >>prisma/migrations/20240115_add_user_status/migration.sql
    check
    refused changed 20240115_add_user_status
    assert_json '.data.differences[0].file == "prisma/migrations/20240115_add_user_status/migration.sql"'
}

@test "a changed probe or down file counts as a change" {
    record
    printf 'SELECT true;\n' >prisma/migrations/20240115_add_user_status/verify_up.sql
    check
    refused changed 20240115_add_user_status
    assert_json '.data.differences[0].file | endswith("verify_up.sql")'
}

@test "a migration that staging never saw is refused and named" {
    record
    shop_migration 20240301_new 'SELECT 1;'
    check
    refused unknown 20240301_new
}

@test "another order is refused" {
    # Staging applied one that arrived behind another; production would take them in order.
    shop_migration 20240301_second 'CREATE TABLE second (id int);'
    DATABASE_URL=$STAGING_URL run_evo evo-migrate up
    shop_migration 20240201_first 'CREATE TABLE first (id int);'
    DATABASE_URL=$STAGING_URL run_evo evo-migrate up
    assert_exit 0
    record
    check
    refused reordered 20240201_first
}

@test "staging several migrations ahead is fine" {
    shop_migration 20240301_a 'CREATE TABLE a (id int);'
    shop_migration 20240302_b 'CREATE TABLE b (id int);'
    DATABASE_URL=$STAGING_URL run_evo evo-migrate up
    record
    rm -r prisma/migrations/20240302_b
    check
    assert_exit 0
    DATABASE_URL=$PRODUCTION_URL run_evo evo-migrate up --to 20240101000000_init
    check
    assert_exit 0
}

@test "a state that staging did not pass through is refused" {
    record
    shop_migration 20240102_hotfix 'CREATE TABLE hotfix (id int);'
    DATABASE_URL=$PRODUCTION_URL run_evo evo-migrate up --to 20240102_hotfix
    assert_exit 0
    check
    assert_exit 1
    assert_json '.data.differences | map(select(.kind == "state" and .migration == "20240102_hotfix")) | length == 1'
}

@test "an older passport that covers it is found behind a newer one that does not" {
    record
    pg_sql -d "$STAGING" "UPDATE _prisma_migrations SET checksum = repeat('0', 64), rolled_back_at = now()
        WHERE migration_name = '20240115_add_user_status'"
    wait_until 5 another_second
    record
    assert_exit 0
    check
    assert_exit 0
}

# Names of passports hold whole seconds; the next one is asked for by the clock.
another_second() {
    [ "$(date +%s)" -gt "$(stat -c %Y "$(find "$EVO_STORE/passports/staging" -name '*.json' | head -n 1)")" ]
}

@test "an altered passport is found out" {
    record
    file=$(echo "$EVO_STORE"/passports/staging/*.json)
    chmod u+w "$file"
    sed -i '0,/"sha256": "[0-9a-f]\{4\}/s//"sha256": "0000/' "$file"
    check
    assert_exit 6
    assert_json '.error.reason == "integrity"'
}

@test "a passport of another environment, or dated ahead, is no evidence" {
    DATABASE_URL=$STAGING_URL run_evo evo-promote record --environment dev --json
    mkdir -p "$EVO_STORE/passports/staging"
    cp "$EVO_STORE"/passports/dev/*.json "$EVO_STORE/passports/staging/"
    check
    assert_exit 6
    assert_stderr_has 'the passport of environment "dev"'
    rm "$EVO_STORE"/passports/staging/*
    sed 's/"environment": "dev"/"environment": "staging"/; s/"created_at": "20/"created_at": "21/' "$EVO_STORE"/passports/dev/*.json \
        >"$EVO_STORE/passports/staging/21991231T000000Z-abcdef.json"
    check
    assert_exit 6
    assert_stderr_has 'not yet'
}

@test "a passport whose set does not follow from its files is no evidence" {
    record
    file=$(echo "$EVO_STORE"/passports/staging/*.json)
    sed -i 's/"set_hash": "[0-9a-f]\{8\}/"set_hash": "00000000/' "$file"
    check
    assert_exit 6
    assert_stderr_has 'the hash of the set'
}

@test "a failed or edited migration gets no passport" {
    printf -- '-- edited\n' >>prisma/migrations/20240115_add_user_status/migration.sql
    record
    assert_exit 1
    assert_json '.error.reason == "promotion_refused" and .error.migration == "20240115_add_user_status"'
    [ ! -d "$EVO_STORE/passports" ]
}

@test "a failed step of this run gets no passport" {
    run_dir=$BATS_TEST_TMPDIR/run
    printf 'SELECT false;\n' >prisma/migrations/20240115_add_user_status/verify_up.sql
    DATABASE_URL=$STAGING_URL run_evo evo-verify up --all --run-dir "$run_dir"
    assert_exit 1
    record --run-dir "$run_dir"
    assert_exit 1
    assert_stderr_has 'step "verify up" of this run failed'
}

@test "--break-glass lets it through and says so" {
    check --break-glass 'fire at 2 a.m.'
    assert_exit 0
    assert_json '.data.verdict == "break_glass" and .data.break_glass == "fire at 2 a.m."'
    assert_stderr_has 'fire at 2 a.m.'
}

@test "evo-deploy records in staging and checks in production by evo.json" {
    cat >evo.json <<JSON
{ "store": "$EVO_STORE", "deploy": { "skip": ["backup"] },
  "environments": { "staging": {}, "production": { "promote": { "from": "staging" } } } }
JSON
    unset EVO_STORE
    DATABASE_URL=$PRODUCTION_URL run_evo evo-deploy --environment production --json
    assert_exit 1
    assert_json '.error.reason == "promotion_refused"'
    DATABASE_URL=$STAGING_URL run_evo evo-deploy --environment staging --json
    assert_exit 0
    DATABASE_URL=$PRODUCTION_URL run_evo evo-deploy --environment production --json
    assert_exit 0
    assert_json '.data.applied == 2'
}

@test "show prints the newest passport" {
    record
    run_evo evo-promote show --from staging --json
    assert_exit 0
    assert_json '.data.content.migrations | map(.name) == ["20240101000000_init", "20240115_add_user_status"]'
    run_evo evo-promote show --from nowhere
    assert_exit 1
    assert_stderr_has 'there is no passport of "nowhere"'
}
