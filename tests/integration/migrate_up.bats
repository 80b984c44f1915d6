# evo-migrate up: what it applies, records, refuses and leaves.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project prisma
}

two_migrations() {
    migration 20250101000000_init up 'CREATE TABLE users (id int PRIMARY KEY);'
    migration 20250102000000_email up 'ALTER TABLE users ADD COLUMN email text;'
}

@test "applies what is pending, in order, and then has nothing to do" {
    two_migrations
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.ok and .command == "migrate up" and ([.data.applied[].name] == ["20250101000000_init", "20250102000000_email"])'
    assert_json '.data.pending == [] and all(.data.applied[]; .transaction and .retries == 0 and .verify == "none")'
    assert_equal $'20250101000000_init|applied\n20250102000000_email|applied' "$(ledger)"
    assert_equal t "$(exists users)"

    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied == [] and .data.pending == []'
    run_evo evo-migrate up
    assert_equal 'up to date: 2 applied, 0 pending' "$output"
}

@test "the rows are what Prisma would have written" {
    two_migrations
    run_evo evo-migrate up
    assert_exit 0
    local sum
    sum=$(sha256sum <prisma/migrations/20250101000000_init/migration.sql | cut -d' ' -f1)
    assert_equal 2 "$(pg_sql "SELECT count(*) FROM _prisma_migrations
        WHERE id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\$' AND logs IS NULL
        AND rolled_back_at IS NULL AND applied_steps_count = 1 AND finished_at >= started_at
        AND started_at = date_trunc('milliseconds', started_at)")"
    assert_equal "$sum" "$(pg_sql "SELECT checksum FROM _prisma_migrations WHERE migration_name = '20250101000000_init'")"
    # evo's own is in a schema of its own, and there only what the checks of drift need
    assert_equal 'fingerprints schemas' "$(pg_sql "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
        WHERE relnamespace = 'evo'::regnamespace AND relkind = 'r'")"
    pg_fresh_db
    run_evo evo-migrate up --fingerprint off
    assert_exit 0
    assert_equal f "$(pg_sql "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'evo')")"
}

@test "--to, --steps and --dry-run" {
    two_migrations
    migration 20250103000000_more up 'CREATE TABLE more (id int);'
    run_evo evo-migrate up --dry-run --json
    assert_exit 0
    assert_json '.data.applied == [] and ([.data.steps[].name] | length == 3) and (.data.pending | length == 3)'
    assert_equal f "$(exists users)"
    assert_equal f "$(exists _prisma_migrations)"

    run_evo evo-migrate up --steps 1 --json
    assert_json '[.data.applied[].name] == ["20250101000000_init"] and (.data.pending | length == 2)'
    run_evo evo-migrate up --to 20250102000000_email --json
    assert_json '[.data.applied[].name] == ["20250102000000_email"] and (.data.pending | length == 1)'
    run_evo evo-migrate up --to nope --json
    assert_exit 1
    assert_json '.error.reason == "not_found"'
}

@test "a failing migration leaves nothing, and says where, why and what next" {
    two_migrations
    migration 20250103000000_bad up $'CREATE TABLE half (id int);\n\nALTER TABLE users\n  ADD COLUMN email text;\nCREATE TABLE never (id int);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.reason == "migration_failed" and .error.schema_clean == true and .error.sqlstate == "42701"'
    assert_json '.error.migration == "20250103000000_bad" and (.error.file | endswith("20250103000000_bad/migration.sql")) and .error.line == 3'
    assert_json '.error.next == "evo-migrate up" and ([.data.applied[].name] | length == 2) and ([.data.pending[].name] == ["20250103000000_bad"])'
    assert_equal f "$(exists half)"
    assert_equal $'20250101000000_init|applied\n20250102000000_email|applied' "$(ledger)"
    assert_unlocked

    # corrected, it goes on
    migration 20250103000000_bad up 'CREATE TABLE half (id int);'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(exists half)"
}

@test "the line of an error is the file's own" {
    migration 20250101000000_a up $'-- é ü 漢字\nSELECT 1;\n\n/* two\nlines */ SELECT \'ä\', nonsense;\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.line == 5 and .error.sqlstate == "42703"'
    migration 20250101000000_a up $'CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\n'
    run_evo evo-migrate up --json
    assert_json '.error.line == 3 and .error.sqlstate == "23505"'
    migration 20250101000000_a up $'CREATE TABLE a (id int);\nCREATE TABEL b (id int);\n'
    run_evo evo-migrate up --json
    assert_json '.error.line == 2 and .error.sqlstate == "42601"'
    assert_equal f "$(exists a)"
}

@test "what cannot be cut into statements is refused before anything is started" {
    two_migrations
    migration 20250103000000_open up $'SELECT 1;\nSELECT \'open;\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and .error.migration == "20250103000000_open" and .data.applied == []'
    assert_equal f "$(exists users)"
}

