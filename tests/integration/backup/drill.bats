# Drills: a backup that comes back, the ways in which one does not, and that nothing is left of either.
# seconds: 50
bats_require_minimum_version 1.5.0
load ../../lib/evo
load ../../lib/migrate
load helpers
load features

setup() {
    pg_fresh_db
    use_folder_store
    # Where scratch clusters lie: the server's user must reach it.
    SCRATCH=$(mktemp -d "$EVO_TEST_DIR/drill.XXXXXX")
    # Whose databases on the tests' server are this test's: other files have drills there, too.
    pg_fresh_role SUPERUSER
    SCRATCH_ROLE=$PG_ROLE
    chmod 1777 "$SCRATCH"
    export TMPDIR=$SCRATCH
    EVO_RUN_TIMEOUT=120
}

# Of every drill of every test.
teardown() {
    nothing_left
}

nothing_left() {
    [ -z "$(ls -A "$SCRATCH")" ] || fail "left behind: $(ls -A "$SCRATCH")" || return
    no_server_left || fail "a server is left" || return
    assert_equal "" "$(pg_sql -d postgres "SELECT datname FROM pg_database WHERE datname LIKE 'evo\\_drill\\_%'
        AND datdba = (SELECT oid FROM pg_roles WHERE rolname = '$SCRATCH_ROLE')")"
}

back_up() {
    run_evo evo-backup create "$@"
    assert_exit 0
    FOLDER=$(backup_folder)
}

drill() {
    run_evo evo-backup drill latest --json "$@"
    if [ -s "$OUT" ]; then
        jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
        assert_schema "$EVO_ROOT/lib/schema/data/backup-drill.schema.json" "$BATS_TEST_TMPDIR/data.json"
    fi
}

# scratch_url: the tests' server, where a drill starts none of its own, which takes a second.
scratch_url() {
    pg_url postgres "$SCRATCH_ROLE"
}

drill_here() {
    drill --scratch-url "$(scratch_url)"
}

