# The fingerprint of the schema: recorded by runs of evo-migrate, compared by evo-status.
# seconds: 10
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate

setup() {
    pg_fresh_db
    migrate_project prisma
    migration 1_a up 'CREATE TABLE a (id int PRIMARY KEY, v text);'
    migration 1_a down 'DROP TABLE a;'
    migration 2_b up 'CREATE TABLE b (id int);'
    migration 2_b down 'DROP TABLE b;'
}

# status_json ARGUMENT...: held against the schema.
status_json() {
    run_evo evo-status --json "$@"
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/status.schema.json" "$BATS_TEST_TMPDIR/data.json"
}

verdict() {
    json '.data.checks[] | select(.name == "drift") | "\(.verdict) \(.message)"'
}

# moments: what is on record, a line each.
moments() {
    pg_sql "SELECT moment || coalesce(' ' || name, '') FROM evo.fingerprints ORDER BY id"
}

@test "a database without records is said, not failed" {
    status_json --fail-on drift
    assert_exit 0
    assert_json '.data.fingerprint | .drift == "no record" and .live == null and .differences == []'
    assert_equal 'ok not known: no run of evo has recorded the schema yet' "$(verdict)"
}

@test "a run records the schema before the first migration and behind each; a run with nothing to do does not look" {
    run_evo evo-migrate up --json
    assert_exit 0
    assert_equal $'before\nup 1_a\nup 2_b' "$(moments)"
    assert_json '.data.fingerprints.before != .data.applied[0].fingerprint and .data.fingerprints.after == .data.applied[1].fingerprint'
    assert_equal 3 "$(pg_sql 'SELECT count(*) FROM evo.schemas')"
    # The readable form is the text that the fingerprint is of.
    assert_equal t "$(pg_sql "SELECT bool_and(fingerprint = encode(sha256(convert_to(description, 'UTF8')), 'hex')) FROM evo.schemas")"
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.fingerprints == {"before": null, "after": null}'
    assert_equal 3 "$(moments | wc -l)"
    status_json --fail-on drift
    assert_exit 0
    assert_json '.data.fingerprint | .drift == "none" and .live == .recorded and .migration == "2_b"'

    # Taken back, the schema is what it was.
    run_evo evo-migrate down --json
    assert_exit 0
    assert_equal 'down 2_b' "$(moments | tail -n 1)"
    assert_equal 1 "$(pg_sql "SELECT count(DISTINCT fingerprint) FROM evo.fingerprints WHERE name IN ('1_a') OR moment = 'down'")"
    assert_equal 3 "$(pg_sql 'SELECT count(*) FROM evo.schemas')"
}

@test "what was changed by hand is shown, and fails where asked" {
    run_evo evo-migrate up
    assert_exit 0
    pg_sql 'ALTER TABLE a ADD COLUMN w int; DROP TABLE b'
    status_json
    assert_exit 0
    assert_json '.data.fingerprint | .drift == "found" and .differences_total == 3'
    assert_json '.data.fingerprint.differences == ["+ column public.a.w: integer", "- column public.b.id: integer", "- table public.b"]'
    [[ $(verdict) = 'warn the schema is not as the last run left it at '* ]] || fail "$(verdict)"
    status_json --fail-on drift
    assert_exit 1
    assert_json '.error.reason == "drift" and .error.next == "evo-migrate resolve --drift"'
    run_evo evo-status
    assert_stdout_has '  - column public.b.id: integer'

    # A plan, and a run with nothing to do, say it as well, and record nothing.
    local before
    before=$(moments)
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json 'any(.data.warnings[]; contains("not as the last run left it: + column public.a.w: integer"))'
    assert_stderr_has '+ column public.a.w: integer'
    assert_equal "$before" "$(moments)"

    # The next run warns of it; its own record does not swallow it.
    migration 3_c up 'CREATE TABLE c (id int);'
    run_evo evo-migrate plan --json
    assert_exit 0
    assert_json 'any(.data.warnings[]; contains("not as the last run left it: + column public.a.w: integer"))'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json 'any(.data.warnings[]; contains("not as the last run left it"))'
    status_json --fail-on drift
    assert_exit 1
    assert_json '.data.fingerprint | .drift == "found" and .live == .recorded and .before == "3_c" and .before_at != null'
    assert_json '.data.fingerprint.differences == ["+ column public.a.w: integer", "- column public.b.id: integer", "- table public.b"]'
    [[ $(verdict) = 'fail the schema had been changed by other hands before migration "3_c"'* ]] || fail "$(verdict)"
    run_evo evo-migrate up
    assert_exit 0
    assert_stderr_has 'nobody has accepted that: + column public.a.w: integer'
}

