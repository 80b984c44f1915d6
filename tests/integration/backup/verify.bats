# Damage: each row of the table proves that the good backup passes, damages it, and proves that it is refused for
# that reason by verify, and not restored.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers

setup() {
    pg_fresh_db
    pg_sql "CREATE TABLE a AS SELECT i, md5(i::text) FROM generate_series(1, 40000) i; CREATE TABLE b AS TABLE a;
        CREATE TABLE c AS SELECT i FROM generate_series(1, 10) i; SELECT lo_from_bytea(4711, 'lo')" >/dev/null
    use_folder_store
    run_evo evo-backup create
    assert_exit 0
    FOLDER=$(backup_folder)
    A=$(object_of a) C=$(object_of c)
}

# object_of TABLE: its file.
object_of() {
    jq -r --arg t "$1" '.objects[] | select(.table == $t) | .name' "$FOLDER/manifest.json"
}

# flip FILE OFFSET: changes one byte.
flip() {
    perl -e 'my ($f, $o) = @ARGV; open(my $h, "+<", $f) or die; binmode $h; seek $h, $o, 0; read $h, my $b, 1;
        seek $h, $o, 0; print $h chr(ord($b) ^ 255)' "$1" "$2"
}

# reforge OBJECT [KEY VALUE]...: the manifest says of the object what the folder holds now, checksum included: for lies
# that only reading the rows can find.
reforge() {
    perl -MJSON::PP -MDigest::SHA -e '
        my ($folder, $name, %set) = @ARGV;
        local $/;
        open(my $h, "<", "$folder/manifest.json") or die;
        my $text = <$h>;
        my $sha = Digest::SHA->new(256)->addfile("$folder/$name")->hexdigest;
        my $size = -s "$folder/$name";
        # The text keeps its order: only the values of this object are exchanged.
        $text =~ s/("name": "\Q$name\E",\s*"kind": "\w+",\s*"stored_bytes": )\d+(,\s*"sha256": ")[0-9a-f]+/$1$size$2$sha/ or die;
        for my $k (keys %set) {
            $text =~ s/("name": "\Q$name\E"[^}]*"$k": )\d+/$1$set{$k}/ or die;
        }
        $text =~ s/,\s*"checksum": "[0-9a-f]+"//;
        my $compact = $text;
        $compact =~ s/^\s+//mg;
        $compact =~ s/\n//g;
        $compact =~ s/": (["{\[\dntf])/":$1/g;
        my $sum = Digest::SHA::sha256_hex($compact);
        $text =~ s/\n\}\s*$/,\n  "checksum": "$sum"\n}\n/ or die;
        open(my $o, ">", "$folder/manifest.json") or die;
        print $o $text;
    ' "$FOLDER" "$@"
}

# assert_refused OBJECT REASON: verify names exactly this object and reason, and a restore ends with nothing made.
assert_refused() {
    run_evo evo-backup verify latest --json
    assert_exit 6
    assert_json ".data.damaged == [{\"object\": \"$1\", \"reason\": \"$2\"}] and .error.reason == \"integrity\""
    run_evo evo-restore latest --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 6
    assert_equal "" "$(pg_sql "SELECT datname FROM pg_database WHERE datname = '${PG_DB}_r'")"
}

@test "a backup as it was written is whole" {
    run_evo evo-backup verify latest --json
    assert_exit 0
    assert_json '.data.damaged == [] and .data.objects == 7'
    run_evo evo-backup verify latest --quick
    assert_exit 0
}

@test "what was found is recorded beside the backup, the good and the bad, but nothing by --quick" {
    run_evo evo-backup verify latest --quick
    assert_exit 0
    [ ! -e "$FOLDER/proof" ]
    run_evo evo-backup verify latest
    assert_exit 0
    flip "$FOLDER/$A" 100
    run_evo evo-backup verify latest
    assert_exit 6
    proofs=("$FOLDER"/proof/*-verify.json)
    assert_equal 2 "${#proofs[@]}"
    assert_schema "$EVO_ROOT/lib/schema/proof.schema.json" "${proofs[@]}"
    assert_equal "true 7 0" "$(jq -r '"\(.ok) \(.objects) \(.damaged | length)"' "${proofs[0]}")"
    assert_equal "false $A ${FOLDER##*/}" "$(jq -r '"\(.ok) \(.damaged[0].object) \(.backup)"' "${proofs[1]}")"
    # Who restores it hears of it, although sizes alone do not show it.
    run_evo evo-restore latest --dry-run --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 0
    assert_stderr_has '"evo-backup verify" found this backup wrong at'
}

