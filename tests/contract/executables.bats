# What every executable promises, whatever it does: help, version, usage errors,
# one envelope, no secret. One row a command; a new executable is found by itself.
# seconds: 20
# shellcheck disable=SC2030,SC2031,SC2154 # run_evo sets output and stderr in the test that calls it

load ../lib/evo

setup_file() {
    export EVO_TEST_COMMANDS="$BATS_FILE_TMPDIR/commands"
    local bin
    for bin in "$BUILD"/bin/evo-*; do
        "$bin" --dump-options | jq -r '.program as $p | .commands[] | "\($p) \(.name // "")"'
    done >"$EVO_TEST_COMMANDS"
    [ "$(wc -l <"$EVO_TEST_COMMANDS")" -ge 18 ]
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# each_command FUNCTION…: calls it with "program command" as words; fails with the first that fails.
each_command() {
    local program command
    while read -r program command; do
        # shellcheck disable=SC2086 # no command is no word
        "$@" "$program" $command || fail "of: $program $command" || return
    done <"$EVO_TEST_COMMANDS"
}

help_is_printed() {
    run_evo "$@" --help
    assert_exit 0 || return
    assert_stdout_has "usage: $1" || return
    assert_stdout_has '  --database, ' || return
    [[ $output != *'--database URL'* ]] || fail 'describes what everybody has' || return
    assert_stdout_has 'Exit status:' || return
    [ ! -s "$ERR" ] || fail 'help wrote to stderr'
}

@test "--help is printed on stdout and ends with 0" {
    each_command help_is_printed
}

everything_is_printed() {
    run_evo "$@" --help --verbose
    assert_exit 0 || return
    assert_stdout_has '--database URL'
}

@test "--help --verbose describes also the options that every executable has" {
    each_command everything_is_printed
}

help_fits() {
    run_evo "$@" --help --verbose
    local longest
    longest=$(awk '{ n = length($0); if (n > m) m = n } END { print m }' "$OUT")
    [ "$longest" -le 100 ] || fail "--help has a line of $longest characters"
}

@test "--help fits into 100 columns" {
    each_command help_fits
}

version_is_printed() {
    run_evo "$@" --version
    assert_exit 0 || return
    assert_equal "$1 $(make -s -C "$EVO_ROOT" -f - <<<$'include Makefile\nv:\n\t@echo $(VERSION)' v)" "$output"
}

@test "--version is the program and the release" {
    each_command version_is_printed
}

unknown_option_is_refused() {
    run_evo "$@" --frobnicate
    assert_exit 2 || return
    assert_stdout_empty || return
    assert_stderr_has 'unknown option "--frobnicate"' || return
    assert_stderr_has 'hint: '
}

@test "an unknown option ends with 2 and a hint" {
    each_command unknown_option_is_refused
}

near_option_is_named() {
    run_evo "$@" --databse=x
    assert_exit 2 || return
    assert_stderr_has 'Did you mean --database?'
}

@test "a misspelt option names the nearest one" {
    each_command near_option_is_named
}

failure_is_one_envelope() {
    run_evo "$@" --json --frobnicate
    assert_exit 2 || return
    assert_json '.ok == false and .exit == 2 and .error.reason == "usage" and .schema == 1' || return
    cp "$OUT" "$BATS_TEST_TMPDIR/envelopes/$(printf '%s-' "$@").json"
}

@test "with --json a failure is one envelope that follows the schema" {
    mkdir envelopes
    each_command failure_is_one_envelope
    assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" envelopes/*.json
}

password_on_the_command_line_is_refused() {
    run_evo "$@" --database 'postgresql://user:canary-argv@localhost/db'
    assert_exit 2 || return
    assert_stderr_has '--database cannot hold a password' || return
    assert_stderr_has 'hint: Set EVO_DATABASE_URL' || return
    case $stderr in *canary-argv*) fail 'the password was printed' ;; esac
}

@test "a password on the command line is refused and not repeated" {
    each_command password_on_the_command_line_is_refused
}

# with_argument FUNCTION COMMAND…: gives a command that needs an argument one.
with_argument() {
    local function=$1
    shift
    case "$*" in
    evo-restore | 'evo-backup show' | 'evo-backup verify' | 'evo-backup drill' | 'evo-migrate new') "$function" "$@" some_name ;;
    'evo-locks kill') "$function" "$@" 4711 ;;
    'evo-backup export') "$function" "$@" some_name some_file ;;
    *) "$function" "$@" ;;
    esac
}

malformed_configuration_is_located() {
    run_evo "$@" --config "$BATS_TEST_TMPDIR/broken.json"
    assert_exit 2 || return
    assert_stderr_has 'broken.json:3:'
}