@test "drift that a run went on upon is open until it is put right, or accepted" {
    run_evo evo-migrate up --to 1_a
    pg_sql 'ALTER TABLE a ADD COLUMN hand int'
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-status --fail-on drift
    assert_exit 1
    run_evo evo-migrate resolve --drift
    assert_exit 0
    status_json --fail-on drift
    assert_exit 0
    assert_json '.data.fingerprint | .drift == "none" and .before == null'

    pg_sql 'ALTER TABLE a ADD COLUMN other int'
    migration 3_c up 'CREATE TABLE c (id int);'
    run_evo evo-migrate up
    run_evo evo-status --fail-on drift
    assert_exit 1
    # Put right by a migration, which says so by what the schema is.
    migration 4_d up 'ALTER TABLE a DROP COLUMN other;'
    run_evo evo-migrate up
    assert_exit 0
    status_json --fail-on drift
    assert_exit 0
}

@test "resolve --drift records the schema as it is" {
    run_evo evo-migrate up
    pg_sql 'CREATE INDEX by_hand ON a (v)'
    run_evo evo-status --fail-on drift
    assert_exit 1
    run_evo evo-migrate resolve --drift --json
    assert_exit 0
    assert_json '.data.resolved | .name == null and .as == "drift" and (.fingerprint | length == 64)'
    json .data >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-resolve.schema.json" "$BATS_TEST_TMPDIR/data.json"
    run_evo evo-status --fail-on drift
    assert_exit 0
    run_evo evo-migrate resolve --drift --applied 1_a
    assert_exit 2
}

@test "a ledger that another tool wrote since is not called drift" {
    run_evo evo-migrate up --to 1_a
    assert_exit 0
    # as Prisma would have
    pg_sql "CREATE TABLE b (id int); INSERT INTO _prisma_migrations VALUES (gen_random_uuid(), 'x', now(), '2_b', NULL, NULL, now(), 1)"
    status_json --fail-on drift
    assert_exit 0
    assert_json '.data.fingerprint | .drift == "moved on" and .live != .recorded'
    [[ $(verdict) = 'ok not known: the ledger has changed'* ]] || fail "$(verdict)"
    # The next run begins a new record, and does not call it drift either.
    migration 3_c up 'CREATE TABLE c (id int);'
    run_evo evo-migrate up --allow-edited --json
    assert_exit 0
    assert_json 'all(.data.warnings[]; contains("not as the last run left it") | not)'
    assert_equal $'before\nup 3_c' "$(moments | tail -n 2)"
}

@test "--fingerprint off: nothing is recorded, nothing compared" {
    run_evo evo-migrate up --fingerprint off
    assert_exit 0
    assert_equal f "$(pg_sql "SELECT to_regclass('evo.fingerprints') IS NOT NULL")"
    run_evo evo-migrate down --fingerprint=off
    printf '{"migrate": {"fingerprint": "off"}}' >evo.json
    run_evo evo-migrate up
    assert_equal f "$(pg_sql "SELECT to_regclass('evo.fingerprints') IS NOT NULL")"
    rm evo.json
    run_evo evo-migrate down
    run_evo evo-migrate up
    pg_sql 'DROP TABLE b'
    status_json --fingerprint off --fail-on drift
    assert_exit 0
    assert_json '.data.fingerprint | .drift == "off" and .live == null'
}

@test "two ledgers in one database: each knows of the other's runs" {
    pg_sql 'CREATE SCHEMA other'
    run_evo evo-migrate up
    assert_exit 0
    local url=$DATABASE_URL
    export DATABASE_URL="$url?schema=other"
    [[ $url != *\?* ]] || DATABASE_URL="$url&schema=other"
    run_evo evo-migrate up
    assert_exit 0
    run_evo evo-status --fail-on drift
    assert_exit 0
    DATABASE_URL=$url run_evo evo-status --fail-on drift
    assert_exit 0
}

