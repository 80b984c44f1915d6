# Round trips of migrations: where they lie, what they said, and that nothing of them is left.
#
#     load ../lib/evo
#     load ../lib/roundtrip
#     setup() { roundtrip_setup; }
#     teardown() { roundtrip_teardown; }
# shellcheck shell=bash

# The states of a migration whose probes are what they should be.
# shellcheck disable=SC2034
GOOD='false/true true/false false/true true/false'

# roundtrip_setup: scratch clusters lie in SCRATCH, which the server's user can reach; databases on the tests' server
# belong to SCRATCH_ROLE, since other files' round trips come and go there.
roundtrip_setup() {
    pg_use "$EVO_TEST_PG"
    pg_fresh_role SUPERUSER
    SCRATCH_ROLE=$PG_ROLE SCRATCH_PASSWORD=$PG_ROLE_PASSWORD
    SCRATCH=$(mktemp -d "$EVO_TEST_DIR/roundtrip.XXXXXX")
    chmod 1777 "$SCRATCH"
    export TMPDIR=$SCRATCH
    EVO_RUN_TIMEOUT=120
}

# roundtrip_teardown: neither a folder nor a server is left, nor (where MINE is set) a database on the tests' server.
roundtrip_teardown() {
    [ -z "$(ls -A "$SCRATCH")" ] || fail "left behind: $(ls -A "$SCRATCH")" || return
    wait_until 5 no_server_left || fail "a server is left" || return
    [ -z "${MINE:-}" ] || assert_equal "" "$(databases)"
}

no_server_left() {
    ! pgrep -f "postgres -D $SCRATCH" >/dev/null
}

# databases: of this test's round trips.
databases() {
    pg_sql -d postgres "SELECT datname FROM pg_database WHERE datname LIKE 'evo\\_roundtrip\\_%'
        AND datdba = (SELECT oid FROM pg_roles WHERE rolname = '$SCRATCH_ROLE')"
}

# scratch_url: the tests' server, by its socket.
scratch_url() {
    pg_url postgres "$SCRATCH_ROLE"
}

# on_server ARGUMENT...: on the tests' server instead of a cluster of evo's own, which takes a second to make.
on_server() {
    MINE=yes
    run_evo evo-verify roundtrip --json --scratch-url "$(scratch_url)" "$@"
}

assert_envelope() {
    assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" "$OUT"
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/verify-roundtrip.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

# cells NAME: "before up down again" of a migration, each verify_up/verify_down, - where it was not reached.
cells() {
    jq -r --arg name "$1" '.data.migrations[] | select(.name == $name) | [.before, .after_up, .after_down, .after_up_again]
        | map(if . == null then "-" else "\(.verify_up)/\(.verify_down)" end) | join(" ")' "$OUT"
}

# assert_message NAME TEXT: one of its messages is exactly that.
assert_message() {
    jq -e --arg name "$1" --arg text "$2" 'any(.data.migrations[] | select(.name == $name).messages[]; . == $text)' "$OUT" >/dev/null ||
        fail "expected of \"$1\": $2" "$(jq -c --arg name "$1" '.data.migrations[] | select(.name == $name).messages' "$OUT")"
}
