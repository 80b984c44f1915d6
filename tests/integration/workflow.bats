# The workflows of the README, word for word, run by act in host mode against two
# databases and the S3 server. What happened is asked of the databases and the store.
# seconds: 50

load ../lib/evo
load ../lib/server
load ../lib/action
load ../lib/shop

setup_file() {
    server_start app_server.py "$BATS_FILE_TMPDIR/told"
    export TOLD=$BATS_FILE_TMPDIR/told
    export TOOL_CACHE=$BATS_FILE_TMPDIR/cache
    action_tree
    # Built once: the action finds this build under the key that it works out itself.
    local key
    key=$("$ACTION_TREE/scripts/action/binaries.sh" key)
    mkdir -p "$TOOL_CACHE/$key"
    cp -R "$BUILD/bin" "$TOOL_CACHE/$key/bin"
}

teardown_file() {
    server_stop
}

setup() {
    pg_fresh_db
    STAGING=$PG_DB STAGING_URL=$PG_TCP_URL
    pg_fresh_db
    PRODUCTION=$PG_DB PRODUCTION_URL=$PG_TCP_URL
    s3_fresh_bucket
    shop_project "$BATS_TEST_TMPDIR/project"
    mkdir -p .github/workflows
    cp "$EVO_ROOT"/actions/workflows/*.yml .github/workflows/
    git init -q .
    git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m start
    git remote add origin https://example.com/org/shop.git
    : >"$TOLD"
    rm -f "$TOLD.requests"
    HOOK=canary-hook-$(random_word)
    add_canary "$HOOK"
    cat >"$BATS_TEST_TMPDIR/secrets" <<ENV
DATABASE_URL_STAGING=$STAGING_URL
DATABASE_URL_PRODUCTION=$PRODUCTION_URL
SLACK_WEBHOOK_URL=$SERVER/services/$HOOK
AWS_ACCESS_KEY_ID=$S3_KEY
AWS_SECRET_ACCESS_KEY=$S3_SECRET
RESTORE_TARGET_URL=${PRODUCTION_URL%/*}/${PRODUCTION}_restored
ENV
    unset EVO_STORE DATABASE_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

# act_run WORKFLOW [ARGUMENT...]: sets status, output; the log goes to LOG.
act_run() {
    local workflow=$1
    shift
    LOG=$BATS_TEST_TMPDIR/act.log
    status=0
    timeout 300 env -i PATH="$PATH" HOME="$BATS_TEST_TMPDIR/home" LC_ALL=C.UTF-8 "$EVO_TOOLS/act/bin/act" workflow_dispatch --rm \
        -W ".github/workflows/$workflow" -P ubuntu-latest=-self-hosted \
        --local-repository "org/evo-action@v1=$ACTION_TREE" --secret-file "$BATS_TEST_TMPDIR/secrets" \
        --var "EVO_STORE=s3://$S3_BUCKET/evo" --var "HEALTH_URL_STAGING=$SERVER/health" \
        --var "HEALTH_URL_PRODUCTION=${HEALTH_PRODUCTION:-$SERVER/health}" --var "DATABASE_NAME=$PRODUCTION" \
        --env "AWS_ENDPOINT_URL_S3=$S3_ENDPOINT" --env "EVO_CACHE=$TOOL_CACHE" --env EVO_HEALTH_DEADLINE=3s \
        --env GIT_PAGER=cat "$@" </dev/null >"$LOG" 2>&1 3>&- || status=$?
}

assert_act() {
    if [ "$status" -ne "$1" ]; then
        tail -n 60 "$LOG" >&2
        fail "expected act to end with $1, got $status"
    fi
}

@test "the README shows the workflows word for word" {
    local file
    for file in deploy restore; do
        awk -v want="$EVO_ROOT/actions/workflows/$file.yml" '
            BEGIN { while ((getline line < want) > 0) text = text line "\n" }
            { all = all $0 "\n" }
            END { exit index(all, "```yaml\n" text "```\n") == 0 }' "$EVO_ROOT/README.md" ||
            fail "README.md does not show actions/workflows/$file.yml as it is"
    done
}

@test "staging, then production: both databases migrated, backed up, people told" {
    act_run deploy.yml
    assert_act 0
    assert_equal "$(shop_applied "$STAGING")" "$(shop_applied "$PRODUCTION")"
    assert_equal 2 "$(shop_applied "$PRODUCTION" | wc -l)"
    s3_list evo/ >keys
    assert_equal 2 "$(grep -c '/manifest.json$' keys)"
    grep -q '^evo/passports/staging/' keys
    grep -q '^evo/passports/production/' keys
    assert_equal 0 "$(s3_uploads | wc -l)"
    assert_equal 2 "$(wc -l <"$TOLD")"
    assert_no_secret "$LOG"
}

@test "a broken migration stops at staging, and production is not touched" {
    shop_migration 20240301_bad 'ALTER TABLE nowhere ADD COLUMN x int;'
    act_run deploy.yml
    assert_act 1
    assert_equal 2 "$(shop_applied "$STAGING" | wc -l)"
    assert_equal 0 "$(pg_sql -d "$PRODUCTION" "SELECT count(*) FROM pg_class WHERE relname = '_prisma_migrations'")"
    assert_equal 1 "$(wc -l <"$TOLD")"
    grep -q 20240301_bad "$TOLD"
    assert_no_secret "$LOG"
}

@test "an unhealthy production fails the job and tells people, after staging was green" {
    HEALTH_PRODUCTION=$SERVER/unhealthy act_run deploy.yml
    assert_act 1
    assert_equal 2 "$(shop_applied "$PRODUCTION" | wc -l)"
    assert_equal 2 "$(wc -l <"$TOLD")"
    assert_equal 0 "$(s3_list evo/passports/production/ | wc -l)"
}

@test "restore by hand: the backup chosen, the name typed, into a new database" {
    act_run deploy.yml
    assert_act 0
    pg_sql -d "$PRODUCTION" "INSERT INTO users (email) VALUES ('after@example.com')"
    act_run restore.yml --input environment=production --input backup=latest --input confirm=wrong_name
    assert_act 1
    assert_equal 0 "$(pg_sql -d postgres "SELECT count(*) FROM pg_database WHERE datname = '${PRODUCTION}_restored'")"
    act_run restore.yml --input environment=production --input backup=latest --input "confirm=${PRODUCTION}_restored"
    assert_act 0
    # The backup was taken before production was migrated: an empty schema of that moment.
    assert_equal 1 "$(pg_sql -d postgres "SELECT count(*) FROM pg_database WHERE datname = '${PRODUCTION}_restored'")"
    pg_sql -d postgres "DROP DATABASE ${PRODUCTION}_restored"
    assert_no_secret "$LOG"
}
