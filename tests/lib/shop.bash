# A small Prisma project, the one of the demo, for tests of the whole pipeline.
#
#     setup() { pg_fresh_db; shop_project; }      # SHOP (its folder), the working directory
# shellcheck shell=bash

# shop_project [DIR]: a copy of the demo's project, with nothing applied; cd into it.
shop_project() {
    SHOP=${1:-$BATS_TEST_TMPDIR/shop}
    # Where evo-deploy makes a run directory when none is given: it goes with the test.
    export TMPDIR=$BATS_TEST_TMPDIR
    mkdir -p "$SHOP"
    cp -R "$EVO_ROOT/scripts/demo-shop/prisma" "$SHOP/"
    cd "$SHOP" || return
}

# shop_migration NAME SQL [VERIFY_UP [DOWN]]: adds one.
shop_migration() {
    local dir=$SHOP/prisma/migrations/$1
    mkdir -p "$dir"
    printf '%s\n' "$2" >"$dir/migration.sql"
    [ -z "${3:-}" ] || printf '%s\n' "$3" >"$dir/verify_up.sql"
    [ -z "${4:-}" ] || printf '%s\n' "$4" >"$dir/down.sql"
}

# shop_rows [N]: rows in the tables of the first migration.
shop_rows() {
    pg_sql "INSERT INTO users (email) SELECT 'user' || i || '@example.com' FROM generate_series(1, ${1:-100}) i"
}

# shop_schema [DB]: every table and column, in a form to compare.
shop_schema() {
    pg_sql ${1:+-d "$1"} "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> '_prisma_migrations' ORDER BY 1, 2"
}

# shop_applied [DB]: names of the migrations that are applied, in order.
shop_applied() {
    pg_sql ${1:+-d "$1"} "SELECT migration_name FROM _prisma_migrations
        WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY started_at"
}
