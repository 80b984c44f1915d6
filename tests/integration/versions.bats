# The migration side on each major version of the server: EVO_TEST_VERSIONS names them (tests/README.md). One walk through
# everything that asks the server's catalog; what each command is for in full, the other files try on the machine's own
# version.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sessions

setup() {
    export EVO_STORE=$BATS_TEST_TMPDIR/store
    migrate_project prisma
    migration 1_base up 'CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text);
CREATE TABLE orders (id serial PRIMARY KEY, user_id bigint REFERENCES users, total int, state text);
INSERT INTO users (email) SELECT i || $$@example.com$$ FROM generate_series(1, 500) i; INSERT INTO orders (user_id, total) SELECT i, i FROM generate_series(1, 500) i;'
    migration 1_base down 'DROP TABLE orders, users;'
    migration 1_base verify_up "SELECT count(*) = 500 FROM orders;"
    migration 2_mixed up 'CREATE TABLE notes (id int);
CREATE UNIQUE INDEX CONCURRENTLY by_email ON users (email);
ALTER TABLE users ADD CONSTRAINT has_email CHECK (length(email) > 3) NOT VALID;'
    migration 2_mixed down 'ALTER TABLE users DROP CONSTRAINT has_email; DROP INDEX by_email; DROP TABLE notes;'
    migration 2_mixed backfill $'-- evo:backfill table=orders key=id\nUPDATE orders SET state = $$new$$ WHERE state IS NULL'
}

teardown() {
    sessions_end
    pg_private_stop
    unset EVO_TEST_PG_BINDIR
}

# on VERSION: a cluster of it, and a database.
on() {
    echo "PostgreSQL $1" >&2
    pg_version_start "$1"
    pg_fresh_db
}

# off: the cluster goes; the programs of the next version come first in PATH then.
off() {
    sessions_end
    pg_private_stop
    unset EVO_TEST_PG_BINDIR
}

# checked STEM: data of the last run against its schema.
checked() {
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/$1.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

# Fails half-way outside a transaction, is resumed, taken back and applied again.
up_and_down() {
    run_evo evo-status --json
    assert_exit 0
    checked status
    assert_json ".data.server_version | startswith(\"$1\")"
    run_evo evo-migrate up --steps 1 --json
    assert_exit 0
    checked migrate-up
    assert_json '.data.applied[0] | .transaction and .verify == "passed" and (.fingerprint | length == 64)'
    pg_sql "UPDATE users SET email = 'same@example.com' WHERE id < 3"
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.sqlstate == "23505" and .error.schema_clean == false and (.data.stopped.done | length) == 1'
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM pg_index WHERE NOT indisvalid')"
    pg_sql "UPDATE users SET email = id || '@example.com'"
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["2_mixed"]'
    run_evo evo-status --fail-on drift --json
    assert_exit 0
    assert_json '.data.fingerprint.drift == "none" and .data.pending == []'
    run_evo evo-migrate down --json
    assert_exit 0
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.fingerprints.before != .data.fingerprints.after'
    pg_sql 'CREATE TABLE by_hand (id int)'
    run_evo evo-status --fail-on drift --json
    assert_exit 1
    assert_json '.data.fingerprint | .drift == "found" and any(.differences[]; contains("by_hand"))'
    pg_sql 'DROP TABLE by_hand'
}

data_and_integrity() {
    run_evo evo-backfill 2_mixed --batch 100 --json
    assert_exit 0
    checked backfill
    assert_json '.data.rows_done == 500 and (.data.more | not)'
    run_evo evo-verify up --all --json
    assert_exit 0
    run_evo evo-verify integrity --json
    assert_exit 0
    checked verify-integrity
    pg_sql "SET session_replication_role = replica; INSERT INTO orders (user_id) VALUES (-1); ALTER TABLE users DROP CONSTRAINT has_email;
        UPDATE users SET email = 'x' WHERE id = 1; ALTER TABLE users ADD CONSTRAINT has_email CHECK (length(email) > 3) NOT VALID"
    run_evo evo-verify integrity --json
    assert_exit 1
    assert_json '[.data.checks[] | select(.verdict == "fail") | "\(.name) \(.count)"] == ["orphans 1", "checks 1"]'
    pg_sql "DELETE FROM orders WHERE user_id = -1; UPDATE users SET email = '1@example.com' WHERE id = 1"
}

# A session that waits for another, seen and ended; and a migration that gives way.
locks() {
    pg_fresh_role
    pg_sql "GRANT SELECT ON orders TO $PG_ROLE"
    session_as "$PG_ROLE" "$PG_ROLE_PASSWORD" holder 'BEGIN; SELECT count(*) AS held FROM orders' held
    migration 3_more up 'ALTER TABLE orders ADD COLUMN more text;'
    migration 3_more down 'ALTER TABLE orders DROP COLUMN more;'
    start_evo evo-migrate up --lock-timeout 60s --harm-budget 2s --json
    wait_until 20 query_runs 'ALTER TABLE orders%'
    session reader "SELECT 'through' AS through FROM orders LIMIT 1"
    run_evo evo-locks show --json
    assert_exit 0
    checked locks
    assert_json ".data.waits | any(.blocking_pid == $(pid_of holder) and .relation == \"public.orders\")"
    wait_until 20 grep -q 'next try at a quieter moment' "$BG_ERR"
    run_evo evo-locks kill "$(pid_of holder)" --yes --json
    assert_exit 0
    finish_evo
    assert_exit 0
    assert_json '.data.applied[0].harm.cancelled == 1'
}

promotion() {
    run_evo evo-promote record --environment staging --json
    assert_exit 0
    pg_fresh_db
    run_evo evo-promote check --environment production --from staging --json
    assert_exit 0
    assert_json '.data.verdict == "allowed"'
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-promote check --environment production --from staging --json
    assert_exit 0
}

@test "status, up, failure, resume, down, drift, backfill, integrity, locks, promotion" {
    local major
    for major in $(pg_versions); do
        on "$major"
        up_and_down "$major"
        data_and_integrity
        locks
        promotion
        rm -rf "$EVO_STORE" "$MIGRATIONS/3_more"
        off
    done
}
