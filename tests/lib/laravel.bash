# A copy of the Laravel fixture, with the real artisan.
#
#     load ../lib/evo
#     load ../lib/laravel
#     setup() { pg_fresh_db; laravel_project; }
#     @test ... { artisan migrate:status; assert_exit 0; }
#
# laravel_project copies tests/fixtures/laravel to $BATS_TEST_TMPDIR/project and changes into it, with the database by TCP
# and password in DATABASE_URL, so that a secret in any output fails the test.
# shellcheck shell=bash

laravel_project() {
    if ! command -v php >/dev/null || [ ! -e /usr/share/php/Illuminate/autoload.php ]; then
        fail "no PHP with Laravel found: ci/install-deps.sh test"
        return
    fi
    mkdir -p "$BATS_TEST_TMPDIR/project"
    cd "$BATS_TEST_TMPDIR/project" || return
    cp -R "$EVO_ROOT"/tests/fixtures/laravel/{artisan,bootstrap,config,database} .
    export DATABASE_URL=$PG_TCP_URL
}

# artisan ARGUMENT...: as run_evo: sets status, output, stderr.
artisan() {
    run_program php artisan "$@" --no-ansi --no-interaction
}

# laravel_migration NAME UP [DOWN [PROPERTIES]]: adds one; UP and DOWN are PHP, e.g. DB::statement('…');
laravel_migration() {
    cat >"database/migrations/$1.php" <<END
<?php
use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Support\\Facades\\DB;

return new class extends Migration
{
    ${4:-}
    public function up() { $2 }
    public function down() { ${3:-} }
};
END
}

# laravel_rows: the ledger, "migration|batch", in the order of rolling back, last first.
laravel_rows() {
    pg_sql 'SELECT migration, batch FROM migrations ORDER BY batch DESC, migration DESC'
}
