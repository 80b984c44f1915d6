# evo-verify roundtrip: good migrations, and each way in which one is not.
# seconds: 35
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/roundtrip

setup() {
    roundtrip_setup
    migrate_project sql
}

teardown() {
    roundtrip_teardown
    pg_private_stop
}

base() {
    migration 1_base up 'CREATE TABLE products (id bigserial PRIMARY KEY, name text NOT NULL);'
}

# The user's guide, word for word.
sku() {
    migration "$1" up '      ALTER TABLE products ADD COLUMN sku VARCHAR(50) UNIQUE'
    migration "$1" down '      ALTER TABLE products DROP COLUMN sku'
    migration "$1" verify_up - <<'SQL'
-- evo:expect rows 1
-- evo:expect column data_type = character varying
      SELECT column_name, data_type, is_nullable
      FROM information_schema.columns
      WHERE table_name = 'products' AND column_name = 'sku'
SQL
    migration "$1" verify_down - <<'SQL'
-- evo:expect empty
      SELECT column_name
      FROM information_schema.columns
      WHERE table_name = 'products' AND column_name = 'sku'
SQL
}

@test "a good pair, in a cluster of evo's own, on each major version; without a database every migration is tried" {
    base
    sku 2_sku
    local major
    for major in $(pg_versions 15); do
        EVO_PG_BINDIR=$(pg_version_bindir "$major") run_evo evo-verify roundtrip --json
        assert_exit 0
        assert_envelope
        assert_equal "$major" "$(json '.data.server_version | split(".")[0] | gsub("[^0-9].*"; "")')"
        assert_json '.data.selected_by == "all" and [.data.migrations[].verdict] == ["irreversible", "ok"]' ||
            fail "on PostgreSQL $major"
    done
}

@test "a good pair" {
    base
    migration 1_base down 'DROP TABLE products;'
    migration 1_base verify_up "SELECT to_regclass('products') IS NOT NULL;"
    migration 1_base verify_down "SELECT to_regclass('products') IS NULL;"
    sku 2_sku
    on_server
    assert_exit 0
    assert_envelope
    assert_equal "$GOOD" "$(cells 1_base)"
    assert_equal "$GOOD" "$(cells 2_sku)"
    assert_json 'all(.data.migrations[]; .verdict == "ok" and .lossy == false and .differences == [] and .messages == [])'
    run_evo evo-verify roundtrip --scratch-url "$(scratch_url)"
    assert_exit 0
    assert_stdout_has 'ok       2_sku      false/true  true/false  false/true  true/false'
    assert_stdout_has '2 of 2 migrations pass on PostgreSQL '
}

@test "no way back, and no proof: it is said, and no failure" {
    base
    migration 2_gone up - <<'SQL'
-- evo:irreversible the names are merged
ALTER TABLE products DROP COLUMN name;
SQL
    migration 2_gone down 'SELECT 1;'
    migration 2_gone verify_up "-- evo:expect empty
SELECT 1 FROM information_schema.columns WHERE table_name = 'products' AND column_name = 'name'"
    migration 3_unproven up 'CREATE TABLE t (i int)'
    migration 3_unproven down 'DROP TABLE t'
    on_server
    assert_exit 0
    assert_json '[.data.migrations[].verdict] == ["irreversible", "irreversible", "unproven"]'
    assert_message 1_base 'applied only: it has no way back'
    assert_message 1_base 'it has no verify_up.sql: nothing proves that it did what it is for'
    assert_message 2_gone 'applied only: irreversible, the names are merged'
    assert_equal 'false/none true/none - -' "$(cells 2_gone)"
    assert_message 3_unproven 'it has no verify_down.sql: nothing proves what taking it back did'
    assert_equal 'none/none none/none none/none none/none' "$(cells 3_unproven)"
}

