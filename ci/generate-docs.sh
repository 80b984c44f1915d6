#!/bin/bash
# generate-docs.sh [--check]: the text that is made from the option tables.
#
#   cmd/README.md                every executable, command and option
#   lib/schema/evo.schema.json   the JSON Schema of evo.json
#
# Each executable prints its table (--dump-options); this only arranges it. With
# --check nothing is written: fails when a file is not what would be.
set -eu -o pipefail
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}

tables=$(for bin in "$BUILD"/bin/evo-*; do "$bin" --dump-options; done | jq -s 'sort_by(.program)')

readme() {
    cat <<'TEXT'
# cmd: the executables

One file an executable: what it does and its exit statuses, the options struct, the
option table, `run`, the descriptor. Where it has many commands, each has a file in a
folder of the executable's name. Made by `make docs` from the tables; not to be
edited. A new executable is a new file here: the Makefile finds it, and `evo NAME` runs it.

`evo NAME …` runs `evo-NAME …`. A value is looked for in this order: flag, the action's
input (`EVO_IN_…`), the variables named below, `environments.<name>` of evo.json, its top
level (a command's own options in the section named after the executable), the default.

TEXT
    jq -r '
        def row: "| `--\(.name)\(if .value then " " + .value else "" end)` | \(.help)\(if .choices then " (" + .choices + ")" else "" end) | \(.default // "") | \(if .variables then "`" + (.variables | gsub(", "; "`, `")) + "`" else "" end) |";
        def secret: "| (environment only) | \(.help) | | `\(.variables | gsub(", "; "`, `"))` |";
        def table(f): map(select(.hidden | not)) | if length == 0 then empty else
            "\n| option | meaning | default | variables |", "| --- | --- | --- | --- |",
            (.[] | if .type == "secret" then secret else row end) end;
        (.[0].shared | "## Options of every executable", table(.)),
        (.[] | "\n## \(.program)\n\n\(.summary)",
            (.section as $s | .commands[] | (if .name then "\n### \($s) \(.name)\(if .args then " " + .args else "" end)\n\n\(.summary)" else empty end), (.options | table(.))))
    ' <<<"$tables"
}

schema() {
    jq '
        def kind:
            if .type == "flag" then {type: "boolean"}
            elif .type == "int" then {type: "integer", minimum: 0}
            elif .type == "choice" then {enum: (.choices | split(" "))}
            elif .type == "duration" then {type: "string", pattern: "^(0|[0-9]+(ms|s|min|h|d))$"}
            elif .type == "size" then {type: ["string", "integer"]}
            elif .type == "list" or .type == "lines" then
                (if .choices then {enum: (.choices | split(" "))} else {type: "string"} end) as $item
                | {oneOf: [{type: "string"}, {type: "array", items: $item}]}
            else {type: "string"} end;
        def properties: map(select((.flag_only or .type == "secret") | not) | {key: .name, value: (kind + {description: .help})}) | from_entries;
        (.[0].shared | properties) as $shared
        | (map({key: .section, value: {type: "object", additionalProperties: false, properties: ([.commands[].options[]] | properties)}})
            | from_entries) as $sections
        | {"$schema": "https://json-schema.org/draft/2020-12/schema",
           "$id": "https://evo.invalid/schema/evo.schema.json",
           title: "evo.json: the configuration of evo",
           type: "object",
           properties: ({"$schema": {type: "string"}} + $shared + $sections
               + {environments: {type: "object", additionalProperties: {type: "object", properties: ($shared + $sections), additionalProperties: false}}}),
           additionalProperties: false}
    ' <<<"$tables"
}

status=0
put() {
    local file=$1 text=$2
    if [ "${check:-}" ]; then
        if [ "$(cat "$file" 2>/dev/null)" != "$text" ]; then
            echo "$file is not what the option tables say; run: make docs" >&2
            diff <(cat "$file" 2>/dev/null) <(printf '%s\n' "$text") | head -n 20 >&2 || true
            status=1
        fi
        return
    fi
    printf '%s\n' "$text" >"$file.tmp"
    mv "$file.tmp" "$file"
}

check=
[ "${1:-}" != --check ] || check=yes
put cmd/README.md "$(readme)"
put lib/schema/evo.schema.json "$(schema)"
exit "$status"
