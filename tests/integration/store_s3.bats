# The store's contract over a real S3 server, by path and by virtual host.
bats_require_minimum_version 1.5.0
load ../lib/evo

setup() {
    s3_fresh_bucket
}

@test "the contract of the store holds on a real S3 server" {
    CMOCKA_MESSAGE_OUTPUT=STDOUT run_program "$BUILD/tests/server/store/s3_contract_test"
    assert_exit 0
    assert_equal '' "$(s3_uploads)"
}