@test "a verify file that can never fail is refused; one probe of several is named" {
    base
    sku 2_sku
    printf 'SELECT true;\n' >>"$MIGRATIONS/2_sku/verify_down.sql"
    migration 2_sku verify_down - <<'SQL'
-- evo:expect empty
SELECT 1 FROM information_schema.columns WHERE table_name = 'products' AND column_name = 'sku';
SELECT count(*) >= 0 FROM products;
SQL
    migration 3_vacuous up 'CREATE TABLE t (i int)'
    migration 3_vacuous down 'DROP TABLE t'
    migration 3_vacuous verify_up 'SELECT true'
    migration 3_vacuous verify_down "-- evo:expect no-error
SELECT 1"
    on_server
    assert_exit 1
    assert_envelope
    assert_json '.error.reason == "roundtrip" and .error.migration == "3_vacuous" and (.error.message | endswith("(vacuous)"))'
    assert_json '[.data.migrations[].verdict] == ["irreversible", "ok", "vacuous"]'
    assert_message 2_sku 'verify_down.sql holds in every state in line 3: alone it would prove nothing'
    assert_equal 'true/true true/true true/true true/true' "$(cells 3_vacuous)"
    assert_message 3_vacuous 'verify_up.sql holds before up already: it cannot fail, and proves nothing'
    assert_message 3_vacuous 'verify_down.sql holds after up as well: it cannot fail, and proves nothing'
}

@test "a way back that loses something: the schemas side by side, privileges too" {
    base
    sku 2_sku
    migration 2_sku up 'ALTER TABLE products ADD COLUMN sku VARCHAR(50) UNIQUE; CREATE INDEX left_behind ON products (name);
        GRANT SELECT ON products TO PUBLIC'
    migration 2_sku down 'ALTER TABLE products DROP COLUMN sku'
    on_server
    # The index is in the way of the second up.
    assert_exit 1
    assert_json '.data.migrations[1] | .verdict == "failed" and .lossy'
    migration 2_sku up 'ALTER TABLE products ADD COLUMN sku VARCHAR(50) UNIQUE; CREATE INDEX IF NOT EXISTS left_behind ON products (name);
        GRANT SELECT ON products TO PUBLIC'
    on_server
    assert_exit 1
    assert_envelope
    assert_json '.data.migrations[1] | .verdict == "lossy" and .lossy and .differences ==
        ["+ grant on table public.products: SELECT to public by '"$SCRATCH_ROLE"'", "+ index public.left_behind: CREATE INDEX left_behind ON public.products USING btree (name)"]'
    assert_equal "$GOOD" "$(cells 2_sku)"
    assert_message 2_sku 'after down the schema differs from the one before up in 2 lines'
    run_evo evo-verify roundtrip --scratch-url "$(scratch_url)"
    assert_stdout_has '    + index public.left_behind: CREATE INDEX left_behind ON public.products USING btree (name)'
}

@test "a way back that fails; what comes behind is tried all the same" {
    base
    sku 2_sku
    migration 2_sku down 'ALTER TABLE products DROP COLUMN skew'
    migration 3_next up 'CREATE TABLE t (i int)'
    migration 3_next down 'DROP TABLE t'
    migration 4_false up 'CREATE TABLE u (i int)'
    migration 4_false down 'SELECT 1'
    migration 4_false verify_up "SELECT to_regclass('u') IS NOT NULL"
    migration 4_false verify_down "SELECT to_regclass('u') IS NULL"
    migration 5_bare up 'CREATE TABLE v (i int)'
    migration 5_bare down 'DROP TABLE v; DROP INDEX CONCURRENTLY nothing'
    migration 6_last up 'CREATE TABLE w (i int)'
    on_server
    assert_exit 1
    assert_json '[.data.migrations[].verdict] == ["irreversible", "failed", "unproven", "failed", "failed", "skipped"]'
    assert_json '.data.migrations[1].messages[0] | startswith("rollback of migration \"2_sku\" failed: column \"skew\" of relation \"products\" does not exist")'
    assert_equal 'false/true true/false - -' "$(cells 2_sku)"
    # The verify file says no inside the transaction, so nothing has happened.
    assert_equal 'false/true true/false none/false -' "$(cells 4_false)"
    # Half of it is gone: nothing that comes behind would mean anything.
    assert_json '.data.migrations[5].messages[0] | startswith("not tried: rollback of migration \"5_bare\" failed")'
}

