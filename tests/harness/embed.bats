# ci/embed.sh: the bytes of a file come back out of the C it writes.
# Nothing of this build runs here: not again under the sanitizers.
bats_require_minimum_version 1.5.0
load ../lib/evo

@test "every byte survives, and the name follows the file's" {
    cd "$BATS_TEST_TMPDIR"
    mkdir schema
    printf 'extern const char evo_schema_sql_odd_name[];\n' >schema/sql.h
    # Digits after an escape, quotes, trigraphs, high bytes, no newline at the end.
    printf 'a\\"1??/\n\t7\303\244%%s\001' >odd-name.sql
    "$EVO_ROOT/ci/embed.sh" odd-name.sql >embedded.c
    printf '#include <stdio.h>\n#include "schema/sql.h"\nint main(void) { return fputs(evo_schema_sql_odd_name, stdout) < 0; }\n' >main.c
    local compiler
    read -ra compiler <<<"${CC:-cc}"
    "${compiler[@]}" -std=c11 -Wall -Wextra -Werror -I. -o show main.c embedded.c
    ./show >back
    cmp odd-name.sql back
}

@test "a missing or empty file is an error" {
    run "$EVO_ROOT/ci/embed.sh" "$BATS_TEST_TMPDIR/none.sql"
    [ "$status" -eq 1 ]
    : >"$BATS_TEST_TMPDIR/empty.sql"
    run "$EVO_ROOT/ci/embed.sh" "$BATS_TEST_TMPDIR/empty.sql"
    [ "$status" -eq 1 ]
}
