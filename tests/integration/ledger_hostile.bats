# A ledger that does not do what a table does: nothing is applied twice for it, and what is wrong with it is named.
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
}

# begin prisma|sql: a project of which one migration is applied; TABLE is its ledger.
begin() {
    migrate_project "$1"
    TABLE=_prisma_migrations
    [ "$1" = prisma ] || TABLE=evo.migrations
    migration 001_a up 'CREATE TABLE a (id int);'
    run_evo evo-migrate up
    assert_exit 0
}

@test "a trigger that drops the row: nothing is applied without a record" {
    for layout in prisma sql; do
        pg_fresh_db
        begin $layout
        pg_sql "CREATE FUNCTION dropped() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                CREATE TRIGGER dropped BEFORE INSERT ON $TABLE FOR EACH ROW EXECUTE FUNCTION dropped()"
        migration 002_b up 'CREATE TABLE b (id int);'
        run_evo evo-migrate up --json
        assert_exit 7
        assert_json '.error.schema_clean == true and (.error.message | contains("took no row")) and (.error.hint | contains("\\d "))'
        assert_equal f "$(exists b)"
        # outside a transaction: before anything of it is run
        migration 002_b up $'CREATE TABLE b (id int);\nVACUUM b;'
        run_evo evo-migrate up --json
        assert_exit 7
        assert_equal f "$(exists b)"
        run_evo evo-migrate resolve --applied 002_b --json
        assert_exit 3
        assert_equal '001_a|applied' "$(ledger)"
        rm -r "$MIGRATIONS"
    done
}

@test "a trigger that drops the rows of the journal: nothing is started" {
    begin sql
    pg_sql "CREATE FUNCTION dropped() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER dropped BEFORE INSERT ON evo.journal FOR EACH ROW EXECUTE FUNCTION dropped()"
    migration 002_b up $'CREATE TABLE b (id int);\nVACUUM b;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and (.error.message | contains("could not write evo.journal: it took no row"))'
    assert_equal f "$(exists b)"
    assert_equal '001_a|applied' "$(ledger)"
}

@test "a rule that drops the row" {
    begin prisma
    pg_sql "CREATE RULE dropped AS ON INSERT TO $TABLE DO INSTEAD NOTHING"
    migration 002_b up 'CREATE TABLE b (id int);'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean == true and (.error.message | contains("took no row"))'
    assert_equal f "$(exists b)"
}

@test "a view in place of the table is refused, also by status, and nothing is applied again" {
    for layout in prisma sql; do
        pg_fresh_db
        begin $layout
        pg_sql "ALTER TABLE $TABLE RENAME TO kept; CREATE VIEW $TABLE AS SELECT * FROM ${TABLE%migrations}kept" ||
            pg_sql "CREATE VIEW $TABLE AS SELECT * FROM kept"
        for command in 'evo-migrate up' 'evo-migrate plan' evo-status; do
            # shellcheck disable=SC2086 # command and verb
            run_evo $command --json
            assert_exit 3
            assert_json '.error.reason == "unsupported" and (.error.message | contains("is a view")) and .error.hint'
        done
        rm -r "$MIGRATIONS"
    done
}

@test "row security that may hide rows is refused: what is hidden would be applied again" {
    for layout in prisma sql; do
        pg_fresh_db
        begin $layout
        pg_fresh_role
        pg_sql "GRANT ALL ON DATABASE $PG_DB TO $PG_ROLE; GRANT ALL ON SCHEMA public TO $PG_ROLE;
                CREATE SCHEMA IF NOT EXISTS evo; GRANT ALL ON SCHEMA evo TO $PG_ROLE;
                GRANT ALL ON ALL TABLES IN SCHEMA evo TO $PG_ROLE; GRANT ALL ON $TABLE TO $PG_ROLE;
                ALTER TABLE $TABLE ENABLE ROW LEVEL SECURITY;
                CREATE POLICY write_only ON $TABLE FOR INSERT WITH CHECK (true)"
        export DATABASE_URL
        DATABASE_URL=$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD")
        run_evo evo-migrate up --json
        assert_exit 3
        assert_json ".error.reason == \"permission\" and (.error.hint | contains(\"ALTER ROLE $PG_ROLE BYPASSRLS\"))"
        DATABASE_URL=$PG_URL # its owner sees all
        run_evo evo-migrate up --json
        assert_exit 0
        assert_json '.data.applied == []'
        rm -r "$MIGRATIONS"
    done
}

@test "operators that others made in the search path are not used" {
    pg_sql "CREATE TABLE called (what text);
            CREATE FUNCTION mine(varchar, varchar) RETURNS bool LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO called VALUES ('varchar'); RETURN true; END \$\$;
            CREATE FUNCTION mine(varchar, text) RETURNS bool LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO called VALUES ('text'); RETURN true; END \$\$;
            CREATE FUNCTION mine(oid, int) RETURNS bool LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO called VALUES ('oid'); RETURN true; END \$\$;
            CREATE FUNCTION mine(oid, bigint) RETURNS bool LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO called VALUES ('oid8'); RETURN true; END \$\$;
            CREATE FUNCTION mine(float8, int) RETURNS float8 LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO called VALUES ('*'); RETURN 1; END \$\$;
            CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = mine);
            CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = text, FUNCTION = mine);
            CREATE OPERATOR = (LEFTARG = oid, RIGHTARG = int, FUNCTION = mine);
            CREATE OPERATOR = (LEFTARG = oid, RIGHTARG = bigint, FUNCTION = mine);
            CREATE OPERATOR * (LEFTARG = float8, RIGHTARG = int, FUNCTION = mine)"
    for layout in prisma sql; do
        migrate_project $layout
        migration 001_a up 'SELECT 1;'
        migration 001_a down 'SELECT 1;'
        [ $layout = sql ] || run_evo evo-migrate baseline --to 001_a
        migration 002_b up $'SELECT 1;\nVACUUM called;'
        migration 002_b down 'SELECT 1;'
        run_evo evo-migrate up
        assert_exit 0
        run_evo evo-migrate down --steps 2
        assert_exit 0
        run_evo evo-status
        assert_exit 0
        rm -r "$MIGRATIONS"
        pg_sql 'DROP TABLE IF EXISTS _prisma_migrations'
    done
    assert_equal '' "$(pg_sql 'SELECT what, count(*) FROM called GROUP BY 1')"
}

@test "a clock that was set back: the way back is the order of application all the same" {
    for layout in prisma sql; do
        pg_fresh_db
        begin $layout
        migration 001_a down 'DROP TABLE a;'
        pg_sql "UPDATE $TABLE SET started_at = started_at + interval '1 hour', finished_at = finished_at + interval '1 hour'"
        migration 002_b up 'CREATE TABLE b (id int);'
        migration 002_b down 'DROP TABLE b;'
        migration 003_c up $'CREATE TABLE c (id int);\nVACUUM c;'
        migration 003_c down 'DROP TABLE c;'
        run_evo evo-migrate up
        assert_exit 0
        assert_equal t "$(pg_sql "SELECT bool_and(finished_at >= started_at) FROM $TABLE")"
        run_evo evo-migrate down --steps 2 --json
        assert_exit 0
        assert_json '[.data.rolled_back[].name] == ["003_c", "002_b"]'
        rm -r "$MIGRATIONS"
    done
}
