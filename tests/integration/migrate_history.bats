# Files as real projects have them: each must apply as it is.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project prisma
}

applies() {
    run_evo evo-migrate up --json
    assert_exit 0
}

@test "BEGIN and COMMIT inside the file" {
    migration 20250101000000_own up $'BEGIN;\nCREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\nCOMMIT;\n'
    migration 20250102000000_two up $'BEGIN;\nCREATE TABLE b (id int);\nCOMMIT;\nSTART TRANSACTION;\nCREATE TABLE c (id int);\nEND;'
    run_evo evo-migrate plan --json
    assert_json 'all(.data.steps[]; .transaction == false and .mode == "as-is" and any(.warnings[]; contains("cannot undo")))'
    applies
    assert_json 'all(.data.applied[]; .transaction == false)'
    assert_equal 1 "$(pg_sql 'SELECT count(*) FROM a')"
    assert_equal t "$(exists c)"
    assert_equal $'20250101000000_own|applied\n20250102000000_two|applied' "$(ledger)"
    assert_equal '1|1' "$(pg_sql "SELECT string_agg(applied_steps_count::text, '|') FROM _prisma_migrations")"
}

@test "BEGIN and COMMIT inside a file that fails: nothing left, nothing to resolve" {
    migration 20250101000000_own up $'BEGIN;\nCREATE TABLE a (id int);\nSELECT nonsense;\nCOMMIT;\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and .error.line == 3'
    assert_equal f "$(exists a)"
    assert_equal '20250101000000_own|rolled back' "$(ledger)"
    migration 20250101000000_own up $'BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\n'
    applies
    assert_equal t "$(exists a)"
}

@test "a file that committed a part before it failed is not called clean" {
    migration 20250101000000_own up $'BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\nSELECT nonsense;\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == false and .error.line == 4 and (.error.hint | contains("evo-migrate resolve --applied 20250101000000_own") and contains("evo-migrate resolve --rolled-back 20250101000000_own"))'
    # what a person has to look at is named; no command goes on as if nothing was there
    assert_json '.error.next == null and (.error.detail | contains("3 of 4 statements: 1 (line 1, BEGIN), 2 (line 2, CREATE TABLE a), 3 (line 3, COMMIT). Stopped at 4 (line 4, SELECT)"))'
    assert_json '.data.stopped.failed == 4 and ([.data.stopped.done[].number] == [1, 2, 3])'
    assert_equal t "$(exists a)"
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.reason == "failed"'
    run_evo evo-migrate resolve --applied 20250101000000_own
    assert_exit 0
    applies
}

@test "BEGIN without COMMIT is not taken for success" {
    migration 20250101000000_open up $'BEGIN;\nCREATE TABLE a (id int);\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and (.error.message | contains("does not end it"))'
    assert_equal f "$(exists a)"
}

@test "CREATE INDEX CONCURRENTLY alone in a file" {
    migration 20250101000000_t up 'CREATE TABLE orders (id int, user_id int);'
    migration 20250102000000_i up 'CREATE INDEX CONCURRENTLY idx_orders_user ON orders (user_id);'
    applies
    assert_json '[.data.applied[].transaction] == [true, false]'
    assert_equal t "$(pg_sql "SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_orders_user'::regclass")"
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM evo.journal')"
    assert_equal '1|t|t' "$(pg_sql "SELECT applied_steps_count, finished_at IS NOT NULL, logs IS NULL FROM _prisma_migrations WHERE migration_name = '20250102000000_i'")"
}

@test "folder names: blanks, 01_init, .sql at the end, the same timestamp, impossible times" {
    migration 01_init up 'CREATE TABLE first (id int);'
    migration '20240101_a copy' up 'CREATE TABLE a_copy (id int);'
    migration 20240101_a up 'CREATE TABLE a (id int);'
    migration 20240101_B up 'CREATE TABLE b (id int);'
    migration 20240101-c up 'CREATE TABLE c (id int);'
    migration 20259999999999_time.sql up 'CREATE TABLE t (id int);'
    migration 20250101000000_x up 'CREATE TABLE x (id int);'
    migration 20250101000000_y up 'CREATE TABLE y (id int);'
    run_evo evo-migrate plan --json
    assert_json '[.data.steps[].name] == ["01_init", "20240101_a", "20240101_a copy", "20240101_B", "20240101-c", "20250101000000_x", "20250101000000_y", "20259999999999_time.sql"]'
    assert_json 'any(.data.warnings[]; test("byte order"; "i"))'
    applies
    assert_equal 8 "$(ledger | grep -c applied)"
}

@test "no newline at the end, comments only, nothing at all" {
    migration 20250101000000_a up 'CREATE TABLE a (id int)'
    migration 20250102000000_b up $'-- This is an empty migration.'
    migration 20250103000000_c up ''
    migration 20250104000000_d up $'/* nothing /* nested */ */\n;;\n'
    applies
    assert_equal 4 "$(ledger | grep -c applied)"
    assert_equal t "$(exists a)"
}

