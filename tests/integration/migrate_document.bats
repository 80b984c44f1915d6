# The migrations of the guide that evo was made for, on a real server.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project prisma
}

base() {
    migration 20240101000000_base up - <<'SQL'
CREATE TABLE users (id bigserial PRIMARY KEY, name varchar(100), email text, theme varchar(20), language varchar(10));
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id bigint);
CREATE TABLE products (id bigserial PRIMARY KEY, price integer);
INSERT INTO users (name, email, theme, language) SELECT 'n' || i, 'e' || i, 'dark', 'en' FROM generate_series(1, 50) i;
INSERT INTO orders (user_id) SELECT i FROM generate_series(1, 50) i;
INSERT INTO products (price) VALUES (1999), (5);
SQL
}

@test "the Prisma migration: enum, column, index" {
    base
    migration 20240115000000_add_user_status up - <<'SQL'
-- CreateEnum
CREATE TYPE "UserStatus" AS ENUM ('active', 'inactive', 'suspended');

-- AlterTable
ALTER TABLE "users" ADD COLUMN "status" "UserStatus" NOT NULL DEFAULT 'active';

-- CreateIndex
CREATE INDEX "users_status_idx" ON "users"("status");
SQL
    run_evo evo-migrate plan --json
    assert_json '.data.steps[1].statements == 3 and .data.steps[1].transaction'
    assert_json 'any(.data.steps[1].locks[]; .relation == "users" and .mode == "ACCESS EXCLUSIVE")'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 50 "$(pg_sql "SELECT count(*) FROM users WHERE status = 'active'")"
}

@test "expand and contract: a column renamed, a type changed" {
    base
    migration 20240201000000_expand up - <<'SQL'
ALTER TABLE users ADD COLUMN full_name VARCHAR(100);
UPDATE users SET full_name = name WHERE full_name IS NULL;
SQL
    migration 20240202000000_contract up 'ALTER TABLE users DROP COLUMN name;'
    migration 20240203000000_price up - <<'SQL'
ALTER TABLE products ADD COLUMN price_decimal DECIMAL(10,2);
UPDATE products SET price_decimal = price / 100.0 WHERE price_decimal IS NULL;
ALTER TABLE products DROP COLUMN price;
ALTER TABLE products RENAME COLUMN price_decimal TO price;
SQL
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 50 "$(pg_sql 'SELECT count(full_name) FROM users')"
    assert_equal $'0.05\n19.99' "$(pg_sql 'SELECT price FROM products ORDER BY 1')"
}

@test "NOT NULL in steps" {
    base
    migration 20240301000000_phone up 'ALTER TABLE users ADD COLUMN phone VARCHAR(20);'
    migration 20240302000000_fill up "UPDATE users SET phone = 'unknown' WHERE phone IS NULL;"
    migration 20240303000000_check up - <<'SQL'
ALTER TABLE users
ADD CONSTRAINT users_phone_not_null
CHECK (phone IS NOT NULL) NOT VALID;
SQL
    migration 20240304000000_validate up 'ALTER TABLE users VALIDATE CONSTRAINT users_phone_not_null;'
    migration 20240305000000_not_null up - <<'SQL'
ALTER TABLE users ALTER COLUMN phone SET NOT NULL;
ALTER TABLE users DROP CONSTRAINT users_phone_not_null;
SQL
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(pg_sql "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'phone'")"
}

@test "the dangerous NOT NULL fails on rows and leaves nothing" {
    base
    migration 20240301000000_phone up 'ALTER TABLE users ADD COLUMN phone VARCHAR(20); ALTER TABLE users ALTER COLUMN phone SET NOT NULL;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.sqlstate == "23502" and .error.schema_clean == true'
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'phone'")"
}

@test "a foreign key NOT VALID, then validated; an orphan is found by the validation" {
    base
    migration 20240401000000_fk up - <<'SQL'
ALTER TABLE orders
ADD CONSTRAINT fk_orders_user
FOREIGN KEY (user_id) REFERENCES users(id)
NOT VALID;
SQL
    migration 20240402000000_validate up 'ALTER TABLE orders VALIDATE CONSTRAINT fk_orders_user;'
    run_evo evo-migrate up --to 20240101000000_base
    pg_sql 'INSERT INTO orders (user_id) VALUES (999)'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.migration == "20240402000000_validate" and .error.sqlstate == "23503" and .error.schema_clean == true'
    assert_equal f "$(pg_sql "SELECT convalidated FROM pg_constraint WHERE conname = 'fk_orders_user'")"
    pg_sql 'UPDATE orders SET user_id = 1 WHERE user_id NOT IN (SELECT id FROM users)'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal t "$(pg_sql "SELECT convalidated FROM pg_constraint WHERE conname = 'fk_orders_user'")"
}

