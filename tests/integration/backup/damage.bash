# shellcheck shell=bash
# A good backup, the ways to damage it, and what must be said of each: for the files damage*.bats. Each row proves that the
# good backup passes, damages one thing, and proves that verify names that thing with its reason, and that evo-restore ends
# with exit 6 and leaves no database behind.
# Sourced behind tests/lib/evo.bash and helpers.bash.

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