@test "a deferred constraint that fails at COMMIT leaves nothing" {
    two_migrations
    run_evo evo-migrate up
    migration 20250103000000_late up 'CREATE TABLE c (id int REFERENCES users DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (1);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and .error.sqlstate == "23503"'
    assert_equal f "$(exists c)"
    assert_equal 2 "$(ledger | wc -l)"
}

@test "an edited migration is refused unless it is allowed" {
    two_migrations
    run_evo evo-migrate up
    migration 20250101000000_init up 'CREATE TABLE users (id bigint PRIMARY KEY);'
    migration 20250103000000_more up 'CREATE TABLE more (id int);'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "edited" and .error.next == "git log -p -- prisma/migrations/20250101000000_init/migration.sql" and (.error.hint | contains("resolve --edited 20250101000000_init")) and .error.migration == "20250101000000_init"'
    assert_equal f "$(exists more)"
    run_evo evo-migrate up --allow-edited
    assert_exit 0
    assert_equal t "$(exists more)"
}

@test "CRLF, a BOM and their absence are no edit" {
    migration 20250101000000_init up $'CREATE TABLE users (\n  id int\n);\n'
    run_evo evo-migrate up
    assert_exit 0
    migration 20250101000000_init up $'CREATE TABLE users (\r\n  id int\r\n);\r\n'
    run_evo evo-migrate up
    assert_exit 0
}

@test "one that arrives behind is applied with a warning by prisma" {
    two_migrations
    run_evo evo-migrate up
    migration 20250101120000_between up 'CREATE TABLE between_them (id int);'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["20250101120000_between"] and any(.data.warnings[]; contains("arrived behind"))'
}

@test "one that arrives behind is refused by sql unless it is asked for" {
    migrate_project sql
    rm -rf "$BATS_TEST_TMPDIR/project/prisma"
    migration 001_a up 'CREATE TABLE a (id int);'
    migration 003_c up 'CREATE TABLE c (id int);'
    run_evo evo-migrate up
    assert_exit 0
    migration 002_b up 'CREATE TABLE b (id int);'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "pending" and .error.next == "git log -p -- migrations/002_b/up.sql" and (.error.hint | contains("--out-of-order")) and .error.migration == "002_b"'
    assert_equal f "$(exists b)"
    run_evo evo-migrate up --out-of-order
    assert_exit 0
    assert_equal $'001_a|applied\n003_c|applied\n002_b|applied' "$(ledger)"
}

@test "tables without a record of migrations are refused" {
    two_migrations
    pg_sql 'CREATE TABLE there_before (id int)'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "target_not_empty" and (.error.next | startswith("evo-migrate baseline --to 2025") and endswith(" --dry-run"))'
    assert_equal f "$(exists _prisma_migrations)"
}

@test "a failed migration of Prisma's own stops the run and names both ways out" {
    two_migrations
    run_evo evo-migrate up --steps 1
    pg_sql "INSERT INTO _prisma_migrations (id, checksum, migration_name, logs) VALUES ('x', 'y', '20250102000000_email', 'it broke')"
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "failed" and .error.migration == "20250102000000_email" and (.error.detail | contains("it broke"))'
    assert_json '(.error.hint | contains("evo-migrate resolve --applied 20250102000000_email") and contains("evo-migrate resolve --rolled-back 20250102000000_email"))'
    run_evo evo-migrate resolve --rolled-back 20250102000000_email
    assert_exit 0
    run_evo evo-migrate up
    assert_exit 0
    assert_equal $'20250101000000_init|applied\n20250102000000_email|applied' "$(ledger | grep -v 'rolled back' | sort)"
}

@test "another tool's ledger is refused and named" {
    two_migrations
    pg_sql 'CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version text, description text, type text, script text, checksum int, installed_by text, installed_on timestamp, execution_time int, success bool)'
    pg_sql "INSERT INTO flyway_schema_history (installed_rank) VALUES (1)"
    run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.message + .error.detail | test("flyway"; "i"))'
    assert_equal f "$(exists users)"
}

@test "the guards keep it out of another database" {
    two_migrations
    run_evo evo-migrate up --expect-database production --json
    assert_exit 2
    assert_json '.error.reason == "config" and (.error.message | contains("production"))'
    run_evo evo-migrate up --expect-system-identifier 1 --json
    assert_exit 2
    assert_equal f "$(exists users)"
    run_evo evo-migrate up --expect-database "$PG_DB" --expect-system-identifier "$(pg_sql 'SELECT system_identifier FROM pg_control_system()')"
    assert_exit 0
}

