# evo-backfill on a real server: what it changes, what it refuses, what it says.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/backfill

setup() {
    pg_fresh_db
    migrate_project sql
}

teardown() {
    release
    writer_stop
}

data_is_valid() {
    assert_schema "$EVO_ROOT/lib/schema/envelope.schema.json" "$OUT" && json .data >data.json &&
        assert_schema "$EVO_ROOT/lib/schema/data/backfill.schema.json" data.json
}

@test "without a condition each row is changed once, and a second run changes nothing" {
    numbers 3000
    run_evo evo-backfill --table n --set 'hits = hits + 1' --json
    assert_exit 0
    data_is_valid
    assert_json '.data.rows_done == 3000 and .data.rows_total == 3000 and .data.once and .data.sweeps == 1 and (.data.more | not)'
    run_evo evo-backfill --table n --set 'hits = hits + 1' --json
    assert_exit 0
    assert_json '.data.rows_done == 3000'
    assert_stderr_has 'was done at'
    once 3000
    run_evo evo-backfill --table n --set 'hits = hits + 1' --restart
    assert_exit 0
    assert_equal '2|2' "$(pg_sql 'SELECT min(hits), max(hits) FROM n')"
}

@test "a condition that stays true means one pass, and that is said" {
    numbers 1500
    run_evo evo-backfill --table n --set 'hits = hits + 1' --where 'id > 500' --json
    assert_exit 0
    assert_json '.data.rows_done == 1000 and .data.once and .data.sweeps == 1'
    assert_stderr_has 'the condition stays true of the rows that were changed'
    assert_equal '500|1000' "$(pg_sql 'SELECT count(*) FILTER (WHERE hits = 0), count(*) FILTER (WHERE hits = 1) FROM n')"
}

@test "rows whose condition stays true although they were changed end the sweeps, with a warning" {
    numbers 2000 'a text, b text'
    pg_sql "UPDATE n SET b = 'x' WHERE id % 10 <> 0"
    run_evo evo-backfill --table n --set 'a = b, hits = hits + 1' --where 'a IS NULL' --json
    assert_exit 0
    assert_json '.data.sweeps == 2 and (.data.once | not)'
    assert_stderr_has 'the condition is still true of 200 rows'
    assert_equal '1800|1' "$(pg_sql "SELECT count(*), max(hits) FROM n WHERE a = 'x'")"
}

@test "an empty table, and one where nothing matches, are done at once" {
    numbers 0
    run_evo evo-backfill --table n --set 'hits = 1' --where 'hits = 0' --json
    assert_exit 0
    assert_json '.data.rows_done == 0 and .data.rows_total == 0 and (.data.more | not)'
    pg_sql 'INSERT INTO n SELECT generate_series(1, 100), 5'
    run_evo evo-backfill --table n --set 'hits = 1' --where 'hits = 0' --json
    assert_exit 0
    assert_json '.data.rows_done == 0 and .data.batches == 0'
}

@test "rows that others hold are left out, counted, and changed when they are free" {
    numbers 3000
    hold 'UPDATE n SET hits = 0 WHERE id IN (7, 1500, 2999)'
    start_evo evo-backfill --table n --set 'hits = hits + 1' --batch 300 --json
    wait_until 10 rows_done_at_least 2997
    release
    finish_evo
    assert_exit 0
    assert_json '.data.skipped == 3 and .data.rows_done == 3000 and .data.sweeps == 2'
    once 3000
    hold 'SELECT FROM n WHERE id = 1200 FOR SHARE'
    start_evo evo-backfill --table n --set 'hits = 5' --where 'hits = 1' --json
    wait_until 10 rows_done_at_least 5999
    release
    finish_evo
    assert_exit 0
    assert_json '.data.skipped >= 1 and .data.rows_done == 3000 and .data.sweeps >= 2'
    assert_equal '5|5' "$(pg_sql 'SELECT min(hits), max(hits) FROM n')"
}

@test "rows that stay locked end with 5, and the same command does them later" {
    numbers 500
    hold 'UPDATE n SET hits = 0 WHERE id = 250'
    run_evo evo-backfill --table n --set 'hits = hits + 1' --lock-timeout 50ms --retries 1 --json
    assert_exit 5
    data_is_valid
    assert_json '.error.reason == "lock_unavailable" and .error.sqlstate == "55P03" and .data.more and .data.rows_done == 499'
    assert_json '.error.next == "evo-backfill --table n --set '"'hits = hits + 1'"' --lock-timeout 50ms --retries 1"'
    release
    run_evo evo-backfill --table n --set 'hits = hits + 1' --json
    assert_exit 0
    assert_json '.data.resumed and .data.rows_done == 500'
    once 500
}