@test "CONCURRENTLY with other statements in one file" {
    base
    migration 20240501000000_index up - <<'SQL'
CREATE INDEX idx_orders_old ON orders (id);
CREATE INDEX CONCURRENTLY idx_orders_user ON orders (user_id);
DROP INDEX CONCURRENTLY idx_orders_old;
SQL
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied[1].transaction == false'
    assert_equal t "$(exists idx_orders_user)"
    assert_equal f "$(exists idx_orders_old)"
}

@test "a reversible data migration goes up, down and up again" {
    base
    migration 20240115000001_preferences up - <<'SQL'
CREATE TABLE user_preferences (
    id BIGSERIAL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    theme VARCHAR(20) DEFAULT 'light',
    language VARCHAR(10) DEFAULT 'en',
    notifications_enabled BOOLEAN DEFAULT true,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE(user_id)
);
INSERT INTO user_preferences (user_id, theme, language)
SELECT id, theme, language FROM users WHERE theme IS NOT NULL;
SQL
    migration 20240115000001_preferences down - <<'SQL'
UPDATE users u
SET theme = up.theme, language = up.language
FROM user_preferences up
WHERE u.id = up.user_id;
DROP TABLE user_preferences;
SQL
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 50 "$(pg_sql 'SELECT count(*) FROM user_preferences')"
    pg_sql "UPDATE user_preferences SET theme = 'light' WHERE user_id = 1"
    run_evo evo-migrate down
    assert_exit 0
    assert_equal light "$(pg_sql 'SELECT theme FROM users WHERE id = 1')"
    assert_equal f "$(exists user_preferences)"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 50 "$(pg_sql 'SELECT count(*) FROM user_preferences')"
}

@test "the migration that cannot be reversed is named before anything starts" {
    base
    migration 20240116000000_merge up - <<'SQL'
-- evo:irreversible first_name and last_name are merged
ALTER TABLE users ADD COLUMN merged varchar(200);
UPDATE users SET merged = CONCAT(name, ' ', email);
ALTER TABLE users DROP COLUMN email;
SQL
    migration 20240117000000_more up 'CREATE TABLE more (id int);'
    migration 20240117000000_more down 'DROP TABLE more;'
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-migrate down --steps 2 --json
    assert_exit 1
    assert_json '.error.reason == "irreversible" and (.error.message | contains("20240116000000_merge")) and (.error.detail | contains("first_name and last_name are merged"))'
    assert_json '.error.schema_clean == true and .error.next == "evo-backup list" and (.error.hint | contains("evo-restore"))'
    assert_equal t "$(exists more)"
}

sku() {
    base
    migration 20240201000000_sku up 'ALTER TABLE products ADD COLUMN sku VARCHAR(50) UNIQUE'
    sku_files
}

sku_files() {
    migration 20240201000000_sku down 'ALTER TABLE products DROP COLUMN sku'
    migration 20240201000000_sku verify_up - <<'SQL'
-- Verify column exists and has correct type
-- evo:expect rows 1
-- evo:expect column data_type = character varying
SELECT column_name, data_type, is_nullable
FROM information_schema.columns
WHERE table_name = 'products' AND column_name = 'sku'
SQL
    migration 20240201000000_sku verify_down - <<'SQL'
-- Verify column does not exist
-- evo:expect empty
SELECT column_name
FROM information_schema.columns
WHERE table_name = 'products' AND column_name = 'sku'
SQL
}

@test "the sku example, up and down, with its probes word for word" {
    sku
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied[1].name == "20240201000000_sku" and .data.applied[1].verify == "passed" and .data.applied[0].verify == "none"'
    local before
    before=$(schema_sum)
    run_evo evo-migrate down --json
    assert_exit 0
    assert_json '.data.rolled_back == [.data.rolled_back[0]] and .data.rolled_back[0].name == "20240201000000_sku" and .data.rolled_back[0].verify == "passed"'
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM information_schema.columns WHERE column_name = 'sku'")"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal "$before" "$(schema_sum)"
}

@test "the sku example with the wrong type is refused and nothing has happened" {
    sku
    migration 20240201000000_sku up 'ALTER TABLE products ADD COLUMN sku integer UNIQUE'
    run_evo evo-migrate up --to 20240101000000_base
    local before
    before=$(schema_sum)
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.reason == "migration_failed" and .error.schema_clean == true and (.error.file | endswith("verify_up.sql")) and (.error.message + .error.detail | contains("data_type"))'
    assert_equal "$before" "$(schema_sum)"
    assert_equal 1 "$(ledger | wc -l)"
}

