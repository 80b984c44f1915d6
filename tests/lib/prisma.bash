# The real Prisma CLI on a copy of the fixture project.
#
#     load ../lib/evo
#     load ../lib/prisma
#     setup() { pg_fresh_db; prisma_project; }
#     @test ... { prisma_cli migrate deploy; assert_exit 0; }
#
# prisma_project [DIR] copies tests/fixtures/prisma (to $BATS_TEST_TMPDIR/project)
# and sets PRISMA_DIR; change or add migrations there. The CLI and its Node are in
# build/tools (ci/tools.sh node prisma).
# shellcheck shell=bash

prisma_project() {
    PRISMA_DIR=${1:-$BATS_TEST_TMPDIR/project}
    if [ ! -e "$EVO_TOOLS/prisma/node_modules/.bin/prisma" ]; then
        fail "no Prisma CLI found: ci/tools.sh prisma"
        return
    fi
    mkdir -p "$PRISMA_DIR"
    cp -R "$EVO_ROOT"/tests/fixtures/prisma/{package.json,prisma.config.mjs,schema-engine.mjs,prisma} "$PRISMA_DIR/"
    ln -s "$EVO_TOOLS/prisma/node_modules" "$PRISMA_DIR/node_modules"
}

# prisma_migration NAME [SQL]: adds a migration; SQL - or none: from standard input.
prisma_migration() {
    local dir=$PRISMA_DIR/prisma/migrations/$1
    mkdir -p "$dir"
    if [ "${2:--}" = - ]; then
        cat >"$dir/migration.sql"
    else
        printf '%s\n' "$2" >"$dir/migration.sql"
    fi
}

# prisma_cli ARGUMENT...: as run_evo: sets status, output, stderr. Prisma connects
# by TCP with a password, so a secret in its output fails the test, too.
# PRISMA_SCHEMA names another schema than public, PRISMA_SPLIT=1 has migrations
# sent statement by statement, as Prisma does from 7.4 on.
prisma_cli() {
    local here=$PWD rc=0
    cd "$PRISMA_DIR" || return
    EVO_RUN_TIMEOUT=${EVO_RUN_TIMEOUT:-90} run_program env PATH="$EVO_TOOLS/node/bin:$PATH" \
        PRISMA_SCHEMA_ENGINE_BINARY="$PRISMA_DIR/schema-engine.mjs" PRISMA_HIDE_UPDATE_MESSAGE=1 \
        CHECKPOINT_DISABLE=1 NO_COLOR=1 CI=1 ENGINE_SPLIT="${PRISMA_SPLIT:-}" \
        DATABASE_URL="$PG_TCP_URL${PRISMA_SCHEMA:+?schema=$PRISMA_SCHEMA}" node_modules/.bin/prisma "$@" || rc=$?
    cd "$here" || return
    return "$rc"
}
