# evo-verify integrity, and what it found.
#
#     load ../lib/evo
#     load ../lib/integrity
#     @test ... { integrity --table orders; assert_exit 1; assert_envelope; assert_equal 'fail checks public.orders positive 2' "$(found)"; assert_shown; }
#
# shellcheck shell=bash

integrity() {
    run_evo evo-verify integrity --json "$@"
}

assert_envelope() {
    assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" "$OUT"
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/verify-integrity.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

# found: a line a finding that is not ok, "verdict check table object count".
found() {
    json '.data.checks[] | select(.verdict != "ok") | "\(.verdict) \(.name) \(.table) \(.object) \(.count)"'
}

# assert_shown: each finding's statement runs as it is and returns as many rows as were counted.
assert_shown() {
    local n=0 count statement
    while IFS=$'\t' read -r count statement; do
        assert_equal "$count" "$(pg_sql "$statement" | grep -c '')" || return
        n=$((n + 1))
    done < <(json '.data.checks[] | select(.count != null and .count > 0) | "\(.count)\t\(.statement)"')
    [ "$n" -gt 0 ] || fail 'no finding has a count'
}

# mend CHECK: runs the `next` of its findings.
mend() {
    local statement
    while read -r statement; do
        pg_sql "$statement" || return
    done < <(jq -r --arg check "$1" '.data.checks[] | select(.name == $check and .verdict != "ok").next' "$OUT")
}