# The guide's checks after a migration, as probes.
@test "null counts, constraints and indexes word for word as probes, inside the migration and later" {
    base
    migration 20240115000000_add_user_status up - <<'SQL'
CREATE TYPE "UserStatus" AS ENUM ('active', 'inactive', 'suspended');
ALTER TABLE "users" ADD COLUMN "status" "UserStatus" NOT NULL DEFAULT 'active';
CREATE INDEX "users_status_idx" ON "users"("status");
SQL
    migration 20240115000000_add_user_status verify_up - <<'SQL'
-- Verify data integrity
-- evo:expect values 0, 0, 0
SELECT 
  (SELECT COUNT(*) FROM users WHERE status IS NULL) as null_status,
  (SELECT COUNT(*) FROM users WHERE email IS NULL) as null_email,
  (SELECT COUNT(*) FROM orders WHERE user_id IS NULL) as orphan_orders;

-- Verify constraints
-- evo:expect rows >= 1
-- evo:expect column convalidated = true
SELECT conname, contype, convalidated
FROM pg_constraint
WHERE conrelid = 'users'::regclass;

-- Verify indexes
-- evo:expect rows 2
SELECT indexname, indexdef
FROM pg_indexes
WHERE tablename = 'users';

-- Check for orphaned records before adding FK
-- evo:expect empty
SELECT o.id, o.user_id
FROM orders o
LEFT JOIN users u ON u.id = o.user_id
WHERE u.id IS NULL;
SQL
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied[1].verify == "passed"'
    run_evo evo-verify up --json
    assert_exit 0
    assert_json '[.data.probes[] | [.line, .verdict]] == [[3, "true"], [11, "true"], [17, "true"], [23, "true"]]'
    pg_sql "UPDATE users SET email = NULL WHERE id < 3; ALTER TABLE users ADD CONSTRAINT late CHECK (id > 0) NOT VALID;
        DROP INDEX users_status_idx; INSERT INTO orders (user_id) VALUES (999)"
    run_evo evo-verify up 20240115000000_add_user_status --json
    assert_exit 1
    assert_json '[.data.probes[].verdict] == ["false", "false", "false", "false"]'
    assert_json '.data.probes[0].message == "expected values 0, 0, 0, but it returned (null_status = \"0\", null_email = \"2\", orphan_orders = \"0\")"'
    assert_json '.data.probes[1].message == "expected \"convalidated\" to be \"true\", but it is \"f\" in row 2 of 2"'
    assert_json '(.data.probes[2].message | startswith("expected rows 2, but it returned 1 row")) and (.data.probes[3].message | contains("user_id = \"999\""))'
    # The same, found without a probe.
    run_evo evo-verify integrity --json
    assert_exit 0
    assert_json '[.data.checks[] | select(.verdict != "ok") | [.name, .object]] == [["not-valid", "late"]]'
}

@test "the guide's ways back, tried beforehand" {
    base
    migration 20240115000001_preferences up - <<'SQL'
CREATE TABLE user_preferences (
    id BIGSERIAL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    theme VARCHAR(20) DEFAULT 'light',
    UNIQUE(user_id)
);
INSERT INTO user_preferences (user_id, theme) SELECT id, theme FROM users WHERE theme IS NOT NULL;
SQL
    migration 20240115000001_preferences down - <<'SQL'
UPDATE users u SET theme = up.theme FROM user_preferences up WHERE u.id = up.user_id;
DROP TABLE user_preferences;
SQL
    migration 20240115000001_preferences verify_up "SELECT count(*) = 50 FROM user_preferences"
    migration 20240115000001_preferences verify_down "SELECT to_regclass('user_preferences') IS NULL"
    # It cannot be reversed, and the columns that come back are not those that went.
    migration 20240116000000_merge up - <<'SQL'
ALTER TABLE users ADD COLUMN full_name VARCHAR(200);
UPDATE users SET full_name = CONCAT(name, ' ', email) WHERE full_name IS NULL;
ALTER TABLE users DROP COLUMN name, DROP COLUMN email;
SQL
    migration 20240116000000_merge down - <<'SQL'
ALTER TABLE users ADD COLUMN name VARCHAR(100), ADD COLUMN email VARCHAR(100);
UPDATE users SET name = SPLIT_PART(full_name, ' ', 1), email = SPLIT_PART(full_name, ' ', 2);
ALTER TABLE users DROP COLUMN full_name;
SQL
    migration 20240116000000_merge verify_up "SELECT count(full_name) = 50 FROM users"
    migration 20240116000000_merge verify_down "SELECT count(name) = 50 FROM users"
    migration 20240201000000_sku up 'ALTER TABLE products ADD COLUMN sku VARCHAR(50) UNIQUE'
    sku_files
    run_evo evo-verify roundtrip --json --scratch-url "$(pg_url postgres)"
    assert_exit 1
    assert_json '[.data.migrations[].verdict] == ["irreversible", "ok", "lossy", "ok"]'
    assert_json '.data.migrations[2].differences == ["+ column public.users.email: character varying(100)", "- column public.users.email: text"]'
    assert_json '.error.migration == "20240116000000_merge"'
}
