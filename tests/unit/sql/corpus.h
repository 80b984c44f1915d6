/*
 * corpus.h - statements that are hard to cut, and ordinary ones: for the tests of the splitter.
 */
#ifndef TESTS_SQL_CORPUS_H
#define TESTS_SQL_CORPUS_H

/* Each is one statement, without its semicolon; the parser knows them all. Long ones stand on several lines. */
/* NOLINTBEGIN(bugprone-suspicious-missing-comma) */
static const char *const corpus[] = {
    /* The migrations, patterns and validation queries that a team starts from. */
    "CREATE TYPE \"UserStatus\" AS ENUM ('active', 'inactive', 'suspended')",
    "ALTER TABLE \"users\" ADD COLUMN \"status\" \"UserStatus\" NOT NULL DEFAULT 'active'",
    "CREATE INDEX \"users_status_idx\" ON \"users\"(\"status\")",
    "\n      CREATE TYPE \"user_status_enum\" AS ENUM ('active', 'inactive', 'suspended')\n    ",
    "\n      ALTER TABLE \"users\" \n      ADD COLUMN \"status\" \"user_status_enum\" NOT NULL DEFAULT "
    "'active'\n    ",
    "\n      CREATE INDEX \"IDX_users_status\" ON \"users\" (\"status\")\n    ",
    "\n      DROP INDEX \"IDX_users_status\"\n    ",
    "\n      ALTER TABLE \"users\" DROP COLUMN \"status\"\n    ",
    "\n      DROP TYPE \"user_status_enum\"\n    ",
    "ALTER TABLE users ADD COLUMN full_name VARCHAR(100)",
    "UPDATE users SET full_name = name WHERE full_name IS NULL",
    "ALTER TABLE users DROP COLUMN name",
    "ALTER TABLE products ADD COLUMN price_decimal DECIMAL(10,2)",
    "ALTER TABLE products DROP COLUMN price",
    "ALTER TABLE products RENAME COLUMN price_decimal TO price",
    "ALTER TABLE users ALTER COLUMN phone SET NOT NULL",
    "ALTER TABLE users ADD COLUMN phone VARCHAR(20)",
    "UPDATE users SET phone = 'unknown' WHERE phone IS NULL",
    "ALTER TABLE users \nADD CONSTRAINT users_phone_not_null \nCHECK (phone IS NOT NULL) NOT VALID",
    "ALTER TABLE users VALIDATE CONSTRAINT users_phone_not_null",
    "ALTER TABLE users DROP CONSTRAINT users_phone_not_null",
    "CREATE INDEX idx_orders_user ON orders (user_id)",
    "CREATE INDEX CONCURRENTLY idx_orders_user ON orders (user_id)",
    "\n    CREATE INDEX CONCURRENTLY IF NOT EXISTS \"idx_orders_user\" \n    ON \"orders\" (\"user_id\")\n  ",
    "DROP INDEX CONCURRENTLY idx_orders_old",
    "ALTER TABLE orders \nADD CONSTRAINT fk_orders_user \nFOREIGN KEY (user_id) REFERENCES users(id)",
    "ALTER TABLE orders \nADD CONSTRAINT fk_orders_user \nFOREIGN KEY (user_id) REFERENCES users(id) \nNOT "
    "VALID",
    "ALTER TABLE orders VALIDATE CONSTRAINT fk_orders_user",
    "SELECT o.id, o.user_id\nFROM orders o\nLEFT JOIN users u ON u.id = o.user_id\nWHERE u.id IS NULL",
    "UPDATE orders SET user_id = 1  -- Default user\nWHERE user_id NOT IN (SELECT id FROM users)",
    "DELETE FROM orders \nWHERE user_id NOT IN (SELECT id FROM users)",
    "SELECT \n  (SELECT COUNT(*) FROM users WHERE status IS NULL) as null_status,\n  (SELECT COUNT(*) FROM "
    "users "
    "WHERE email IS NULL) as null_email,\n  (SELECT COUNT(*) FROM orders WHERE user_id IS NULL) as "
    "orphan_orders",
    "SELECT conname, contype, convalidated\nFROM pg_constraint\nWHERE conrelid = 'users'::regclass",
    "SELECT indexname, indexdef\nFROM pg_indexes\nWHERE tablename = 'users'",
    "\n      CREATE TABLE user_preferences (\n        id BIGSERIAL PRIMARY KEY,\n        user_id BIGINT NOT "
    "NULL "
    "REFERENCES users(id) ON DELETE CASCADE,\n        theme VARCHAR(20) DEFAULT 'light',\n        language "
    "VARCHAR(10) DEFAULT 'en',\n        notifications_enabled BOOLEAN DEFAULT true,\n        created_at "
    "TIMESTAMP "
    "DEFAULT CURRENT_TIMESTAMP,\n        UNIQUE(user_id)\n      )\n    ",
    "\n      INSERT INTO user_preferences (user_id, theme, language)\n      SELECT id, theme, language FROM "
    "users "
    "WHERE theme IS NOT NULL\n    ",
    "\n      UPDATE users u\n      SET \n        theme = up.theme,\n        language = up.language\n      "
    "FROM "
    "user_preferences up\n      WHERE u.id = up.user_id\n    ",
    "DROP TABLE user_preferences",
    "\n      ALTER TABLE users \n      DROP COLUMN first_name,\n      DROP COLUMN last_name\n    ",
    "\n      UPDATE users \n      SET \n        first_name = SPLIT_PART(full_name, ' ', 1),\n        "
    "last_name = "
    "SPLIT_PART(full_name, ' ', 2)\n    ",
    "\n      ALTER TABLE products ADD COLUMN sku VARCHAR(50) UNIQUE\n    ",
    "\n      SELECT column_name, data_type, is_nullable\n      FROM information_schema.columns\n      WHERE "
    "table_name = 'products' AND column_name = 'sku'\n    ",
    "SELECT \n    blocked.pid AS blocked_pid,\n    blocked.query AS blocked_query,\n    blocking.pid AS "
    "blocking_pid\nFROM pg_stat_activity blocked\nJOIN pg_stat_activity blocking \n    ON blocking.pid = "
    "ANY(pg_blocking_pids(blocked.pid))\nWHERE blocked.wait_event IS NOT NULL",
    "SELECT \n    p.phase,\n    round(100.0 * p.blocks_done / nullif(p.blocks_total, 0), 1) AS \"% "
    "done\"\nFROM "
    "pg_stat_progress_create_index p\nJOIN pg_stat_activity a ON p.pid = a.pid",
    /* Quotes. */
    "SELECT 'it''s; -- no comment /* nor this'",
    "SELECT 'a\\'",
    "SELECT E'a\\';b', e'\\\\'",
    "SELECT E'a'\n  'b\\';c'",
    "SELECT 'a'\n'b;c'",
    "SELECT N'n;', B'101', X'1f', b'0'",
    "SELECT U&'d\\0061t;a' , U&\"d\\0061t;a\" FROM (SELECT 1 AS data) x(\"dat;a\")",
    "SELECT U&'d!0061' UESCAPE '!'",
    "SELECT \"a;\"\"b\" FROM \"x;y\"",
    "SELECT $$a;b$$, $x$ $$; $y$ ; $x$, $ü$;$ü$",
    "SELECT $_$;$_$",
    "SELECT foo$bar$baz FROM t$1",
    "SELECT a-1, b--not; a operator\n, c",
    "SELECT 1 -/* ; */- 2, @ -5, 2 <->/**/3",
    "SELECT /* a /* nested; */ ; */ 1",
    "SELECT 1e10, 1.5E-3, .5, 1., 10.5e+2, 1e-5",
    "SELECT (array[1,2])[1], '{}'::int[], x[1:2] FROM t",
    "SELECT 'Übergröße; ✓', \"größe\" FROM maße",
    "PREPARE p AS SELECT $1::int, $2",
    "SELECT 1 AS e, 'x' AS b, 2 AS u, u&1 FROM t",
    /* Semicolons inside. */
    "CREATE RULE r AS ON UPDATE TO t DO ALSO (INSERT INTO log VALUES (1); DELETE FROM u;)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "CREATE OR REPLACE PROCEDURE p(a int) LANGUAGE sql BEGIN ATOMIC\n  INSERT INTO t VALUES (CASE a WHEN 1 "
    "THEN 2 "
    "ELSE CASE WHEN a > 2 THEN 3 END END);\n  DELETE FROM t WHERE b = CASE WHEN true THEN 1 END;\nEND",
    "CREATE FUNCTION g(x int) RETURNS int BEGIN ATOMIC END",
    "CREATE FUNCTION h() RETURNS int BEGIN ATOMIC SELECT 1 AS \"end\"; SELECT 2 AS end; SELECT t.end FROM t; "
    "END",
    "CREATE FUNCTION i(begin int, atomic int) RETURNS int RETURN begin + atomic",
    "CREATE FUNCTION j() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  NEW.x := 1; -- $ not the end\n  "
    "RETURN "
    "NEW;\nEND;\n$$",
    "CREATE FUNCTION k() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM 1; END;'",
    "DO $do$ BEGIN IF true THEN RAISE NOTICE 'x;'; END IF; END $do$",
    "CREATE TABLE begin (atomic int, \"end\" int)",
    "SELECT CASE WHEN a THEN 'x;' ELSE 'y' END FROM t",
    /* Other kinds. */
    "BEGIN",
    "COMMIT",
    "SET search_path TO public, pg_catalog",
    "VACUUM (ANALYZE) t",
    "TABLE t",
    "VALUES (1), (2)",
    "COPY (SELECT 1) TO STDOUT",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC",
    "COMMENT ON COLUMN t.a IS 'semi;colon'",
    "CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION j()",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

#endif
