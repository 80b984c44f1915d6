# Production's schema must be one that staging passed through, by fingerprint; a refusal shows what differs.

load ../lib/evo
load ../lib/shop

setup() {
    export EVO_STORE=$BATS_TEST_TMPDIR/store
    pg_fresh_db
    STAGING=$PG_DB STAGING_URL=$PG_URL
    pg_fresh_db
    PRODUCTION=$PG_DB PRODUCTION_URL=$PG_URL
    shop_project
    mkdir -p prisma/migrations/20240301000000_c
    echo 'CREATE TABLE c (id int);' >prisma/migrations/20240301000000_c/migration.sql
    DATABASE_URL=$STAGING_URL run_evo evo-migrate up
    assert_exit 0
    DATABASE_URL=$STAGING_URL run_evo evo-promote record --environment staging
    assert_exit 0
}

check() {
    DATABASE_URL=$PRODUCTION_URL run_evo evo-promote check --environment production --from staging --json "$@"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/promote.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

up() {
    DATABASE_URL=$PRODUCTION_URL run_evo evo-migrate up "$@"
    assert_exit 0
}

@test "the passport carries the schema before, after, and behind each migration" {
    assert_schema "$EVO_ROOT/lib/schema/passport.schema.json" "$EVO_STORE"/passports/staging/*.json
    run jq -r '[.fingerprints.initial, .fingerprints.before, .fingerprints.after, .migrations[].fingerprint] | map(length) | unique | join(" ")' \
        "$EVO_STORE"/passports/staging/*.json
    assert_equal 64 "$output"
    # The readable forms lie beside it, for plain tools.
    local name
    for name in "$EVO_STORE"/schemas/staging/*.txt.gz; do
        assert_equal "$(basename "$name" .txt.gz)" "$(gunzip <"$name" | sha256sum | cut -d' ' -f1)"
    done
    assert_equal 4 "$(find "$EVO_STORE"/schemas/staging -name '*.gz' | wc -l)"
    # Recorded again: what is there is not written again.
    DATABASE_URL=$STAGING_URL run_evo evo-promote record --environment staging
    assert_exit 0
}

@test "each state that staging passed through is allowed, however far behind" {
    check
    assert_exit 0
    assert_json '.data.verdict == "allowed" and .data.schema == "equal"'
    local n
    for n in 1 2 3; do
        up --steps 1
        check
        assert_exit 0
        assert_json '.data.schema == "equal"'
    done
}

@test "a schema changed by hand is refused, and what differs is shown" {
    up --steps 2
    pg_sql -d "$PRODUCTION" 'CREATE INDEX by_hand ON users (email); CREATE TABLE extra (id int)'
    check
    assert_exit 1
    assert_json '.error.reason == "promotion_refused" and .data.verdict == "refused" and .data.schema == "different"'
    assert_json '.data.differences | length == 1 and .[0].kind == "schema" and (.[0].lines | map(select(startswith("+ index public.by_hand"))) | length == 1)'
    assert_json '.data.differences[0].message | contains("3 differences")'
    assert_json '.error.detail | contains("+ table public.extra")'
    assert_stderr_has '--allow-drift'
    check --allow-drift
    assert_exit 0
    assert_json '.data.verdict == "allowed" and .data.schema == "different" and (.data.differences | length == 1)'
    check --break-glass 'known'
    assert_exit 0
    assert_json '.data.verdict == "break_glass"'
    DATABASE_URL=$PRODUCTION_URL run_evo evo-promote check --environment production --from staging
    assert_exit 1
    assert_stdout_has '+ table public.extra'
}

@test "tables in a production that staging began without" {
    pg_sql -d "$PRODUCTION" 'CREATE TABLE extra (id int)'
    check
    assert_exit 1
    assert_json '.data.differences[0] | .kind == "schema" and .migration == null'
}

@test "a state that is on no passport is said, not refused" {
    up --steps 1
    # as a passport that was written before there were fingerprints
    local passport
    passport=$(echo "$EVO_STORE"/passports/staging/*.json)
    jq 'del(.fingerprints) | del(.migrations[].fingerprint)' "$passport" >"$passport.new"
    mv "$passport.new" "$passport"
    check
    assert_exit 0
    assert_json '.data.verdict == "allowed" and .data.schema == "unknown"'
    DATABASE_URL=$PRODUCTION_URL run_evo evo-promote check --environment production --from staging
    assert_stdout_has 'the schema was not compared'
}

@test "a readable form that is gone, or another one, in the store" {
    up --steps 1
    pg_sql -d "$PRODUCTION" 'CREATE TABLE extra (id int)'
    local name
    for name in "$EVO_STORE"/schemas/staging/*.gz; do echo other | gzip >"$name"; done
    check
    assert_exit 6
    assert_json '.error.reason == "integrity"'
    rm "$EVO_STORE"/schemas/staging/*.gz
    check
    assert_exit 1
    assert_json '.data.differences[0] | .lines == [] and (.message | contains("here, "))'
}

@test "evo-status answers the list: before migration" {
    printf '{"environments": {"production": {"promote": {"from": "staging"}}}}' >evo.json
    DATABASE_URL=$PRODUCTION_URL run_evo evo-status --environment production --json
    assert_exit 0
    # reviewed in staging, the way back, a backup, locks, the team
    assert_json '[.data.checks[] | select(.name | IN("staging", "rollback", "backup", "lock", "blockers", "notify")) | .verdict] | length == 6'
    assert_json '.data.checks[] | select(.name == "staging") | .verdict == "ok" and (.message | contains("proved in \"staging\""))'
    assert_json '.data.checks[] | select(.name == "rollback") | .message | contains("has no way back")'
    assert_json '.data.checks[] | select(.name == "notify") | .message | contains("nobody")'
    DATABASE_URL=$PRODUCTION_URL run_evo evo-status --environment production --fail-on staging,rollback,backup,notify --json
    assert_exit 1
    assert_json '[.data.checks[] | select(.verdict == "fail") | .name] == ["rollback", "backup", "notify"]'

    echo 'SELECT 1;' >>prisma/migrations/20240301000000_c/migration.sql
    DATABASE_URL=$PRODUCTION_URL run_evo evo-status --environment production --fail-on staging --json
    assert_exit 1
    assert_json '.error.reason == "promotion_refused" and (.error.message | contains("has not proved"))'
    assert_json '.error.next == "evo deploy --environment staging"'
}
