# The table of damages: each row proves that the good backup passes, damages one thing, and proves that verify names that
# thing with its reason, and that evo-restore ends with exit 6 and leaves no database behind.
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    pg_sql "CREATE TABLE a AS SELECT i, md5(i::text) FROM generate_series(1, 60000) i; CREATE TABLE b AS SELECT -i AS i, md5(i::text) FROM generate_series(1, 60000) i;
        CREATE TABLE c AS SELECT i FROM generate_series(1, 10) i; CREATE TABLE d AS SELECT -i AS i FROM generate_series(1, 10) i;
        CREATE TABLE empty (i int); SELECT lo_from_bytea(4711, 'lo')" >/dev/null
    use_folder_store
    run_evo evo-backup create --globals
    assert_exit 0
    FOLDER=$(backup_folder)
    ID=${FOLDER##*/}
    GOOD=$BATS_TEST_TMPDIR/good
    cp -a "$FOLDER" "$GOOD"
    A=$(object_of a) B=$(object_of b) C=$(object_of c) D=$(object_of d) EMPTY=$(object_of empty)
    GLOBALS=$(object_of_kind globals) CATALOG=$(object_of_kind catalog)
}

# object_of TABLE: its file.
object_of() {
    jq -r --arg t "$1" '.objects[] | select(.table == $t) | .name' "$FOLDER/manifest.json"
}

object_of_kind() {
    jq -r --arg k "$1" '.objects[] | select(.kind == $k) | .name' "$FOLDER/manifest.json"
}

# damaged WHAT OBJECT REASON COMMAND...: COMMAND does it; verify complains of OBJECT for REASON (a pattern), and of nothing else.
# "manifest" as OBJECT: REASON is part of the message about the manifest itself.
damaged() {
    local what=$1 object=$2 reason=$3
    shift 3
    echo "damage: $what" >&2
    "$@"
    run_evo evo-backup verify "$ID" --json
    assert_exit 6
    if [ "$object" = manifest ]; then
        assert_json '.error.reason == "integrity" and .data.damaged == []'
        # shellcheck disable=SC2053 # a pattern
        [[ $stderr == *$reason* ]] || fail "expected: $reason" "    said: $stderr"
    else
        local said
        said=$(json '.data.damaged[] | .object + " " + .reason')
        # shellcheck disable=SC2053 # a pattern
        [[ $said == $object" "$reason ]] || fail "expected: $object $reason" "    said: $said"
    fi
    refused_by_restore
    good_again
}

# Without the key of an encrypted backup nothing is tried; then it is verify alone that finds it.
refused_by_restore() {
    [ "${EVO_IDENTITY-none}" != "" ] || return 0
    run_evo evo-restore "$ID" --create --to "$(pg_url "${PG_DB}_r")" --json
    assert_exit 6
    assert_json '.error.reason == "integrity"'
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_r'")"
}

good_again() {
    rm -rf "$FOLDER"
    cp -a "$GOOD" "$FOLDER"
    run_evo evo-backup verify "$ID"
    assert_exit 0
}

# ---- ways to damage ------------------------------------------------------------

# flip OBJECT OFFSET: one bit of the byte there; from the end where it is negative.
flip() {
    perl -e 'my ($f, $o) = @ARGV; open(my $h, "+<", $f) or die; binmode $h; $o += -s $f if $o < 0; seek $h, $o, 0; read $h, my $b, 1;
        seek $h, $o, 0; print $h chr(ord($b) ^ 4)' "$FOLDER/$1" "$2"
}

# cut OBJECT SIZE: from the end where it is negative.
cut_to() {
    local size=$2
    [ "$size" -ge 0 ] || size=$(($(stat -c %s "$FOLDER/$1") + size))
    truncate -s "$size" "$FOLDER/$1"
}

