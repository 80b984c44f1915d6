# An S3 server for tests: SeaweedFS on loopback, signatures checked.
#
# tests/run starts one server for the whole run (EVO_TEST_S3 names its folder); a
# test takes a bucket of its own:
#
#     setup() { s3_fresh_bucket; }        # S3_BUCKET, EVO_STORE and AWS_* exported
#     @test ... { s3_put key "$file"; s3_list; }
#
# The server checks signatures and clock skew, not x-amz-content-sha256 against
# the body, nor the region; it lists in its own order. Say so where it matters.
# shellcheck shell=bash

_s3_weed() {
    local weed=$EVO_TOOLS/seaweedfs/bin/weed
    [ -x "$weed" ] || fail "no S3 server found: ci/tools.sh seaweedfs" || return
    printf '%s\n' "$weed"
}

# s3_server_start DIR: starts the server with its data under DIR (created here)
# and writes DIR/env. Returns at once; s3_server_wait waits until it answers.
s3_server_start() {
    local dir=$1 weed key secret p
    weed=$(_s3_weed) || return
    mkdir -p "$dir/data" "$dir/home" "$dir/tmp"
    key=EVO$(random_word)
    secret=canary-s3-$(random_word)
    read -ra p <<<"$(free_ports 9)"
    [ "${#p[@]}" -eq 9 ] || return
    cat >"$dir/s3.json" <<EOF
{"identities": [{"name": "admin", "credentials": [{"accessKey": "$key", "secretKey": "$secret"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
EOF
    cat >"$dir/env" <<EOF
S3_ENDPOINT=http://127.0.0.1:${p[0]}
S3_PORT=${p[0]}
S3_KEY=$key
S3_SECRET=$secret
EOF
    # Beside each gRPC port it opens a socket of a fixed name in /tmp.
    printf '/tmp/seaweedfs-%s-grpc-%s.sock\n' master "${p[4]}" volume "${p[5]}" filer "${p[6]}" s3 "${p[7]}" \
        admin "$((p[8] + 10000))" >"$dir/sockets"
    [ ! -e "${EVO_TEST_CANARIES:-/nonexistent}" ] || add_canary "$secret"
    # All ports are given: those left out would be opened at fixed numbers. The
    # server's own worker looks for the admin part at that distance.
    (cd "$dir" && exec env -i PATH="$PATH" HOME="$dir/home" TMPDIR="$dir/tmp" GOMEMLIMIT=400MiB \
        setpriv --pdeathsig KILL "$weed" -logtostderr=true mini -dir="$dir/data" \
        -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false -master.volumeSizeLimitMB=256 \
        -s3.port="${p[0]}" -master.port="${p[1]}" -volume.port="${p[2]}" -filer.port="${p[3]}" \
        -master.port.grpc="${p[4]}" -volume.port.grpc="${p[5]}" -filer.port.grpc="${p[6]}" \
        -s3.port.grpc="${p[7]}" -admin.port="${p[8]}" -admin.port.grpc="$((p[8] + 10000))" \
        -s3.port.iceberg=0 -s3.port.lance=0 -filer.localSocket="$dir/filer.sock" -s3.localSocket="$dir/s3.sock" \
        -s3.config="$dir/s3.json" -s3.domainName=s3.localhost -s3.autoCreateBucket=false \
        -s3.allowDeleteBucketNotEmpty=false -webdav=false -admin.ui=false) </dev/null >"$dir/log" 2>&1 3>&- &
    printf '%s\n' "$!" >"$dir/pid"
    disown
}

_s3_answers() {
    # A server that ended will not answer; its log says why.
    process_gone "$1" && return 0
    # The first PUT makes the server grow its volumes; only then is it ready.
    s3_curl -X PUT "$S3_ENDPOINT/ready-check" >/dev/null 2>&1
    s3_curl -X PUT --data-binary ready "$S3_ENDPOINT/ready-check/object" >/dev/null 2>&1
}

# s3_server_wait DIR: until a signed request has been served, or 30 s.
s3_server_wait() {
    local pid
    pid=$(cat "$1/pid")
    (
        s3_use "$1"
        wait_until 30 _s3_answers "$pid"
    ) && ! process_gone "$pid" && return 0
    tail -n 20 "$1/log" >&2
    fail "could not start the S3 server in \"$1\""
}

# s3_server_stop DIR: at once; what it stored is thrown away anyhow.
s3_server_stop() {
    [ -e "$1/pid" ] || return 0
    end_process "$(cat "$1/pid")" KILL 5
    xargs rm -f "$1/pid" <"$1/sockets"
}

# s3_use DIR: the helpers below talk to this server from now on.
s3_use() {
    # shellcheck source=/dev/null
    . "$1/env"
    export S3_ENDPOINT S3_PORT S3_KEY S3_SECRET
}

# s3_curl ARGUMENTS...: a signed request by curl (path-style URL under
# $S3_ENDPOINT); fails on 4xx and 5xx with the body on stderr.
s3_curl() {
    # The secret goes in by a config on a descriptor, never by argv.
    # curl signs the body's hash but does not send it, unless told what to send.
    env -u AWS_SESSION_TOKEN curl -q -sS --fail-with-body --noproxy '*' --aws-sigv4 "aws:amz:us-east-1:s3" \
        -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -K <(printf 'user = "%s:%s"\n' "$S3_KEY" "$S3_SECRET") "$@"
}

# s3_env: exports what evo and the AWS tools read to reach the server.
s3_env() {
    export AWS_ACCESS_KEY_ID=$S3_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET AWS_REGION=us-east-1
    export AWS_ENDPOINT_URL_S3=$S3_ENDPOINT AWS_EC2_METADATA_DISABLED=true
}

# s3_fresh_bucket: a new empty bucket. Sets and exports S3_BUCKET, EVO_STORE and AWS_*.
s3_fresh_bucket() {
    s3_use "${EVO_TEST_S3:?start the tests with tests/run}" || return
    S3_BUCKET=b-$(random_word)
    s3_curl -X PUT "$S3_ENDPOINT/$S3_BUCKET" >/dev/null || return
    export S3_BUCKET EVO_STORE=s3://$S3_BUCKET/store
    s3_env
}

# _s3_url KEY: the URL of an object, every byte of the key escaped but the slashes.
_s3_url() {
    jq -rn --arg base "$S3_ENDPOINT/$S3_BUCKET" --arg key "$1" '$base + "/" + ($key | @uri | gsub("%2F"; "/"))'
}

# s3_put KEY FILE, s3_get KEY (to stdout), s3_rm KEY: one object of S3_BUCKET.
s3_put() {
    s3_curl -T "$2" "$(_s3_url "$1")" >/dev/null
}

s3_get() {
    s3_curl "$(_s3_url "$1")"
}

s3_rm() {
    s3_curl -X DELETE "$(_s3_url "$1")" >/dev/null
}

# s3_size KEY: its size in bytes; fails where there is none.
s3_size() {
    s3_curl -I "$(_s3_url "$1")" | tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: //p'
}

# s3_list [PREFIX]: the keys, one a line, in byte order (at most 1000).
s3_list() {
    s3_curl "$S3_ENDPOINT/$S3_BUCKET?list-type=2&prefix=$(jq -rn --arg p "${1:-}" '$p | @uri')" | _s3_keys
}

# s3_uploads: the keys of multipart uploads left unfinished in S3_BUCKET.
s3_uploads() {
    s3_curl "$S3_ENDPOINT/$S3_BUCKET?uploads=" | _s3_keys
}

_s3_keys() {
    perl -ne 'while (m{<Key>(.*?)</Key>}g) {
        my $key = $1;
        $key =~ s/&#(\d+);/chr $1/ge;
        $key =~ s/&(lt|gt|quot|apos);/{lt => "<", gt => ">", quot => "\"", apos => chr 39}->{$1}/ge;
        $key =~ s/&amp;/&/g;
        print "$key\n";
    }' | LC_ALL=C sort
}
