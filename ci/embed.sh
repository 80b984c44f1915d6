#!/bin/sh
# embed.sh FILE...: writes C to stdout that holds each file as a string.
#
# lib/schema/ledger.sql becomes `const char evo_schema_sql_ledger[]`, ending in
# NUL; lib/schema/sql.h declares them. Bytes are written as octal escapes, so
# nothing in a file needs quoting.
set -eu

[ $# -gt 0 ] || {
    echo "usage: ci/embed.sh FILE..." >&2
    exit 2
}

echo "/* Made by ci/embed.sh: edit the .sql files, not this. */"
echo '#include "schema/sql.h"'
for file in "$@"; do
    name=$(basename "$file")
    ext=${name##*.}
    stem=$(printf '%s' "${name%.*}" | tr -c 'A-Za-z0-9_' '_')
    # An empty file is no schema; a missing one must not become an empty string.
    [ -s "$file" ] || {
        echo "embed.sh: could not read \"$file\", or it is empty" >&2
        exit 1
    }
    printf '\nconst char evo_schema_%s_%s[] =\n' "$ext" "$stem"
    od -An -v -to1 "$file" | awk '{
        line = "    \""
        for (i = 1; i <= NF; i++) line = line "\\" $i
        print line "\""
    }'
    echo "    ;"
done
