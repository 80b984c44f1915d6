# Rows, indexes and constraints beside each other: in which order, under which locks, and how it ends.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    use_folder_store
}

# restored DB: restores the newest backup of PG_DB into a new database of that name.
restored() {
    run_evo evo-restore latest --create --to "$(pg_url "$1")" --json "${@:2}"
    assert_exit 0
}

# log_line TEXT: number of the first line of the server's log that holds it, of this test's restored database.
log_line() {
    grep -n -F -- "$1" "$PG_LOG" | grep -m 1 "] ${PG_DB}_r " | cut -d: -f1
}

# object_of TABLE: its file.
object_of() {
    jq -r --arg t "$1" '.objects[] | select(.table == $t) | .name' "$(backup_folder)/manifest.json"
}

@test "indexes are made when their table is full, while others still load, and pg_restore makes none of them" {
    pg_private_start -c log_statement=all -c log_line_prefix='%m [%p] %d %a '
    pg_fresh_db
    big_table large 300000
    big_table small 5000
    pg_sql 'CREATE INDEX small_i ON small (a); ALTER TABLE small ADD PRIMARY KEY (id); CREATE INDEX large_i ON large (id);
        ALTER TABLE large ADD FOREIGN KEY (id) REFERENCES small NOT VALID'
    run_evo evo-backup create
    assert_exit 0
    restored "${PG_DB}_r" --jobs 2
    assert_json '[.data.tables[] | .name] == ["public.large", "public.small"]'
    local index filled
    index=$(log_line 'CREATE INDEX small_i')
    filled=$(log_line 'statement: COMMIT')
    [ "$index" -lt "$filled" ]
    [ "$(log_line 'CREATE INDEX large_i')" -gt "$filled" ]
    assert_equal "" "$(grep ' pg_restore ' "$PG_LOG" | grep 'CREATE INDEX\|PRIMARY KEY')"
    assert_same_database "$PG_DB" "${PG_DB}_r"
    pg_private_stop
}

@test "a large new table is written as frozen rows, a small one and a partition root are not" {
    big_table large 20000
    pg_sql "CREATE TABLE small AS SELECT 1 AS id; CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE h (k e, t text) PARTITION BY HASH (k);
        CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE h1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO h SELECT (ARRAY['a', 'b']::e[])[i % 2 + 1], repeat('x', 100) FROM generate_series(1, 40000) i; CREATE INDEX ON h (t); CREATE INDEX ON h0 (k)"
    run_evo evo-backup create
    assert_exit 0
    restored "${PG_DB}_r"
    assert_json '.data.rows == 60001 and (.data.tables | length) == 4'
    assert_same_database "$PG_DB" "${PG_DB}_r"
    pg_sql -d "${PG_DB}_r" 'CREATE EXTENSION pg_visibility'
    assert_equal $'large|t\nsmall|f\nh0|f\nh1|f' "$(pg_sql -d "${PG_DB}_r" "SELECT t, (pg_visibility_map_summary(t::regclass)).all_frozen > 0
        FROM unnest('{large,small,h0,h1}'::text[]) t")"
}

@test "keys, indexes and foreign keys of a large table come back as they were" {
    big_table large 160000
    pg_sql 'ALTER TABLE large ADD CONSTRAINT "Large key" PRIMARY KEY (id) INCLUDE (at) WITH (fillfactor = 80) DEFERRABLE INITIALLY DEFERRED;
        ALTER TABLE large ADD CONSTRAINT u UNIQUE (a, id); CREATE INDEX i ON large (b) WHERE id > 5; CREATE INDEX j ON large ((id + 1));
        ALTER INDEX j ALTER COLUMN 1 SET STATISTICS 500; ALTER TABLE large CLUSTER ON u; ALTER TABLE large ADD EXCLUDE USING btree (id WITH =);
        CREATE TABLE child AS SELECT id, a FROM large; ALTER TABLE child ADD FOREIGN KEY (a, id) REFERENCES large (a, id);
        ALTER TABLE large ADD up int; ALTER TABLE child ADD PRIMARY KEY (id); ALTER TABLE large ADD FOREIGN KEY (up) REFERENCES child'
    run_evo evo-backup create
    assert_exit 0
    for jobs in 1 4; do
        restored "${PG_DB}_r$jobs" --jobs "$jobs"
        assert_same_database "$PG_DB" "${PG_DB}_r$jobs"
        assert_equal "" "$(pg_sql -d "${PG_DB}_r$jobs" 'SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid')"
    done
}

