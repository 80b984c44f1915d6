#!/bin/bash
# lint.sh [CHECK...]: every check that needs no build and no server; all of them
# run, also after one has found something.
#
#   format    clang-format: the sources are as .clang-format says
#   layers    ci/check-layers.sh: includes point down only
#   tidy      clang-tidy, by .clang-tidy; unchanged files are not looked at again
#   cppcheck  cppcheck over lib/ and cmd/
#   shell     shellcheck over every script and bats file
#   actions   actionlint and zizmor over action.yml, actions/ and .github/
#
# Exit status 1 when any of them found something.
set -u -o pipefail

cd "$(dirname "$0")/.." || exit 2
# shellcheck source=tests/lib/common.bash
. tests/lib/common.bash

# What git knows or would take: never build/, nor what .gitignore names.
sources() {
    git ls-files --cached --others --exclude-standard -- "$@" | LC_ALL=C sort | while read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

check_format() {
    local tool=clang-format files
    # Another version formats otherwise; the one .clang-format was written for decides.
    if ! "$tool" --version 2>/dev/null | grep -q 'version 14\.'; then
        ci/tools.sh clang-format || return
        tool=$EVO_TOOLS/clang-format/bin/clang-format
    fi
    mapfile -t files < <(sources '*.c' '*.h')
    "$tool" --dry-run -Werror "${files[@]}"
}

check_layers() {
    ci/check-layers.sh
}

# tidy_file FILE: clang-tidy of one file, unless the same bytes passed before: of the
# file, of whatever it includes, of the rules and of the flags.
tidy_file() {
    local file=$1 key flags=()
    eval "flags=($TIDY_FLAGS)"
    [ "$file" = lib/base/error.c ] || flags+=(-include ci/analyzer.h)
    key=$({
        printf '%s\n' "$TIDY_FLAGS"
        cat .clang-tidy
        "${CC:-cc}" -E "${flags[@]}" "$file"
    } 2>/dev/null | sha256sum | cut -c 1-32)
    [ ! -e "$TIDY_PASSED/$key" ] || return 0
    if ! clang-tidy --quiet "$file" -- "${flags[@]}" >"$TIDY_PASSED/$key.log" 2>&1; then
        cat "$TIDY_PASSED/$key.log"
        rm -f "$TIDY_PASSED/$key.log"
        return 1
    fi
    mv "$TIDY_PASSED/$key.log" "$TIDY_PASSED/$key"
}
export -f tidy_file

check_tidy() {
    TIDY_PASSED=$BUILD/lint/tidy
    TIDY_FLAGS="$(make -s BUILD="$BUILD" print-cflags) -Itests/unit" || return
    mkdir -p "$TIDY_PASSED"
    find "$TIDY_PASSED" -type f -mtime +14 -delete
    export TIDY_PASSED TIDY_FLAGS
    # shellcheck disable=SC2016 # the inner shell's
    sources 'lib/*.c' 'cmd/*.c' 'tests/*.c' | xargs -P 2 -I{} bash -c 'tidy_file "$1"' tidy {}
}

check_cppcheck() {
    mkdir -p "$BUILD/lint/cppcheck"
    cppcheck --quiet --error-exitcode=1 --std=c11 --language=c --enable=warning,performance,portability \
        --inline-suppr --suppressions-list=ci/cppcheck.txt --cppcheck-build-dir="$BUILD/lint/cppcheck" -j 2 \
        -D_GNU_SOURCE -DEVO_VERSION='"0"' -Ilib lib cmd
}

check_shell() {
    local files
    # By the first line, since programs have no suffix.
    mapfile -t files < <(
        sources '*.sh'
        sources 'scripts/*' 'tests/*' '.ci/*' | grep -vE '\.(sh|bash|bats)$' | while read -r file; do
            ! head -n 1 "$file" | tr -d '\0' | grep -qE '^#!.*[/ ](ba|da)?sh\b' || printf '%s\n' "$file"
        done
    )
    local status=0
    shellcheck "${files[@]}" || status=1
    # Each @test is a function of its own process, the helpers set variables for the
    # tests, and programs stand in quotes: what shellcheck says of those is no finding.
    mapfile -t files < <(sources '*.bats' '*.bash')
    shellcheck --severity=warning --exclude=SC2030,SC2031,SC2034,SC2153,SC2154 "${files[@]}" || status=1
    return "$status"
}

check_actions() {
    local workflows actions
    mapfile -t workflows < <(sources '.github/workflows/*.yml' '*/workflows/*.yml' | sort -u)
    mapfile -t actions < <(sources action.yml 'actions/*/action.yml')
    if [ $((${#workflows[@]} + ${#actions[@]})) -eq 0 ]; then
        echo "no action and no workflow yet"
        return 0
    fi
    ci/tools.sh actionlint zizmor check-jsonschema || return
    local status=0
    if [ "${#workflows[@]}" -gt 0 ]; then
        "$EVO_TOOLS/actionlint/bin/actionlint" "${workflows[@]}" || status=1
        "$EVO_TOOLS/check-jsonschema/bin/check-jsonschema" --builtin-schema vendor.github-workflows "${workflows[@]}" || status=1
    fi
    if [ "${#actions[@]}" -gt 0 ]; then
        "$EVO_TOOLS/check-jsonschema/bin/check-jsonschema" --builtin-schema vendor.github-actions "${actions[@]}" || status=1
    fi
    "$EVO_TOOLS/zizmor/bin/zizmor" --offline --quiet --config ci/zizmor.yml "${workflows[@]}" "${actions[@]}" || status=1
    return "$status"
}

all=(format layers tidy cppcheck shell actions)
[ $# -gt 0 ] || set -- "${all[@]}"
failed=
for check in "$@"; do
    if ! declare -F "check_$check" >/dev/null; then
        echo "lint.sh: no such check \"$check\" (${all[*]})" >&2
        exit 2
    fi
    began=$SECONDS
    if "check_$check"; then
        printf 'lint %-9s ok      %3d s\n' "$check" $((SECONDS - began))
    else
        printf 'lint %-9s FAILED  %3d s\n' "$check" $((SECONDS - began))
        failed="$failed $check"
    fi
done
[ -z "$failed" ] || {
    echo "lint: failed:$failed" >&2
    exit 1
}
