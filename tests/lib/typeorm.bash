# The real TypeORM CLI on a copy of the fixture project.
#
#     load ../lib/evo
#     load ../lib/typeorm
#     setup() { pg_fresh_db; typeorm_project; }
#     @test ... { typeorm_cli migration:show; assert_exit 0; }
#
# typeorm_project copies tests/fixtures/typeorm to $BATS_TEST_TMPDIR/project and changes into it, with the pinned Node
# first in PATH, and with the database by TCP and password in DATABASE_URL, so that a secret in any output fails the test.
# shellcheck shell=bash

typeorm_project() {
    if [ ! -e "$EVO_TOOLS/typeorm/node_modules/.bin/typeorm" ]; then
        fail "no TypeORM found: ci/tools.sh typeorm"
        return
    fi
    mkdir -p "$BATS_TEST_TMPDIR/project"
    cd "$BATS_TEST_TMPDIR/project" || return
    cp -R "$EVO_ROOT"/tests/fixtures/typeorm/{package.json,data-source.js,migrations} .
    ln -s "$EVO_TOOLS/typeorm/node_modules" node_modules
    export PATH=$EVO_TOOLS/node/bin:$PATH DATABASE_URL=$PG_TCP_URL
}

# typeorm_cli ARGUMENT...: as run_evo: sets status, output, stderr.
typeorm_cli() {
    local command=$1
    shift
    run_program node_modules/.bin/typeorm "$command" -d data-source.js "$@"
}

# typeorm_migration TIME NAME UP [DOWN [PROPERTIES]]: adds one; UP and DOWN are statements of SQL without backquotes.
typeorm_migration() {
    cat >"migrations/$1-$2.js" <<END
module.exports = class $2$1 {
  ${5:-}
  async up(queryRunner) { await queryRunner.query(\`$3\`) }
  async down(queryRunner) { await queryRunner.query(\`${4:-SELECT 1}\`) }
}
END
}

# typeorm_rows: the ledger, "timestamp|name", in order of application.
typeorm_rows() {
    pg_sql 'SELECT "timestamp", name FROM migrations ORDER BY id'
}