@test "a table in many objects is loaded by several sessions, and is one table in the result" {
    pg_private_start -c log_statement=all -c log_line_prefix='%m [%p] %d '
    pg_fresh_db
    big_table large 200000
    pg_sql 'ALTER TABLE large ADD PRIMARY KEY (id); CREATE INDEX i ON large (a); CREATE TABLE empty (id int PRIMARY KEY)'
    run_evo evo-backup create --range-size 4MiB --json
    assert_exit 0
    [ "$(json .data.objects)" -gt 6 ]
    restored "${PG_DB}_r" --jobs 3
    assert_json '.data.tables == [{"name": "public.empty", "rows": 0}, {"name": "public.large", "rows": 200000}] and .data.rows == 200000'
    grep -F "COPY public.large" "$PG_LOG" | grep "] ${PG_DB}_r " | sed 's/.* \[\([0-9]*\)\] .*/\1/' | sort | uniq -c >"$BATS_TEST_TMPDIR/sessions"
    assert_equal 3 "$(wc -l <"$BATS_TEST_TMPDIR/sessions")"
    assert_same_database "$PG_DB" "${PG_DB}_r"
    pg_private_stop
}

@test "an index's tablespace, and an index whose function reads another table" {
    local space
    space=$(mktemp -d "$EVO_TEST_DIR/space.XXXXXX")
    [ -z "$_pg_user" ] || chown "$_pg_user" "$space"
    pg_sql "CREATE TABLESPACE ${PG_DB}_ts LOCATION '$space'"
    pg_sql - <<SQL
CREATE TABLE names AS SELECT i AS id, 'n' || i AS name FROM generate_series(1, 30000) i;
CREATE TABLE t AS SELECT 7 AS id;
CREATE FUNCTION name_of(i int) RETURNS text LANGUAGE sql IMMUTABLE AS \$\$ SELECT name FROM public.names WHERE id = i \$\$;
CREATE INDEX by_name ON t (name_of(id));
CREATE INDEX spaced ON t (id) TABLESPACE ${PG_DB}_ts;
SQL
    run_evo evo-backup create
    assert_exit 0
    restored "${PG_DB}_r" --jobs 2
    assert_equal "7" "$(pg_sql -d "${PG_DB}_r" "SET enable_seqscan = off; SELECT id FROM t WHERE name_of(id) = 'n7'")"
    assert_same_database "$PG_DB" "${PG_DB}_r"
    pg_sql -d "postgres" "DROP DATABASE ${PG_DB}_r"
    pg_sql "DROP TABLE t; DROP TABLESPACE ${PG_DB}_ts"
}

@test "the first failure ends what the others do at the server" {
    # Its check takes a minute a row where it is not the source.
    # shellcheck disable=SC2016
    pg_sql "CREATE FUNCTION slow() RETURNS bool LANGUAGE sql AS \$\$ SELECT current_database() = '$PG_DB' OR pg_sleep(60) IS NOT NULL \$\$;
        CREATE TABLE slow (id int CHECK (slow())); INSERT INTO slow SELECT generate_series(1, 10000);
        CREATE TABLE damaged AS SELECT 1 AS id"
    run_evo evo-backup create
    assert_exit 0
    printf '\377' | dd of="$(backup_folder)/$(object_of damaged)" bs=1 seek=20 conv=notrunc status=none
    SECONDS=0
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --jobs 2 --json
    assert_exit 6
    assert_json '.error.message | contains("public.damaged")'
    [ "$SECONDS" -lt 30 ]
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_r'")"
}

@test "a cancel ends an index that is being made, and those who wait for work" {
    pg_sql - <<SQL
CREATE FUNCTION slow(i int) RETURNS int LANGUAGE sql IMMUTABLE AS
    \$\$ SELECT CASE WHEN current_database() = '$PG_DB' OR pg_sleep(60) IS NOT NULL THEN i END \$\$;
CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 100) i;
CREATE INDEX slow_i ON t (slow(id));
SQL
    run_evo evo-backup create
    assert_exit 0
    start_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")" --jobs 3
    indexing() { [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '${PG_DB}_r' AND query LIKE 'CREATE INDEX%'")" -gt 0 ]; }
    wait_until 20 indexing
    SECONDS=0
    kill -TERM "$EVO_PID"
    finish_evo
    assert_equal 143 "$status"
    [ "$SECONDS" -lt 8 ]
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_r'")"
}

@test "a killed restore leaves no file and no program behind" {
    # Its rows take long where it is not the source.
    big_table large 10000
    pg_sql "CREATE FUNCTION slow() RETURNS bool LANGUAGE sql AS \$\$ SELECT current_database() = '$PG_DB' OR pg_sleep(0.001) IS NOT NULL \$\$;
        ALTER TABLE large ADD CHECK (slow())"
    run_evo evo-backup create
    assert_exit 0
    pg_sql -d postgres "CREATE DATABASE ${PG_DB}_r"
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
    start_evo evo-restore latest --to "$(pg_url "${PG_DB}_r")" --jobs 2
    loading() { [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '${PG_DB}_r' AND query LIKE 'COPY%'")" -gt 0 ]; }
    wait_until 20 loading
    kill -KILL "$EVO_PID"
    wait "$EVO_PID" || true
    gone() { [ "$(pg_sql -d postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = '${PG_DB}_r'")" -eq 0 ]; }
    wait_until 20 gone
    assert_equal "" "$(ls -A "$TMPDIR")"
}