@test "each migration finds the session as the first one did" {
    # as pg_dump writes it: search_path empty, time-outs off, on the session
    migration 20250101000000_dump up - <<'SQL'
SET statement_timeout = 0;
SET lock_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
SET default_table_access_method = heap;
CREATE TABLE public.dumped (id integer NOT NULL);
CREATE TEMPORARY TABLE scratch (id int);
PREPARE p AS SELECT 1;
SQL
    migration 20250102000000_after up - <<'SQL'
CREATE TABLE after_it (id int);
CREATE TEMPORARY TABLE scratch (id int);
CREATE TABLE seen AS SELECT current_setting('search_path') AS path, current_setting('lock_timeout') AS lock;
SQL
    pg_sql 'CREATE ROLE '"owner_$PG_DB"
    migration 20250103000000_role up "SET ROLE owner_$PG_DB; SELECT 1;"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal public "$(pg_sql "SELECT schemaname FROM pg_tables WHERE tablename = 'after_it'")"
    assert_equal 2s "$(pg_sql 'SELECT lock FROM seen')"
    assert_equal 3 "$(ledger | grep -c applied)"
    pg_sql "DROP ROLE owner_$PG_DB"
}

@test "the schema of Prisma's URL is where everything goes" {
    two_migrations
    DATABASE_URL="$PG_URL&schema=shop" run_evo evo-migrate up
    assert_exit 0
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM shop._prisma_migrations')"
    assert_equal t "$(exists shop.users)"
    assert_equal f "$(exists public.users)"
}

@test "directives of the file set its time-outs" {
    migration 20250101000000_a up $'-- evo:statement-timeout 50ms\nSELECT pg_sleep(20);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.sqlstate == "57014" and .error.schema_clean == true and (.error.hint | contains("statement-timeout"))'
}

@test "results fit their schemas, on success and on failure" {
    two_migrations
    local data=$EVO_ROOT/lib/schema/data envelope=$EVO_ROOT/lib/schema/envelope.schema.json
    run_evo evo-migrate plan --json
    assert_schema "$envelope" "$OUT"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$data/migrate-plan.schema.json" "$BATS_TEST_TMPDIR/data.json"
    run_evo evo-migrate up --json
    assert_schema "$envelope" "$OUT"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$data/migrate-up.schema.json" "$BATS_TEST_TMPDIR/data.json"
    migration 20250103000000_bad up 'nonsense'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_schema "$envelope" "$OUT"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$data/migrate-up.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

@test "no database, a wrong password: named, nothing started, no secret shown" {
    two_migrations
    DATABASE_URL=$(pg_tcp_url nowhere_to_be_found) run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.reason == "connect" and (.error.message | contains("nowhere_to_be_found"))'
    add_canary canary-wrong-password
    DATABASE_URL=$(pg_tcp_url "$PG_DB" postgres canary-wrong-password) run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.reason == "connect"'
    DATABASE_URL=$PG_TCP_URL run_evo evo-migrate up --verbose
    assert_exit 0
}

@test "a password in a statement that fails is the user's own text, evo's is never shown" {
    migration 20250101000000_a up 'SELECT 1/0;'
    DATABASE_URL=$PG_TCP_URL run_evo evo-migrate up --verbose --json
    assert_exit 7
    assert_unlocked
}

@test "a role that may not create gets the GRANT to ask for" {
    migrate_project sql
    rm -rf "$BATS_TEST_TMPDIR/project/prisma"
    migration 001_a up 'SELECT 1;'
    pg_fresh_role
    DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD") run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("GRANT"))'
}

@test "hundreds of migrations in about a second" {
    local i
    for ((i = 0; i < 820; i++)); do
        printf -v name '2025%010d_m' "$i"
        migration "$name" up "CREATE TABLE t$i (id int PRIMARY KEY, n text);"
    done
    # What psql takes for the same tables, a row and a transaction each: the machine may be slow, and at work.
    pg_sql 'CREATE TABLE ledger (name text)'
    for ((i = 0; i < 820; i++)); do
        echo "BEGIN; CREATE TABLE t$i (id int PRIMARY KEY, n text); INSERT INTO ledger VALUES ('t$i'); COMMIT;"
    done >"$BATS_TEST_TMPDIR/plain.sql"
    local start psql evo
    start=$(date +%s%3N)
    pg_sql - <"$BATS_TEST_TMPDIR/plain.sql"
    psql=$(($(date +%s%3N) - start))
    pg_fresh_db
    start=$(date +%s%3N)
    run_evo evo-migrate up --json
    evo=$(($(date +%s%3N) - start))
    assert_exit 0
    assert_json '.data.applied | length == 820'
    echo "# 820 migrations in $evo ms; psql: $psql ms" >&3
    # a bound that only several round trips too many a migration would break
    [ "$evo" -lt $((psql * 8 + 2000)) ]
}