# proofs N: there are so many of drills, and they are what they should be. Sets PROOF to the last one.
proofs() {
    local all=("$FOLDER"/proof/*-drill.json)
    [ -e "${all[0]}" ] || all=()
    assert_equal "$1" "${#all[@]}"
    [ "$1" -gt 0 ] || return 0
    assert_schema "$EVO_ROOT/lib/schema/proof.schema.json" "${all[@]}"
    PROOF=${all[-1]}
}

# forge STATEMENT: Python's, on the manifest m and its folder; the checksum is made right again.
forge() {
    python3 -c 'import gzip, hashlib, json, sys
folder = sys.argv[1]
m = json.load(open(folder + "/manifest.json"))
def measure(name):
    data = open(folder + "/" + name, "rb").read()
    return {"stored_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
def schema_text(text):
    with open(folder + "/schema.txt.gz", "wb") as f:
        f.write(gzip.compress(text.encode()))
    m["objects"] = [o for o in m["objects"] if o["name"] != "schema.txt.gz"]
    m["objects"].append({"name": "schema.txt.gz", "kind": "catalog", **measure("schema.txt.gz")})
    m["objects"].sort(key=lambda o: o["name"].encode())
    m["totals"]["objects"] = len(m["objects"])
    m["totals"]["stored_bytes"] = sum(o["stored_bytes"] for o in m["objects"])
    m["fingerprint"] = hashlib.sha256(text.encode()).hexdigest()
exec(sys.argv[2])
m.pop("checksum")
compact = json.dumps(m, separators=(",", ":"), ensure_ascii=False)
m["checksum"] = hashlib.sha256(compact.encode()).hexdigest()
json.dump(m, open(folder + "/manifest.json", "w"), indent=2, ensure_ascii=False)' "$FOLDER" "$1"
}

@test "a database that is hard to back up comes back whole, with rows, roles and schema" {
    nasty_db
    back_up
    drill
    assert_exit 0
    assert_json '.data.fingerprint_equal == true and .data.differences == []'
    proofs 1
    rm -r "$FOLDER/proof"
    forge 'm["fingerprint"] = None; m["objects"] = [o for o in m["objects"] if o["kind"] != "catalog"]
m["totals"]["objects"] = len(m["objects"])
m["totals"]["stored_bytes"] = sum(o["stored_bytes"] for o in m["objects"])'
    rm -f "$FOLDER/schema.txt.gz"
    drill
    assert_exit 0
    assert_json '.ok and .data.id != null and (.data.tables | length) > 15 and .data.rows > 800'
    assert_json 'all(.data.tables[]; .rows_expected == .rows_found)'
    assert_json '[.data.tables[].name] | contains(["Odd \"Schema\".Ta(b)le, \"one\"", "public.measured_2026_0", "public.no_columns"])'
    assert_json '.data.fingerprint_equal == null and .data.remark == "the backup has no fingerprint of the schema"'
    proofs 1
    assert_equal "true null 15" "$(jq -r '"\(.ok) \(.problem) \(.server_version | split(".")[0])"' "$PROOF")"

    # What the restored schema is, is what the source's is: stock tools make the same of it.
    forge "m[\"fingerprint\"] = \"$(json .data.fingerprint)\""
    drill
    assert_exit 0
    assert_json '.data.fingerprint_equal and .data.remark == null'
    proofs 2
    run_evo evo-backup drill latest
    assert_exit 0
    assert_stdout_has "comes back: "
    assert_stdout_has "the schema is the same"
}

@test "the feature database comes back on each major version" {
    local major
    for major in $(pg_versions 15); do
        echo "PostgreSQL $major" >&2
        features_start "$major"
        features_db 1000
        many_large_objects 400
        back_up
        EVO_PG_BINDIR=$EVO_TEST_PG_BINDIR drill
        pg_private_stop
        assert_exit 0
        assert_json 'all(.data.tables[]; .rows_found >= .rows_expected) and .data.fingerprint_equal == true'
        assert_json "(.data.server_version | split(\".\")[0]) == \"$major\""
        rm -r "$STORE_DIR"
    done
    unset EVO_TEST_PG_BINDIR
    pg_use "$EVO_TEST_PG"
}

@test "an encrypted backup comes back with its key, and its proof names nothing" {
    local key=$BATS_TEST_TMPDIR/key.txt
    age-keygen -o "$key" 2>/dev/null
    add_canary "$(grep AGE-SECRET-KEY "$key")"
    pg_fresh_role
    pg_sql "CREATE TABLE canary (i int); INSERT INTO canary VALUES (1); GRANT SELECT ON canary TO $PG_ROLE;
        SELECT lo_from_bytea(4711, 'x'); GRANT SELECT ON LARGE OBJECT 4711 TO $PG_ROLE" >/dev/null
    back_up --encrypt-to "$(age-keygen -y "$key")"
    drill
    assert_exit 2
    assert_stderr_has 'is encrypted'
    proofs 0
    drill --identity "$key"
    assert_exit 0
    assert_json '.data.tables == [{name: "public.canary", rows_expected: 1, rows_found: 1}] and .data.fingerprint_equal == true'
    proofs 1
    assert_equal "true null 1" "$(jq -r '"\(.ok) \(.tables) \(.rows)"' "$PROOF")"
    ! grep -q canary "$PROOF" || fail "the proof names a table"
}

@test "rows that are not there any more are named, with exit status 6" {
    # The index deletes rows of another table while it is made.
    pg_sql "CREATE TABLE victim (id int); CREATE TABLE other (id int);
        CREATE FUNCTION eat() RETURNS int LANGUAGE plpgsql AS \$\$ BEGIN DELETE FROM public.victim WHERE id = 3; RETURN 1; END \$\$;
        CREATE FUNCTION still(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS \$\$ BEGIN RETURN i + public.eat() * 0; END \$\$;
        INSERT INTO other SELECT generate_series(1, 3);
        CREATE INDEX eater ON other (still(id));
        INSERT INTO victim SELECT generate_series(1, 5)"
    back_up
    drill_here
    assert_exit 6
    assert_json '.error.reason == "integrity" and (.error.message | contains("does not come back as it was: rows of 1 table differ"))'
    assert_json '.error.detail == "\"public.victim\" has 4 rows instead of 5."'
    assert_json '[.data.tables[] | select(.rows_expected != .rows_found)] == [{name: "public.victim", rows_expected: 5, rows_found: 4}]'
    proofs 1
    assert_equal "false 4" "$(jq -r '"\(.ok) \(.tables[] | select(.name == "public.victim") | .rows_found)"' "$PROOF")"
    run_evo evo-backup drill latest --scratch-url "$(scratch_url)"
    assert_exit 6
    assert_stdout_has 'differs: "public.victim" has 4 rows instead of 5'
}

@test "a schema that is another one is shown, with exit status 6" {
    pg_sql 'CREATE TABLE a (i int)'
    back_up
    forge 'schema_text("evo schema fingerprint, format 1\ncolumn public.a.i: bigint\ntable public.a\n")'
    drill_here
    assert_exit 6
    assert_json '.data.fingerprint_equal == false and .data.differences == ["- column public.a.i: bigint", "+ column public.a.i: integer"]'
    assert_json '.error.message | endswith("does not come back as it was: the schema differs")'
    assert_json '.error.detail == "- column public.a.i: bigint; + column public.a.i: integer"'
    proofs 1
    assert_equal "false 2" "$(jq -r '"\(.ok) \(.differences | length)"' "$PROOF")"
    run_evo evo-backup drill latest --scratch-url "$(scratch_url)"
    assert_stdout_has '+ column public.a.i: integer'

    # Without its text only the fingerprints can be shown.
    forge 'm["fingerprint"] = "0" * 64; m["objects"] = [o for o in m["objects"] if o["kind"] != "catalog"]
m["totals"]["objects"] = len(m["objects"])
m["totals"]["stored_bytes"] = sum(o["stored_bytes"] for o in m["objects"])'
    rm "$FOLDER/schema.txt.gz"
    drill_here
    assert_exit 6
    assert_json '.data.differences == [] and (.error.detail | startswith("Its fingerprint was 000000000000… and is "))'
}

@test "the version of an extension is the installed one: it is said, and no reason to fail" {
    pg_sql 'CREATE EXTENSION hstore'
    back_up
    forge 'schema_text("evo schema fingerprint, format 1\ncomment on extension hstore: data type for storing sets of (key, value) pairs\nextension hstore: schema public\nextension hstore: version 0.9\n")'
    drill_here
    assert_exit 0
    assert_json '.data.fingerprint_equal and (.data.differences | length) == 2'
    assert_stderr_has 'the versions of extensions differ: - extension hstore: version 0.9'
}

@test "a backup of a part is not compared with the whole schema, nor one of another major version" {
    pg_sql 'CREATE TABLE a (i int); CREATE TABLE b (i int)'
    back_up --exclude-table b
    forge 'm["fingerprint"] = "0" * 64'
    drill_here
    assert_exit 0
    assert_json '.data.fingerprint_equal == null and .data.remark == "the backup is not of the whole database"'
    forge 'm["options"]["filtered"] = False; m["server"]["version_num"] = 140000'
    drill_here
    assert_exit 0
    assert_json '.data.fingerprint_equal == null and (.data.remark | startswith("the backup is of PostgreSQL 14, the drill ran on 1"))'
}

@test "a damaged object: exit status 6, recorded, and nothing left" {
    pg_sql 'CREATE TABLE a AS SELECT i FROM generate_series(1, 10000) i'
    back_up
    local object
    object=$(jq -r '.objects[] | select(.table == "a") | .name' "$FOLDER/manifest.json")
    printf 'x' | dd of="$FOLDER/$object" bs=1 seek=50 conv=notrunc status=none
    drill_here
    assert_exit 6
    assert_json '.error.reason == "integrity" and (.error.message | contains("public.a"))'
    proofs 1
    assert_equal "false $(json .error.message)" "$(jq -r '"\(.ok) \(.problem)"' "$PROOF")"
}

@test "probes of the applied migrations are asked; a false one is exit status 1" {
    local layout
    for layout in prisma sql; do
        pg_fresh_db
        migrate_project "$layout"
        migration 20240101000000_users up 'CREATE TABLE users (id int);'
        migration 20240101000000_users verify_up "SELECT count(*) = 2 FROM users;"
        pg_sql 'SELECT 1' >/dev/null
        printf 'CREATE TABLE later (id int);' >"$BATS_TEST_TMPDIR/later.sql"
        migration 20240101000000_users verify_up 'SELECT true;'
        run_evo evo-migrate up
        assert_exit 0
        pg_sql 'INSERT INTO users VALUES (1), (2)'
        migration 20240102000000_later up "$(cat "$BATS_TEST_TMPDIR/later.sql")"
        migration 20240102000000_later verify_up 'SELECT false;'
        migration 20240101000000_users verify_up 'SELECT count(*) = 2 FROM users;'
        back_up
        drill_here
        assert_exit 0
        assert_json '[.data.probes[] | "\(.migration) \(.verdict)"] == ["20240101000000_users true"]'
        proofs 1

        migration 20240101000000_users verify_up 'SELECT count(*) = 3 FROM users;'
        drill_here
        assert_exit 1
        assert_json '.error.reason == "probe_false" and .error.migration == "20240101000000_users" and .data.probes[0].verdict == "false"'
        proofs 2
        assert_equal "false 1" "$(jq -r '"\(.ok) \(.probes | length)"' "$PROOF")"
        run_evo evo-backup drill latest --scratch-url "$(scratch_url)"
        assert_exit 1
        assert_stdout_has 'probe of 20240101000000_users, line 1: '
        cd "$BATS_TEST_TMPDIR" && rm -rf "$PROJECT"
    done
}

@test "a probe file that is none is a mistake of the project, and says nothing of the backup" {
    migrate_project sql
    migration 20240101000000_users up 'CREATE TABLE users (id int);'
    run_evo evo-migrate up
    assert_exit 0
    back_up
    migration 20240101000000_users verify_up '-- nothing'
    drill
    assert_exit 2
    proofs 0
    # A folder that was named and is not there is found before anything starts.
    drill --migrations nowhere
    assert_exit 2
    assert_json '.data.server_version == null'
}

@test "on a server of the caller's a database is made, and dropped" {
    nasty_db
    back_up
    drill --scratch-url "$(scratch_url)" --jobs 1
    assert_exit 0
    assert_json '.data.rows > 800'
    proofs 1
    nothing_left
    # Damaged: dropped all the same.
    rm "$FOLDER"/*.dat.gz
    drill --scratch-url "$(scratch_url)"
    assert_exit 6
    nothing_left
    proofs 2
}

@test "a role that may not make databases is told so, and nothing is recorded" {
    pg_sql 'CREATE TABLE a (i int)'
    back_up
    pg_fresh_role
    drill --scratch-url "$(pg_url postgres "$PG_ROLE")"
    assert_exit 3
    assert_json '.error.reason == "permission" and (.error.message | startswith("could not make a database for the drill"))'
    proofs 0
}

@test "a locale that the machine does not have is replaced" {
    pg_sql 'CREATE TABLE a AS SELECT 1 AS i'
    back_up
    python3 -c 'import sys
p = sys.argv[1]
data = open(p, "rb").read()
assert b"C.UTF-8" in data
open(p, "wb").write(data.replace(b"C.UTF-8", b"x.UTF-8"))' "$FOLDER/toc.dat"
    forge '[o.update(measure("toc.dat")) for o in m["objects"] if o["name"] == "toc.dat"]'
    drill
    assert_exit 0
    assert_stderr_has 'the server has no locale'
    assert_json '.data.rows == 1'
}

@test "without a server's programs the package is named, and nothing is recorded" {
    pg_sql 'CREATE TABLE a (i int)'
    back_up
    EVO_PG_BINDIR=/nonexistent drill
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.message | contains("a scratch cluster needs a server"))'
    proofs 0
}

# drill_in_restore: a drill that is loading the rows.
drill_in_restore() {
    start_evo evo-backup drill latest "$@"
    wait_until 60 loading
}

loading() {
    grep -q 'goes into database' "$ERR"
}

@test "a cancel ends it within seconds, with nothing left and nothing recorded" {
    big_table a 500000
    back_up
    local url began
    for url in '' "$(scratch_url)"; do
        drill_in_restore ${url:+--scratch-url "$url"}
        began=$SECONDS
        kill -TERM "$EVO_PID"
        finish_evo
        [ $((SECONDS - began)) -lt 15 ]
        assert_equal 143 "$status"
        proofs 0
        nothing_left
    done
}

@test "kill -9 ends the server too, and the next drill removes its folder" {
    big_table a 500000
    back_up
    drill_in_restore
    kill -KILL "$EVO_PID"
    finish_evo
    assert_equal 137 "$status"
    wait_until 15 no_server_left
    assert_equal 1 "$(find "$SCRATCH" -mindepth 1 -maxdepth 1 -name 'evo-scratch.*' | wc -l)"
    drill
    assert_exit 0
    assert_stderr_has 'removed 1 scratch cluster that a killed run left'
}

no_server_left() {
    [ -z "$(readlink /proc/[0-9]*/cwd | grep -F "$SCRATCH/")" ]
}

@test "a store that may only be read is worth a warning" {
    pg_sql 'CREATE TABLE a (i int)'
    back_up
    ln -s /nonexistent/x "$FOLDER/proof"
    drill_here
    assert_exit 0
    assert_stderr_has 'could not record beside the backup what was found'
}
