# Servers of tests/lib/*.py for bats files.
#
#     setup_file()    { server_start http_server.py; }     # SERVER (the base URL), SERVER_PORT, SERVER_PID
#     teardown_file() { server_stop; }
#
# The script ends when its standard input does, which this shell holds open: it
# outlives no test file. Never start one in $( ).
# shellcheck shell=bash

# server_start SCRIPT ARGUMENT...
server_start() {
    local script=$EVO_ROOT/tests/lib/$1 dir
    shift
    dir=$(mktemp -d "${BATS_FILE_TMPDIR:?}/server.XXXXXX")
    mkfifo "$dir/stdin"
    python3 "$script" "$@" <"$dir/stdin" >"$dir/port" 2>"$dir/log" 3>&- &
    SERVER_PID=$!
    exec {SERVER_STDIN}>"$dir/stdin"
    SERVER_LOG=$dir/log
    if ! wait_until 10 grep -q . "$dir/port"; then
        cat "$dir/log" >&2
        fail "${script##*/} did not start"
        return
    fi
    SERVER_PORT=$(cat "$dir/port")
    SERVER=http://127.0.0.1:$SERVER_PORT
    export SERVER SERVER_PORT SERVER_PID SERVER_STDIN SERVER_LOG
}

# server_stop: ends the server of this shell.
server_stop() {
    [ -n "${SERVER_PID:-}" ] || return 0
    exec {SERVER_STDIN}>&-
    end_process "$SERVER_PID" TERM 5
    wait "$SERVER_PID" 2>/dev/null || true
    SERVER_PID=
}