@test "a broken probe; a migration that fails; one in front of those that were asked for" {
    base
    sku 2_sku
    migration 2_sku verify_up 'SELECT count(sku) = 0 FROM product'
    migration 3_next up 'CREATE TABLE t (i int)'
    on_server
    assert_exit 1
    assert_envelope
    assert_json '[.data.migrations[].verdict] == ["irreversible", "failed", "skipped"]'
    assert_equal 'error/true error/none - -' "$(cells 2_sku)"
    assert_json '.data.migrations[1].messages[0] | contains("relation \"product\" does not exist")'
    on_server 3_next
    assert_exit 1
    assert_json '.data.selected_by == "names" and [.data.migrations[] | [.name, .verdict]] == [["3_next", "skipped"]]'
    migration 2_sku verify_up "-- evo:expect rows 1
SELECT 1 FROM information_schema.columns WHERE column_name = 'sku' AND data_type = 'text'"
    on_server 2_sku
    assert_equal 'false/true false/none - -' "$(cells 2_sku)"
    migration 2_sku up 'ALTER TABLE produce ADD COLUMN sku VARCHAR(50)'
    on_server 2_sku
    assert_equal 'false/true - - -' "$(cells 2_sku)"
    assert_json '.data.migrations[0].messages[0] | contains("relation \"produce\" does not exist")'
    migration 2_sku up 'ALTER TABLE products ADD COLUMN sku VARCHAR(50) UNIQUE'
    migration 2_sku verify_up 'SELECT true; COMMIT'
    on_server
    assert_exit 2
    assert_json '.error.reason == "config" and .error.migration == "2_sku" and (.error.file | endswith("2_sku/verify_up.sql"))'
    assert_json '.data.server_version == null and all(.data.migrations[]; .verdict == "skipped")'
}

@test "a migration that ends its own session" {
    base
    migration 2_gone up 'SELECT pg_terminate_backend(pg_backend_pid())'
    migration 3_next up 'SELECT 1'
    on_server
    assert_exit 1
    assert_json '[.data.migrations[].verdict] == ["irreversible", "failed", "skipped"]'
    assert_json '.error.reason == "roundtrip" and (.data.migrations[1].messages[0] | contains("terminating connection"))'
}

@test "probes that hold where they must not, or do not where they must" {
    migration 1_kept up 'CREATE TABLE IF NOT EXISTS t (i int)'
    migration 1_kept down 'SELECT 1'
    migration 1_kept verify_up "SELECT to_regclass('t') IS NOT NULL"
    migration 2_early up 'CREATE TABLE u (i int)'
    migration 2_early down 'DROP TABLE u'
    migration 2_early verify_up "SELECT to_regclass('u') IS NOT NULL"
    migration 2_early verify_down "SELECT to_regclass('u') IS NULL AND to_regclass('seen') IS NOT NULL"
    printf '; CREATE TABLE seen (i int)' >>"$MIGRATIONS/2_early/down.sql"
    on_server
    assert_exit 1
    assert_equal 'false/none true/none true/none true/none' "$(cells 1_kept)"
    assert_message 1_kept 'verify_up.sql still holds after down: it was not taken back'
    assert_json '.data.migrations[0].verdict == "failed" and .data.migrations[0].lossy'
    assert_equal 'false/false true/false false/true true/false' "$(cells 2_early)"
    assert_message 2_early 'verify_down.sql does not hold before up: line 1: "?column?" is false'
}

@test "Prisma: what is pending in the database, in the schema of its URL, with its roles and ledger; it is only read" {
    pg_fresh_db
    pg_fresh_role
    migrate_project prisma
    migration 20240101000000_base up 'CREATE TABLE products (id bigserial PRIMARY KEY)'
    run_evo evo-migrate up
    sku 20240102000000_sku
    migration 20240102000000_sku up "ALTER TABLE products ADD COLUMN sku VARCHAR(50) UNIQUE; GRANT SELECT ON products TO $PG_ROLE"
    migration 20240102000000_sku down "ALTER TABLE products DROP COLUMN sku; REVOKE SELECT ON products FROM $PG_ROLE"
    local before
    before=$(schema_sum; ledger)
    run_evo evo-verify roundtrip --json
    assert_exit 0
    assert_json '.data.selected_by == "pending" and [.data.migrations[] | [.name, .verdict]] == [["20240102000000_sku", "ok"]]'
    assert_equal "$before" "$(schema_sum; ledger)"
    DATABASE_URL=$PG_URL'&schema=shop' run_evo evo-verify roundtrip --json --all
    assert_json '[.data.migrations[].verdict] == ["irreversible", "ok"]'
    run_evo evo-migrate up
    run_evo evo-verify roundtrip
    assert_exit 0
    assert_stdout_has 'nothing to try: no migration is pending; --all takes every one'
    run_evo evo-verify roundtrip --all 20240102000000_sku
    assert_exit 2
    run_evo evo-verify roundtrip sku
    assert_exit 2
    assert_stderr_has 'Did you mean "20240102000000_sku"?'
    pg_sql "DROP OWNED BY $PG_ROLE; DROP ROLE $PG_ROLE"
}

