#!/bin/bash
# binaries.sh: the executables for a job, as the step output `bin`.
#
# EVO_PATH, where given, is a folder that holds them. Else they are built from the
# source of this action, into a folder named after what was built (the job's tool
# cache where there is one), so that a second run finds them there.
#
#   binaries.sh key      print the key of this source on this machine
#   binaries.sh          find or build, write the outputs
set -eu

source_dir=$(cd "$(dirname "$0")/../.." && pwd)

# What decides the bytes of a build: the sources, the compiler, the system.
key() {
    # shellcheck source=/dev/null
    os=$(. /etc/os-release && echo "$ID-${VERSION_ID:-0}")
    hash=$(cd "$source_dir" && find Makefile lib cmd ci/embed.sh -type f -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum | sha256sum | cut -c1-16)
    printf 'evo-%s-%s-%s\n' "$os" "$(uname -m)" "$hash"
}

output() {
    [ -z "${GITHUB_OUTPUT:-}" ] || printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

if [ "${1:-}" = key ]; then
    key
    exit 0
fi

if [ -n "${EVO_PATH:-}" ]; then
    bin=$(cd "$EVO_PATH" && pwd)
    if [ ! -x "$bin/evo" ]; then
        echo "::error title=evo::there is no executable evo in \"$EVO_PATH\""
        output failure-reason config
        exit 2
    fi
    output bin "$bin"
    exit 0
fi

cache=${EVO_CACHE:-${RUNNER_TOOL_CACHE:-${RUNNER_TEMP:-/tmp}}/evo}
bin=$cache/$(key)/bin
if [ ! -x "$bin/evo-deploy" ]; then
    "$source_dir/ci/install-deps.sh" build
    work=$(mktemp -d "${RUNNER_TEMP:-/tmp}/evo-build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    make -s -C "$source_dir" -j"$(nproc)" BUILD="$work" bin
    mkdir -p "${bin%/*}"
    # Only a whole folder appears under the final name; who comes second keeps the first one's.
    cp -R "$work/bin" "$bin.$$"
    mv -T "$bin.$$" "$bin" 2>/dev/null || rm -rf "$bin.$$"
fi
output bin "$bin"
