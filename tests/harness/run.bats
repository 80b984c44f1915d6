# tests/run and its helpers notice what must not pass for a success.
# Nothing of this build runs here: not again under the sanitizers.
bats_require_minimum_version 1.5.0
load ../lib/evo

# program NAME: a test program from standard input; sets PROGRAM.
program() {
    PROGRAM=$BATS_TEST_TMPDIR/$1_test
    { echo '#!/bin/bash' && cat; } >"$PROGRAM"
    chmod +x "$PROGRAM"
}

run_tests() {
    run_program "$EVO_ROOT/tests/run" "$@"
}

@test "a passing program passes, and the runner's verdict comes last" {
    program good <<<'echo 1..1; echo ok 1 - fine'
    run_tests "$PROGRAM"
    assert_exit 0
    assert_stdout_has 'skipped: nothing'
    assert_equal 'Result: PASS' "$(tail -n 1 "$OUT")"
}

@test "a failed test is shown with its comments" {
    program bad <<<'echo 1..2; echo ok 1 - fine; echo not ok 2 - wrong; echo "# because"; exit 1'
    run_tests "$PROGRAM"
    assert_exit 1
    assert_stdout_has 'not ok 2 - wrong'
    assert_stdout_has '# because'
    assert_equal 'Result: FAIL' "$(tail -n 1 "$OUT")"
}

@test "a program that ran nothing fails" {
    program empty <<<'echo 1..0'
    run_tests "$PROGRAM"
    assert_exit 1
    assert_stdout_has 'nothing ran'
    program silent <<<'exit 0'
    run_tests "$PROGRAM"
    assert_exit 1
}

@test "a program that dies after its last test fails, and its last words are shown" {
    program dies <<<'echo 1..1; echo ok 1 - fine; echo last words >&2; exit 3'
    run_tests "$PROGRAM"
    assert_exit 1
    assert_stdout_has 'last words'
}

@test "what was skipped is listed with the reason" {
    program skips <<<'echo 1..2; echo ok 1 - fine; echo "ok 2 - later # skip no such server"'
    run_tests "$PROGRAM"
    assert_exit 0
    assert_stdout_has 'later # skip no such server'
    [[ $output != *'skipped: nothing'* ]]
}

@test "a process left behind is named, ended, and a failure" {
    program leaves <<<'echo 1..1; echo ok 1 - fine; sleep 98765 >/dev/null 2>&1 </dev/null &'
    run_tests "$PROGRAM"
    assert_exit 1
    assert_stdout_has 'left behind'
    local pid
    pid=$(sed -n 's/^# left behind: *\([0-9]*\) .*/\1/p' "$OUT" | head -n 1)
    process_gone "$pid"
}

@test "a program that hangs is ended" {
    program hangs <<<'echo 1..1; sleep 98765'
    EVO_TEST_TIMEOUT=1 run_tests "$PROGRAM"
    assert_exit 1
    assert_stdout_has 'ended after 1 seconds'
}

@test "no file is not a success" {
    run_tests --only 'no such file anywhere'
    assert_exit 1
    run_tests --frobnicate
    assert_exit 2
}

@test "a run that is ended takes everything with it" {
    # shellcheck disable=SC2016 # the program's own
    program slow <<<'echo $$ >"$MARK.pid"; echo 1..1; sleep 98765'
    local mark=$BATS_TEST_TMPDIR/mark signal pid runner
    for signal in TERM KILL; do
        rm -f "$mark.pid"
        MARK=$mark "$EVO_ROOT/tests/run" "$PROGRAM" >/dev/null 2>&1 3>&- &
        runner=$!
        wait_until 30 test -s "$mark.pid"
        pid=$(cat "$mark.pid")
        kill -"$signal" "$runner"
        wait_until 20 process_gone "$pid"
        wait_until 20 process_gone "$runner"
    done
}

@test "a secret in an output fails the test that saw it" {
    add_canary canary-of-this-test
    run run_program echo 'password=canary-of-this-test'
    [ "$status" -eq 1 ]
    [[ $output == *'a secret was printed to stdout'* ]]
    [[ $output != *canary-of-this-test* ]]
    run run_program sh -c 'echo canary-of-this-test >&2'
    [ "$status" -eq 1 ]
    run run_program echo harmless
    [ "$status" -eq 0 ]
}

@test "assertions about an output fail when they are wrong" {
    run_program sh -c 'echo "{\"ok\": true}"; echo warning >&2; exit 3'
    assert_exit 3
    assert_json '.ok'
    assert_stderr_has warn
    run assert_exit 0
    [ "$status" -eq 1 ]
    run assert_json '.ok == false'
    [ "$status" -eq 1 ]
    run assert_stdout_empty
    [ "$status" -eq 1 ]
    run assert_stdout_has "no such text"
    [ "$status" -eq 1 ]
    run_program sh -c 'echo "{}"; echo "{}"'
    run assert_json '.'
    [ "$status" -eq 1 ]
}
