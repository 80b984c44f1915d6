# evo-verify roundtrip in projects whose own tool runs the migrations.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/typeorm
load ../lib/laravel
load ../lib/roundtrip

setup() {
    pg_fresh_db
    roundtrip_setup
}

teardown() {
    roundtrip_teardown
}

# both_ways FIRST SECOND: the fixture's migrations, the second with probes, in a cluster of evo's own and on a server,
# by socket and by TCP with a password. The ledger that the tool makes is no loss.
both_ways() {
    local where="information_schema.columns WHERE table_name = 'users' AND column_name = 'status'" url
    unset DATABASE_URL
    mkdir -p "evo/$2"
    printf 'SELECT EXISTS (SELECT FROM %s)' "$where" >"evo/$2/verify_up.sql"
    printf 'SELECT NOT EXISTS (SELECT FROM %s)' "$where" >"evo/$2/verify_down.sql"
    for url in '' "$(pg_tcp_url postgres "$SCRATCH_ROLE" "$SCRATCH_PASSWORD")"; do
        EVO_VERIFY_SCRATCH_URL=$url run_evo evo-verify roundtrip --json
        assert_exit 0
        assert_json "[.data.migrations[] | [.name, .verdict, .lossy]] == [[\"$1\", \"unproven\", false], [\"$2\", \"ok\", false]]"
        assert_equal "$GOOD" "$(cells "$2")"
    done
    assert_envelope
    MINE=yes
}

@test "TypeORM" {
    typeorm_project
    both_ways CreateUsers1735689600000 AddUserStatus1735776000000
}

@test "Laravel" {
    laravel_project
    both_ways 2025_01_01_000000_create_users_table 2025_01_02_000000_add_user_status
}
