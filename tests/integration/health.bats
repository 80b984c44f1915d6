# evo-health against a server that misbehaves on demand, and a real PostgreSQL.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/server

setup_file() {
    server_start http_server.py
}

teardown_file() {
    server_stop
}

# The envelope on stdout and its data are what the schemas promise.
assert_envelope() {
    assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" "$OUT"
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/health.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

@test "a URL, an address and the database that are healthy" {
    pg_fresh_db
    DATABASE_URL=$PG_TCP_URL run_evo evo-health --json --http "$SERVER/status/204" --http="$SERVER/status/200?a=b" \
        --tcp "127.0.0.1:$SERVER_PORT" --db
    assert_exit 0
    assert_envelope
    assert_json '.ok and ([.data.probes[].verdict] == ["healthy", "healthy", "healthy", "healthy"])'
    assert_json '[.data.probes[].kind] == ["http", "http", "tcp", "database"]'
    assert_json '[.data.probes[].attempts] == [1, 1, 1, 1]'
}

@test "text for people names each target and what it answered" {
    run_evo evo-health --http "$SERVER/status/200"
    assert_exit 0
    assert_stdout_has "healthy       $SERVER/status/200: status 200 (1 attempt)"
}

@test "asked again after every failure until it is healthy" {
    run_evo evo-health --json --interval 10ms --http "$SERVER/sequence/$BATS_TEST_NUMBER/503,404,200"
    assert_exit 0
    assert_json '.data.probes[0].attempts == 3'
}

@test "successes in a row" {
    run_evo evo-health --json --interval 10ms --successes 3 --http "$SERVER/sequence/$BATS_TEST_NUMBER/200,200,503,200"
    assert_exit 0
    assert_json '.data.probes[0].attempts == 6'
}

@test "unhealthy until the deadline: the verdict says which check failed and why" {
    run_evo evo-health --json --deadline 1s --interval 100ms --http "$SERVER/status/200" --http "$SERVER/status/503"
    assert_exit 1
    assert_envelope
    assert_json '.error.reason == "unhealthy"'
    assert_json '.data.probes[1].verdict == "unhealthy" and .data.probes[1].attempts > 1'
    assert_json '.error.message | endswith("/status/503 is not healthy: status 503, expected 200-299")'
    assert_stderr_has 'status 503, expected 200-299'
    assert_stderr_has "hint: curl -i '$SERVER/status/503'"
}

@test "too few successes before the deadline are inconclusive, and no success" {
    run_evo evo-health --json --deadline 1s --interval 100ms --successes 100 --http "$SERVER/status/200"
    assert_exit 1
    assert_envelope
    assert_json '.data.probes[0].verdict == "inconclusive" and .error.reason == "unhealthy"'
}

@test "expected status, body and JSON" {
    local json='%7B%22version%22%3A%221.4.2%22%2C%22up%22%3Atrue%7D'
    run_evo evo-health --http "$SERVER/json/$json" --expect-status 200,204 --expect-body version \
        --expect-json /version=1.4.2 --expect-json /up=true
    assert_exit 0
    run_evo evo-health --deadline 1s --http "$SERVER/json/$json" --expect-json /version=1.4.3
    assert_exit 1
    assert_stderr_has 'JSON pointer "/version" is "1.4.2", expected "1.4.3"'
    run_evo evo-health --deadline 1s --http "$SERVER/json/$json" --expect-body Version
    assert_exit 1
    assert_stderr_has 'body does not hold "Version"'
    run_evo evo-health --http "$SERVER/status/503" --expect-status 500-503
    assert_exit 0
}

@test "options by variable and evo.json" {
    cd "$BATS_TEST_TMPDIR"
    printf '{"health": {"http": ["%s/status/418"], "expect-status": "418"}}\n' "$SERVER" >evo.json
    EVO_HEALTH_HTTP="$SERVER/sequence/a/418,418,$SERVER/status/418" run_evo evo-health --json
    assert_exit 0
    assert_json '[.data.probes[].target | sub(".*127.0.0.1:[0-9]+"; "")] == ["/sequence/a/418,418", "/status/418"]'
    run_evo evo-health
    assert_exit 0
    EVO_HEALTH_EXPECT_STATUS=200 EVO_HEALTH_DEADLINE=1s run_evo evo-health
    assert_exit 1
    assert_stderr_has 'status 418, expected 200'
}

@test "a database that refuses is unhealthy, and its password is not shown" {
    pg_fresh_db
    DATABASE_URL=$(pg_tcp_url "$PG_DB" postgres geheim-und-falsch) run_evo evo-health --json --db --deadline 1s --interval 50ms
    assert_exit 1
    assert_envelope
    assert_json '.data.probes[0].verdict == "unhealthy"'
    run grep -c geheim "$OUT" "$ERR"
    [ "$status" -eq 1 ]
}

@test "nothing listens" {
    local port
    port=$(free_ports 1)
    run_evo evo-health --json --deadline 1s --interval 50ms --tcp "127.0.0.1:$port" --http "http://127.0.0.1:$port/"
    assert_exit 1
    assert_json '[.data.probes[].verdict] == ["unhealthy", "unhealthy"]'
    assert_json '.data.probes[0].message == "could not reach \"http://127.0.0.1:'"$port"'\": connection refused"'
    assert_json '.data.probes[1].message == "could not reach \"127.0.0.1:'"$port"'\": connection refused"'
}

@test "bad input is a usage error with a hint" {
    run_evo evo-health
    assert_exit 2
    assert_stderr_has 'nothing to check'
    assert_stderr_has 'hint: evo health --http'
    run_evo evo-health --http example.org
    assert_exit 2
    assert_stderr_has 'invalid URL "example.org" of a health check'
    run_evo evo-health --tcp localhost
    assert_exit 2
    assert_stderr_has '"localhost"'
    run_evo evo-health --http "$SERVER" --expect-status 2xx
    assert_exit 2
    assert_stderr_has '"2xx"'
    run_evo evo-health --db --expect-body ok
    assert_exit 2
    assert_stderr_has 'no URL to ask'
    run_evo evo-health --http http://me:geheim@127.0.0.1/
    assert_exit 2
    run grep -c geheim "$ERR"
    [ "$status" -eq 1 ]
}

@test "a cancel ends it at once, with an envelope" {
    "$(evo_bin evo-health)" --json --http "$SERVER/silence" --timeout 50s >"$BATS_TEST_TMPDIR/out" 2>/dev/null 3>&- &
    local pid=$! code=0 started=$SECONDS
    # Its connection stands: the attempt is in flight.
    wait_until 10 connected "$pid"
    kill -TERM "$pid"
    wait "$pid" || code=$?
    assert_equal 143 "$code"
    [ $((SECONDS - started)) -lt 10 ]
    OUT=$BATS_TEST_TMPDIR/out
    assert_envelope
    assert_equal cancelled "$(jq -r .error.reason "$OUT")"
    assert_equal inconclusive "$(jq -r '.data.probes[0].verdict' "$OUT")"
}

# connected PID: there is an established connection to the server.
connected() {
    local hex
    hex=$(printf ':%04X 01' "$SERVER_PORT")
    grep -q "$hex" "/proc/$1/net/tcp"
}
