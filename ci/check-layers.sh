#!/bin/sh
# check-layers.sh [ROOT]: every #include in ROOT/lib and ROOT/cmd follows the rules
# in ROOT/ci/layers.txt (ROOT: this repository). Prints what does not, one a line as
# FILE:LINE: MESSAGE, and exits 1; 2 when the rules themselves are wrong.
set -eu

root=${1:-$(dirname "$0")/..}
cd "$root"
if [ ! -r ci/layers.txt ]; then
    echo "check-layers.sh: could not read \"$root/ci/layers.txt\"" >&2
    exit 2
fi
sources=$(find lib cmd -name '*.[ch]' 2>/dev/null | LC_ALL=C sort)
if [ -z "$sources" ]; then
    echo "check-layers.sh: no sources under \"$root\"" >&2
    exit 2
fi

# shellcheck disable=SC2086 # our own file names: no spaces
awk '
function pattern(glob) {
    gsub(/[.+]/, "\\\\&", glob)
    gsub(/\*/, ".*", glob)
    return "^" glob "$"
}
function wrong_rule(message) {
    print "ci/layers.txt:" FNR ": " message
    broken = 1
}
function complain(message) {
    if ((FILENAME, included) in excepted) {
        used[FILENAME, included] = 1
        return
    }
    print FILENAME ":" FNR ": " message
    bad = 1
}

FILENAME == "ci/layers.txt" {
    sub(/#.*/, "")
    if (NF == 0) next
    if ($1 == "level") {
        levels++
        for (i = 2; i <= NF; i++) {
            if ($i in level) wrong_rule("\"" $i "\" stands on two levels")
            level[$i] = levels
        }
    } else if ($1 == "only" && NF >= 3) {
        owned[++owners] = pattern($2)
        for (i = 3; i <= NF; i++) owner[owners] = owner[owners] " " $i " "
        owner_text[owners] = "lib/" $3
    } else if ($1 == "system") {
        for (i = 2; i <= NF; i++) system_header[pattern($i)] = 1
    } else if ($1 == "except" && NF >= 4) {
        excepted[$2, $3] = FNR
    } else {
        wrong_rule("not understood: " $0)
    }
    next
}

# FNR of another file is only reached once the rules are read.
broken { exit 2 }

/^[ \t]*#[ \t]*include/ {
    split(FILENAME, path, "/")
    from = path[1] == "cmd" ? "cmd" : path[2]
    if (from != "cmd" && !(from in level)) {
        included = ""
        complain("folder \"lib/" from "\" has no level in ci/layers.txt")
        next
    }
    line = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
    kind = substr(line, 1, 1)
    included = line
    sub(/^["<]/, "", included)
    sub(/[">].*$/, "", included)

    if (kind == "\"") {
        if (split(included, part, "/") < 2 || included ~ /^\.\.?\//) {
            complain("include \"" included "\" by its path under lib/")
            next
        }
        to = part[1]
        # An executable of many commands: its own folder under cmd/, and no other one of them.
        own = path[2]
        sub(/\.c$/, "", own)
        if (from == "cmd" && to == own) next
        if (!(to in level)) {
            complain("\"" included "\" is in no folder that ci/layers.txt knows")
        } else if (from != "cmd" && to != from && level[to] == level[from]) {
            complain("lib/" from " includes \"" included "\" from its own level")
        } else if (from != "cmd" && to != from && level[to] > level[from]) {
            complain("lib/" from " includes \"" included "\" from a level above it")
        }
        next
    }
    for (i = 1; i <= owners; i++) {
        if (included ~ owned[i]) {
            if (index(owner[i], " " from " ") == 0)
                complain("<" included "> may be included from " owner_text[i] " only")
            next
        }
    }
    for (p in system_header) if (included ~ p) next
    complain("<" included "> is not in ci/layers.txt: say which folder owns it")
}

END {
    if (broken) exit 2
    for (key in excepted) {
        if (!(key in used)) {
            split(key, part, SUBSEP)
            print "ci/layers.txt:" excepted[key] ": the exception for " part[1] " is not needed any more"
            bad = 1
        }
    }
    exit bad
}
' ci/layers.txt $sources >&2
