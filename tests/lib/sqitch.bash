# Projects of Sqitch, and the real Sqitch on them.
#
#     load ../lib/evo
#     load ../lib/migrate
#     load ../lib/sqltools
#     load ../lib/sqitch
#     setup() { pg_fresh_db; sqitch_project; }
#     @test ... { change users '' 'CREATE TABLE users (id int);' 'DROP TABLE users;' 'SELECT id FROM users;'; sqitch deploy; }
#
# Sqitch is Debian's (ci/install-deps.sh). It connects by the socket.
# shellcheck shell=bash

# sqitch_project: makes the project and changes into it.
sqitch_project() {
    # shellcheck disable=SC2034 # sqltools.bash reads them
    TOOL=sqitch LEDGER='sqitch.*'
    PROJECT=$BATS_TEST_TMPDIR/project MIGRATIONS=$BATS_TEST_TMPDIR/project
    CLOCK=0
    # neither the machine's configuration nor the user's
    export SQITCH_SYSTEM_CONFIG=/nonexistent/sqitch.conf SQITCH_USER_CONFIG=/nonexistent/sqitch.conf
    mkdir -p "$PROJECT"/{deploy,revert,verify}
    cd "$PROJECT" || return
    printf '[core]\n\tengine = pg\n[user]\n\tname = Test\n\temail = test@example.org\n' >sqitch.conf
    printf '%%syntax-version=1.0.0\n%%project=shop\n\n' >sqitch.plan
}

# planned TEXT NOTE: one line of the plan.
planned() {
    CLOCK=$((CLOCK + 1))
    printf '%s 2025-01-01T00:00:%02dZ Planner <planner@example.org> # %s\n' "$1" "$CLOCK" "$2" >>sqitch.plan
}

# change NAME DEPENDENCIES DEPLOY [REVERT [VERIFY]]: at the end of the plan; SQL is put between BEGIN and COMMIT.
change() {
    planned "$1${2:+ [$2]}" "Note of $1"
    script deploy "$1" $'BEGIN;\n'"$3"$'\nCOMMIT;'
    [ -z "${4:-}" ] || script revert "$1" $'BEGIN;\n'"$4"$'\nCOMMIT;'
    [ -z "${5:-}" ] || script verify "$1" $'BEGIN;\n'"$5"$'\nROLLBACK;'
}

# script deploy|revert|verify NAME SQL
script() {
    mkdir -p "$(dirname "$1/$2")"
    printf '%s\n' "$3" >"$1/$2.sql"
}

# sqitch COMMAND [OPTION]...: as run_evo: sets status, output, stderr. On this test's database.
sqitch() {
    local command=$1
    shift
    run_program env PGHOST="$PG_SOCKET" PGPORT="$PG_PORT" PGUSER=postgres PATH="$PG_BINDIR:$PATH" \
        sqitch "$command" "$@" "db:pg:$PG_DB"
}

# registry: all rows, without the times at which they were written.
registry() {
    local table
    for table in 'releases version, installer_name, installer_email' 'projects project, uri, creator_name, creator_email' \
        'changes change_id, script_hash, change, project, note, committer_name, committer_email, planned_at, planner_name, planner_email' \
        'tags tag_id, tag, project, change_id, note, committer_name, committer_email, planned_at, planner_name, planner_email' \
        'dependencies change_id, type, dependency, dependency_id'; do
        pg_sql "SELECT '${table%% *}', ${table#* } FROM sqitch.${table%% *} ORDER BY 1, 2, 3, 4"
    done
    pg_sql "SELECT event, change_id, change, project, note, requires, conflicts, tags, committer_name, committer_email,
            planned_at, planner_name, planner_email FROM sqitch.events ORDER BY committed_at"
}
