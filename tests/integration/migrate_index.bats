# What failed concurrent builds left, also under another name or of a REINDEX: found, dropped, built again.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sessions

setup() {
    pg_fresh_db
    migrate_project prisma
    migration 20250101000000_t up 'CREATE TABLE orders (id int, user_id int, note text); INSERT INTO orders SELECT i, i % 10 FROM generate_series(1, 100) i;'
    run_evo evo-migrate up
    assert_exit 0
}

teardown() {
    sessions_end
}

# left_invalid SQL: a concurrent build that ends in the middle, since a writer is in its way: its index is there by then.
left_invalid() {
    session writer "BEGIN; INSERT INTO orders VALUES (999, 1) RETURNING 'held'" held
    session builder "$1"
    wait_until 10 build_waits
    pg_sql "SELECT pg_cancel_backend($(pid_of builder))" >/dev/null
    wait_until 10 grep -q 'canceling statement' "$BATS_TEST_TMPDIR/session.$SESSIONS.out"
    session_end builder
    session_end writer
}

# build_waits: a concurrent build of this database waits for writers.
build_waits() {
    [ "$(pg_sql "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()
                 AND phase LIKE 'waiting for writers%' AND index_relid <> 0")" = 1 ]
}

invalid() {
    pg_sql 'SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid ORDER BY 1' | paste -sd' '
}

indexes() {
    pg_sql "SELECT indexname FROM pg_indexes WHERE tablename = 'orders' ORDER BY 1" | paste -sd' '
}

@test "an INVALID index of another name is known by its definition; others are left alone" {
    left_invalid 'CREATE INDEX CONCURRENTLY old_name ON orders (user_id) WHERE id > 5'
    left_invalid 'CREATE INDEX CONCURRENTLY another ON orders (user_id)'
    left_invalid 'CREATE UNIQUE INDEX CONCURRENTLY unique_one ON orders (user_id) WHERE id > 5'
    assert_equal 'another old_name unique_one' "$(invalid)"
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY new_name ON public.orders USING btree (user_id) WHERE (id>5);'
    run_evo evo-migrate up
    assert_exit 0
    assert_stderr_has 'index public.old_name was left INVALID by a build that failed: dropping it'
    assert_equal 'another unique_one' "$(invalid)"
    assert_equal 'another new_name unique_one' "$(indexes)"
}

@test "several that the file gives no name are all found" {
    left_invalid 'CREATE INDEX CONCURRENTLY ON orders (user_id)'
    left_invalid 'CREATE INDEX CONCURRENTLY ON orders (user_id)'
    assert_equal 'orders_user_id_idx orders_user_id_idx1' "$(invalid)"
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY ON orders (user_id);'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '' "$(invalid)"
    assert_equal orders_user_id_idx "$(indexes)"
}

@test "IF NOT EXISTS over an INVALID index builds it; over another table's index it is no success" {
    left_invalid 'CREATE INDEX CONCURRENTLY by_user ON orders (user_id)'
    pg_sql 'CREATE TABLE other (id int); CREATE INDEX taken ON other (id)'
    migration 20250102000000_i up $'CREATE INDEX CONCURRENTLY IF NOT EXISTS by_user ON orders (user_id);\nCREATE INDEX CONCURRENTLY IF NOT EXISTS taken ON orders (note);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.message | contains("index \"taken\" was not built: its name is taken by something else")'
    assert_json '(.error.detail | contains("Stopped at 2 (line 2")) and .data.stopped.failed == 2'
    assert_equal '' "$(invalid)"
    assert_equal by_user "$(indexes)"
}

@test "REINDEX CONCURRENTLY: what an earlier one left is dropped before, and what it leaves itself behind it" {
    pg_sql 'CREATE INDEX by_user ON orders (user_id); CREATE INDEX by_note ON orders (note)'
    left_invalid 'REINDEX INDEX CONCURRENTLY by_user'
    left_invalid 'REINDEX INDEX CONCURRENTLY by_user'
    assert_equal 'by_user_ccnew by_user_ccnew1' "$(invalid)"
    left_invalid 'REINDEX INDEX CONCURRENTLY by_note'
    migration 20250102000000_r up 'REINDEX INDEX CONCURRENTLY by_user;'
    run_evo evo-migrate up
    assert_exit 0
    assert_stderr_has 'index public.by_user_ccnew1 was left INVALID'
    # that of the other index is not of this statement
    assert_equal by_note_ccnew "$(invalid)"
    pg_sql 'DROP INDEX by_note_ccnew'
    migration 20250103000000_r up $'-- evo:statement-timeout 400ms\nREINDEX TABLE CONCURRENTLY orders;'
    session writer "BEGIN; INSERT INTO orders VALUES (999, 1) RETURNING 'held'" held
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.sqlstate == "57014"'
    # the drop waits for the same writer: then it is named
    [ "$(invalid)" = '' ] || assert_json '(.error.detail | contains("Left behind, INVALID: public.by_note_ccnew, public.by_user_ccnew")) and .error.schema_clean == false'
    session_end writer
    sed -i 1d "$MIGRATIONS/20250103000000_r/migration.sql"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '' "$(invalid)"
    assert_equal 'by_note by_user' "$(indexes)"
}

@test "REINDEX of an INVALID index makes it valid, and of a whole schema drops what is left in it" {
    left_invalid 'CREATE INDEX CONCURRENTLY by_user ON orders (user_id)'
    migration 20250102000000_r up 'REINDEX INDEX CONCURRENTLY by_user;'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '' "$(invalid)"
    left_invalid 'REINDEX INDEX CONCURRENTLY by_user'
    assert_equal by_user_ccnew "$(invalid)"
    migration 20250103000000_s up 'REINDEX SCHEMA CONCURRENTLY public;'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '' "$(invalid)"
}

@test "an index that another session is building is neither dropped nor waited for" {
    session writer "BEGIN; INSERT INTO orders VALUES (999, 1) RETURNING 'held'" held
    session builder 'CREATE INDEX CONCURRENTLY by_user ON orders (user_id)'
    wait_until 10 build_waits
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY by_user ON orders (user_id);'
    run_evo evo-migrate up --lock-retries 0 --json
    assert_exit 5
    assert_json ".error.message | contains(\"index public.by_user is being built by another session, pid $(pid_of builder)\")"
    session_end writer
    wait_until 10 eval '[ "$(invalid)" = "" ]'
    assert_equal t "$(pg_sql "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_user'::regclass")"
}