@test "a malformed evo.json is refused with line and column" {
    printf '{\n  "store": "x",\n  oops\n}\n' >broken.json
    each_command with_argument malformed_configuration_is_located
}

unknown_environment_is_refused() {
    run_evo "$@" --config "$BATS_TEST_TMPDIR/evo.json" --environment stagin
    assert_exit 2 || return
    assert_stderr_has 'unknown environment "stagin"' || return
    assert_stderr_has 'hint: Did you mean --environment staging?'
}

@test "an environment that evo.json does not list is refused" {
    echo '{"environments": {"staging": {}, "production": {}}}' >evo.json
    each_command with_argument unknown_environment_is_refused
}

@test "--show-config says where each value came from" {
    printf '{"store": "from-file", "environments": {"staging": {"store": "from-staging"}}}' >evo.json
    EVO_LAYOUT=sql run_evo evo-status --show-config --environment staging --s3-region eu-central-1
    assert_exit 0
    assert_stdout_has 'from-staging'
    assert_stdout_has 'evo.json: environments.staging.store'
    assert_stdout_has '(EVO_LAYOUT)'
    assert_stdout_has '(--s3-region)'
    assert_stdout_has '(default)'
}

@test "--show-config shows that a password is set, not the password" {
    add_canary canary-show-config
    DATABASE_URL=postgresql://user:canary-show-config@localhost/db run_evo evo-status --show-config
    assert_exit 0
    assert_stdout_has '(set)'
}

@test "evo runs its siblings and refuses one of another version" {
    mkdir bin
    cp "$BUILD/bin/evo" "$BUILD/bin/evo-status" bin/
    run_program bin/evo status --version
    assert_exit 0
    assert_stdout_has 'evo-status '
    # The error is evo-status's own: the program was run.
    run_program bin/evo status --frobnicate
    assert_exit 2
    assert_stderr_has 'evo-status: error:'
    printf '#!/bin/sh\necho evo-status 0.0.1\n' >bin/evo-status
    run_program bin/evo status
    assert_exit 2
    assert_stderr_has 'evo-status 0.0.1'
    run_program bin/evo statos
    assert_exit 2
    assert_stderr_has 'Did you mean "evo status"?'
    # Never by PATH.
    PATH=$PWD/other:$PATH run_program bin/evo other
    assert_exit 2
    assert_stderr_has 'unknown command "other"'
}

@test "the generated reference and the schema of evo.json are fresh" {
    cd "$EVO_ROOT"
    run_program ci/generate-docs.sh --check
    assert_exit 0
}

@test "the README's evo.json follows its schema, and every executable takes it" {
    awk '/^```json$/ { on = 1; next } /^```$/ { on = 0 } on' "$EVO_ROOT/README.md" >evo.json
    assert_schema "$EVO_ROOT/lib/schema/evo.schema.json" evo.json
    each_command with_argument configuration_is_taken
    echo '{"migrate": {"lock-timeuot": "2s"}}' >wrong.json
    run_program "$EVO_TOOLS/check-jsonschema/bin/check-jsonschema" --schemafile "$EVO_ROOT/lib/schema/evo.schema.json" wrong.json
    assert_exit 1
}

configuration_is_taken() {
    run_evo "$@" --config "$BATS_TEST_TMPDIR/evo.json" --environment production --show-config
    assert_exit 0 || return
    assert_stdout_has 'evo.json: environments.production.expect-database'
}

@test "every input of the action is an option, and reaches the executables" {
    local file name variable
    "$BUILD"/bin/evo-deploy --dump-options | jq -r '.shared[].name' >known
    for bin in "$BUILD"/bin/evo-*; do
        "$bin" --dump-options | jq -r '.section as $s | .commands[].options[] | if .type == "secret" then .name else "\($s)-\(.name)" end'
    done >>known
    printf '%s\n' database-url working-directory evo-path backup to-url confirm >>known
    for file in action.yml actions/restore/action.yml; do
        sed -n '/^inputs:/,/^[a-z]*puts:$/p' "$EVO_ROOT/$file" | sed -n 's/^  \([a-z0-9-]*\):$/\1/p' >inputs
        [ -s inputs ]
        while read -r name; do
            grep -qx -- "$name" known || fail "$file: \"$name\" is no option"
            case $name in working-directory | evo-path | backup | to-url | confirm) continue ;; esac
            variable=EVO_IN_$(printf '%s' "$name" | tr 'a-z-' 'A-Z_')
            grep -qF "$variable: \${{ inputs.$name }}" "$EVO_ROOT/$file" || fail "$file: \"$name\" does not reach $variable"
        done <inputs
    done
}
