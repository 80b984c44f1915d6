# Damages of objects: missing, cut, altered, longer, swapped.
# seconds: 25
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers
load damage

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