@test "a store in which nothing can be recorded is a warning, not a failure" {
    # A link that leads nowhere: no folder can be made there, by nobody.
    ln -s /nonexistent/x "$FOLDER/proof"
    run_evo evo-backup verify latest
    assert_exit 0
    assert_stdout_has "is whole"
    assert_stderr_has "could not record beside the backup what was found"
}

@test "missing: a table, toc.dat, lo.dump, RESTORE.txt" {
    for name in "$A" toc.dat lo.dump RESTORE.txt; do
        mv "$FOLDER/$name" "$BATS_TEST_TMPDIR/away"
        assert_refused "$name" "is missing"
        run_evo evo-backup verify latest --quick
        assert_exit 6
        mv "$BATS_TEST_TMPDIR/away" "$FOLDER/$name"
    done
}

@test "cut: within a member, behind a member, at the last byte" {
    size=$(stat -c %s "$FOLDER/$A")
    cp "$FOLDER/$A" "$BATS_TEST_TMPDIR/good"
    for n in 0 1000 $((size - 1)); do
        truncate -s "$n" "$FOLDER/$A"
        run_evo evo-backup verify latest --json
        assert_exit 6
        assert_json ".data.damaged | length == 1 and .[0].object == \"$A\""
        cp "$BATS_TEST_TMPDIR/good" "$FOLDER/$A"
    done
    # Where the first member ends: what pg_restore itself would take for the whole.
    perl -e 'local $/; open my $h, "<", $ARGV[0]; binmode $h; my $t = <$h>;
        print index($t, "\x1f\x8b\x08", 10)' "$FOLDER/$A" >"$BATS_TEST_TMPDIR/end"
    end=$(cat "$BATS_TEST_TMPDIR/end")
    [ "$end" -gt 10 ]
    truncate -s "$end" "$FOLDER/$A"
    assert_refused "$A" "is shorter than was written"
}

@test "altered: a byte of each object" {
    for name in "$A" toc.dat lo.dump RESTORE.txt; do
        cp "$FOLDER/$name" "$BATS_TEST_TMPDIR/good"
        flip "$FOLDER/$name" 100
        run_evo evo-backup verify latest --json
        assert_exit 6
        assert_json ".data.damaged | length == 1 and .[0].object == \"$name\""
        cp "$BATS_TEST_TMPDIR/good" "$FOLDER/$name"
    done
    run_evo evo-backup verify latest
    assert_exit 0
}

@test "altered: bytes of the gzip header that mean nothing are found by the hash" {
    flip "$FOLDER/$A" 4
    assert_refused "$A" "is not what was written: its SHA-256 differs"
}

