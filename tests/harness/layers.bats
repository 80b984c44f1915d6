# ci/check-layers.sh lets a right tree pass and refuses each kind of wrong one.
# Nothing of this build runs here: not again under the sanitizers.
bats_require_minimum_version 1.5.0
load ../lib/evo

setup() {
    TREE=$BATS_TEST_TMPDIR/tree
    mkdir -p "$TREE/ci" "$TREE/lib/base" "$TREE/lib/left" "$TREE/lib/right" "$TREE/lib/cli" "$TREE/cmd"
    cat >"$TREE/ci/layers.txt" <<'RULES'
level base
level left right
level cli
only curl/* left
system stdio.h sys/*
RULES
    echo '#include <stdio.h>' >"$TREE/lib/base/a.c"
    printf '%s\n' '#include <curl/curl.h>' '#include "base/a.h"' '#include "left/b.h"' >"$TREE/lib/left/b.c"
    printf '%s\n' '#include <sys/stat.h>' '#include "base/a.h"' >"$TREE/lib/right/c.h"
    printf '%s\n' '#include "left/b.h"' >"$TREE/lib/cli/d.c"
    printf '%s\n' '#include "cli/d.h"' '#include "base/a.h"' >"$TREE/cmd/evo-x.c"
}

check() {
    run_program "$EVO_ROOT/ci/check-layers.sh" "$TREE"
}

# refuses FILE INCLUDE-LINE COMPLAINT: the line makes the good tree a bad one.
refuses() {
    check
    assert_exit 0
    echo "$2" >>"$TREE/$1"
    check
    assert_exit 1
    assert_stderr_has "$1:"
    assert_stderr_has "$3"
}

@test "a right tree passes" {
    check
    assert_exit 0
    [ -z "$stderr" ]
}

@test "including upward is refused" {
    refuses lib/base/a.c '#include "left/b.h"' 'from a level above it'
}

@test "including from a folder on the same level is refused" {
    refuses lib/right/c.h '#include "left/b.h"' 'from its own level'
}

@test "the command line's folder is for cmd alone" {
    refuses lib/left/b.c '#  include "cli/d.h"' 'from a level above it'
}

@test "an executable includes from its own folder under cmd, not from another one's" {
    mkdir "$TREE/cmd/evo-x" "$TREE/cmd/evo-y"
    echo '#include "evo-x/parts.h"' >>"$TREE/cmd/evo-x.c"
    echo '#include "evo-x/parts.h"' >"$TREE/cmd/evo-x/part.c"
    refuses cmd/evo-y/part.c '#include "evo-x/parts.h"' 'in no folder that'
}

@test "a third-party header from another folder is refused" {
    refuses lib/right/c.h '#include <curl/curl.h>' 'from lib/left only'
    setup
    refuses cmd/evo-x.c '#include <curl/easy.h>' 'from lib/left only'
}

@test "a header that no rule knows is refused" {
    refuses lib/base/a.c '#include <zstd.h>' 'say which folder owns it'
}

@test "a path that is not under lib is refused" {
    refuses lib/left/b.c '#include "b.h"' 'by its path under lib/'
    setup
    refuses lib/left/b.c '#include "../base/a.h"' 'by its path under lib/'
}

@test "a folder without a level is refused" {
    mkdir "$TREE/lib/new"
    : >"$TREE/lib/new/e.c"
    refuses lib/new/e.c '#include <stdio.h>' 'has no level'
}

@test "an exception is taken, and a stale one is refused" {
    echo 'except lib/right/c.h left/b.h a reason' >>"$TREE/ci/layers.txt"
    check
    assert_exit 1
    assert_stderr_has 'is not needed any more'
    echo '#include "left/b.h"' >>"$TREE/lib/right/c.h"
    check
    assert_exit 0
}

@test "wrong rules and an empty tree are errors, not a pass" {
    echo 'levels base' >>"$TREE/ci/layers.txt"
    check
    assert_exit 2
    rm -r "${TREE:?}/lib" "${TREE:?}/cmd"
    check
    assert_exit 2
}
