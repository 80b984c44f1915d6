# The harness itself: its servers are real, check credentials, and are each test's own.
# Nothing of this build runs here: not again under the sanitizers.
bats_require_minimum_version 1.5.0
load ../lib/evo

@test "a fresh database is empty and of its own" {
    pg_fresh_db
    pg_sql 'CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)'
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM t')"
    pg_fresh_db
    assert_equal 0 "$(pg_sql "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")"
}

@test "pg_sql fails with the server's message" {
    pg_fresh_db
    run pg_sql 'SELECT nonsense'
    [ "$status" -ne 0 ]
    [[ $output == *'column "nonsense" does not exist'* ]]
}

@test "over TCP the password counts" {
    pg_fresh_db
    run psql -XAtc 'SELECT 1' "$PG_TCP_URL"
    assert_equal 1 "$output"
    run psql -XAtc 'SELECT 1' "$(pg_tcp_url "$PG_DB" postgres wrong)"
    [ "$status" -ne 0 ]
    [[ $output == *'password authentication failed'* ]]
}

@test "a fresh role can log in and owns nothing" {
    pg_fresh_db
    pg_fresh_role
    assert_equal "$PG_ROLE" "$(psql -XAtc 'SELECT current_user' "$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD")")"
    run psql -XAtc 'CREATE TABLE public.t (id int)' "$(pg_tcp_url "$PG_DB" "$PG_ROLE" "$PG_ROLE_PASSWORD")"
    [[ $output == *'permission denied'* ]]
}

@test "a private cluster restarts with other settings, survives a crash, and goes away" {
    pg_private_start -c max_connections=17
    pg_fresh_db
    local pid=$PG_PID
    assert_equal 17 "$(pg_sql 'SHOW max_connections')"
    pg_private_restart -c max_connections=19
    assert_equal 19 "$(pg_sql 'SHOW max_connections')"
    process_gone "$pid"
    pg_sql 'CREATE TABLE t (id int)'
    pg_private_kill
    run pg_sql 'SELECT 1'
    [ "$status" -ne 0 ]
    pg_private_restart
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM t')"
    pid=$PG_PID
    local dir=$PG_CLUSTER
    pg_private_stop
    process_gone "$pid"
    [ ! -e "$dir" ]
}

@test "a server whose programs lie where only their owner may enter starts all the same" {
    mkdir -m 0700 "$BATS_TEST_TMPDIR/closed"
    cp -R "$(pg_bindir)" "$BATS_TEST_TMPDIR/closed/bin"
    ln -s "$(pg_bindir)/../lib" "$BATS_TEST_TMPDIR/closed/lib"
    EVO_TEST_PG_BINDIR=$BATS_TEST_TMPDIR/closed/bin
    pg_private_start
    assert_equal 1 "$(pg_sql 'SELECT 1')"
    pg_private_stop
}

@test "a server of another major version is that version, and so are the tools in PATH" {
    pg_version_start 18
    assert_equal 18 "$(($(pg_sql 'SHOW server_version_num') / 10000))"
    [[ $(pg_dump --version) == *'(PostgreSQL) 18'* ]]
    pg_private_stop
    run ! pg_version_bindir 9
    [[ $output == *'ci/tools.sh pg9'* ]]
}

@test "the S3 server keeps what is put and lists it" {
    s3_fresh_bucket
    printf 'some bytes' >"$BATS_TEST_TMPDIR/file"
    s3_put a/b "$BATS_TEST_TMPDIR/file"
    s3_put 'a/c =+&%2F' "$BATS_TEST_TMPDIR/file"
    assert_equal "some bytes" "$(s3_get a/b)"
    assert_equal 10 "$(s3_size a/b)"
    assert_equal $'a/b\na/c =+&%2F' "$(s3_list a/)"
    assert_equal "some bytes" "$(s3_get 'a/c =+&%2F')"
    s3_rm a/b
    assert_equal 'a/c =+&%2F' "$(s3_list)"
    assert_equal "" "$(s3_uploads)"
}

@test "the S3 server refuses a wrong secret and no signature" {
    s3_fresh_bucket
    S3_SECRET=wrong run s3_curl "$S3_ENDPOINT/$S3_BUCKET"
    [ "$status" -ne 0 ]
    [[ $output == *SignatureDoesNotMatch* ]]
    run curl -qsS --fail "$S3_ENDPOINT/$S3_BUCKET"
    [ "$status" -ne 0 ]
}

@test "the S3 server shows an unfinished multipart upload" {
    s3_fresh_bucket
    s3_curl -X POST "$S3_ENDPOINT/$S3_BUCKET/big?uploads=" >/dev/null
    assert_equal big "$(s3_uploads)"
}
