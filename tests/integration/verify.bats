# evo-verify on a real PostgreSQL: probes of migrations in a folder against a ledger.
bats_require_minimum_version 1.5.0
load ../lib/evo

setup() {
    pg_fresh_db
    PROJECT=$BATS_TEST_TMPDIR/project
    mkdir -p "$PROJECT/migrations"
    cd "$PROJECT" || return
    pg_sql - <"$EVO_ROOT/lib/schema/ledger.sql"
    pg_sql 'CREATE TABLE products (id bigint PRIMARY KEY, sku VARCHAR(50) UNIQUE)'
}

# migration NAME: its folder, with forward SQL that is not run here.
migration() {
    mkdir -p "migrations/$1"
    printf 'SELECT 1;\n' >"migrations/$1/up.sql"
}

# applied NAME MINUTES [ROLLED BACK MINUTES]: a row of the ledger, so many minutes old.
applied() {
    pg_sql "INSERT INTO evo.migrations (version, name, checksum, started_at, finished_at, rolled_back_at)
        VALUES (split_part(:'name', '_', 1), :'name', repeat('0', 64), now() - :'age'::interval,
                now() - :'age'::interval, now() - nullif(:'back', '')::interval)" \
        "name=$1" "age=$2 min" "back=${3:+$3 min}"
}

# The envelope on stdout and its data are what the schemas promise.
assert_envelope() {
    assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" "$OUT"
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/verify.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

sku_up() {
    cat <<'SQL'
-- Verify column exists and has correct type
-- evo:expect rows 1
-- evo:expect column data_type = character varying
      SELECT column_name, data_type, is_nullable
      FROM information_schema.columns
      WHERE table_name = 'products' AND column_name = 'sku'
SQL
}

sku_down() {
    cat <<'SQL'
-- Verify column does not exist
-- evo:expect empty
      SELECT column_name
      FROM information_schema.columns
      WHERE table_name = 'products' AND column_name = 'sku'
SQL
}

@test "up: the column is there, and has its type" {
    migration 1_sku
    sku_up >migrations/1_sku/verify_up.sql
    applied 1_sku 0
    run_evo evo-verify up --json
    assert_exit 0
    assert_envelope
    assert_json '.command == "verify up" and .data.direction == "up" and .data.selected_by == "ledger"'
    assert_json '[.data.probes[] | [.migration, .number, .line, .verdict, .message]]
        == [["1_sku", 1, 4, "true", null]]'
    run_evo evo-verify up
    assert_exit 0
    assert_stdout_has 'ok       1_sku  1 probe'
    assert_stdout_has '1 of 1 probe hold'
}

@test "up: the column has another type" {
    migration 1_sku
    sku_up >migrations/1_sku/verify_up.sql
    applied 1_sku 0
    pg_sql 'ALTER TABLE products ALTER sku TYPE text'
    run_evo evo-verify up --json
    assert_exit 1
    assert_envelope
    assert_json '.error.reason == "probe_false" and .error.migration == "1_sku" and .error.line == 4'
    assert_json '.error.file == "migrations/1_sku/verify_up.sql"'
    assert_json '.data.probes[0].verdict == "false"'
    assert_json '.data.probes[0].message == "expected \"data_type\" to be \"character varying\", but it is \"text\""'
}

@test "down: the column is gone, or is not" {
    migration 1_sku
    sku_down >migrations/1_sku/verify_down.sql
    applied 1_sku 5 0
    run_evo evo-verify down
    assert_exit 1
    assert_stderr_has 'probe 1 of "migrations/1_sku/verify_down.sql" is not true: expected empty, but it returned 1 row'
    pg_sql 'ALTER TABLE products DROP COLUMN sku'
    run_evo evo-verify down --json
    assert_exit 0
    assert_envelope
    assert_json '.data.direction == "down" and (.data.probes | length) == 1'
}

@test "the last run is what the ledger shows without a pause" {
    for name in 1_a 2_b 3_c; do
        migration "$name"
        printf 'SELECT true;\n' >"migrations/$name/verify_up.sql"
    done
    applied 1_a 30
    applied 2_b 5
    applied 3_c 5
    run_evo evo-verify up --json
    assert_exit 0
    assert_json '[.data.migrations[].name] == ["2_b", "3_c"]'
    run_evo evo-verify up --all --json
    assert_json '.data.selected_by == "all" and ([.data.migrations[].name] == ["1_a", "2_b", "3_c"])'
    run_evo evo-verify up 1_a --json
    assert_json '.data.selected_by == "names" and ([.data.migrations[].name] == ["1_a"])'
}

@test "the last run is what the run directory says" {
    migration 1_a
    migration 2_b
    printf 'SELECT true;\n' >migrations/1_a/verify_up.sql
    applied 1_a 0
    applied 2_b 0
    mkdir "$BATS_TEST_TMPDIR/run"
    jq -n '{schema: 1, command: "migrate up", version: "1.0.0", ok: true, exit: 0, environment: null,
        started_at: "2026-11-22T10:15:00.123Z", elapsed_ms: 1, data: {applied: [{name: "1_a"}], pending: []},
        error: null}' >"$BATS_TEST_TMPDIR/run/04-migrate-up.json"
    run_evo evo-verify up --json --run-dir "$BATS_TEST_TMPDIR/run"
    assert_exit 0
    assert_envelope
    assert_json '.data.selected_by == "run" and ([.data.migrations[].name] == ["1_a"])'
    [ -s "$BATS_TEST_TMPDIR/run/05-verify-up.json" ]
}