@test "swapped: two tables, and one table twice" {
    mv "$FOLDER/$A" "$BATS_TEST_TMPDIR/a"
    mv "$FOLDER/$C" "$FOLDER/$A"
    mv "$BATS_TEST_TMPDIR/a" "$FOLDER/$C"
    run_evo evo-backup verify latest --json
    assert_exit 6
    assert_json ".data.damaged == ([{\"object\": \"$A\", \"reason\": \"holds the bytes of \\\"$C\\\"\"},
        {\"object\": \"$C\", \"reason\": \"holds the bytes of \\\"$A\\\"\"}] | sort_by(.object))"
}

@test "added: an object that the manifest does not name; proofs are no such" {
    mkdir "$FOLDER/proof"
    echo '{}' >"$FOLDER/proof/x.json"
    run_evo evo-backup verify latest
    assert_exit 0
    cp "$FOLDER/$A" "$FOLDER/9999.dat.gz"
    assert_refused 9999.dat.gz "is not in the manifest"
}

@test "the manifest: altered, cut, none, another backup's" {
    cp "$FOLDER/manifest.json" "$BATS_TEST_TMPDIR/good"
    id=${FOLDER##*/}
    sed -i 's/"rows": 40000/"rows": 39999/' "$FOLDER/manifest.json"
    run_evo evo-backup verify "$id"
    assert_exit 6
    assert_stderr_has "does not match its own checksum"
    truncate -s 500 "$FOLDER/manifest.json"
    run_evo evo-restore "$id" --create --to "$(pg_url "${PG_DB}_r")"
    assert_exit 6
    rm "$FOLDER/manifest.json"
    run_evo evo-backup verify "$id" --json
    assert_exit 1
    assert_json '.error.reason == "incomplete"'
    run_evo evo-backup create --json
    cp "$(json .data.location)/manifest.json" "$FOLDER/manifest.json"
    run_evo evo-backup verify "$id"
    assert_exit 6
    assert_stderr_has "is that of backup"
    cp "$BATS_TEST_TMPDIR/good" "$FOLDER/manifest.json"
    run_evo evo-backup verify "$id"
    assert_exit 0
}

@test "a lie that even the hash does not show: rows, end marker, members" {
    cp "$FOLDER/manifest.json" "$BATS_TEST_TMPDIR/manifest"
    cp "$FOLDER/$C" "$BATS_TEST_TMPDIR/c"
    reforge "$C"
    run_evo evo-backup verify latest
    assert_exit 0
    printf '1\n2\n\\.\n\n\n' | gzip >"$FOLDER/$C"
    reforge "$C" raw_bytes 9
    assert_refused "$C" "holds another number of rows than was written"
    seq 1 10 | gzip >"$FOLDER/$C"
    reforge "$C" raw_bytes 21
    assert_refused "$C" "lacks its end marker"
    { seq 1 10 | gzip; printf '\\.\n\n\n' | gzip; } >"$FOLDER/$C"
    reforge "$C" raw_bytes 26
    assert_refused "$C" "has another number of compressed members than was written"
}

@test "a lie in the middle of a restore ends it: nothing of the table is loaded" {
    # The sizes agree, so that it is found only while it is loaded.
    flip "$FOLDER/$A" "$(($(stat -c %s "$FOLDER/$A") - 2000))"
    pg_sql "CREATE DATABASE ${PG_DB}_r"
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_r")"
    assert_exit 6
    assert_stderr_has "public.a"
    assert_stderr_has "it is empty as before"
    assert_equal "" "$(pg_sql -d "${PG_DB}_r" "SELECT to_regclass('a')")"
    # Into one that is not empty: it is said what is there.
    pg_sql -d "${PG_DB}_r" 'CREATE TABLE other AS SELECT 2 AS id'
    run_evo evo-restore latest --to "$(pg_url "${PG_DB}_r")" --into-existing --confirm "${PG_DB}_r"
    assert_exit 6
    assert_stderr_has "no table that was there before was changed"
    assert_stderr_has "hold their rows"
    assert_equal 0 "$(pg_sql -d "${PG_DB}_r" 'SELECT count(*) FROM a')"
    assert_equal 2 "$(pg_sql -d "${PG_DB}_r" 'SELECT id FROM other')"
}

@test "latest does not pass over a newest backup whose manifest is damaged" {
    pg_fresh_db
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/two" --json
    older=$(json .data.id)
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/two" --json
    newest=$(json .data.id)
    echo x >>"$BATS_TEST_TMPDIR/two/backups/default/$PG_DB/$newest/manifest.json"
    run_evo evo-restore latest --store "$BATS_TEST_TMPDIR/two" --backup-of "$PG_DB" --to "$(pg_url "${PG_DB}_no")" --create --json
    assert_exit 6
    assert_stderr_has "$newest"
    run_evo evo-backup verify "$older" --store "$BATS_TEST_TMPDIR/two"
    assert_exit 0
}

@test "a backup in another database's folder is not believed" {
    pg_fresh_db
    run_evo evo-backup create --store "$BATS_TEST_TMPDIR/moved" --json
    mv "$BATS_TEST_TMPDIR/moved/backups/default/$PG_DB" "$BATS_TEST_TMPDIR/moved/backups/default/other"
    run_evo evo-backup verify latest --store "$BATS_TEST_TMPDIR/moved" --backup-of other --json
    assert_exit 6
    assert_stderr_has "is of environment \"default\", database \"$PG_DB\""
    run_evo evo-backup list --store "$BATS_TEST_TMPDIR/moved" --backup-of other --json
    assert_json '.data.backups == []'
}
