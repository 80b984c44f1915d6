# The store's contract over real S3 servers, by path and by virtual host: the run's own server first, then the others, so
# that what evo takes for S3 is not what one server makes of it.
bats_require_minimum_version 1.5.0
load ../lib/evo

setup() {
    unset S3_PRIVATE
}

teardown() {
    s3_private_stop
}

# assert_contract: the run's server, or the one that was started here; nothing stays in its bucket half done.
assert_contract() {
    s3_fresh_bucket
    EVO_RUN_TIMEOUT=240 CMOCKA_MESSAGE_OUTPUT=STDOUT run_program "$BUILD/tests/server/store/s3_contract_test"
    assert_exit 0
    assert_equal '' "$(s3_uploads)"
}

# other_servers: all but the run's own.
other_servers() {
    s3_servers | grep -vxF -- "${EVO_TEST_S3_SERVER:-seaweedfs}"
}

@test "the contract of the store holds on a real S3 server" {
    assert_contract
}

@test "the contract of the store holds on the other S3 servers, and they check what they are known to check" {
    local server
    for server in $(other_servers); do
        echo "server: $server" >&2
        s3_private_start "$server"
        assert_contract
        assert_equal "$server" "$S3_SERVER"
        CMOCKA_MESSAGE_OUTPUT=STDOUT run_program "$BUILD/tests/server/store/s3_checks_test"
        assert_exit 0
        s3_private_stop
    done
}

@test "a backup goes to the other S3 servers and back, and what is no backup any more is removed" {
    local server id
    pg_fresh_db
    # Larger than a part, and not to be compressed much.
    pg_sql "CREATE TABLE big AS SELECT i, encode(sha512(i::text::bytea), 'hex') || encode(sha512((i + 1)::text::bytea), 'hex') AS h FROM generate_series(1, 100000) i;
        CREATE TABLE small AS SELECT 1 AS id"
    for server in $(other_servers); do
        echo "server: $server" >&2
        s3_private_start "$server"
        s3_fresh_bucket
        export EVO_S3_PROFILE_OF=$server
        run_evo evo-backup create --jobs 2 --compress fast --range-size 1GiB --json
        assert_exit 0
        id=$(json .data.id)
        run_evo evo-backup create
        assert_exit 0
        run_evo evo-backup verify "$id"
        assert_exit 0
        run_evo evo-restore "$id" --create --to "$(pg_url "${PG_DB}_$server")"
        assert_exit 0
        assert_equal "$(pg_sql 'SELECT count(*), sum(hashtext(t::text)) FROM big t')" \
            "$(pg_sql -d "${PG_DB}_$server" 'SELECT count(*), sum(hashtext(t::text)) FROM big t')"
        run_evo evo-backup prune --keep-last 1 --json
        assert_exit 0
        assert_json ".data.removed | map(.id) == [\"$id\"]"
        s3_curl -X POST "$S3_ENDPOINT/$S3_BUCKET/store/backups/default/$PG_DB/$id/left.dat?uploads=" >/dev/null
        run_evo evo-backup gc --grace 0 --json
        assert_exit 0
        assert_json '.data.uploads == 1 and .data.failed == [] and .data.left == []'
        assert_equal '' "$(s3_uploads)"
        run_evo evo-backup verify latest
        assert_exit 0
        s3_private_stop
    done
}