@test "a run directory that is not there yet is no reason to fail" {
    migration 1_a
    applied 1_a 0
    run_evo evo-verify up --json --run-dir "$BATS_TEST_TMPDIR/new"
    assert_exit 0
    assert_json '.data.selected_by == "ledger"'
}

@test "a migration without a verify file is listed and is no failure" {
    migration 1_a
    migration 2_b
    printf 'SELECT true;\n' >migrations/2_b/verify_up.sql
    applied 1_a 0
    applied 2_b 0
    applied 3_gone 0
    run_evo evo-verify up
    assert_exit 0
    assert_stdout_has '1_a  no verify_up.sql'
    assert_stdout_has '3_gone  its files are gone'
    assert_stdout_has '1 of 1 probe hold'
    run_evo evo-verify up --json
    assert_envelope
    assert_json '[.data.migrations[].file] == [null, "migrations/2_b/verify_up.sql", null]'
}

@test "nothing to verify is said" {
    migration 1_a
    run_evo evo-verify up
    assert_exit 0
    assert_stdout_has 'nothing to verify: the last run applied no migration'
    run_evo evo-verify down
    assert_stdout_has 'nothing to verify: the last run rolled no migration back'
    run_evo evo-verify up --all
    assert_stdout_has 'nothing to verify: no migration is applied'
    applied 1_a 0
    run_evo evo-verify up
    assert_exit 0
    assert_stdout_has 'nothing to verify: none of 1 migration has a verify_up.sql'
    run_evo evo-verify up --json
    assert_envelope
    assert_json '.data.probes == []'
}

@test "every probe runs, also behind one that is false" {
    migration 1_a
    migration 2_b
    printf 'SELECT false;\nSELECT true;\nSELECT nope;\nSELECT true WHERE false;\n' >migrations/1_a/verify_up.sql
    printf 'SELECT true;\n' >migrations/2_b/verify_up.sql
    applied 1_a 0
    applied 2_b 0
    run_evo evo-verify up --json
    assert_exit 1
    assert_envelope
    assert_json '[.data.probes[].verdict] == ["false", "true", "error", "vacuous", "true"]'
    assert_json '[.data.migrations[] | [.probes, .failed]] == [[4, 3], [1, 0]]'
    assert_json '.error.line == 1 and .error.migration == "1_a"'
    run_evo evo-verify up
    assert_stdout_has 'migrations/1_a/verify_up.sql:3: column "nope" does not exist'
    assert_stdout_has '2 of 5 probes hold'
}

