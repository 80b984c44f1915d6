# A part of a backup: tables, schemas, rows or schema alone, and what is not restored is named.
# seconds: 10
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
}

# A shop: users, orders that refer to them, and what a table may need.
shop() {
    pg_sql - <<'SQL'
CREATE EXTENSION citext;
CREATE SCHEMA s;
CREATE TYPE s.mood AS ENUM ('a', 'b');
CREATE FUNCTION s.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION s.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.mail := new.mail; RETURN new; END';
CREATE TABLE s.users (id serial PRIMARY KEY, mood s.mood, mail public.citext UNIQUE, n int DEFAULT s.one());
CREATE TABLE s.orders (id int PRIMARY KEY, user_id int REFERENCES s.users, up int REFERENCES s.orders);
CREATE TABLE public.notes (id int, text text);
CREATE VIEW s.names AS SELECT mail FROM s.users;
CREATE MATERIALIZED VIEW s.counted AS SELECT count(*) AS n FROM s.users;
CREATE TABLE s.events (id int, kind int, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE s.events_1 PARTITION OF s.events FOR VALUES IN (1);
INSERT INTO s.users (mood, mail) SELECT 'a', 'm' || i FROM generate_series(1, 1000) i;
INSERT INTO s.orders SELECT i, i, i FROM generate_series(1, 500) i;
INSERT INTO public.notes SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
INSERT INTO s.events SELECT i, 1 FROM generate_series(1, 10) i;
CREATE TRIGGER touch BEFORE INSERT ON s.users FOR EACH ROW EXECUTE FUNCTION s.touch();
REFRESH MATERIALIZED VIEW s.counted;
SELECT lo_create(4711);
SQL
    run_evo evo-backup create
    assert_exit 0
    FOLDER=$(backup_folder)
}

object_of() {
    jq -r --arg t "$1" '.objects[] | select(.table == $t) | .name' "$FOLDER/manifest.json"
}

# restored ARGUMENT...: restores the newest backup into a new database, ${PG_DB}_r.
restored() {
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --json "$@"
    assert_exit 0
}

in_copy() {
    pg_sql -d "${PG_DB}_r" "$1"
}

@test "one table comes with its indexes, keys, sequence, trigger and types, and reads nothing else of the store" {
    shop >/dev/null
    # What is damaged or gone elsewhere does not matter to it.
    rm "$FOLDER/$(object_of notes)"
    : >"$FOLDER/$(object_of orders)"
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 6
    restored --table s.users
    assert_json '.data.tables == [{"name": "s.users", "rows": 1000}] and .data.skipped == []'
    assert_json ".data.read_bytes == $(stat -c %s "$FOLDER/$(object_of users)")"
    assert_equal "1001" "$(in_copy "SELECT nextval('s.users_id_seq')")"
    assert_equal $'users_mail_key\nusers_pkey' "$(in_copy "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 's.users'::regclass ORDER BY 1" | sed 's/^s\.//')"
    assert_equal "touch" "$(in_copy "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")"
    assert_equal "" "$(in_copy "SELECT relname FROM pg_class WHERE relname IN ('orders', 'names', 'counted', 'notes')")"
    assert_equal "0" "$(in_copy 'SELECT count(*) FROM pg_largeobject_metadata')"
}

@test "a damaged object of the table asked for is found before anything is made" {
    shop >/dev/null
    truncate -s -1 "$FOLDER/$(object_of users)"
    run_evo evo-restore latest --table users --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 6
    assert_json '.error.message | contains("is shorter than was written")'
    rm "$FOLDER/$(object_of users)"
    run_evo evo-restore latest --table users --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 6
    assert_json '.error.message | contains("is missing")'
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_r'")"
}

@test "a foreign key to what is not restored is left out and named" {
    shop >/dev/null
    restored --table orders
    assert_json '.data.skipped == ["FK CONSTRAINT \"s.orders orders_user_id_fkey\": \"s.users\" is not restored"]'
    assert_stderr_has 'left out: FK CONSTRAINT "s.orders orders_user_id_fkey"'
    assert_equal "orders_up_fkey" "$(in_copy "SELECT conname FROM pg_constraint WHERE contype = 'f'")"
}

@test "tables in a list, a partitioned table with its partitions, a partition alone" {
    shop >/dev/null
    restored --table users,orders --table s.events
    assert_json '[.data.tables[].name] == ["s.events_1", "s.orders", "s.users"] and .data.skipped == []'
    assert_equal "10" "$(in_copy 'SELECT count(*) FROM s.events')"
    pg_sql -d postgres "DROP DATABASE ${PG_DB}_r"
    restored --table s.events_1
    assert_json '.data.rows == 10 and (.data.skipped | length) == 2'
    assert_equal "10" "$(in_copy 'SELECT count(*) FROM s.events_1')"
    # A partition whose rows go in through its root: the enum's hash is another one there.
    pg_sql "CREATE TABLE s.h (m s.mood, t text) PARTITION BY HASH (m); CREATE TABLE s.h0 PARTITION OF s.h FOR VALUES WITH (MODULUS 1, REMAINDER 0);
        INSERT INTO s.h SELECT 'a', 'x' FROM generate_series(1, 7)"
    run_evo evo-backup create
    pg_sql -d postgres "DROP DATABASE ${PG_DB}_r"
    restored --table s.h0
    assert_equal "7" "$(in_copy 'SELECT count(*) FROM s.h0')"
}

@test "a schema, and a name that the backup does not have" {
    shop >/dev/null
    restored --schema s
    assert_json '[.data.tables[].name] == ["s.events_1", "s.orders", "s.users"] and .data.skipped == []'
    assert_equal "1000" "$(in_copy 'SELECT n FROM s.counted')"
    assert_equal "" "$(in_copy "SELECT relname FROM pg_class WHERE relname = 'notes'")"
    run_evo evo-restore latest --table s.user --to "$(pg_url "${PG_DB}_x")" --create --json
    assert_exit 1
    assert_json '.error.reason == "not_found" and (.error.hint | contains("s.users"))'
    run_evo evo-restore latest --schema t --to "$(pg_url "${PG_DB}_x")" --create --json
    assert_exit 1
    run_evo evo-restore latest --table 'a.b.c' --to "$(pg_url "${PG_DB}_x")" --create --json
    assert_exit 2
}

@test "a lost table comes back into the database that it was lost from" {
    shop >/dev/null
    pg_sql 'DROP TABLE s.orders; CREATE TABLE later AS SELECT 1 AS id'
    run_evo evo-restore latest --table s.orders --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    assert_exit 0
    # Its schema is there, its users are not brought, and so the key to them is left out.
    assert_json '.data.rows == 500 and (.data.skipped | length) == 1'
    assert_equal "500|1000" "$(pg_sql 'SELECT (SELECT count(*) FROM s.orders), (SELECT count(*) FROM s.users)')"
    pg_sql 'DROP TABLE s.users CASCADE'
    run_evo evo-restore latest --table s.users --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    assert_exit 0
    assert_equal "1001" "$(pg_sql "SELECT nextval('s.users_id_seq')")"
    # What is there is not touched.
    run_evo evo-restore latest --table s.users --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    assert_exit 1
    assert_json '.error.reason == "target_not_empty" and (.error.detail | contains("s.users"))'
}

@test "--clean drops what it brings, and nothing else; what needs it stops it before anything is changed" {
    shop >/dev/null
    pg_sql "CREATE TABLE s.later AS SELECT 1 AS id; DELETE FROM s.orders; DELETE FROM s.users WHERE id > 10; ALTER TABLE s.users DROP COLUMN n"
    run_evo evo-restore latest --clean --to "$PG_URL" --json
    assert_exit 2
    run_evo evo-restore latest --clean --into-existing --to "$PG_URL" --json
    assert_exit 2
    pg_sql 'CREATE VIEW mine AS SELECT id FROM s.users'
    run_evo evo-restore latest --clean --schema s --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    assert_exit 3
    assert_json '.error.message | contains("could not drop")'
    assert_json '.error.detail | contains("mine")'
    assert_stderr_has "nothing was changed"
    assert_equal "10" "$(pg_sql 'SELECT count(*) FROM s.users')"
    pg_sql 'DROP VIEW mine'
    run_evo evo-restore latest --clean --schema s --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    assert_exit 0
    assert_equal "1000|500|1|20000" "$(pg_sql 'SELECT (SELECT count(*) FROM s.users WHERE n = 1), (SELECT count(*) FROM s.orders), (SELECT count(*) FROM s.later), (SELECT count(*) FROM notes)')"
    # One table of those that refer to it: their keys go with it, which it says.
    pg_sql "DELETE FROM s.orders"
    run_evo evo-restore latest --clean --table s.orders --into-existing --confirm "$PG_DB" --to "$PG_URL" --json
    assert_exit 0
    assert_equal "500" "$(pg_sql 'SELECT count(*) FROM s.orders')"
}

@test "--clean of a whole and hard database, onto itself" {
    nasty_db
    run_evo evo-backup create
    assert_exit 0
    stock_copy "$PG_DB" "${PG_DB}_s"
    rows_of "$PG_DB" >"$BATS_TEST_TMPDIR/rows"
    pg_sql "SELECT lo_unlink(990003); SELECT lo_from_bytea(990004, 'mine'); CREATE TABLE mine AS SELECT 1 AS id" >/dev/null
    run_evo evo-restore latest --clean --into-existing --confirm "$PG_DB" --to "$PG_URL"
    assert_exit 0
    assert_equal "1|4" "$(pg_sql 'SELECT (SELECT count(*) FROM mine), count(*) FROM pg_largeobject_metadata')"
    pg_sql 'DROP TABLE mine; SELECT lo_unlink(990004)' >/dev/null
    diff "$BATS_TEST_TMPDIR/rows" <(rows_of "$PG_DB")
    diff <(text_of "${PG_DB}_s") <(text_of "$PG_DB")
}

@test "the rows alone of a table that refers to itself and lies in several objects" {
    pg_sql "CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t, other int REFERENCES t DEFERRABLE, pad text); CREATE TABLE child (t int REFERENCES t);
        INSERT INTO t SELECT i, 20001 - i, i, repeat('x', 100) FROM generate_series(1, 20000) i; INSERT INTO child SELECT 20000"
    run_evo evo-backup create --range-size 1MiB --jobs 2
    assert_exit 0
    [ "$(jq '[.objects[] | select(.table == "t")] | length' "$(backup_folder)/manifest.json")" -gt 1 ]
    restored --schema-only
    pg_fresh_role
    in_copy "GRANT ALL ON ALL TABLES IN SCHEMA public TO $PG_ROLE"
    run_evo evo-restore latest --data-only --to "$(pg_url "${PG_DB}_r" "$PG_ROLE")" --json
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.hint | contains("as its owner"))'
    run_evo evo-restore latest --data-only --jobs 3 --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_json '.data.tables == [{"name": "public.child", "rows": 1}, {"name": "public.t", "rows": 20000}]'
    in_copy "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM $PG_ROLE"
    # The keys are what they were, and hold.
    assert_same_database "$PG_DB" "${PG_DB}_r"
    assert_equal "" "$(in_copy 'SELECT conname FROM pg_constraint WHERE NOT convalidated')"
}