@test "a signal ends it, and nothing is left" {
    migration 1_slow up 'SELECT pg_sleep(60)'
    start_evo evo-verify roundtrip --json
    wait_until 20 scratch_runs
    kill -TERM "$EVO_PID"
    finish_evo
    assert_exit 143
    assert_json '.error.reason == "cancelled"'
    MINE=yes
    start_evo evo-verify roundtrip --json --scratch-url "$(scratch_url)"
    wait_until 20 sleeps
    kill -INT "$EVO_PID"
    finish_evo
    assert_exit 130
    assert_json '.error.reason == "cancelled"'
}

# scratch_runs: a migration sleeps in a cluster of evo's own.
scratch_runs() {
    local folder
    for folder in "$SCRATCH"/evo-scratch.*; do
        [ -S "$folder/.s.PGSQL.5432" ] && [ "$(PGCONNECT_TIMEOUT=5 "$PG_BINDIR/psql" -XAtq -h "$folder" -U postgres -d postgres \
            -c "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" 2>/dev/null)" = 1 ] && return
    done
    return 1
}

sleeps() {
    [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE usename = '$SCRATCH_ROLE' AND datname LIKE 'evo\\_roundtrip\\_%' AND query LIKE '%pg_sleep(60)%'")" = 1 ]
}

@test "killed: the next run removes the cluster, and names the database" {
    migration 1_slow up 'SELECT pg_sleep(60)'
    start_evo evo-verify roundtrip --json
    wait_until 20 scratch_runs
    kill -KILL "$EVO_PID"
    finish_evo
    assert_exit 137
    wait_until 10 no_server_left
    # Of its own: whose database is left there is not in doubt.
    pg_private_start
    SCRATCH_ROLE=postgres
    start_evo evo-verify roundtrip --json --scratch-url "$(scratch_url)"
    wait_until 20 sleeps
    kill -KILL "$EVO_PID"
    finish_evo
    # Its session ends when the server notices, in a second.
    pg_sql -d postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'evo\\_roundtrip\\_%' AND query LIKE '%pg_sleep(60)%'" >/dev/null
    local left
    wait_until 10 eval 'left=$(databases); [ -n "$left" ]'
    migration 1_slow up 'SELECT 1'
    run_evo evo-verify roundtrip
    assert_exit 0
    assert_stderr_has 'removed 1 scratch cluster that a killed run left'
    run_evo evo-verify roundtrip --scratch-url "$(scratch_url)"
    pg_sql -d postgres "DROP DATABASE $left"
    assert_exit 0
    assert_stderr_has "a run that was killed left database \"$left\"; to remove it: DROP DATABASE $left"
}

@test "no server, no right, no room for a cluster" {
    base
    run_evo evo-verify roundtrip --scratch-url postgresql://127.0.0.1:1/postgres --json
    assert_exit 3
    assert_json '.error.reason == "connect"'
    mkdir "$BATS_TEST_TMPDIR/none"
    EVO_PG_BINDIR=$BATS_TEST_TMPDIR/none run_evo evo-verify roundtrip --json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.message | startswith("a scratch cluster needs a server"))'
    pg_fresh_role
    run_evo evo-verify roundtrip --json --scratch-url "$(pg_url postgres "$PG_ROLE")"
    pg_sql -d postgres "DROP ROLE $PG_ROLE"
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.message | startswith("could not make a database for the round trip"))'
    mkdir empty
    cd empty
    run_evo evo-verify roundtrip
    assert_exit 2
}
