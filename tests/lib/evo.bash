# Running evo's executables and saying what is expected of them.
#
#     load ../lib/evo
#     @test "an unknown option is refused" {
#         run_evo evo-status --frobnicate
#         assert_exit 2
#         assert_stderr_has 'unknown option'
#     }
#
# After run_evo: status, output (stdout), stderr, and the exact bytes in the files
# OUT and ERR. Every output is searched for the run's secrets.
# shellcheck shell=bash

# shellcheck source=tests/lib/common.bash
. "${BASH_SOURCE[0]%/*}/common.bash"
# shellcheck source=tests/lib/pg.bash
. "${BASH_SOURCE[0]%/*}/pg.bash"
# shellcheck source=tests/lib/s3.bash
. "${BASH_SOURCE[0]%/*}/s3.bash"

# evo_bin NAME: the path of an executable of this build.
evo_bin() {
    printf '%s\n' "$BUILD/bin/$1"
}

# run_evo NAME ARGUMENT...: runs the executable with stdin empty and stderr no
# terminal; never fails itself, save for a secret in what was printed.
# EVO_RUN_TIMEOUT (seconds, 60) ends a run that hangs, with status 124 or 137.
run_evo() {
    local bin
    bin=$(evo_bin "$1")
    shift
    run_program "$bin" "$@"
}

# run_program PROGRAM ARGUMENT...: the same for any program.
run_program() {
    OUT=$BATS_TEST_TMPDIR/stdout ERR=$BATS_TEST_TMPDIR/stderr
    status=0
    timeout -k 5 "${EVO_RUN_TIMEOUT:-60}" "$@" </dev/null >"$OUT" 2>"$ERR" 3>&- || status=$?
    # Bash leaves NULs out, and says so.
    { output=$(<"$OUT") stderr=$(<"$ERR"); } 2>/dev/null
    LAST_RUN=("$@")
    if [ "$status" -eq 127 ] && [ ! -x "$1" ]; then
        fail "no such program: $1"
        return
    fi
    # A sanitizer's report is a failure whatever the test expected.
    if [ -n "$stderr" ] && grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error: ' "$ERR"; then
        _show_run
        fail "the sanitizer complained"
        return
    fi
    assert_no_secret "$OUT" "$ERR"
}

# assert_no_secret FILE...: none of the run's canaries is in the files.
assert_no_secret() {
    local file
    [ -s "${EVO_TEST_CANARIES:-/nonexistent}" ] || return 0
    file=$(grep -laF -f "$EVO_TEST_CANARIES" -- "$@") || [ -n "$file" ] || return 0
    file=${file%%$'\n'*}
    # Without the value itself: this is printed in the log of CI.
    fail "a secret was printed to ${file##*/} by: ${LAST_RUN[0]##*/}"
}

_show_run() {
    {
        printf 'command:'
        printf ' %q' "${LAST_RUN[@]}"
        printf '\nstatus: %s\n--- stdout\n' "$status"
        head -c 8000 "$OUT"
        printf -- '\n--- stderr\n'
        head -c 8000 "$ERR"
        printf -- '\n---\n'
    } >&2
}

# assert_exit N
assert_exit() {
    [ "$status" -eq "$1" ] && return 0
    _show_run
    fail "expected exit status $1, got $status"
}

_assert_has() {
    case $3 in
    *"$2"*) ;;
    *)
        _show_run
        fail "expected in $1: $2"
        ;;
    esac
}

# assert_stdout_has TEXT, assert_stderr_has TEXT: TEXT as it stands, no pattern.
assert_stdout_has() {
    _assert_has stdout "$1" "$output"
}

assert_stderr_has() {
    _assert_has stderr "$1" "$stderr"
}

# assert_stdout_empty: for everything that must keep stdout for its result.
assert_stdout_empty() {
    [ ! -s "$OUT" ] && return 0
    _show_run
    fail "expected nothing on stdout"
}

# assert_json FILTER: stdout is exactly one JSON value and jq's FILTER is true of it.
assert_json() {
    if [ "$(jq -rs length <"$OUT" 2>/dev/null)" != 1 ]; then
        _show_run
        fail "expected exactly one JSON value on stdout"
        return
    fi
    jq -e "$1" <"$OUT" >/dev/null && return 0
    _show_run
    fail "expected of the JSON: $1"
}

# json FILTER: that part of stdout, raw.
json() {
    jq -r "$1" <"$OUT"
}

# assert_equal WANT GOT
assert_equal() {
    [ "$1" = "$2" ] || fail "expected: $1" "     got: $2"
}

# assert_schema SCHEMA FILE...: the files hold what the JSON Schema asks for.
assert_schema() {
    "$EVO_TOOLS/check-jsonschema/bin/python" -I "$EVO_ROOT/tests/lib/schema.py" "$@" >&2
}