@test "the schema alone, then the rows alone, are the whole" {
    pg_sql 'CREATE TABLE a (id int PRIMARY KEY, t text); CREATE TABLE b (id serial PRIMARY KEY, a int REFERENCES a, up int REFERENCES b);
        CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM a; INSERT INTO a SELECT i FROM generate_series(1, 5000) i;
        INSERT INTO b (a) SELECT i FROM generate_series(1, 5000) i; UPDATE b SET up = 5001 - id; REFRESH MATERIALIZED VIEW m'
    run_evo evo-backup create
    assert_exit 0
    restored --schema-only
    assert_json '.data.tables == [] and .data.rows == 0'
    assert_equal "0" "$(in_copy 'SELECT count(*) FROM b')"
    run_evo evo-restore latest --data-only --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_json '.data.rows == 10000'
    assert_same_database "$PG_DB" "${PG_DB}_r"
    # Rows are not added to rows unless told so.
    run_evo evo-restore latest --data-only --table a --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 1
    assert_json '.error.reason == "target_not_empty" and (.error.message | contains("public.a"))'
    in_copy 'TRUNCATE b'
    run_evo evo-restore latest --data-only --table b --into-existing --confirm "${PG_DB}_r" --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_same_database "$PG_DB" "${PG_DB}_r"
}