@test "a probe that writes is refused and leaves nothing behind" {
    migration 1_a
    printf "INSERT INTO products VALUES (1, 'x') RETURNING true;\n" >migrations/1_a/verify_up.sql
    applied 1_a 0
    run_evo evo-verify up
    assert_exit 1
    assert_stderr_has 'cannot execute INSERT in a read-only transaction; a probe may only read'
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM products')"
}

@test "a verify file that cannot be understood: file and line, before any probe runs" {
    migration 1_a
    migration 2_b
    printf 'SELECT false;\n' >migrations/1_a/verify_up.sql
    applied 1_a 0
    applied 2_b 0
    while IFS='|' read -r line text message; do
        printf '%b' "$text" >migrations/2_b/verify_up.sql
        run_evo evo-verify up --json
        assert_exit 2
        assert_json '.error.reason == "config" and .error.file == "migrations/2_b/verify_up.sql"'
        assert_equal "$line" "$(json .error.line)"
        assert_equal "$message" "$(json .error.message)"
        assert_json '.data.probes == [] and .error.migration == "2_b"'
    done <<'ROWS'
2|SELECT true;\n-- evo:expect sometimes\nSELECT 1;|unknown expectation "sometimes"
1|-- evo:expects rows 1\nSELECT 1;|unknown directive "evo:expects rows 1" in a probe
1|SELECT true;  -- evo:expect empty\n|the expectation stands above no statement
3|SELECT true;\n\nCOMMIT;|a probe cannot begin or end a transaction
1|-- nothing\n|the file holds no statement, so it could never fail
1|SELECT 'open|the quoted string that begins here has no end
ROWS
}

@test "a role that lacks a grant" {
    migration 1_a
    printf 'SELECT count(*) >= 0 FROM products;\n' >migrations/1_a/verify_up.sql
    applied 1_a 0
    role=r_$(random_word)
    pg_sql "CREATE ROLE $role"
    run_evo evo-verify up --role "$role" --json
    without=$status message=$(json '.error.sqlstate')
    pg_sql "GRANT SELECT ON products TO $role"
    run_evo evo-verify up --role "$role"
    with=$status
    pg_sql "DROP OWNED BY $role; DROP ROLE $role"
    assert_equal '1 42501 0' "$without $message $with"
    run_evo evo-verify up --role "$role"
    assert_exit 3
    assert_stderr_has "role \"$role\" does not exist"
}

@test "a slow probe is stopped" {
    migration 1_a
    printf 'SELECT pg_sleep(60) IS NOT NULL;\n' >migrations/1_a/verify_up.sql
    applied 1_a 0
    run_evo evo-verify up --json --statement-timeout 100ms
    assert_exit 1
    assert_json '.error.sqlstate == "57014" and .data.probes[0].verdict == "error"'
}

@test "a Prisma project: the schema of its URL is where its probes look" {
    rm -r migrations
    mkdir -p prisma/migrations/20240115_add_sku
    printf 'SELECT 1;\n' >prisma/migrations/20240115_add_sku/migration.sql
    printf "SELECT 'products'::regclass = 'shop.products'::regclass AND count(*) = 1 FROM products;\n" \
        >prisma/migrations/20240115_add_sku/verify_up.sql
    pg_sql 'DROP SCHEMA evo CASCADE; CREATE SCHEMA shop; CREATE TABLE shop.products AS SELECT 1 AS id'
    DATABASE_URL=$PG_URL$([[ $PG_URL == *\?* ]] && echo '&' || echo '?')schema=shop \
        run_evo evo-verify up 20240115_add_sku
    assert_exit 0
    assert_stdout_has 'ok       20240115_add_sku  1 probe'
}

@test "names that are not there, or together with --all" {
    migration 1_a
    run_evo evo-verify up 9_z
    assert_exit 2
    assert_stderr_has 'no migration "9_z"'
    run_evo evo-verify up 1_a --all
    assert_exit 2
    assert_stderr_has 'exclude each other'
    run_evo evo-verify sideways
    assert_exit 2
}
