# What the other helpers share: the places of a run, free ports, waiting for a
# condition, complaints. Sourced by tests/run and by bats files; it only
# defines things.
# shellcheck shell=bash

EVO_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$EVO_ROOT/$BUILD ;;
esac
# Downloaded tools serve every variant of the build, so they do not follow BUILD.
EVO_TOOLS=${EVO_TOOLS:-$EVO_ROOT/build/tools}
export EVO_ROOT BUILD EVO_TOOLS

# fail MESSAGE...: complain on stderr and return 1, which ends a bats test.
fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# free_ports N [FROM]: prints N different TCP ports on which nothing listens, of the
# ten thousand from FROM (20240) on. They lie below the kernel's ephemeral range, so no
# outgoing connection takes one in between; whoever starts a server still has to look
# whether it came up.
free_ports() {
    perl -MIO::Socket::INET -e '
        my ($want, $from, %held) = @ARGV;
        srand($$ ^ time);
        for (1 .. 1000) {
            last if keys %held == $want;
            my $port = $from + int rand 10000;
            next if $held{$port};
            my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 1) or next;
            $held{$port} = $s;
        }
        die "no free port\n" if keys %held < $want;
        print join(" ", keys %held), "\n";
    ' "$1" "${2:-20240}"
}

# wait_until SECONDS COMMAND...: runs COMMAND every 20 ms until it succeeds.
# Returns 1 when the time is over. For conditions that can be asked for; a bare
# sleep is never the answer. SECONDS is what an idle machine is granted, four times
# that are waited: others may be at work on it, and who waits for what comes loses nothing.
wait_until() {
    local end=$((${EPOCHREALTIME/[.,]/} + $1 * 4000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# process_gone PID: true when PID is no more, or only a zombie that its parent
# has not reaped.
process_gone() {
    local state
    state=$(ps -o stat= -p "$1" 2>/dev/null) || return 0
    [[ -z $state || $state == Z* ]]
}

# end_process PID SIGNAL SECONDS: signals PID and waits for its end, then kills.
end_process() {
    kill -"$2" "$1" 2>/dev/null || return 0
    wait_until "$3" process_gone "$1" || kill -KILL "$1" 2>/dev/null || true
}

# add_canary VALUE: VALUE is a secret; run_evo fails a test in whose output it shows.
add_canary() {
    printf '%s\n' "$1" >>"${EVO_TEST_CANARIES:?tests/run sets this}"
}

# random_word: twelve lower-case letters and digits, a letter first.
random_word() {
    local word
    word=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
    printf 'x%s\n' "${word:0:11}"
}