@test "a role that may not record applies all the same, and is told what to ask for" {
    pg_fresh_role
    pg_sql "GRANT CREATE ON SCHEMA public TO \"$PG_ROLE\""
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") run_evo evo-migrate up --json
    assert_exit 0
    assert_json '(.data.applied | length == 2) and any(.data.warnings[]; contains("the schema was not recorded") and contains("GRANT CREATE ON DATABASE"))'
    assert_json '.data.fingerprints == {"before": null, "after": null}'
    assert_stderr_has "CREATE SCHEMA evo AUTHORIZATION $PG_ROLE;"
    # Once: later runs say nothing of it, and status says it to whoever asks.
    migration 3_c up 'CREATE TABLE c (id int);'
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") run_evo evo-migrate up --json
    assert_exit 0
    assert_equal '' "$stderr"
    assert_json 'all(.data.warnings[]; contains("recorded") | not) and .data.fingerprints.after == null'
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") status_json --fail-on drift
    assert_exit 0
    assert_json ".data.checks[] | select(.name == \"drift\") | .verdict == \"ok\" and .message == \"not known: role \\\"$PG_ROLE\\\" may not make evo's tables, so no run records the schema\"
        and .hint == \"Ask for it: GRANT CREATE ON DATABASE $PG_DB TO $PG_ROLE; or, for no more than is needed: CREATE SCHEMA evo AUTHORIZATION $PG_ROLE;\""
    # What it says is enough.
    pg_sql "CREATE SCHEMA evo AUTHORIZATION $PG_ROLE"
    migration 4_d up 'CREATE TABLE d (id int);'
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.fingerprints.after | length == 64'
}

@test "a role that may not read the record does not know; --fail-on drift does not take that for a yes" {
    run_evo evo-migrate up
    pg_fresh_role
    pg_sql "GRANT SELECT ON _prisma_migrations TO \"$PG_ROLE\""
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") run_evo evo-status --json
    assert_exit 0
    assert_json '.data.fingerprint.drift == "unknown"'
    assert_json '.data.checks[] | select(.name == "drift") | .verdict == "warn" and (.hint | contains("GRANT USAGE ON SCHEMA evo"))'
    DATABASE_URL=$(pg_url "$PG_DB" "$PG_ROLE") run_evo evo-status --fail-on drift
    assert_exit 1
}

@test "a schema that nobody touched is not read again" {
    run_evo evo-migrate up
    assert_exit 0
    # A fingerprint that no look would give is believed as long as the catalogs' rows are the same.
    pg_sql "UPDATE evo.fingerprints SET fingerprint = repeat('0', 64)"
    status_json --fail-on drift
    assert_exit 0
    assert_json '.data.fingerprint | .drift == "none" and .live == ("0" * 64)'
    pg_sql 'CREATE TEMP TABLE t (id int); ANALYZE; CREATE TABLE evo.more (id int)'
    status_json --fail-on drift
    assert_exit 0
    pg_sql 'CREATE TABLE by_hand (id int); DROP TABLE by_hand'
    status_json --fail-on drift
    assert_exit 0
    pg_sql 'ALTER TABLE a ALTER v SET NOT NULL'
    status_json --fail-on drift
    assert_exit 1
    assert_json '.data.fingerprint | .drift == "found" and .live != ("0" * 64)'
}

@test "records of an evo that knew no stamps are compared as ever, and the next run writes them" {
    run_evo evo-migrate up
    assert_exit 0
    pg_sql 'ALTER TABLE evo.fingerprints DROP stamp'
    status_json --fail-on drift
    assert_exit 0
    assert_json '.data.fingerprint | .drift == "none" and .live == .recorded'
    migration 3_c up 'CREATE TABLE c (id int);'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json 'all(.data.warnings[]; contains("schema") | not)'
    assert_equal 'up 3_c' "$(pg_sql "SELECT moment || ' ' || name FROM evo.fingerprints WHERE stamp IS NOT NULL")"
}

@test "what is kept is bounded" {
    run_evo evo-migrate up
    pg_sql "INSERT INTO evo.fingerprints (ledger, moment, state, fingerprint, format, server_version)
            SELECT 'x', 'up', 's', 'f' || n, 'old', 1 FROM generate_series(1, 1100) n;
            INSERT INTO evo.schemas SELECT 'f' || n, 'text' FROM generate_series(1, 1100) n"
    migration 3_c up 'CREATE TABLE c (id int);'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal '1000|20' "$(pg_sql 'SELECT (SELECT count(*) FROM evo.fingerprints), (SELECT count(*) FROM evo.schemas)')"
    run_evo evo-status --fail-on drift
    assert_exit 0
}

@test "of a run with many only the last states are recorded" {
    local n
    for n in $(seq 10 40); do migration "3_m$n" up "SELECT $n;"; done
    run_evo evo-migrate up --json
    assert_exit 0
    assert_equal 21 "$(moments | wc -l)"
    assert_json '[.data.applied[].fingerprint | select(. != null)] | length == 20'
    run_evo evo-status --fail-on drift
    assert_exit 0
}
