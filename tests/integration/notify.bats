# evo-notify against a server that answers as Slack does and holds payloads against
# Slack's rules. The record of what it received is what is asserted.
# shellcheck disable=SC2016 # back-ticks are Slack's
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/server

setup_file() {
    export RECORD=$BATS_FILE_TMPDIR/record
    : >"$RECORD"
    server_start slack_server.py "$RECORD"
    # A webhook's path is its credential: it may show nowhere.
    add_canary /services/T0/B0/
    local word
    for word in ok busy not-in-channel; do
        add_canary "xoxb-$word"
    done
}

teardown_file() {
    server_stop
}

setup() {
    : >"$RECORD"
    RUN=$BATS_TEST_TMPDIR/run
    mkdir "$RUN"
    export EVO_RUN_DIR=$RUN EVO_SLACK_API_URL=$SERVER/api
    unset GITHUB_REPOSITORY GITHUB_SERVER_URL GITHUB_RUN_ID GITHUB_RUN_ATTEMPT SLACK_WEBHOOK_URL SLACK_BOT_TOKEN
}

# envelope FILE COMMAND DATA [ERROR]: an envelope in the run directory.
envelope() {
    jq -n --arg command "$2" --argjson data "$3" --argjson error "${4:-null}" '{schema: 1, command: $command,
        version: "1.0.0", ok: ($error == null), exit: (if $error then 7 else 0 end), environment: "staging",
        started_at: "2026-11-22T10:15:00.123Z", elapsed_ms: 1200, data: $data, error: $error}' >"$RUN/$1"
}

good_run() {
    envelope 01-status.json status '{}'
    envelope 02-backup-create.json 'backup create' '{"id": "20261122T101500Z-3f9a2c", "database": "shop"}'
    envelope 03-migrate-up.json 'migrate up' '{"applied": [{"name": "20240201000000_add_sku"}], "pending": []}'
}

bad_run() {
    envelope 01-status.json status '{}'
    envelope 02-migrate-up.json 'migrate up' '{"applied": [], "pending": [{"name": "m <b> & `c`"}]}' '{
        "reason": "migration_failed", "message": "the probe of <!channel> was false", "detail": "row ```1```",
        "hint": null, "migration": "m <b> & `c`", "schema_clean": true, "next": "evo status --environment staging"}'
}

webhook() {
    export SLACK_WEBHOOK_URL=$SERVER/services/T0/B0/$1
}

received() {
    jq -rs "$1" "$RECORD"
}

