# evo-verify integrity on databases that were damaged for real.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/integrity

setup() {
    pg_fresh_db
}

teardown() {
    release
    if [ -n "${EVO_TEST_PG_BINDIR:-}" ]; then
        pg_private_stop
        unset EVO_TEST_PG_BINDIR
    fi
}

shop() {
    pg_sql "CREATE TABLE users (id bigserial PRIMARY KEY, email text UNIQUE, phone text);
        CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint REFERENCES users(id));
        INSERT INTO users (email, phone) SELECT 'e' || i, i FROM generate_series(1, 100) i;
        INSERT INTO orders (user_id) SELECT i FROM generate_series(1, 100) i"
}

# behind SQL: without the triggers of foreign keys.
behind() {
    pg_sql "SET session_replication_role = replica; $1"
}

@test "a sound database: each check says so, and nothing has changed" {
    shop
    pg_sql 'CREATE EXTENSION amcheck'
    local before
    before=$(schema_sum)
    integrity --heapallindexed --jobs 4
    assert_exit 0
    assert_envelope
    assert_json '[.data.checks[].name] == ["orphans", "nulls", "checks", "domains", "duplicates", "sequences", "index-structure", "invalid-indexes",
        "not-valid", "not-enforced", "duplicate-indexes", "covered-indexes", "collations"]'
    assert_json 'all(.data.checks[]; .verdict == "ok" and .made and .table == null)'
    assert_json '[.data.checks[] | select(.name == ("orphans", "duplicates", "sequences", "index-structure")).message] ==
        ["1 foreign key: no orphan", "3 unique indexes: no two rows are equal", "2 sequences: none is behind", "3 indexes: sound"]'
    assert_equal "$before" "$(schema_sum)"
    run_evo evo-verify integrity
    assert_exit 0
    assert_stdout_has 'ok    orphans            1 foreign key: no orphan'
    assert_stdout_has '0 failed, 0 warnings'
}

@test "an empty database, and one without amcheck" {
    integrity
    assert_exit 0
    assert_json 'all(.data.checks[]; .verdict == "ok")'
    assert_json '.data.checks[6] | .made == false and .next == "CREATE EXTENSION amcheck"'
    integrity --heapallindexed
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.next | test("^psql \"postgresql://.*\" -c '\''CREATE EXTENSION amcheck'\''$")) and .data.checks == []'
}

@test "orphans: behind triggers, under NOT VALID, of composite keys, in partitions, of a table by itself" {
    shop
    pg_sql "CREATE TABLE pair (a int, b text, UNIQUE (a, b)); INSERT INTO pair VALUES (1, 'x'), (2, 'y');
        CREATE TABLE simple (a int, b text, CONSTRAINT simple_fk FOREIGN KEY (a, b) REFERENCES pair (a, b));
        CREATE TABLE whole (b text, a int, CONSTRAINT whole_fk FOREIGN KEY (a, b) REFERENCES pair (a, b) MATCH FULL);
        CREATE TABLE late (user_id int); INSERT INTO late VALUES (1), (-1), (-2), (NULL);
        ALTER TABLE late ADD CONSTRAINT late_fk FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
        CREATE TABLE parts (k int, user_id bigint CONSTRAINT parts_fk REFERENCES users) PARTITION BY LIST (k);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
        CREATE TABLE \"Odd \"\"T\"\"\" (\"Key\" int PRIMARY KEY, \"Up\" int CONSTRAINT \"Odd Fk\" REFERENCES \"Odd \"\"T\"\"\")"
    behind "INSERT INTO orders (user_id) VALUES (4711), (NULL);
        INSERT INTO simple VALUES (1, 'x'), (1, NULL), (NULL, NULL), (1, 'y');
        INSERT INTO whole VALUES ('x', 1), (NULL, 1), (NULL, NULL), ('y', 1);
        INSERT INTO parts VALUES (1, 1), (1, 998), (2, 999);
        INSERT INTO \"Odd \"\"T\"\"\" VALUES (1, NULL), (2, 1), (3, 9)"
    integrity
    assert_exit 1
    assert_envelope
    assert_json '.error.reason == "inconsistent" and (.error.next | test("^psql \"postgresql://.*\" -c '\''SELECT c.* FROM public"))'
    assert_equal 'fail orphans public.Odd "T" Odd Fk 1
fail orphans public.late late_fk 2
fail orphans public.orders orders_user_id_fkey 1
fail orphans public.parts parts_fk 2
fail orphans public.simple simple_fk 1
fail orphans public.whole whole_fk 2
warn not-valid public.late late_fk null' "$(found)"
    assert_shown
    assert_json '.data.checks[2].message == "1 row of \"public.orders\" refers to no row of \"public.users\" (foreign key \"orders_user_id_fkey\")"'
    assert_json '.data.checks[2].statement == "SELECT c.* FROM public.orders c WHERE c.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM public.users p WHERE p.id = c.user_id)"'
    pg_sql 'DELETE FROM late WHERE user_id < 0'
    mend not-valid
    integrity --table late
    assert_exit 0
    assert_equal t "$(pg_sql "SELECT convalidated FROM pg_constraint WHERE conname = 'late_fk'")"
}

