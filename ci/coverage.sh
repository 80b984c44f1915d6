#!/bin/bash
# coverage.sh DIR [MINIMUM]: line coverage of lib/ by folder and in total, from what
# a run of the tests left under DIR (make coverage); exit status 1 under MINIMUM
# percent of lib/ (85).
set -eu -o pipefail

dir=${1:?usage: ci/coverage.sh DIR [MINIMUM]}
minimum=${2:-85}
cd "$(dirname "$0")/.."
# shellcheck source=tests/lib/common.bash
. tests/lib/common.bash
ci/tools.sh gcovr

if [ -z "$(find "$dir" -name '*.gcda' -print -quit)" ]; then
    echo "coverage.sh: nothing was measured under \"$dir\": make coverage" >&2
    exit 1
fi
# A file that no program links has no counters and still counts: gcovr reads .gcno, too.
"$EVO_TOOLS/gcovr/bin/gcovr" --root . --object-directory "$dir" --filter 'lib/' \
    --gcov-ignore-parse-errors=negative_hits.warn --json-summary "$dir/coverage.json" \
    --html-nested "$dir/coverage.html" "$dir" >/dev/null
jq -r '.files[] | [.filename, .line_covered, .line_total] | @tsv' "$dir/coverage.json" |
    awk -F '\t' -v minimum="$minimum" -v page="$dir/coverage.html" '
        {
            split($1, path, "/")
            folder = path[1] "/" path[2]
            covered[folder] += $2; total[folder] += $3; all_covered += $2; all += $3
        }
        END {
            for (folder in total)
                printf "%-16s %6.1f %%  %5d of %5d lines\n", folder "/", 100 * covered[folder] / total[folder], covered[folder], total[folder] | "sort"
            close("sort")
            if (all == 0) { print "coverage: no line of lib/ was measured"; exit 1 }
            percent = 100 * all_covered / all
            printf "%-16s %6.1f %%  %5d of %5d lines (at least %s %%)\n", "lib/", percent, all_covered, all, minimum
            print "by line: " page
            exit percent < minimum
        }'
