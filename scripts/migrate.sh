#!/bin/bash
# migrate.sh ENVIRONMENT [ACTION]: deploy, roll back or look, by environment.
#
#   scripts/migrate.sh staging deploy      check, back up, migrate, verify, tell people
#   scripts/migrate.sh staging rollback    undo the last migration (its down.sql), and prove it
#   scripts/migrate.sh staging status      what is applied, pending, failed
#
# ENVIRONMENT defaults to staging, ACTION to deploy. Variables come from .env.ENVIRONMENT
# of the working directory, one KEY=VALUE a line (DATABASE_URL, EVO_STORE,
# SLACK_WEBHOOK_URL …); quotes around a value are taken off, nothing in it is run.
set -eu

case ${1:-} in
--help | -h)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
    exit 0
    ;;
esac
environment=${1:-staging}
action=${2:-deploy}
if [ $# -gt 2 ]; then
    echo "migrate.sh: expected ENVIRONMENT and ACTION, got $# words" >&2
    exit 2
fi
case $action in
deploy | rollback | status) ;;
*)
    echo "migrate.sh: unknown action \"$action\" (deploy, rollback, status)" >&2
    exit 2
    ;;
esac
case $environment in
*[!A-Za-z0-9._-]* | '')
    echo "migrate.sh: \"$environment\" is no name of an environment" >&2
    exit 2
    ;;
esac
file=./.env.$environment
if [ ! -r "$file" ]; then
    echo "migrate.sh: cannot read \"$file\"" >&2
    echo "hint: make it, with a line DATABASE_URL=postgresql://…; scripts/migrate.sh --help says more" >&2
    exit 2
fi

# What the shell happens to hold must not win over the file.
unset DATABASE_URL DIRECT_URL EVO_DATABASE_URL EVO_STORE EVO_ENVIRONMENT
number=0
while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%$'\r'}
    line=${line#"${line%%[![:space:]]*}"}
    line=${line#export }
    case $line in '' | '#'*) continue ;; esac
    name=${line%%=*} value=${line#*=}
    if [ "$name" = "$line" ] || [[ ! $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]]; then
        echo "migrate.sh: $file:$number is no KEY=VALUE" >&2
        exit 2
    fi
    case $value in
    \"*\") value=${value#\"} && value=${value%\"} ;;
    \'*\') value=${value#\'} && value=${value%\'} ;;
    esac
    export "$name=$value"
done <"$file"

evo=$(command -v evo || true)
here=$(cd "$(dirname "$0")/.." && pwd)
[ -n "$evo" ] || evo=$here/build/bin/evo
if [ ! -x "$evo" ]; then
    echo "migrate.sh: evo is not installed" >&2
    echo "hint: make && sudo make install" >&2
    exit 2
fi

case $action in
deploy) exec "$evo" deploy --environment "$environment" ;;
rollback) exec "$evo" migrate down --environment "$environment" ;;
status) exec "$evo" status --environment "$environment" ;;
esac