# cut_behind_member OBJECT N: behind the Nth gzip member, where stock tools see no end that is missing.
cut_behind_member() {
    local end
    end=$(perl -e 'local $/; open my $h, "<", $ARGV[0]; binmode $h; my $t = <$h>; my $at = 0;
        $at = index($t, "\x1f\x8b\x08", $at + 10) for 1 .. $ARGV[1]; print $at' "$FOLDER/$1" "$2")
    [ "$end" -gt 10 ]
    truncate -s "$end" "$FOLDER/$1"
}

swap() {
    mv "$FOLDER/$1" "$BATS_TEST_TMPDIR/swapped"
    mv "$FOLDER/$2" "$FOLDER/$1"
    mv "$BATS_TEST_TMPDIR/swapped" "$FOLDER/$2"
}

# edit [--seal] CODE: changes the manifest, m in Python; o("c") is the object of that table. --seal makes its own checksum right again.
edit() {
    local seal=
    [ "$1" != --seal ] || { seal=yes && shift; }
    python3 - "$FOLDER/manifest.json" "$1" "$seal" <<'PY'
import hashlib, json, sys
path, code, seal = sys.argv[1:]
with open(path, encoding="utf-8") as f:
    m = json.load(f)
def o(table):
    return next(x for x in m["objects"] if x.get("table") == table)
def n(name):
    return next(x for x in m["objects"] if x["name"] == name)
exec(code)
if seal:
    del m["checksum"]
    m["checksum"] = hashlib.sha256(json.dumps(m, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
with open(path, "w", encoding="utf-8") as f:
    json.dump(m, f, indent=2, ensure_ascii=False)
PY
}

# rewrite OBJECT ROWS...: its content becomes these rows, and the manifest agrees with it in all but the number of rows.
rewrite() {
    local object=$1
    shift
    { printf '%s\n' "$@"; printf '\\.\n\n\n'; } | gzip -n >"$FOLDER/$object"
    agree "$object"
}

# agree OBJECT: the manifest names the size and hash that the object has.
agree() {
    edit --seal "x = n('$1'); d = open('$FOLDER/$1', 'rb').read(); x['stored_bytes'] = len(d); x['sha256'] = hashlib.sha256(d).hexdigest()
import gzip
if x['kind'] == 'table': x['raw_bytes'] = len(gzip.decompress(d))
m['totals']['stored_bytes'] = sum(y['stored_bytes'] for y in m['objects']); m['totals']['raw_bytes'] = sum(y.get('raw_bytes', 0) for y in m['objects'])"
}

# ---- the table -------------------------------------------------------------------

@test "the manifest rewritten by this table's own means is believed" {
    edit --seal 'pass'
    run_evo evo-backup verify "$ID"
    assert_exit 0
}

@test "each object: missing" {
    for object in "$A" "$C" "$EMPTY" "$GLOBALS" "$CATALOG" toc.dat lo.dump RESTORE.txt; do
        damaged "$object is missing" "$object" "is missing" rm "$FOLDER/$object"
    done
}

@test "each object: cut to nothing, in the middle, by one byte; a table behind a member" {
    for object in "$A" "$C" "$EMPTY" "$GLOBALS" "$CATALOG" toc.dat lo.dump RESTORE.txt; do
        for size in 0 $(($(stat -c %s "$GOOD/$object") / 2)) -1; do
            damaged "$object cut to $size" "$object" "is shorter than was written" cut_to "$object" "$size"
        done
    done
    damaged "a cut behind its first member" "$A" "is shorter than was written" cut_behind_member "$A" 1
}

@test "each object: one bit at its beginning, in the middle, at its end" {
    for object in "$A" "$C" "$EMPTY" lo.dump; do
        for at in 4 $(($(stat -c %s "$GOOD/$object") / 2)) -1; do
            damaged "$object flipped at $at" "$object" "@(is not what was written: its SHA-256 differs|gzip member * does not match its checksum|is no gzip*)" \
                flip "$object" "$at"
        done
    done
    for at in 4 $(($(stat -c %s "$GOOD/toc.dat") / 2)) -1; do
        damaged "toc.dat flipped at $at" "*toc.dat" "is not what was written: its SHA-256 differs" flip toc.dat "$at"
    done
}

@test "what evo-restore does not read: altered, verify says so, and the tables are restored all the same" {
    for object in RESTORE.txt "$GLOBALS" "$CATALOG"; do
        flip "$object" -9
        run_evo evo-backup verify "$ID" --json
        assert_exit 6
        assert_json ".data.damaged == [{\"object\": \"$object\", \"reason\": \"is not what was written: its SHA-256 differs\"}]"
        run_evo evo-restore "$ID" --create --to "$(pg_url "${PG_DB}_r")"
        assert_exit 0
        pg_sql -d postgres "DROP DATABASE ${PG_DB}_r"
        good_again
    done
}

@test "the objects of one table: one missing, two swapped, one twice, one cut behind a member, one left out" {
    pg_sql 'INSERT INTO a SELECT i, md5(i::text) FROM generate_series(60001, 180000) i'
    run_evo evo-backup create --range-size 3MiB --json
    assert_exit 0
    FOLDER=$(json .data.location)
    ID=${FOLDER##*/}
    rm -rf "$GOOD"
    cp -a "$FOLDER" "$GOOD"
    mapfile -t parts < <(jq -r '[.objects[] | select(.table == "a")] | sort_by(.part) | .[].name' "$FOLDER/manifest.json")
    [ "${#parts[@]}" -ge 3 ]
    local one=${parts[0]} two=${parts[1]} last=${parts[-1]}
    for object in "$one" "$two" "$last"; do
        damaged "$object is missing" "$object" "is missing" rm "$FOLDER/$object"
        damaged "$object is empty" "$object" "is shorter than was written" cut_to "$object" 0
        damaged "$object cut behind a member" "$object" "is shorter than was written" cut_behind_member "$object" 1
        damaged "a bit in the middle of $object" "$object" "@(is not what was written: its SHA-256 differs|gzip member * does not match its checksum|is no gzip*)" \
            flip "$object" $(($(stat -c %s "$GOOD/$object") / 2))
        damaged "$object left out" "$object" "is not in the manifest*toc.dat names another number of tables than the manifest" \
            edit --seal "m['objects'].remove(n('$object'))"
    done
    damaged "one and two swapped" "*$one" "holds the bytes of \"$two\"*" swap "$one" "$two"
    damaged "two in place of one" "$one" "holds the bytes of \"$two\"" cp "$FOLDER/$two" "$FOLDER/$one"
    damaged "another table's part" "$one" "holds the bytes of \"$(jq -r '[.objects[] | select(.table == "b")][0].name' "$GOOD/manifest.json")\"" \
        cp "$FOLDER/$(jq -r '[.objects[] | select(.table == "b")][0].name' "$GOOD/manifest.json")" "$FOLDER/$one"
    damaged "a row moved from one to two" "$one" "holds another number of rows than was written*" \
        edit --seal "n('$one')['rows'] -= 1; n('$two')['rows'] += 1"
    damaged "a part beyond what was written" 9999.dat.gz "is not in the manifest" cp "$FOLDER/$one" "$FOLDER/9999.dat.gz"
}

@test "an encrypted backup: each object missing, cut, flipped, two swapped; with the key and without it" {
    age-keygen -o "$BATS_TEST_TMPDIR/key.txt" 2>/dev/null
    add_canary "$(grep AGE-SECRET-KEY "$BATS_TEST_TMPDIR/key.txt")"
    run_evo evo-backup create --encrypt-to "$(age-keygen -y "$BATS_TEST_TMPDIR/key.txt")" --json
    assert_exit 0
    FOLDER=$(json .data.location)
    ID=${FOLDER##*/}
    rm -rf "$GOOD"
    cp -a "$FOLDER" "$GOOD"
    mapfile -t tables < <(jq -r '.objects[] | select(.kind == "table") | .name' "$FOLDER/manifest.json")
    for identity in "$BATS_TEST_TMPDIR/key.txt" ""; do
        export EVO_IDENTITY=$identity
        for object in "${tables[0]}" "${tables[2]}" toc.dat.age lo.dump.age; do
            damaged "$object is missing" "$object" "is missing" rm "$FOLDER/$object"
            damaged "$object cut by one byte" "$object" "is shorter than was written" cut_to "$object" -1
            for at in 60 180 -5; do
                damaged "$object flipped at $at" "$object" "@(is not what was written: its SHA-256 differs|the age file is damaged in chunk *|header of the age file is damaged: *)" \
                    flip "$object" "$at"
            done
        done
        damaged "two tables swapped" "${tables[0]}" "holds the bytes of \"${tables[1]}\"*" \
            swap "${tables[0]}" "${tables[1]}"
    done
}

@test "objects: longer, swapped, one twice, another kind's, one more, one of another backup" {
    damaged "a byte behind the end" "$A" "is longer than was written" eval 'echo >>"$FOLDER/$A"'
    damaged "a member behind the end" "$C" "is longer than was written" eval 'gzip -c <<<11 >>"$FOLDER/$C"'
    damaged "a and b swapped" "$A" "holds the bytes of \"$B\""$'\n'"$B holds the bytes of \"$A\"" swap "$A" "$B"
    damaged "c and d swapped" "$C" "holds the bytes of \"$D\""$'\n'"$D holds the bytes of \"$C\"" swap "$C" "$D"
    damaged "d in place of c" "$C" "holds the bytes of \"$D\"" cp "$FOLDER/$D" "$FOLDER/$C"
    damaged "a table in place of lo.dump" lo.dump "holds the bytes of \"$C\"" cp "$FOLDER/$C" "$FOLDER/lo.dump"
    damaged "lo.dump in place of toc.dat" toc.dat "holds the bytes of \"lo.dump\"" cp "$FOLDER/lo.dump" "$FOLDER/toc.dat"
    damaged "an object too many" 9999.dat.gz "is not in the manifest" cp "$FOLDER/$C" "$FOLDER/9999.dat.gz"
    damaged "a plain file that pg_restore would take first" "${C%.gz}" "is not in the manifest" eval 'printf "6\n\\.\n\n\n" >"$FOLDER/${C%.gz}"'
    pg_sql 'UPDATE c SET i = i + 1'
    run_evo evo-backup create --json
    assert_exit 0
    local other
    other=$(json .data.location)
    damaged "a later backup's table in an earlier one" "$C" "is longer than was written" cp "$other/$C" "$FOLDER/$C"
    damaged "another backup's manifest" manifest "is that of backup" cp "$other/manifest.json" "$FOLDER/manifest.json"
}

@test "the manifest: altered, its own checksum as it was" {
    for code in 'o("c")["rows"] = 11' 'o("c")["sha256"] = "0" * 64' 'o("c")["stored_bytes"] += 1' 'o("c")["table"] = "d"' 'm["objects"].remove(o("c"))' \
        'm["totals"]["rows"] += 1' 'm["database"] = "other"' 'm["checksum"] = "0" * 64' 'm["more"] = 1' 'm["wal"]["after"] = "0/0"'; do
        damaged "$code" manifest "does not match its own checksum" edit "$code"
    done
    damaged "no checksum" manifest "does not match its own checksum" edit 'del m["checksum"]'
    damaged "cut" manifest "is not valid JSON" cut_to manifest.json -100
    damaged "empty" manifest "is not valid JSON" cut_to manifest.json 0
    damaged "a bit in the middle" manifest "@(does not match its own checksum|is not valid JSON)" flip manifest.json 300
}

@test "the manifest: a lie with its checksum made right" {
    damaged "more rows" "$C" "holds another number of rows than was written" edit --seal 'o("c")["rows"] = 11; m["totals"]["rows"] += 1'
    damaged "another hash" "$C" "is not what was written: its SHA-256 differs" edit --seal 'o("c")["sha256"] = "0" * 64'
    damaged "the size of more" "$C" "is shorter than was written" edit --seal 'o("c")["stored_bytes"] += 1; m["totals"]["stored_bytes"] += 1'
    damaged "the size of less" "$C" "is longer than was written" edit --seal 'o("c")["stored_bytes"] -= 1; m["totals"]["stored_bytes"] -= 1'
    damaged "more bytes in it" "$C" "holds less than was written" edit --seal 'o("c")["raw_bytes"] += 1; m["totals"]["raw_bytes"] += 1'
    damaged "another number of members" "$A" "has another number of compressed members than was written" edit --seal 'o("a")["members"] += 1'
    damaged "a table left out" "$C" "is not in the manifest"$'\n'"toc.dat names another number of tables than the manifest" edit --seal 'm["totals"]["rows"] -= 10; x = o("c"); m["totals"]["tables"] -= 1; m["totals"]["objects"] -= 1
for k in ("stored_bytes", "raw_bytes"): m["totals"][k] -= x[k]
m["objects"].remove(x)'
    damaged "an object named twice" manifest "lacks what a manifest must have" edit --seal 'm["objects"].append(dict(o("c")))'
    damaged "a path in a name" manifest "lacks what a manifest must have" edit --seal 'o("c")["name"] = "../" + o("c")["name"]'
    damaged "no table at all" "$A" "is not in the manifest*toc.dat names another number of tables than the manifest" edit --seal 'm["objects"] = [x for x in m["objects"] if x["kind"] != "table"]'
    damaged "rows below none" manifest "lacks what a manifest must have" edit --seal 'o("c")["rows"] = -1'
    damaged "a newer schema" manifest "is no manifest that this version of evo knows" edit --seal 'm["schema"] = 2'
    damaged "another database's" manifest "but is of environment " edit --seal 'm["database"] = "other"'
}

@test "object and manifest agree, and both lie" {
    damaged "a row less" "$C" "holds another number of rows than was written" rewrite "$C" 1 2 3 4 5 6 7 8 9
    damaged "a row more" "$C" "holds another number of rows than was written" rewrite "$C" 1 2 3 4 5 6 7 8 9 10 11
    damaged "rows in a table that had none" "$EMPTY" "holds another number of rows than was written" rewrite "$EMPTY" 1
    damaged "rows behind the end marker" "$C" "holds another number of rows than was written" rewrite "$C" 1 2 3 4 5 '\.' 6 7 8 9 10
}
