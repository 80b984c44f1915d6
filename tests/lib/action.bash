# The action as its users get it.
#
#     setup_file() { action_tree; }       # ACTION_TREE
# shellcheck shell=bash

# action_tree: the tracked files of the action, without what was built here, in a folder of this test file.
action_tree() {
    export ACTION_TREE=$BATS_FILE_TMPDIR/evo-action
    mkdir -p "$ACTION_TREE"
    (cd "$EVO_ROOT" && git ls-files -z --cached --others --exclude-standard -- action.yml actions scripts ci lib cmd Makefile |
        tar -c --null -T - | tar -x -C "$ACTION_TREE")
}
