#!/bin/bash
# migrate.sh ENVIRONMENT [ACTION]: deploy, roll back or look, by environment.
#
#   scripts/migrate.sh staging deploy      check, back up, migrate, verify, tell people
#   scripts/migrate.sh staging rollback    undo the last migration (its down.sql), and prove it
#   scripts/migrate.sh staging status      what is applied, pending, failed
#
# ENVIRONMENT defaults to staging, ACTION to deploy. Variables come from .env.ENVIRONMENT
# of the working directory (DATABASE_URL, EVO_STORE, SLACK_WEBHOOK_URL …).
set -eu

environment=${1:-staging}
action=${2:-deploy}
[ $# -le 2 ] || { echo "migrate.sh: expected ENVIRONMENT and ACTION, got $# words" >&2; exit 2; }

case $environment in
*[!A-Za-z0-9._-]* | '')
    echo "migrate.sh: \"$environment\" is no name of an environment" >&2
    exit 2
    ;;
esac
file=./.env.$environment
if [ ! -r "$file" ]; then
    echo "migrate.sh: cannot read \"$file\"" >&2
    echo "hint: make it, with a line DATABASE_URL=postgresql://…" >&2
    exit 2
fi
set -a
# shellcheck source=/dev/null
. "$file"
set +a

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
*)
    echo "migrate.sh: unknown action \"$action\" (deploy, rollback, status)" >&2
    exit 2
    ;;
esac
