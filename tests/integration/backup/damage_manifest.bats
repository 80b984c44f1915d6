# Damages of the manifest, also with its checksum made right, and where it agrees with what it names.
# seconds: 20
bats_require_minimum_version 1.5.0
load ../../lib/evo
load helpers
load damage

@test "the manifest rewritten by this table's own means is believed" {
    edit --seal 'pass'
    run_evo evo-backup verify "$ID"
    assert_exit 0
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
