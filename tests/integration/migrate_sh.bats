# scripts/migrate.sh ENVIRONMENT ACTION: what the script of the user's document does.

load ../lib/evo
load ../lib/shop

setup() {
    pg_fresh_db
    shop_project
    unset DATABASE_URL
    export PATH=$BUILD/bin:$PATH
}

migrate_sh() {
    run_program "$EVO_ROOT/scripts/migrate.sh" "$@"
}

@test "deploy, status, rollback by environment" {
    printf 'DATABASE_URL=%s\nEVO_STORE=%s\n' "$PG_URL" "$PWD/store" >.env.staging
    migrate_sh staging deploy
    assert_exit 0
    assert_equal 2 "$(shop_applied | wc -l)"
    [ -n "$(find store/backups/staging -name manifest.json)" ]
    migrate_sh staging status
    assert_exit 0
    assert_stdout_has '2 applied'
    migrate_sh staging rollback
    assert_exit 0
    assert_equal 20240101000000_init "$(shop_applied)"
}

@test "the file decides, not what the shell holds, and nothing in it is run" {
    # Unquoted & and ?, as they stand in a URL; a command in a value.
    # shellcheck disable=SC2016 # the command must stay text
    printf '# staging\nexport DATABASE_URL=%s&application_name=x\nNOTE="$(touch run)"\n' "$PG_URL" >.env.staging
    DIRECT_URL=postgresql://nowhere.invalid/other migrate_sh staging status
    assert_exit 0
    assert_stdout_has "$PG_DB"
    [ ! -e run ]
}

@test "what is wrong is named" {
    migrate_sh production deploy
    assert_exit 2
    assert_stderr_has '.env.production'
    printf 'DATABASE_URL\n' >.env.staging
    migrate_sh staging
    assert_exit 2
    assert_stderr_has '.env.staging:1'
    migrate_sh staging explode
    assert_exit 2
    assert_stderr_has 'unknown action "explode"'
    migrate_sh ../x status
    assert_exit 2
    migrate_sh --help
    assert_exit 0
    assert_stdout_has 'scripts/migrate.sh staging deploy'
}
