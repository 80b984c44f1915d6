# The backfills of the guide, as it writes them where that is PostgreSQL, while an application writes.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/backfill

setup() {
    pg_fresh_db
    migrate_project prisma
}

teardown() {
    writer_stop
}

# companion NAME: writes backfill.sql of that migration from standard input, and applies it.
companion() {
    cat >"$MIGRATIONS/$1/backfill.sql"
    run_evo evo-migrate up
    assert_exit 0
}

@test "e-mails are normalised while the application changes and adds them" {
    pg_sql "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, updated_at timestamptz);
            INSERT INTO users SELECT i, ' User' || i || '@Example.ORG ', NULL FROM generate_series(1, 20000) i;
            CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
                finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
                started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)"
    migration 20260101000000_normalized_email up 'ALTER TABLE users ADD COLUMN normalized_email text;'
    companion 20260101000000_normalized_email <<'SQL'
-- evo:backfill table=users key=id
UPDATE users
SET normalized_email = lower(trim(email)), updated_at = NOW()
WHERE normalized_email IS NULL;
SQL
    # The new version of the application writes both; a change that the backfill overwrote would show.
    writer_start '\set id random(1, 20000)
        \set n random(1, 1000000)
        UPDATE users SET email = (:n)::text || $$@Late.org$$, normalized_email = (:n)::text || $$@late.org$$ WHERE id = :id;'
    start_evo evo-backfill 20260101000000_normalized_email --batch 500 --pause 50ms --json
    wait_until 20 rows_done_at_least 3000
    # The old version still writes one alone, behind the place where the backfill is.
    pg_sql "INSERT INTO users SELECT -i, 'Old' || i || '@Example.org' FROM generate_series(1, 700) i"
    finish_evo
    assert_exit 0
    assert_json '.data.more == false and .data.sweeps >= 2 and .data.once == false and .data.table == "users" and .data.key == ["id"]'
    assert_schema "$EVO_ROOT/lib/schema/data/backfill.schema.json" <(json .data)
    writer_stop
    assert_equal '20700|0|0' "$(pg_sql "SELECT count(*), count(*) FILTER (WHERE normalized_email IS NULL),
        count(*) FILTER (WHERE normalized_email <> lower(trim(email))) FROM users")"
    assert_equal 700 "$(pg_sql "SELECT count(*) FROM users WHERE id < 0 AND normalized_email LIKE 'old%' AND updated_at IS NOT NULL")"
}

# items N: there are so many.
items() {
    [ "$(pg_sql 'SELECT count(*) FROM order_items')" -ge "$1" ]
}

@test "order totals, word for word, are right although items are added all the while" {
    pg_sql "CREATE TABLE orders (id serial PRIMARY KEY);
            CREATE TABLE order_items (order_id int NOT NULL REFERENCES orders, quantity int NOT NULL, unit_price numeric NOT NULL);
            INSERT INTO orders SELECT FROM generate_series(1, 6000);
            INSERT INTO order_items SELECT 1 + i % 5500, 1 + i % 3, i % 7 FROM generate_series(1, 15000) i;
            CREATE INDEX ON order_items (order_id);
            CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
                finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
                started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)"
    migration 20260102000000_calculated_total up 'ALTER TABLE orders ADD COLUMN calculated_total numeric;'
    companion 20260102000000_calculated_total <<'SQL'
-- evo:backfill
      WITH batch AS (
        SELECT id 
        FROM orders 
        WHERE calculated_total IS NULL 
        LIMIT $1
        FOR UPDATE SKIP LOCKED
      )
      UPDATE orders o
      SET calculated_total = (
        SELECT COALESCE(SUM(quantity * unit_price), 0)
        FROM order_items WHERE order_id = o.id
      )
      FROM batch
      WHERE o.id = batch.id
      RETURNING o.id
SQL
    # Adds to the total where there is one already. A total taken from a snapshot older than its lock would lack the item.
    writer_start '\set id random(1, 6000)
        BEGIN;
        INSERT INTO order_items VALUES (:id, 2, 3);
        UPDATE orders SET calculated_total = calculated_total + 6 WHERE id = :id AND calculated_total IS NOT NULL;
        COMMIT;'
    wait_until 20 items 15100
    start_evo evo-backfill 20260102000000_calculated_total --batch 100 --pause 10ms --json
    wait_until 20 rows_done_at_least 500
    local before
    before=$(pg_sql 'SELECT count(*) FROM order_items')
    finish_evo
    assert_exit 0
    writer_stop
    assert_json '.data.rows_done == 6000 and .data.more == false and .data.batches >= 60'
    items $((before + 10))
    assert_equal '6000|0' "$(pg_sql 'SELECT count(*), count(*) FILTER (WHERE calculated_total IS DISTINCT FROM
        (SELECT coalesce(sum(quantity * unit_price), 0) FROM order_items WHERE order_id = orders.id)) FROM orders')"
}

@test "the guide's other backfills run as they stand" {
    pg_sql "CREATE TABLE users (id int PRIMARY KEY, name text, full_name varchar(100), phone varchar(20));
            INSERT INTO users SELECT i, 'name ' || i, NULL, CASE WHEN i % 3 = 0 THEN 'p' END FROM generate_series(1, 3000) i;
            CREATE TABLE products (id int PRIMARY KEY, price int, price_decimal decimal(10, 2));
            INSERT INTO products SELECT i, i FROM generate_series(1, 3000) i"
    run_evo evo-backfill --table users --set 'full_name = name' --where 'full_name IS NULL' --json
    assert_exit 0
    assert_json '.data.rows_done == 3000'
    run_evo evo-backfill --table products --set 'price_decimal = price / 100.0' --where 'price_decimal IS NULL' --batch 1000
    assert_exit 0
    run_evo evo-backfill --table users --set "phone = 'unknown'" --where 'phone IS NULL' --json
    assert_exit 0
    assert_json '.data.rows_done == 2000 and .data.rows_total == 2000'
    assert_equal '3000|2000' "$(pg_sql "SELECT count(*) FILTER (WHERE full_name = name), count(*) FILTER (WHERE phone = 'unknown') FROM users")"
    assert_equal 3000 "$(pg_sql 'SELECT count(*) FROM products WHERE price_decimal = price / 100.0')"
}
