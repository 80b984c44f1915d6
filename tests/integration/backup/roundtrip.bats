# A database that is hard to back up goes there and back, with evo and without it.
# seconds: 10
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    nasty_db
    use_folder_store
}

@test "stock pg_restore restores a backup by the commands in RESTORE.txt" {
    run_evo evo-backup create
    assert_exit 0
    source_db=$PG_DB
    stock_copy "$source_db" "${source_db}_s"
    follow_instructions "$(backup_folder)" "${source_db}_m"
    assert_same_database "$source_db" "${source_db}_m" "${source_db}_s"
}

@test "evo-restore restores it, rows counted" {
    run_evo evo-backup create --json
    assert_exit 0
    assert_json '.data.tables == 20 and .data.rows == 860 and .error == null'
    id=$(json .data.id)
    run_evo evo-restore "$id" --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 0
    assert_json '.data.rows == 860 and (.data.tables | length) == 20'
    stock_copy "$PG_DB" "${PG_DB}_s"
    assert_same_database "$PG_DB" "${PG_DB}_r" "${PG_DB}_s"
}

@test "what was restored can be backed up and restored again" {
    run_evo evo-backup create
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    run_evo evo-backup create --database "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    run_evo evo-restore latest --backup-of "${PG_DB}_r" --create --to "$(pg_url "${PG_DB}_rr")"
    assert_exit 0
    assert_same_database "$PG_DB" "${PG_DB}_rr" "${PG_DB}_r"
}

@test "toc.dat is what pg_dump writes as directory, but for the large objects" {
    run_evo evo-backup create
    use_stock_tools
    pg_dump -Fd -f "$BATS_TEST_TMPDIR/d" "$PG_DB"
    pg_restore -l "$BATS_TEST_TMPDIR/d" | grep -v '^;' | grep -v 'BLOB\|LARGE OBJECT' >"$BATS_TEST_TMPDIR/want"
    pg_restore -l "$(backup_folder)" | grep -v '^;' >"$BATS_TEST_TMPDIR/got"
    diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
    assert_equal 5 "$(pg_restore -l "$(backup_folder)/lo.dump" | grep -v '^;' | grep -v BLOBS -c)"
}

@test "every kind of compression restores with stock tools and with evo" {
    stock_copy "$PG_DB" "${PG_DB}_s"
    for how in none better; do
        run_evo evo-backup create --compress "$how" --json
        assert_exit 0
        folder=$(json .data.location)
        id=$(json .data.id)
        case $how in
        none) [ -z "$(find "$folder" -name '*.dat.gz')" ] ;;
        *) [ -z "$(find "$folder" -name '*.dat' ! -name toc.dat)" ] ;;
        esac
        follow_instructions "$folder" "${PG_DB}_m$how"
        assert_same_database "$PG_DB" "${PG_DB}_m$how" "${PG_DB}_s"
        run_evo evo-restore "$id" --create --to "$(pg_url "${PG_DB}_r$how")"
        assert_exit 0
        assert_same_database "$PG_DB" "${PG_DB}_r$how" "${PG_DB}_s"
    done
}

@test "manifest, envelopes and listing hold what their schemas ask for" {
    run_evo evo-backup create --json --jobs 3
    assert_exit 0
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/create.json"
    id=$(json .data.id)
    assert_schema lib/schema/envelope.schema.json "$OUT"
    assert_schema lib/schema/data/backup-create.schema.json "$BATS_TEST_TMPDIR/create.json"
    assert_schema lib/schema/manifest.schema.json "$(backup_folder)/manifest.json"
    run_evo evo-backup list --json
    assert_json ".data.backups | length == 1 and .[0].id == \"$id\" and .[0].complete"
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/list.json"
    assert_schema lib/schema/data/backup-list.schema.json "$BATS_TEST_TMPDIR/list.json"
    run_evo evo-backup show latest --json
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/show.json"
    assert_schema lib/schema/manifest.schema.json "$BATS_TEST_TMPDIR/show.json"
    assert_json ".data.id == \"$id\" and .data.options.jobs == 3"
    run_evo evo-backup verify "$id" --json
    assert_exit 0
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/verify.json"
    assert_schema lib/schema/data/backup-verify.schema.json "$BATS_TEST_TMPDIR/verify.json"
    run_evo evo-restore "$id" --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_schema lib/schema/envelope.schema.json "$OUT"
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/restore.json"
    assert_schema lib/schema/data/restore.schema.json "$BATS_TEST_TMPDIR/restore.json"
}

@test "files are for their owner alone, and the listed hashes are those of the files" {
    run_evo evo-backup create
    assert_equal "" "$(find "$STORE_DIR" -type f ! -perm 0600)"
    assert_equal "" "$(find "$STORE_DIR" -mindepth 1 -type d ! -perm 0700)"
    folder=$(backup_folder)
    jq -r '.objects[] | .sha256 + "  " + .name' "$folder/manifest.json" >"$BATS_TEST_TMPDIR/sums"
    (cd "$folder" && sha256sum --check --quiet --strict "$BATS_TEST_TMPDIR/sums")
    assert_equal "$(($(wc -l <"$BATS_TEST_TMPDIR/sums") + 1))" "$(find "$folder" -type f | wc -l)"
}

@test "an extension's configuration table is backed up by the condition that the extension gave" {
    pg_fresh_db
    pg_sql "CREATE EXTENSION citext; CREATE TABLE settings (name text, mine boolean);
        INSERT INTO settings VALUES ('shipped', false), ('a', true), ('b', true);
        ALTER EXTENSION citext ADD TABLE settings;
        UPDATE pg_extension SET extconfig = ARRAY['settings'::regclass::oid], extcondition = ARRAY['WHERE mine'] WHERE extname = 'citext'"
    run_evo evo-backup create --json
    assert_exit 0
    assert_json '.data.tables == 1 and .data.rows == 2'
    assert_equal $'a\tt\nb\tt\n\\.' "$(zcat "$(json .data.location)"/*.dat.gz)"
}

@test "the ledger's state stands in the manifest" {
    pg_sql "CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
            migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
            applied_steps_count integer NOT NULL DEFAULT 0);
        INSERT INTO _prisma_migrations VALUES ('1', 'abc', now(), '20260101000000_init', NULL, NULL, now(), 1),
            ('2', 'def', NULL, '20260102000000_broken', 'error', NULL, now(), 0)"
    run_evo evo-backup create
    assert_exit 0
    run_evo evo-backup show latest --json
    assert_json '.data.ledger == {"layout": "prisma", "schema": "public",
        "applied": [{"name": "20260101000000_init", "checksum": "abc"}], "failed": [{"name": "20260102000000_broken", "checksum": "def"}]}'
}

@test "an empty database is a backup too" {
    pg_fresh_db
    run_evo evo-backup create --json
    assert_exit 0
    assert_json '.data.tables == 0 and .data.rows == 0'
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    run_evo evo-backup verify latest
    assert_exit 0
}