assert_data() {
    assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" "$OUT"
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/notify.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

@test "by webhook: a good run in one message" {
    good_run
    webhook ok
    run_evo evo-notify --json --title acme/shop --link https://example.org/runs/7
    assert_exit 0
    assert_data
    assert_json '.data | .delivered and .via == "webhook" and .ts == null and .attempts == 1 and .status == "success"'
    assert_equal 1 "$(received length)"
    assert_equal "✅ acme/shop staging: 1 migration applied" "$(received '.[0].payload.text')"
    assert_equal null "$(received '.[0].payload.channel')"
    assert_equal "✅ acme/shop staging: 1 migration applied" "$(received '.[0].payload.blocks[0].text.text')"
    assert_equal $'*Environment*\nstaging|*Database*\nshop|*Schema*\n1 migration applied, up to date|*Took*\n1.2 s|*Backup*\n20261122T101500Z-3f9a2c' \
        "$(received '[.[0].payload.blocks[1].fields[].text] | join("|")')"
    assert_equal https://example.org/runs/7 "$(received '.[0].payload.blocks[] | select(.type == "actions") | .elements[0].url')"
    assert_equal 'application/json; charset=utf-8' "$(received '.[0].headers["content-type"]')"
    [ -e "$RUN/04-notify.json" ]
}

@test "by bot token: the channel, and the message's ts" {
    good_run
    SLACK_BOT_TOKEN=xoxb-ok run_evo evo-notify --json --channel '#ops'
    assert_exit 0
    assert_data
    assert_json '.data | .delivered and .via == "bot" and .ts == "1764000000.000100" and .channel == "C0123456789"'
    assert_equal '/api/chat.postMessage' "$(received '.[0].path')"
    assert_equal '#ops' "$(received '.[0].payload.channel')"
    assert_equal 'Bearer xoxb-ok' "$(received '.[0].headers.authorization')"
}

@test "a failed run: why, where, the schema's state and what next, escaped" {
    bad_run
    webhook ok
    run_evo evo-notify
    assert_exit 0
    assert_equal '❌ staging: migrate up failed: the probe of &lt;!channel&gt; was false' "$(received '.[0].payload.text')"
    local text
    text=$(received '.[0].payload.blocks[2].text.text')
    assert_equal $'*migrate up* (migration_failed): the probe of &lt;!channel&gt; was false\nMigration `m &lt;b&gt; &amp; \'c\'`\n```row \'\'\'1\'\'\'```' "$text"
    assert_equal $'*Schema*\nclean: as it was before this run' "$(received '.[0].payload.blocks[1].fields[1].text')"
    assert_equal '*Next* `evo status --environment staging`' "$(received '.[0].payload.blocks[3].text.text')"
}

@test "the status that is given stands over the envelopes" {
    good_run
    webhook ok
    run_evo evo-notify --json --status cancelled
    assert_exit 0
    assert_json '.data.status == "cancelled"'
    assert_equal '⛔ staging: cancelled' "$(received '.[0].payload.text')"
}

@test "on GitHub the title and the link are those of the run" {
    good_run
    GITHUB_REPOSITORY=acme/shop GITHUB_SERVER_URL=https://github.example GITHUB_RUN_ID=42 GITHUB_RUN_ATTEMPT=2 \
        run_evo evo-notify --json --dry-run
    assert_exit 0
    assert_json '.data.payload.text == "✅ acme/shop staging: 1 migration applied"'
    assert_json '[.data.payload.blocks[] | select(.type == "actions") | .elements[0].url]
        == ["https://github.example/acme/shop/actions/runs/42/attempts/2"]'
}

@test "a dry run prints the payload and sends nothing" {
    good_run
    run_evo evo-notify --dry-run
    assert_exit 0
    assert_json '.text == "✅ staging: 1 migration applied" and (.blocks | length) == 5'
    webhook ok
    run_evo evo-notify --json --dry-run
    assert_exit 0
    assert_data
    assert_json '.data | (.delivered | not) and .via == "webhook" and .attempts == 0'
    assert_equal 0 "$(received length)"
}

@test "429: waits as long as Slack asks" {
    good_run
    webhook limited
    local started=$EPOCHREALTIME
    run_evo evo-notify --json
    assert_exit 0
    assert_json '.data | .delivered and .attempts == 2'
    [ $((${EPOCHREALTIME/./} - ${started/./})) -ge 1000000 ]
    SLACK_BOT_TOKEN=xoxb-busy run_evo evo-notify --json --channel C1
    assert_exit 0
    assert_json '.data | .delivered and .attempts == 2'
}

@test "429 with a wait past the deadline ends at once" {
    good_run
    webhook limited-long
    run_evo evo-notify --json --deadline 20s
    assert_exit 4
    assert_data
    assert_json '.data.attempts == 1 and .error.reason == "network" and .error.http_status == 429'
    assert_json '.error.detail | startswith("Slack asks to wait for 1 h")'
}

@test "what may pass is tried again: 500, a lost connection" {
    good_run
    webhook broken
    run_evo evo-notify --json
    assert_exit 0
    assert_json '.data | .delivered and .attempts == 3'
    webhook reset
    run_evo evo-notify --json
    assert_exit 0
    assert_json '.data | .delivered and .attempts == 2'
}

@test "what never works is not tried again" {
    good_run
    for word in no-service invalid-token channel-is-archived action-prohibited something-new portal; do
        : >"$RECORD"
        webhook "$word"
        run_evo evo-notify --json
        assert_exit 4
        assert_data
        assert_json '.data | (.delivered | not) and .attempts == 1'
        assert_equal 1 "$(received length)"
    done
    : >"$RECORD"
    SLACK_BOT_TOKEN=xoxb-not-in-channel run_evo evo-notify --json --channel C1
    assert_exit 4
    assert_json '.data.attempts == 1 and (.error.message | startswith("Slack refused the message: not_in_channel"))'
    assert_json '.error.hint | contains("/invite")'
    assert_equal 1 "$(received length)"
}

@test "refused blocks: once more as plain text" {
    bad_run
    webhook blocks
    run_evo evo-notify --json
    assert_exit 0
    assert_json '.data | .delivered and .plain_text and .attempts == 2'
    assert_equal 'true false' "$(received 'map(.payload | has("blocks")) | join(" ")')"
    assert_equal true "$(received '.[1].payload.text | contains("*Next* `evo status --environment staging`")')"
    : >"$RECORD"
    webhook invalid-blocks
    run_evo evo-notify --json
    assert_exit 4
    assert_equal 2 "$(received length)"
}

@test "no answer: ends at the deadline" {
    good_run
    webhook silent
    run_evo evo-notify --json --deadline 500ms
    assert_exit 4
    assert_json '.error.reason == "network" and (.data.delivered | not)'
    assert_stderr_has "no answer from \"$SERVER\""
}

@test "a webhook that is no URL is named, not shown" {
    good_run
    for url in geheimnis 'https:/geheimnis/x' 'ftp://geheimnis/x' 'http://geheimnis.example.org/x'; do
        SLACK_WEBHOOK_URL=$url run_evo evo-notify --json
        assert_exit 2
        assert_stderr_has 'SLACK_WEBHOOK_URL is not a'
        run grep -c geheimnis "$OUT" "$ERR"
        [ "$status" -eq 1 ]
    done
    SLACK_BOT_TOKEN='geheimnis mit Blank' run_evo evo-notify --channel C1
    assert_exit 2
    assert_stderr_has 'SLACK_BOT_TOKEN is not a token'
    SLACK_BOT_TOKEN=xoxb-ok EVO_SLACK_API_URL=http://slack.example.org/api run_evo evo-notify --channel C1
    assert_exit 2
    assert_stderr_has 'EVO_SLACK_API_URL is not an https URL'
}

@test "nothing to tell with, nothing to tell of" {
    good_run
    run_evo evo-notify
    assert_exit 2
    assert_stderr_has 'neither a Slack webhook nor a bot token'
    SLACK_BOT_TOKEN=xoxb-ok run_evo evo-notify
    assert_exit 2
    assert_stderr_has 'no channel'
    webhook ok
    EVO_RUN_DIR='' run_evo evo-notify
    assert_exit 2
    assert_stderr_has 'no run directory'
    run_evo evo-notify --run-dir "$BATS_TEST_TMPDIR/none"
    assert_exit 1
    mkdir "$BATS_TEST_TMPDIR/empty"
    run_evo evo-notify --run-dir "$BATS_TEST_TMPDIR/empty"
    assert_exit 1
    assert_stderr_has 'holds no result'
    run_evo evo-notify --link nonsense
    assert_exit 2
    echo '{"schema": 1}' >"$RUN/09-broken.json"
    run_evo evo-notify
    assert_exit 6
    assert_stderr_has 09-broken.json
    assert_equal 0 "$(received length)"
}

@test "a status alone is enough for a message" {
    webhook ok
    EVO_RUN_DIR='' run_evo evo-notify --status failure --environment production --title acme/shop
    assert_exit 0
    assert_equal '❌ acme/shop production: failed' "$(received '.[0].payload.text')"
    assert_equal $'*Schema*\nnot known' "$(received '.[0].payload.blocks[1].fields[1].text')"
}

@test "a cancel ends the waiting" {
    good_run
    webhook silent
    "$(evo_bin evo-notify)" --json >"$BATS_TEST_TMPDIR/out" 2>/dev/null 3>&- &
    local pid=$! code=0 started=$SECONDS
    wait_until 10 test -s "$RECORD"
    kill -TERM "$pid"
    wait "$pid" || code=$?
    assert_equal 143 "$code"
    [ $((SECONDS - started)) -lt 8 ]
    assert_equal cancelled "$(jq -r .error.reason "$BATS_TEST_TMPDIR/out")"
}
