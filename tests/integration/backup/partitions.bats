# Partition trees of several levels, with foreign keys between them.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers
load compare

# tree NAME: three levels, with indexes that are attached level by level.
tree() {
    pg_sql "CREATE TABLE $1 (region text, id bigint, at timestamptz, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
        CREATE TABLE $1_eu PARTITION OF $1 FOR VALUES IN ('de', 'fr') PARTITION BY HASH (id);
        CREATE TABLE $1_eu_0 PARTITION OF $1_eu FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE $1_eu_1 PARTITION OF $1_eu FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE $1_other PARTITION OF $1 DEFAULT;
        CREATE INDEX ON $1 (at); CREATE INDEX ON $1 (id); COMMENT ON COLUMN $1.at IS 'when';
        INSERT INTO $1 SELECT (ARRAY['de', 'fr', 'jp'])[1 + i % 3], i, now() FROM generate_series(1, 1000) i"
}

@test "three levels with foreign keys between them: no restore ends in a deadlock of its own" {
    pg_fresh_db
    pg_fresh_role
    use_folder_store
    for name in a b c; do tree "$name"; done
    pg_sql "ALTER TABLE b ADD CONSTRAINT of_b FOREIGN KEY (region, id) REFERENCES a; ALTER TABLE c ADD FOREIGN KEY (region, id) REFERENCES b;
        CREATE TABLE refers (region text, id bigint, FOREIGN KEY (region, id) REFERENCES a);
        COMMENT ON CONSTRAINT of_b ON b IS 'round'; GRANT SELECT ON b TO $PG_ROLE; CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM b"
    run_evo evo-backup create
    assert_exit 0
    # Each of these did it about once in four, when pg_restore made everything side by side.
    for i in 1 2 3 4 5 6 7 8 9 10; do
        run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_$i")" --jobs 4
        assert_exit 0
    done
    stock_copy "$PG_DB" "${PG_DB}_stock"
    assert_same_contents "$PG_DB" "${PG_DB}_10"
    assert_same_schema "${PG_DB}_stock" "${PG_DB}_10"
}