@test "COPY FROM stdin, \\restrict lines, as pg_dump writes them" {
    migration 20250101000000_dump up - <<'SQL'
--
-- PostgreSQL database dump
--

\restrict d41d8cd98f00b204e9800998ecf8427e

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE TABLE public.people (id integer NOT NULL, name text);

COPY public.people (id, name) FROM stdin;
1	Ada; not a statement
2	\N
3	it's 'quoted' -- no comment
\.

ALTER TABLE ONLY public.people ADD CONSTRAINT people_pkey PRIMARY KEY (id);
COPY public.people (id, name) FROM stdin;
\.

\unrestrict d41d8cd98f00b204e9800998ecf8427e
SQL
    migration 20250102000000_after up 'INSERT INTO people VALUES (4);'
    applies
    assert_json 'all(.data.applied[]; .transaction)'
    assert_equal $'1|Ada; not a statement\n2|\n3|it\'s \'quoted\' -- no comment\n4|' "$(pg_sql 'SELECT id, name FROM people ORDER BY id')"
}

@test "COPY FROM stdin between BEGIN and COMMIT of the file's own" {
    migration 20250101000000_own up $'BEGIN;\nCREATE TABLE a (id int);\nCOPY a FROM stdin;\n1\n2\n\\.\nINSERT INTO a VALUES (3);\nCOMMIT;\n'
    applies
    assert_equal 3 "$(pg_sql 'SELECT count(*) FROM a')"
    migration 20250102000000_bad up $'BEGIN;\nCREATE TABLE b (id int);\nCOPY b FROM stdin;\nx\n\\.\nCOMMIT;\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and .error.line == 3'
    assert_equal f "$(exists b)"
}

@test "SET TRANSACTION where it is too late is the file's mistake, not a reason to run it in parts" {
    migration 20250101000000_a up $'CREATE TABLE a (id int);\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and .error.sqlstate == "25001"'
    assert_equal f "$(exists a)"
}

@test "COPY data that is wrong rolls the file back, and the line is that of the COPY" {
    migration 20250101000000_dump up $'CREATE TABLE people (id int);\nCOPY people FROM stdin;\n1\nx\n\\.\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and .error.line == 2 and .error.sqlstate == "22P02"'
    assert_equal f "$(exists people)"
}

@test "DO blocks, functions, BEGIN ATOMIC, dollar quotes, nested comments" {
    migration 20250101000000_f up - <<'SQL'
CREATE TABLE log (n int);
DO $do$ BEGIN
    INSERT INTO log VALUES (1); -- ; inside
    EXECUTE $x$ INSERT INTO log VALUES (2); $x$;
END $do$;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT n; SELECT n * 2; END;
/* a /* nested ; */ comment */
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 1; RETURN NEW; END; $$;
CREATE TRIGGER bump BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION bump();
INSERT INTO log SELECT length(E'a\'b;c');
CREATE TYPE mood AS ENUM ('a');
ALTER TYPE mood ADD VALUE 'b';
SQL
    applies
    assert_json '.data.applied[0].transaction'
    assert_equal $'1\n2\n6' "$(pg_sql 'SELECT n FROM log ORDER BY n')"
    assert_equal 10 "$(pg_sql 'SELECT twice(5)')"
}

@test "CRLF and a byte order mark" {
    migration 20250101000000_crlf up $'\xef\xbb\xbfCREATE TABLE a (\r\n  id int\r\n);\r\n-- comment\r\nCREATE TABLE b (id int);\r\nSELECT 1;\r\n'
    migration 20250102000000_bad up $'\xef\xbb\xbf\r\n\r\nSELECT nonsense;\r\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.line == 3'
    assert_equal t "$(exists b)"
    assert_equal 1 "$(ledger | wc -l)"
}

@test "what needs to run without a transaction is found although no parser can see it" {
    migration 20250101000000_p up 'CREATE TABLE n (i int); CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO n VALUES (i); COMMIT; END LOOP; END $$;'
    migration 20250102000000_call up 'CALL fill();'
    migration 20250103000000_asked up $'-- evo:no-transaction\nCALL fill();\nVACUUM n;'
    applies
    assert_json '[.data.applied[].transaction] == [true, false, false]'
    assert_equal 6 "$(pg_sql 'SELECT count(*) FROM n')"
}

@test "LOCK TABLE, SAVEPOINT and SET CONSTRAINTS find their transaction" {
    migration 20250101000000_a up $'CREATE TABLE a (id int);\nLOCK TABLE a IN ACCESS EXCLUSIVE MODE;\nSAVEPOINT s;\nINSERT INTO a VALUES (1);\nROLLBACK TO s;\nRELEASE s;\nSET CONSTRAINTS ALL IMMEDIATE;'
    applies
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM a')"
}

@test "a backslash command of psql is refused by name, before anything" {
    migration 20250101000000_a up $'CREATE TABLE a (id int);\n\\i other.sql\n'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.line == 2 and .error.schema_clean == true and (.error.message + .error.detail | contains("\\i"))'
    assert_equal f "$(exists a)"
}
