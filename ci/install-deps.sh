#!/bin/sh
# install-deps.sh [GROUP...]: installs with apt what evo needs and this machine
# lacks. Debian 12 and Ubuntu 24.04; needs root, or sudo.
#
#   build     compiler, make, the libraries' headers
#   run       PostgreSQL's client and server programs
#   test      what the test suite starts or reads with
#   lint      formatters and static analysis
#   sanitize  the sanitizers' libraries
#   bench     what scripts/bench/ measures and draws with; only where it is named
#
# Without a group: all but bench. Says what it is going to install before it does;
# silent and quick when nothing is missing. No server is left running, and no
# PostgreSQL cluster is made.
set -eu

packages() {
    case $1 in
    build)
        echo gcc libc6-dev make pkg-config ca-certificates libpq-dev libcurl4-openssl-dev libssl-dev \
            zlib1g-dev libisal-dev libdeflate-dev libzstd-dev libarchive-dev libjansson-dev libexpat1-dev \
            libicu-dev libpg-query-dev libprotobuf-c-dev
        ;;
    run) echo ca-certificates curl procps util-linux postgresql postgresql-client ;;
    test)
        echo bats libcmocka-dev perl jq curl git procps util-linux zstd age pgbouncer python3 python3-venv openssl \
            postgresql postgresql-client ca-certificates php-cli php-pgsql php-laravel-framework \
            sqitch libdbd-pg-perl maven default-jdk-headless
        ;;
    lint) echo clang-format clang-tidy cppcheck shellcheck git python3 python3-venv ca-certificates ;;
    sanitize) echo gcc libc6-dev ;;
    bench) echo time gnuplot-nox python3 python3-venv jq perl curl git procps util-linux ca-certificates ;;
    *)
        echo "install-deps.sh: no such group \"$1\" (build, run, test, lint, sanitize, bench)" >&2
        return 2
        ;;
    esac
}

[ $# -gt 0 ] || set -- build run test lint sanitize
wanted=
for group in "$@"; do
    list=$(packages "$group") || exit 2
    wanted="$wanted $list"
done

is_installed() {
    case $1 in
    # Any compiler for Java will do, and a server from another source than the distribution's.
    default-jdk-headless) command -v javac >/dev/null 2>&1 && return 0 ;;
    postgresql) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return 0 ;;
    esac
    printf '%s\n' "$installed" | grep -qx "$1"
}

missing=
if command -v dpkg-query >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # a list of words
    installed=$(dpkg-query -W -f '${Package} ${Status}\n' $wanted 2>/dev/null | sed -n 's/ install ok installed$//p' || true)
    # shellcheck disable=SC2086 # a list of words
    for p in $(printf '%s\n' $wanted | sort -u); do
        is_installed "$p" || missing="$missing $p"
    done
    [ -n "$missing" ] || exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "install-deps.sh: this machine has no apt-get; install the like of these yourself:$wanted" >&2
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "install-deps.sh: not root and no sudo here; run as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root="sudo"
fi
run() {
    # shellcheck disable=SC2086 # empty when root
    $as_root env DEBIAN_FRONTEND=noninteractive "$@"
}

echo "install-deps.sh: installing$missing" >&2

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
conf=/etc/postgresql-common/createcluster.conf
made_policy=false
saved_conf=
cleanup() {
    rm -f "$log"
    ! $made_policy || run rm -f "$policy"
    if [ -n "$saved_conf" ]; then
        run cp "$saved_conf" "$conf"
        rm -f "$saved_conf"
    fi
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

apt() {
    if ! run apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null; then
        tail -n 25 "$log" >&2
        return 1
    fi
}

if ! apt update; then
    echo "install-deps.sh: could not update the list of packages (apt-get update)" >&2
    exit 1
fi
for p in $missing; do
    if ! apt-cache show --no-all-versions "$p" >/dev/null 2>&1; then
        echo "install-deps.sh: package \"$p\" is not to be had from this machine's apt sources" >&2
        echo "hint: Debian 12 and Ubuntu 24.04 have it; see /etc/apt/sources.list and sources.list.d (on Ubuntu, the component universe)" >&2
        exit 1
    fi
done

# A package may start its service while it is installed. None is wanted here.
if [ ! -e "$policy" ]; then
    made_policy=true
    printf '#!/bin/sh\nexit 101\n' | run tee "$policy" >/dev/null
    run chmod 0755 "$policy"
fi
# The server package would make a cluster "main"; its own switch for that is in a
# file that belongs to postgresql-common, which is put back as it was.
case " $missing " in
*" postgresql "*)
    apt install --no-install-recommends postgresql-common || {
        echo "install-deps.sh: could not install \"postgresql-common\"" >&2
        exit 1
    }
    if [ -e "$conf" ]; then
        saved_conf=$(mktemp)
        cat "$conf" >"$saved_conf"
        { grep -v '^ *create_main_cluster' "$saved_conf"; echo 'create_main_cluster = false'; } | run tee "$conf" >/dev/null
    fi
    ;;
esac

# shellcheck disable=SC2086 # a list of words
if ! apt install --no-install-recommends $missing; then
    for p in $missing; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q ' installed$' ||
            echo "install-deps.sh: could not install \"$p\"" >&2
    done
    exit 1
fi

case " $missing " in
*" pgbouncer "*)
    # Only its program is wanted; at the next boot it would listen.
    if [ -d /run/systemd/system ]; then
        run systemctl disable --quiet pgbouncer || true
    fi
    ;;
esac
echo "install-deps.sh: done" >&2