@test "a deletion and an archive in batches" {
    numbers 2500
    pg_sql 'CREATE TABLE gone (id bigint, hits int)'
    cat >b.sql <<'SQL'
-- evo:backfill table=n
-- evo:where id <= 1000
WITH moved AS (DELETE FROM n WHERE :batch RETURNING *)
INSERT INTO gone SELECT * FROM moved
SQL
    migration 1_a up 'SELECT 1'
    run_evo evo-migrate up
    cp b.sql "$MIGRATIONS/1_a/backfill.sql"
    run_evo evo-backfill 1_a --batch 300 --json
    assert_exit 0
    assert_json '.data.rows_done == 1000 and .data.batches == 4 and (.data.once | not)'
    assert_equal '1500|1000' "$(pg_sql 'SELECT (SELECT count(*) FROM n), (SELECT count(DISTINCT id) FROM gone)')"
    printf -- '-- evo:backfill\nDELETE FROM n AS m WHERE m.id <= 2000;\n' >"$MIGRATIONS/1_a/backfill.sql"
    run_evo evo-backfill 1_a --json
    assert_exit 0
    assert_json '.data.rows_done == 1000'
    assert_equal 500 "$(pg_sql 'SELECT count(*) FROM n')"
}

@test "a composite key, names that need quotes, a partitioned table, several jobs" {
    pg_sql 'CREATE TABLE "Lines" (shop text NOT NULL, "no" int NOT NULL, "order" int, hits int NOT NULL DEFAULT 0, UNIQUE ("no", shop)) PARTITION BY HASH (shop);
            CREATE TABLE l0 PARTITION OF "Lines" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
            CREATE TABLE l1 PARTITION OF "Lines" FOR VALUES WITH (MODULUS 2, REMAINDER 1)'
    pg_sql "INSERT INTO \"Lines\" (shop, \"no\") SELECT 'it''s, {' || i % 37, i FROM generate_series(1, 5000) i; ANALYZE \"Lines\""
    run_evo evo-backfill --table '"Lines"' --key 'shop, "no"' --set '"order" = "no", hits = hits + 1' --batch 170 --jobs 3 --json
    assert_exit 0
    assert_json '.data.key == ["no", "shop"] and .data.parts > 3 and .data.rows_done == 5000'
    assert_equal '5000|1|1' "$(pg_sql 'SELECT count(*), min(hits), max(hits) FROM "Lines" WHERE "order" = "no"')"
}

@test "jobs on a table without statistics, and on a key that is no number" {
    pg_sql "CREATE TABLE t (id uuid PRIMARY KEY, hits int NOT NULL DEFAULT 0);
            INSERT INTO t (id) SELECT gen_random_uuid() FROM generate_series(1, 3000)"
    run_evo evo-backfill --table t --set 'hits = hits + 1' --jobs 2 --json
    assert_exit 0
    assert_json '.data.parts == 1'
    assert_stderr_has 'cannot be cut into parts'
    pg_sql 'ANALYZE t'
    run_evo evo-backfill --table t --set 'hits = hits + 1' --jobs 2 --restart --json
    assert_exit 0
    assert_json '.data.parts == 8 and .data.rows_done == 3000'
    assert_equal '2|2' "$(pg_sql 'SELECT min(hits), max(hits) FROM t')"
    pg_sql "CREATE TABLE s (id int PRIMARY KEY, hits int NOT NULL DEFAULT 0); INSERT INTO s SELECT i * 3 - 4000 FROM generate_series(1, 3000) i"
    run_evo evo-backfill --table s --set 'hits = hits + 1' --jobs 4 --json
    assert_exit 0
    assert_json '.data.parts == 16 and .data.rows_done == 3000'
    assert_equal '1|1' "$(pg_sql 'SELECT min(hits), max(hits) FROM s')"
}

