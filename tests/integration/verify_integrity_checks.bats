# evo-verify integrity: rows that a CHECK or the domain of a column does not allow.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/integrity

setup() {
    pg_fresh_db
}

@test "rows that a CHECK does not allow: NOT VALID, believed valid, inherited or not, in partitions; NULL passes" {
    pg_sql "CREATE TABLE items (id int PRIMARY KEY, price numeric, value text, gone bool);
        INSERT INTO items VALUES (1, -1, 'VALUE', true), (2, -2, '', false), (3, NULL, 'x', NULL), (4, 4, NULL, NULL);
        ALTER TABLE items ADD CONSTRAINT positive CHECK (price > 0) NOT VALID, ADD CONSTRAINT said CHECK (value <> '') NOT VALID,
            ADD CONSTRAINT still CHECK (NOT gone) NOT VALID, ADD CONSTRAINT never CHECK (false) NOT VALID, ADD CONSTRAINT fine CHECK (id < 5);
        CREATE TABLE \"P p\" (k int, \"A b\" int) PARTITION BY LIST (k); CREATE TABLE p_1 PARTITION OF \"P p\" FOR VALUES IN (1);
        CREATE TABLE p_2 PARTITION OF \"P p\" DEFAULT; INSERT INTO \"P p\" VALUES (1, 10), (2, 10), (2, 1);
        ALTER TABLE \"P p\" ADD CONSTRAINT \"Small '1'\" CHECK (\"A b\" < 10 AND k <> 7) NOT VALID; ALTER TABLE p_2 ADD CONSTRAINT own CHECK (k <> 2) NOT VALID;
        CREATE TABLE family (n int); CREATE TABLE child () INHERITS (family); INSERT INTO family VALUES (0); INSERT INTO child VALUES (0), (0);
        ALTER TABLE family ADD CONSTRAINT not_below CHECK (n > 0) NO INHERIT NOT VALID, ADD CONSTRAINT below CHECK (n <> 0) NOT VALID"
    pg_sql "UPDATE pg_constraint SET convalidated = true WHERE conname IN ('positive', 'still', 'below', 'Small ''1''');
        ALTER DATABASE $PG_DB SET constraint_exclusion = on"
    # The planner believes what the catalog says.
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM items WHERE NOT (price > 0)')"
    integrity
    assert_exit 1
    assert_envelope
    assert_equal "fail checks public.P p Small '1' 2
fail checks public.family below 3
fail checks public.family not_below 1
fail checks public.items never 4
fail checks public.items positive 2
fail checks public.items said 1
fail checks public.items still 1
fail checks public.p_2 own 2" "$(found | grep checks)"
    assert_shown
    assert_json '.data.checks[] | select(.object == "positive" and .name == "checks") | .next == null and
        .message == "2 rows of \"public.items\" break constraint \"positive\"" and
        .statement == "SELECT c.* FROM public.items c WHERE CASE WHEN NOT ((price > (0)::numeric)) THEN true ELSE false END"'
    integrity --sample 1000000
    assert_equal 8 "$(found | grep -c 'fail checks')"
    pg_sql 'DELETE FROM items; DELETE FROM family; DELETE FROM "P p"'
    integrity
    assert_exit 0
    assert_json '.data.checks[] | select(.name == "checks") | .verdict == "ok" and .message == "9 check constraints: no row breaks one"'
}

@test "values that the domain of their column does not allow; also of a domain upon it, and NULL that got past NOT NULL" {
    pg_sql "CREATE DOMAIN qty AS int; CREATE DOMAIN small_qty AS qty CONSTRAINT small CHECK (VALUE < 100);
        CREATE DOMAIN code AS varchar(4) NOT NULL; CREATE DOMAIN padded AS char(4);
        CREATE TABLE t (id int PRIMARY KEY, value qty, \"Other q\" small_qty, list qty[]);
        INSERT INTO t VALUES (1, -1, -1, '{-1}'), (2, NULL, NULL, NULL), (3, 7, -7, NULL), (4, 7, 7, NULL);
        ALTER DOMAIN qty ADD CONSTRAINT positive CHECK (VALUE > 0 AND 'VALUE' <> '') NOT VALID;
        CREATE TABLE p (k int, pad padded) PARTITION BY LIST (k); CREATE TABLE p_1 PARTITION OF p DEFAULT; INSERT INTO p VALUES (1, 'abc'), (2, 'abcd');
        ALTER DOMAIN padded ADD CONSTRAINT whole CHECK (length(VALUE) = 4) NOT VALID;
        CREATE TABLE codes (n int, code code); INSERT INTO codes VALUES (1, 'a'), (2, (SELECT code FROM codes WHERE false))"
    integrity
    assert_exit 1
    assert_envelope
    assert_equal 'fail domains public.codes code NOT NULL 1
fail domains public.p whole 1
fail domains public.t positive 1
fail domains public.t positive 2' "$(found | sort)"
    assert_shown
    assert_json '[.data.checks[] | select(.object == "positive").message] | sort == [
        "1 row of \"public.t\" holds in \"value\" what domain \"public.qty\" does not allow (constraint \"positive\")",
        "2 rows of \"public.t\" hold in \"Other q\" what domain \"public.qty\" does not allow (constraint \"positive\")"]'
    integrity --sample 1000000
    assert_equal 4 "$(found | wc -l)"
    assert_shown
    pg_sql 'DELETE FROM t; DELETE FROM p; DELETE FROM codes'
    integrity
    assert_exit 0
    assert_json '.data.checks[] | select(.name == "domains") | .verdict == "ok" and .message == "5 domain constraints of columns: no row breaks one"'
}

@test "a CHECK that cannot be evaluated: a function of the database, a domain, the whole row, an error of its own" {
    pg_sql "CREATE EXTENSION citext SCHEMA public;
        CREATE FUNCTION told(int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
        CREATE DOMAIN strange AS int CHECK (told(VALUE)); CREATE DOMAIN upon AS strange;
        CREATE TABLE t (a int, b int, c citext, e upon); INSERT INTO t VALUES (0, 1, 'X', NULL);
        ALTER TABLE t ADD CONSTRAINT by_function CHECK (told(a)) NOT VALID, ADD CONSTRAINT by_domain CHECK ((a::upon)::int > 5) NOT VALID,
            ADD CONSTRAINT by_row CHECK (t IS NOT NULL) NOT VALID, ADD CONSTRAINT by_extension CHECK (c <> 'x') NOT VALID;
        CREATE OR REPLACE FUNCTION told(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'called'; END \$\$"
    integrity --table t
    assert_exit 1
    assert_equal 'fail checks public.t by_extension 1
warn checks public.t by_domain null
warn checks public.t by_function null
warn checks public.t by_row null
warn domains public.t strange_check null' "$(found | grep -E 'checks|domains')"
    assert_shown
    assert_json '[.data.checks[] | select(.made == false and .object != null).message] | sort == [
        "check constraint \"by_domain\" of \"public.t\" was not looked at: its expression calls a function of the database'\''s own",
        "check constraint \"by_function\" of \"public.t\" was not looked at: its expression calls a function of the database'\''s own",
        "check constraint \"by_row\" of \"public.t\" was not looked at: its expression is about the whole row",
        "domain constraint \"strange_check\" of \"public.t\" was not looked at: its expression calls a function of the database'\''s own"]'
    pg_sql 'CREATE TABLE u (a int); INSERT INTO u VALUES (0); ALTER TABLE u ADD CONSTRAINT parts CHECK (1 / a > 0) NOT VALID'
    integrity --table u
    assert_exit 1
    assert_json '.error.reason == "incomplete" and (.error.message | contains("division by zero"))'
}