@test "rows alone: a table that is not there, triggers, keys without an order, and what fails says what is there" {
    pg_sql 'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int); INSERT INTO a VALUES (1); INSERT INTO b SELECT generate_series(1, 10)'
    run_evo evo-backup create
    assert_exit 0
    pg_sql -d postgres "CREATE DATABASE ${PG_DB}_r"
    in_copy 'CREATE TABLE a (id int)'
    run_evo evo-restore latest --data-only --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 1
    assert_json '.error.reason == "not_found" and (.error.message | contains("public.b")) and (.error.hint | contains("--schema-only"))'
    in_copy "CREATE TABLE b (id int CHECK (id < 5)); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()"
    run_evo evo-restore latest --data-only --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.hint | contains("DISABLE TRIGGER USER"))'
    in_copy 'ALTER TABLE a DISABLE TRIGGER USER'
    run_evo evo-restore latest --data-only --jobs 1 --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 3
    assert_json '.error.message | contains("public.b")'
    assert_stderr_has 'of 2 tables hold their rows'
    pg_sql 'ALTER TABLE b ADD PRIMARY KEY (id); ALTER TABLE a ADD FOREIGN KEY (id) REFERENCES b; ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES b; DELETE FROM b WHERE id > 1;
        ALTER TABLE b ADD CONSTRAINT back FOREIGN KEY (id) REFERENCES a'
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-restore latest --data-only --into-existing --confirm "${PG_DB}_r" --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 3
    assert_json '.error.message | contains("no order")'
    run_evo evo-restore latest --data-only --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 2
    run_evo evo-restore latest --data-only --schema-only --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 2
}

@test "a dry run says what would be read, by which program, and what is left out" {
    shop >/dev/null
    run_evo evo-restore latest --dry-run --table orders --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_stdout_has '1 table, 500 rows'
    assert_stdout_has 'pg_restore'
    assert_stdout_has 'left out: FK CONSTRAINT'
    run_evo evo-restore latest --dry-run --table orders --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_json ".data.dry_run and .data.rows == 500 and .data.read_bytes == $(stat -c %s "$FOLDER/$(object_of orders)") and (.data.tool | endswith(\"pg_restore\"))"
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/restore.json"
    assert_schema lib/schema/data/restore.schema.json "$BATS_TEST_TMPDIR/restore.json"
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_r'")"
    run_evo evo-restore latest --dry-run --to "$PG_URL" --into-existing --confirm "$PG_DB"
    assert_exit 1
    assert_stderr_has ', now '
}