@test "a dry run counts, shows the first batch and its plan, and changes nothing" {
    numbers 4000
    run_evo evo-backfill --table n --set 'hits = 1' --where 'id % 4 = 0' --batch 250 --dry-run --json
    assert_exit 0
    data_is_valid
    assert_json '.data.dry_run and .data.rows_total == 1000 and .data.rows_total_exact and .data.batch_rows == 250 and .data.rows_done == 0'
    assert_json '(.data.statement | contains("UPDATE \"n\" SET hits = 1")) and (.data.statement | contains("$1 = {\"(0,4)\",\"(0,8)\",")) and (.data.statement | contains("rows with id {4,8,")) and (.data.plan | contains("Update on n"))'
    run_evo evo-backfill --table n --set 'hits = 1' --dry-run
    assert_exit 0
    assert_stdout_has '4000 rows of n would be changed, the first 500 by'
    assert_equal '0|f' "$(pg_sql "SELECT max(hits), EXISTS (SELECT FROM pg_namespace WHERE nspname = 'evo') FROM n")"
    run_evo evo-backfill --table n --set "hits = nonsense" --dry-run
    assert_exit 3
    assert_stderr_has 'the statement of a batch does not work: column "nonsense" does not exist'
}

@test "an error in a batch says where, leaves the others done, and the run goes on once it is mended" {
    numbers 1000 'a text, b int'
    pg_sql "UPDATE n SET a = CASE WHEN id = 777 THEN 'seven' ELSE id::text END"
    run_evo evo-backfill --table n --set 'b = a::int, hits = hits + 1' --batch 100 --json
    assert_exit 3
    data_is_valid
    assert_json '.error.sqlstate == "22P02" and (.error.message | contains("from id = 701 to 800")) and .data.rows_done == 700 and .data.more'
    assert_json '.error.detail | contains("700 rows in 7 batches are committed and on record")'
    pg_sql "UPDATE n SET a = '7' WHERE id = 777"
    run_evo evo-backfill --table n --set 'b = a::int, hits = hits + 1' --json
    assert_exit 0
    once 1000
}

# ---- refusals ----------------------------------------------------------------------

@test "a key without a unique index is refused, and what would do is named" {
    pg_sql 'CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE, c int NOT NULL, d int NOT NULL, e int NOT NULL);
            CREATE UNIQUE INDEX t_cd ON t (c, d); CREATE UNIQUE INDEX t_e ON t (e) WHERE e > 0; CREATE TABLE nokey (a int)'
    run_evo evo-backfill --table t --key c --set 'b = 1'
    assert_exit 2
    assert_stderr_has 'cannot walk through t by (c): no unique index is on exactly these columns'
    assert_stderr_has 'hint: Would do: --key a or --key c,d'
    run_evo evo-backfill --table t --key b --set 'c = 1'
    assert_exit 2
    assert_stderr_has 'detail: Of index "t_b_key": b may be null.'
    run_evo evo-backfill --table t --key e --set 'c = 1'
    assert_exit 2
    assert_stderr_has 'it holds only some of the rows'
    run_evo evo-backfill --table nokey --set 'a = 1'
    assert_exit 2
    assert_stderr_has 'it has no primary key to go by'
    assert_stderr_has 'CREATE UNIQUE INDEX CONCURRENTLY'
    run_evo evo-backfill --table t --set 'a = a + 1'
    assert_exit 2
    assert_stderr_has 'changes "a", a column of the key'
    run_evo evo-backfill --table t --key c,d --set 'a = a + 1'
    assert_exit 0
}

@test "what is no table, or not the one expected, is refused" {
    pg_sql 'CREATE VIEW v AS SELECT 1 AS id; CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c () INHERITS (p)'
    run_evo evo-backfill --table nothing --set 'a = 1'
    assert_exit 1
    assert_stderr_has 'no table "nothing" in database'
    run_evo evo-backfill --table v --set 'id = 1'
    assert_exit 2
    assert_stderr_has 'v is not a table'
    run_evo evo-backfill --table p --set 'id = 1'
    assert_exit 2
    assert_stderr_has 'other tables inherit from it'
    run_evo evo-backfill --table c --set 'id = 1' --expect-database another
    assert_exit 2
    assert_stderr_has 'expected "another"'
    run_evo evo-backfill --table 'a; DROP TABLE p' --set 'id = 1'
    assert_exit 2
    assert_stderr_has 'is no name of a table'
    run_evo evo-backfill --table p --set 'id = 1 WHERE id = 2'
    assert_exit 2
    assert_stderr_has "--set takes what stands behind SET"
    run_evo evo-backfill --table p --set 'id = 1' --where 'true); DELETE FROM p; --'
    assert_exit 2
    assert_stderr_has "--where takes a condition"
    run_evo evo-backfill
    assert_exit 2
    assert_stderr_has 'what to change is not said'
    run_evo evo-backfill 1_a --table p
    assert_exit 2
    assert_stderr_has 'exclude each other'
}

