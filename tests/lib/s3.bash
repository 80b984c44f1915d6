# S3 servers for tests, on loopback, signatures checked: SeaweedFS, and versitygw over a folder.
#
# tests/run starts one server for the whole run (EVO_TEST_S3 names its folder), SeaweedFS
# unless EVO_TEST_S3_SERVER names the other; a test takes a bucket of its own:
#
#     setup() { s3_fresh_bucket; }        # S3_BUCKET, EVO_STORE and AWS_* exported
#     @test ... { s3_put key "$file"; s3_list; }
#
# A test that needs the other one, or a server of its own, starts it:
#
#     setup_file()    { s3_private_start versitygw; }
#     teardown_file() { s3_private_stop; }
#
# What each of them checks and offers is a row of tests/server/store/s3_servers.h.
# shellcheck shell=bash

# s3_servers: their names.
s3_servers() {
    printf '%s\n' seaweedfs versitygw
}

# _s3_program SERVER FILE: its program, where ci/tools.sh put it.
_s3_program() {
    local program=$EVO_TOOLS/$1/bin/$2
    [ -x "$program" ] || fail "no S3 server found: ci/tools.sh $1" || return
    printf '%s\n' "$program"
}

# s3_server_start DIR [SERVER]: starts the server with its data under DIR (created here)
# and writes DIR/env. Returns at once; s3_server_wait waits until it answers.
s3_server_start() {
    local dir=$1 server=${2:-${EVO_TEST_S3_SERVER:-seaweedfs}} key secret
    if ! s3_servers | grep -qxF -- "$server"; then
        fail "no such S3 server: \"$server\"; there are: $(s3_servers | xargs)"
        return
    fi
    mkdir -p "$dir/data" "$dir/home" "$dir/tmp"
    : >"$dir/sockets"
    key=EVO$(random_word)
    secret=canary-s3-$(random_word)
    [ ! -e "${EVO_TEST_CANARIES:-/nonexistent}" ] || add_canary "$secret"
    "_s3_start_$server" "$dir" "$key" "$secret"
}

# _s3_write_env DIR SERVER PORT KEY SECRET
_s3_write_env() {
    cat >"$1/env" <<EOF
S3_SERVER=$2
S3_ENDPOINT=http://127.0.0.1:$3
S3_PORT=$3
S3_KEY=$4
S3_SECRET=$5
EOF
}

# Objects are files; extended attributes of the folder's file system hold what else is known of them.
_s3_start_versitygw() {
    local dir=$1 program port
    program=$(_s3_program versitygw versitygw) || return
    port=$(free_ports 1 10240) || return
    mkdir -p "$dir/versions"
    _s3_write_env "$dir" versitygw "$port" "$2" "$3"
    # Unless it is told to keep connections, each request needs a new one.
    (cd "$dir" && exec env -i PATH="$PATH" HOME="$dir/home" TMPDIR="$dir/tmp" GOMEMLIMIT=400MiB \
        ROOT_ACCESS_KEY="$2" ROOT_SECRET_KEY="$3" \
        setpriv --pdeathsig KILL "$program" --port "127.0.0.1:$port" --region us-east-1 --quiet --keep-alive \
        --virtual-domain s3.localhost posix --versioning-dir "$dir/versions" "$dir/data") \
        </dev/null >"$dir/log" 2>&1 3>&- &
    printf '%s\n' "$!" >"$dir/pid"
    disown
}

_s3_start_seaweedfs() {
    local dir=$1 weed p
    weed=$(_s3_program seaweedfs weed) || return
    # It opens them a second later, and tries none again: PostgreSQL, which starts meanwhile, takes its port elsewhere.
    read -ra p <<<"$(free_ports 9 10240)"
    [ "${#p[@]}" -eq 9 ] || return
    cat >"$dir/s3.json" <<EOF
{"identities": [{"name": "admin", "credentials": [{"accessKey": "$2", "secretKey": "$3"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
EOF
    _s3_write_env "$dir" seaweedfs "${p[0]}" "$2" "$3"
    # Beside each gRPC port it opens a socket of a fixed name in /tmp.
    printf '/tmp/seaweedfs-%s-grpc-%s.sock\n' master "${p[4]}" volume "${p[5]}" filer "${p[6]}" s3 "${p[7]}" \
        admin "$((p[8] + 10000))" >"$dir/sockets"
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
    export S3_SERVER S3_ENDPOINT S3_PORT S3_KEY S3_SECRET
}

# s3_private_start [SERVER]: a server of this file or test alone; s3_fresh_bucket takes its buckets from it until
# s3_private_stop.
s3_private_start() {
    S3_PRIVATE=$(mktemp -d "${EVO_TEST_DIR:?start the tests with tests/run}/s3.XXXXXX") || return
    export S3_PRIVATE
    s3_server_start "$S3_PRIVATE" "$@" && s3_server_wait "$S3_PRIVATE"
}

s3_private_stop() {
    [ -n "${S3_PRIVATE:-}" ] || return 0
    s3_server_stop "$S3_PRIVATE"
    rm -rf "$S3_PRIVATE"
    unset S3_PRIVATE
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
    s3_use "${S3_PRIVATE:-${EVO_TEST_S3:?start the tests with tests/run}}" || return
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