@test "orphans are compared as the constraint compares: its operator, the key's collation, a table's own rows" {
    pg_sql "CREATE EXTENSION citext SCHEMA public;
        CREATE TABLE names (name citext PRIMARY KEY); INSERT INTO names VALUES ('Anna');
        CREATE TABLE notes (name citext REFERENCES names); INSERT INTO notes VALUES ('ANNA');
        CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE words (word text COLLATE nocase PRIMARY KEY); INSERT INTO words VALUES ('Word');
        CREATE TABLE uses (word text COLLATE \"C\" REFERENCES words); INSERT INTO uses VALUES ('WORD');
        CREATE TABLE family (id int PRIMARY KEY); CREATE TABLE child () INHERITS (family); INSERT INTO child VALUES (5);
        CREATE TABLE toys (owner int REFERENCES family)"
    integrity
    assert_exit 0
    behind "INSERT INTO toys VALUES (5); INSERT INTO notes VALUES ('Bert'); INSERT INTO uses VALUES ('other')"
    integrity
    assert_exit 1
    assert_equal 'fail orphans public.notes notes_name_fkey 1
fail orphans public.toys toys_owner_fkey 1
fail orphans public.uses uses_word_fkey 1' "$(found)"
    assert_shown
}

@test "NULL under a CHECK that allows none, also where a child or the planner would believe it" {
    shop
    pg_sql "CREATE FUNCTION told(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'called'; END \$\$;
        UPDATE users SET phone = NULL WHERE id <= 3;
        ALTER TABLE users ADD CONSTRAINT phone_there CHECK (phone IS NOT NULL) NOT VALID;
        ALTER TABLE users ADD CONSTRAINT reachable CHECK (phone IS NOT NULL OR email IS NOT NULL) NOT VALID;
        ALTER TABLE users ADD CONSTRAINT own CHECK (told(phone)) NOT VALID;
        CREATE TABLE p (k int NOT NULL, \"A b\" int) PARTITION BY LIST (k);
        CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1); INSERT INTO p VALUES (1, NULL), (1, 1);
        ALTER TABLE p ADD CONSTRAINT there CHECK (\"A b\" IS NOT NULL) NOT VALID"
    pg_sql "UPDATE pg_constraint SET convalidated = true WHERE conname IN ('phone_there', 'there')"
    integrity
    assert_exit 1
    assert_equal 'fail nulls public.p there 1
fail nulls public.users phone_there 3
warn checks public.users own null
warn not-valid public.users own null
warn not-valid public.users reachable null' "$(found)"
    assert_shown
    assert_json '.data.checks[] | select(.object == "phone_there").message == "3 rows of \"public.users\" hold NULL where constraint \"phone_there\" allows none"'
}

@test "a unique index that could not be built: its remains, and the rows that are why" {
    shop
    pg_sql "INSERT INTO orders (user_id) VALUES (7), (7), (8)"
    run_program "$PG_BINDIR/psql" "$PG_URL" -Xqc 'CREATE UNIQUE INDEX CONCURRENTLY one_order ON orders (user_id)'
    assert_exit 1
    integrity
    assert_exit 1
    assert_equal 'fail duplicates public.orders one_order 2
fail invalid-indexes public.orders one_order null' "$(found)"
    assert_shown
    pg_sql 'DELETE FROM orders WHERE id > 100'
    mend invalid-indexes
    integrity
    assert_exit 0
}

@test "rows that are equal under a unique index, which does not know of one of them" {
    shop
    pg_sql 'CREATE EXTENSION amcheck; CREATE UNIQUE INDEX low ON users (lower(email)) WHERE id > 50'
    pg_sql "UPDATE pg_index SET indisready = false WHERE indexrelid IN ('users_email_key'::regclass, 'low'::regclass)"
    pg_sql "INSERT INTO users (email) VALUES ('e99'), ('E98')"
    integrity
    assert_equal 'fail invalid-indexes public.users low null
fail invalid-indexes public.users users_email_key null' "$(found | grep invalid)"
    assert_json '.data.checks[] | select(.object == "low" and .name == "invalid-indexes").message ==
        "index \"low\" of \"public.users\" is not kept up: rows that were written since are not in it"'
    pg_sql "UPDATE pg_index SET indisready = true WHERE indexrelid IN ('users_email_key'::regclass, 'low'::regclass)"
    # By the index there is one row.
    assert_equal 1 "$(pg_sql "SET enable_seqscan = off; SELECT count(*) FROM users WHERE email = 'e99'")"
    integrity
    assert_exit 1
    assert_equal 'fail duplicates public.users low 2
fail duplicates public.users users_email_key 1' "$(found)"
    assert_shown
    integrity --sample 1000000
    assert_equal 'fail duplicates public.users low 2
fail duplicates public.users users_email_key 1' "$(found)"
    integrity --heapallindexed
    assert_equal 'fail index-structure public.users low null
fail index-structure public.users users_email_key null' "$(found | grep structure)"
    assert_json '.data.checks[] | select(.name == "index-structure" and .object == "users_email_key") |
        .next == "REINDEX INDEX CONCURRENTLY public.users_email_key" and (.message | contains("lacks matching index tuple"))'
}

@test "an index in another order than its collation's" {
    pg_sql "CREATE EXTENSION amcheck; CREATE TABLE words (word text);
        INSERT INTO words VALUES ('a'), ('B'), ('c'), ('D'); CREATE INDEX words_word ON words (word COLLATE \"C\");
        CREATE COLLATION german (provider = icu, locale = 'de')"
    integrity
    assert_exit 0
    pg_sql "UPDATE pg_index SET indcollation = (SELECT oid::text::oidvector FROM pg_collation WHERE collname = 'german')
        WHERE indexrelid = 'words_word'::regclass"
    integrity
    assert_exit 1
    assert_equal 'fail index-structure public.words words_word null' "$(found)"
    assert_json '.error.message | startswith("index \"words_word\" of \"public.words\" is damaged: item order invariant violated")'
    mend index-structure
    integrity
    assert_exit 0
}

@test "sequences behind their columns: serial, identity, of a partitioned table, downwards; mended" {
    shop
    pg_sql "CREATE TABLE p (id bigint GENERATED BY DEFAULT AS IDENTITY, k int) PARTITION BY LIST (k);
        CREATE TABLE p_1 PARTITION OF p DEFAULT; INSERT INTO p (k) VALUES (1), (1);
        CREATE SEQUENCE \"It's\" INCREMENT -1; CREATE TABLE downs (n numeric DEFAULT nextval('\"It''s\"'), \"C\" text);
        INSERT INTO downs VALUES (DEFAULT), (DEFAULT), (-7);
        CREATE SEQUENCE round CYCLE; CREATE TABLE rounds (n int DEFAULT nextval('round')); INSERT INTO rounds VALUES (9);
        CREATE TABLE codes (code text DEFAULT 'A' || nextval('round')); INSERT INTO codes VALUES (DEFAULT);
        CREATE TABLE fresh (id serial); CREATE TABLE one (id serial); INSERT INTO one VALUES (1);
        SELECT setval('users_id_seq', 5); ALTER TABLE orders ALTER id RESTART; ALTER TABLE p ALTER id RESTART WITH 2" >/dev/null
    integrity
    assert_exit 1
    assert_equal "fail sequences public.downs It's 1
fail sequences public.one one_id_seq 1
fail sequences public.orders orders_id_seq 1
fail sequences public.p p_id_seq 1
fail sequences public.users users_id_seq 1" "$(found)"
    assert_shown
    assert_json '.data.checks[] | select(.object == "users_id_seq").message ==
        "sequence \"users_id_seq\" is behind column id of \"public.users\": it stands at 5, the column has reached 100"'
    mend sequences >/dev/null
    integrity
    assert_exit 0
    assert_equal '101 -8' "$(pg_sql "INSERT INTO users (email) VALUES ('new') RETURNING id") $(pg_sql 'INSERT INTO downs VALUES (DEFAULT) RETURNING n')"
}

@test "indexes twice, and covered ones" {
    shop
    pg_sql "CREATE INDEX twice_a ON orders (user_id); CREATE INDEX twice_b ON orders (user_id);
        CREATE INDEX wide ON orders (user_id, id);
        CREATE INDEX other_order ON orders (user_id DESC); CREATE INDEX other_class ON users (email text_pattern_ops);
        CREATE INDEX partial ON orders (user_id) WHERE id > 5; CREATE INDEX plain ON users (email);
        CREATE INDEX hashed ON orders USING hash (user_id);
        CREATE UNIQUE INDEX second ON users (email); CREATE INDEX with_more ON users (phone) INCLUDE (email);
        CREATE INDEX with_less ON users (phone); CREATE INDEX expr ON users (lower(email)); CREATE INDEX expr2 ON users (lower(email))"
    integrity
    assert_exit 0
    assert_equal 'warn duplicate-indexes public.orders twice_b null
warn duplicate-indexes public.users expr2 null
warn duplicate-indexes public.users second null
warn covered-indexes public.orders twice_a null
warn covered-indexes public.orders twice_b null
warn covered-indexes public.users plain null
warn covered-indexes public.users with_less null' "$(found)"
    assert_json '.data.checks[] | select(.object == "second") | .next == "DROP INDEX CONCURRENTLY public.second" and
        .message == "index \"second\" of \"public.users\" has the definition of \"users_email_key\""'
    assert_json '.data.checks[] | select(.object == "plain").message | contains("covered by \"users_email_key\"")'
    mend duplicate-indexes
    integrity
    assert_equal 'warn covered-indexes public.orders twice_a null
warn covered-indexes public.users plain null
warn covered-indexes public.users with_less null' "$(found)"
    mend covered-indexes
    integrity
    assert_equal "" "$(found)"
}

@test "foreign keys that nothing enforces, on either side" {
    shop
    pg_sql 'ALTER TABLE orders DISABLE TRIGGER ALL; ALTER TABLE users DISABLE TRIGGER ALL'
    integrity
    assert_exit 0
    assert_equal 'warn not-enforced public.orders orders_user_id_fkey 2
warn not-enforced public.users orders_user_id_fkey 2' "$(found)"
    assert_shown
    mend not-enforced
    integrity
    assert_equal "" "$(found)"
}

@test "a collation whose version has changed" {
    shop
    pg_sql "CREATE COLLATION german (provider = icu, locale = 'de'); CREATE TABLE worte (a text COLLATE german, b text COLLATE german);
        CREATE INDEX worte_a ON worte (a); CREATE INDEX worte_b ON worte (b); CREATE TABLE none (a text COLLATE german)"
    pg_sql "UPDATE pg_collation SET collversion = '0.1' WHERE collname = 'german'"
    integrity
    assert_exit 0
    assert_equal 'warn collations public.worte collation "german" 2' "$(found)"
    assert_shown
    assert_json '.data.checks[] | select(.name == "collations") | .next == "REINDEX TABLE CONCURRENTLY public.worte" and
        (.message | startswith("2 indexes of \"public.worte\" are in the order of version 0.1 of collation \"german\", which is "))'
    pg_sql "UPDATE pg_database SET datcollversion = '0.2' WHERE datname = current_database()"
    integrity --table users
    assert_equal "warn collations public.users the database's collation 1" "$(found)"
    assert_shown
}

@test "a sample: of large tables, about so many rows" {
    pg_sql "CREATE TABLE users (id bigint PRIMARY KEY); INSERT INTO users SELECT generate_series(1, 1000);
        CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users);
        INSERT INTO orders SELECT i, i % 1000 + 1 FROM generate_series(1, 50000) i;
        CREATE TABLE few (user_id bigint CONSTRAINT few_fk REFERENCES users); ANALYZE"
    behind 'UPDATE orders SET user_id = -1; INSERT INTO few VALUES (-1)'
    integrity --sample 1000
    assert_exit 1
    assert_json '.data.checks[] | select(.object == "few_fk") | .count == 1 and .sampled == null'
    assert_json '.data.checks[] | select(.object == "orders_user_id_fkey") | . as $c | .count == .sampled and .sampled > 500 and .sampled < 20000 and (.message | endswith(", in a sample of \($c.sampled)"))'
    assert_json '.data.checks[] | select(.name == "duplicates").message | endswith(", in a sample of the rows")'
}

@test "some tables only; names that are not there" {
    shop
    pg_sql 'CREATE SCHEMA app; CREATE TABLE app.users (id int PRIMARY KEY, up int REFERENCES app.users)'
    behind 'INSERT INTO app.users VALUES (1, 9); INSERT INTO orders (user_id) VALUES (999)'
    integrity --schema app
    assert_equal 'fail orphans app.users users_up_fkey 1' "$(found)"
    integrity --table app.users
    assert_equal 'fail orphans app.users users_up_fkey 1' "$(found)"
    # A foreign key belongs to both of its tables.
    integrity --table public.users
    assert_equal 'fail orphans public.orders orders_user_id_fkey 1' "$(found)"
    integrity --table users,orders --schema app,public
    assert_equal 2 "$(found | wc -l)"
    integrity --table 'ord"er\s'
    assert_exit 1
    assert_json '.error.reason == "not_found" and .error.message == "no table \"ord\"er\\s\" in database \"'"$PG_DB"'\"" and .data.checks == []'
    integrity --schema nowhere
    assert_json '.error.reason == "not_found" and (.error.message | startswith("no schema \"nowhere\""))'
}

@test "what is the server's own, evo's or temporary is left alone; functions of the database are not called" {
    pg_sql - <"$EVO_ROOT/lib/schema/ledger.sql"
    pg_sql "CREATE TABLE evo.broken (id int PRIMARY KEY, up int REFERENCES evo.broken);
        CREATE TABLE t (a int);
        CREATE FUNCTION seen(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1'; CREATE UNIQUE INDEX own ON t (seen(a));
        INSERT INTO t VALUES (1);
        CREATE OR REPLACE FUNCTION seen(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'called'; END \$\$"
    behind 'INSERT INTO evo.broken VALUES (1, 2)'
    integrity
    assert_exit 0
    assert_equal 'warn duplicates public.t own null' "$(found)"
    assert_json '.data.checks[] | select(.object == "own") | .made == false and (.message | endswith("was not looked at: its definition calls a function of the database'\''s own"))'
}

@test "what could not be looked at is named and is no success" {
    shop
    pg_fresh_role
    pg_sql "GRANT SELECT ON users TO $PG_ROLE; ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON users USING (id < 5)"
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") integrity
    assert_exit 1
    assert_json '.error.reason == "incomplete"'
    assert_json '[.data.checks[] | select(.made | not) | select(.verdict == "warn") | "\(.name) \(.object)"] == ["orphans orders_user_id_fkey",
        "duplicates orders_pkey", "duplicates users_email_key", "duplicates users_pkey", "sequences orders_id_seq", "sequences users_id_seq"]'
    assert_json '.data.checks[] | select(.object == "users_email_key").message | contains("row-level security")'
    hold 'LOCK TABLE orders'
    integrity --lock-timeout 100ms
    release
    assert_exit 1
    assert_json '.error.reason == "incomplete" and (.error.message | contains("canceling statement due to lock timeout"))'
    # Damage that was found counts more.
    pg_sql "SELECT setval('users_id_seq', 1)"
    hold 'LOCK TABLE orders'
    integrity --lock-timeout 100ms
    release
    assert_json '.error.reason == "inconsistent" and (.error.message | contains("users_id_seq"))'
    # An expression cannot be read while its table is locked.
    pg_sql 'CREATE INDEX ON orders (abs(user_id))'
    hold 'LOCK TABLE orders'
    integrity --lock-timeout 100ms
    release
    assert_exit 5
    assert_json '.error.reason == "lock_unavailable" and (.error.hint | contains("--table"))'
}

@test "a slow check is stopped; so is the run, by a signal" {
    pg_sql "CREATE TABLE big (a int); INSERT INTO big SELECT generate_series(1, 300000); CREATE UNIQUE INDEX ON big (a)"
    integrity --statement-timeout 5ms
    assert_exit 1
    assert_json '.error.reason == "incomplete" and (.error.message | contains("canceling statement due to statement timeout"))'
    hold 'LOCK TABLE big'
    start_evo evo-verify integrity --json --lock-timeout 0
    wait_until 10 query_runs 'SELECT count(*)%'
    kill -TERM "$EVO_PID"
    finish_evo
    release
    assert_exit 143
    assert_json '.error.reason == "cancelled"'
    wait_until 10 no_sessions
}

@test "PostgreSQL 18: NOT NULL that is NOT VALID, NOT ENFORCED, keys over time" {
    pg_version_start 18
    pg_fresh_db
    pg_sql "CREATE EXTENSION btree_gist; CREATE EXTENSION amcheck; CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, NULL), (NULL, 2), (NULL, 3);
        ALTER TABLE t ADD CONSTRAINT a_there NOT NULL a NOT VALID; ALTER TABLE t ADD CONSTRAINT b_there CHECK (b IS NOT NULL) NOT ENFORCED;
        CREATE TABLE rooms (id int, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS));
        INSERT INTO rooms VALUES (1, '[2024-01-01,2024-06-01)'), (1, '[2024-06-01,2025-01-01)');
        CREATE TABLE stays (id int, at daterange, CONSTRAINT stays_fk FOREIGN KEY (id, PERIOD at) REFERENCES rooms (id, PERIOD at));
        INSERT INTO stays VALUES (1, '[2024-05-01,2024-07-01)');
        CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE o (u int, CONSTRAINT loose FOREIGN KEY (u) REFERENCES u NOT ENFORCED); INSERT INTO o VALUES (5)"
    integrity
    assert_equal 'warn orphans public.o loose 1
fail nulls public.t a_there 2
warn nulls public.t b_there 1
warn not-valid public.t a_there null' "$(found)"
    assert_exit 1
    behind "INSERT INTO stays VALUES (1, '[2024-12-01,2025-02-01)'), (2, '[2024-01-01,2024-02-01)')"
    integrity --heapallindexed
    assert_equal 'fail orphans public.stays stays_fk 2' "$(found | grep stays)"
    assert_shown
}
