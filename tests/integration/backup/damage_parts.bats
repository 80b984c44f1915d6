# Damages of a table that lies in many objects, and of an encrypted backup.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers
load damage

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
