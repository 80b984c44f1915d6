# scripts/action/binaries.sh: where a job of the action has its executables from.
# Nothing of this build runs here: not again under the sanitizers.
# seconds: 20
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/action

setup_file() {
    action_tree
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

@test "without a path the executables are built from the action's source, once" {
    # As fast as the compiler can: what it makes of it is not the matter here.
    EVO_RUN_TIMEOUT=400 run_program env OPT=-O0 HARDEN= GITHUB_OUTPUT="$PWD/outputs" EVO_CACHE="$PWD/cache" RUNNER_TEMP="$PWD" \
        "$ACTION_TREE/scripts/action/binaries.sh"
    assert_exit 0
    bin=$(sed -n 's/^bin=//p' outputs)
    run_program "$bin/evo" status --version
    assert_exit 0
    built=$(stat -c %i "$bin/evo")
    run_program env GITHUB_OUTPUT="$PWD/outputs" EVO_CACHE="$PWD/cache" RUNNER_TEMP="$PWD" \
        "$ACTION_TREE/scripts/action/binaries.sh"
    assert_exit 0
    assert_equal "$built" "$(stat -c %i "$bin/evo")"
    assert_equal 0 "$(find . -maxdepth 1 -name 'evo-build.*' | wc -l)"
}

@test "a path without executables is refused" {
    run_program env EVO_PATH="$PWD" GITHUB_OUTPUT="$PWD/outputs" "$ACTION_TREE/scripts/action/binaries.sh"
    assert_exit 2
    grep -qx 'failure-reason=config' outputs
}