@test "a role that may not keep checkpoints, or not change the table, gets the GRANT to ask for" {
    numbers 10
    pg_fresh_role
    run_evo evo-backfill --database "$(pg_url "$PG_DB" "$PG_ROLE")" --table n --set 'hits = 1' --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("GRANT SELECT, UPDATE ON public.n TO"))'
    pg_sql "GRANT SELECT, UPDATE ON n TO $PG_ROLE"
    run_evo evo-backfill --database "$(pg_url "$PG_DB" "$PG_ROLE")" --table n --set 'hits = 1' --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("GRANT CREATE ON DATABASE"))'
    pg_sql 'CREATE TABLE m (id int PRIMARY KEY)'
    run_evo evo-backfill --table m --set 'id = id' --key id
    assert_exit 2
    pg_sql 'ALTER TABLE m ADD a int'
    run_evo evo-backfill --table m --set 'a = 1'
    assert_exit 0
    run_evo evo-backfill --database "$(pg_url "$PG_DB" "$PG_ROLE")" --table n --set 'hits = 1' --json
    assert_exit 3
    assert_json '.error.hint | contains("GRANT USAGE ON SCHEMA evo") and contains("ON evo.backfill TO")'
    pg_sql "GRANT USAGE ON SCHEMA evo TO $PG_ROLE; GRANT SELECT, INSERT, UPDATE, DELETE ON evo.backfill TO $PG_ROLE"
    run_evo evo-backfill --database "$(pg_url "$PG_DB" "$PG_ROLE")" --table n --set 'hits = 1' --json
    assert_exit 0
}

@test "a backfill.sql comes after its migration, and another text than the one begun is refused" {
    numbers 1000
    migration 1_a up 'SELECT 1'
    migration 2_b up 'SELECT 2'
    printf -- '-- evo:backfill\nUPDATE n SET hits = hits + 1;\n' >"$MIGRATIONS/1_a/backfill.sql"
    run_evo evo-backfill 1_a
    assert_exit 1
    assert_stderr_has 'migration "1_a" is pending'
    assert_stderr_has 'next: evo-migrate up'
    run_evo evo-migrate up
    run_evo evo-backfill 2_b
    assert_exit 2
    assert_stderr_has 'migration "2_b" has no backfill.sql'
    assert_stderr_has 'The last one that has is "1_a"'
    run_evo evo-backfill 1_aa
    assert_exit 2
    assert_stderr_has 'Did you mean "1_a"?'
    run_evo evo-backfill 1_a --batch 100 --pause 200ms --max-duration 100ms --json
    assert_exit 1
    data_is_valid
    assert_json '.error.reason == "incomplete" and .data.more and .data.rows_done >= 100 and .data.rows_done < 1000'
    assert_json '.error.next == "evo-backfill 1_a --batch 100 --pause 200ms --max-duration 100ms"'
    printf -- '-- evo:backfill\nUPDATE n SET hits = hits + 2;\n' >"$MIGRATIONS/1_a/backfill.sql"
    run_evo evo-backfill 1_a --json
    assert_exit 1
    assert_json '.error.reason == "edited" and .error.next == "evo-backfill 1_a --restart"'
    printf -- '-- evo:backfill\n-- evo:wehre id > 1\nUPDATE n SET hits = hits + 1;\n' >"$MIGRATIONS/1_a/backfill.sql"
    run_evo evo-backfill 1_a --json
    assert_exit 2
    assert_json '.error.reason == "config" and .error.line == 2 and (.error.file | endswith("1_a/backfill.sql"))'
    printf -- '-- evo:backfill\nUPDATE n SET hits = hits + 1;\n' >"$MIGRATIONS/1_a/backfill.sql"
    run_evo evo-backfill 1_a --json
    assert_exit 0
    assert_json '.data.resumed and .data.rows_done == 1000'
    once 1000
}
