# evo-migrate up --render: what the real Alembic renders is applied by evo itself.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/alembic

setup() {
    pg_fresh_db
    alembic_project
}

teardown() {
    release
}

# alembic_schema_sum: what is in the database, the ledger's rows included, what evo records for itself not.
alembic_schema_sum() {
    "$PG_BINDIR/pg_dump" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres --exclude-schema=evo "$PG_DB" | grep -vE '^\\(un)?restrict ' | sha256sum
}

@test "what is rendered and applied natively is what alembic itself does" {
    alembic_run upgrade head
    local own
    own=$(alembic_schema_sum)
    alembic_run downgrade base
    pg_sql 'DROP TABLE alembic_version'
    run_evo evo-migrate plan --render --json
    assert_exit 0
    assert_json 'all(.data.steps[]; .mode == "transaction" and .command == null and .statements > 0)'
    assert_json 'any(.data.steps[1].locks[]; .relation == "users" and .mode == "ACCESS EXCLUSIVE")'
    run_evo evo-migrate up --render --json
    assert_exit 0
    assert_json '(.data.applied | length) == 2'
    assert_equal "$own" "$(alembic_schema_sum)"
    alembic_run current --check-heads
    # The way back is alembic's, and it takes it.
    run_evo evo-migrate down --to 1a2b3c4d5e6f
    assert_exit 0
    assert_equal 1a2b3c4d5e6f "$(versions)"
}

@test "a probe that is false leaves nothing of it, since it stands inside the transaction" {
    mkdir -p evo/2b3c4d5e6f70_add_user_status
    echo 'SELECT false' >evo/2b3c4d5e6f70_add_user_status/verify_up.sql
    run_evo evo-migrate up --render --json
    assert_exit 7
    assert_json '.error.migration == "2b3c4d5e6f70_add_user_status" and .error.schema_clean'
    assert_json '(.data.applied | length) == 1'
    assert_equal 1a2b3c4d5e6f "$(versions)"
    assert_equal '' "$(pg_sql "SELECT typname FROM pg_type WHERE typname = 'user_status'")"
}

@test "a lock that is not to be had is tried for again, and named" {
    run_evo evo-migrate up --render --to 1a2b3c4d5e6f
    assert_exit 0
    hold 'SELECT * FROM users'
    run_evo evo-migrate up --render --lock-timeout 200ms --lock-retries 1 --json
    assert_exit 5
    assert_json '.error.schema_clean and (.error.detail | contains("holder"))'
}

@test "branches of one parent are rendered; what cannot be trusted is refused before anything is run" {
    revision aaa1 "'2b3c4d5e6f70'" 'CREATE TABLE aaa1 ()'
    revision bbb1 "'2b3c4d5e6f70'" 'CREATE TABLE bbb1 ()'
    run_evo evo-migrate up --render --to heads
    assert_exit 0
    assert_equal 'aaa1 bbb1' "$(versions)"
    revision mmm1 "('aaa1', 'bbb1')"
    run_evo evo-migrate up --render --json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and .error.schema_clean and (.error.message | contains("upon several revisions"))'
    assert_json '.error.next == "evo-migrate up"'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal mmm1 "$(versions)"

    # It looks at what a SELECT says: the rendering would have neither answer.
    revision ccc1 "'mmm1'"
    cat >>"$VERSIONS/ccc1_step.py" <<'END'


def upgrade():
    if op.get_bind().execute(__import__("sqlalchemy").text("SELECT count(*) FROM users")) is None:
        op.execute("CREATE TABLE ccc1 ()")
END
    run_evo evo-migrate up --render --json
    assert_exit 3
    assert_json '.error.message | contains("reads from the database")'
    sed -i 's/if op.get_bind.*/for row in op.get_bind().execute("SELECT 1"):/' "$VERSIONS/ccc1_step.py"
    run_evo evo-migrate up --render --json
    assert_exit 7
    assert_json '.error.message | contains("could not render migration \"ccc1_step\"")'
    assert_json '.error.schema_clean and (.error.detail | contains("Error"))'
    assert_equal f "$(exists ccc1)"
}

@test "--render is refused for a layout of SQL" {
    rm -r migrations alembic.ini
    mkdir -p migrations/1_a
    echo 'SELECT 1' >migrations/1_a/up.sql
    run_evo evo-migrate up --render
    assert_exit 2
    assert_stderr_has '--render is not for the layout sql'
}
