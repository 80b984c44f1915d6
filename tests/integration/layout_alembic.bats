# The layout alembic, with the real Alembic: what lies where, and in which order it is run.
# seconds: 40
# shellcheck disable=SC2154 # LAYOUT and the like come from the helpers
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

@test "up is what alembic would have done, and both agree on it" {
    run_evo evo-migrate plan
    assert_exit 0
    assert_stdout_has 'runs by alembic upgrade 1a2b3c4d5e6f'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name] == ["1a2b3c4d5e6f_create_users", "2b3c4d5e6f70_add_user_status"]'
    assert_json 'all(.data.applied[]; .transaction) and .data.pending == []'
    jq .data "$OUT" >"$BATS_TEST_TMPDIR/data.json"
    assert_schema "$EVO_ROOT/lib/schema/data/migrate-up.schema.json" "$BATS_TEST_TMPDIR/data.json"
    assert_equal '2b3c4d5e6f70 (head)' "$(alembic_run current)"
    alembic_run current --check-heads
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied == []'
}

@test "what alembic did is what status says, step by step" {
    alembic_run upgrade 1a2b3c4d5e6f
    run_evo evo-status --json
    assert_exit 0
    assert_json '.data.layout == "alembic"'
    assert_json '[.data.applied[].name] == ["1a2b3c4d5e6f_create_users"]'
    assert_json '[.data.pending[].name] == ["2b3c4d5e6f70_add_user_status"] and .data.edited == []'
    assert_json '.data.applied[0].finished_at == null'
    alembic_run upgrade head
    run_evo evo-status --json
    assert_exit 0
    assert_json '.data.pending == [] and (.data.applied | length) == 2'
    alembic_run downgrade base
    run_evo evo-status --json
    assert_json '.data.applied == [] and (.data.pending | length) == 2'
}

@test "a branch, a merge and a dependency are applied and taken back one by one" {
    # 2b3c4d5e6f70 -> aaa1 -> aaa2 \
    #             \-> bbb1 ---------> mmm1;  ccc1 (another base) needs aaa1
    revision aaa1 "'2b3c4d5e6f70'" 'CREATE TABLE aaa1 ()' 'DROP TABLE aaa1'
    revision aaa2 "'aaa1'" 'CREATE TABLE aaa2 ()' 'DROP TABLE aaa2'
    revision bbb1 "'2b3c4d5e6f70'" 'CREATE TABLE bbb1 ()' 'DROP TABLE bbb1'
    revision mmm1 "('aaa2', 'bbb1')" 'CREATE TABLE mmm1 ()' 'DROP TABLE mmm1' "branch_labels = 'shop'"
    revision ccc1 None 'CREATE TABLE ccc1 ()' 'DROP TABLE ccc1' $'branch_labels = ["side"]\ndepends_on = "aaa1"'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '[.data.applied[].name[0:4]] == ["1a2b", "2b3c", "aaa1", "aaa2", "bbb1", "ccc1", "mmm1"]
                 or [.data.applied[].name[0:4]] == ["1a2b", "2b3c", "aaa1", "aaa2", "bbb1", "mmm1", "ccc1"]'
    assert_equal 'ccc1 mmm1' "$(versions)"
    alembic_run current --check-heads
    # Both ways of naming what stays: by the branch (bbb1 has a brother), and plainly.
    run_evo evo-migrate down --to 1a2b3c4d5e6f --json
    assert_exit 0
    assert_equal 1a2b3c4d5e6f "$(versions)"
    assert_equal '1a2b3c4d5e6f' "$(alembic_run current)"
    run_evo evo-status --json
    assert_json '(.data.applied | length) == 1 and (.data.pending | length) == 6'
    run_evo evo-migrate down
    assert_exit 0
    assert_equal '' "$(versions)"
}

@test "down takes back exactly one of two brothers, and one of two bases" {
    revision aaa1 "'2b3c4d5e6f70'" 'CREATE TABLE aaa1 ()' 'DROP TABLE aaa1' "branch_labels = 'a'"
    revision bbb1 "'2b3c4d5e6f70'" 'CREATE TABLE bbb1 ()' 'DROP TABLE bbb1' "branch_labels = 'b'"
    revision ccc1 None 'CREATE TABLE ccc1 ()' 'DROP TABLE ccc1' "branch_labels = 'c'"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 'aaa1 bbb1 ccc1' "$(versions)"
    run_evo evo-migrate plan --down --json
    assert_json '.data.steps[0].command == "alembic downgrade ccc1@base"'
    run_evo evo-migrate down
    assert_exit 0
    assert_equal 'aaa1 bbb1' "$(versions)"
    run_evo evo-migrate plan --down --json
    assert_json '.data.steps[0].command == "alembic downgrade bbb1@2b3c4d5e6f70"'
    run_evo evo-migrate down
    assert_exit 0
    assert_equal aaa1 "$(versions)"
    assert_equal f "$(exists bbb1)"
    assert_equal t "$(exists aaa1)"
}

@test "--to is a revision or its name, with all that it builds upon and nothing else" {
    revision aaa1 "'1a2b3c4d5e6f'" 'CREATE TABLE aaa1 ()'
    run_evo evo-migrate up --to aaa1
    assert_exit 0
    assert_equal aaa1 "$(versions)"
    run_evo evo-migrate up --to 2b3c4d5e6f70_add_user_status
    assert_exit 0
    assert_equal '2b3c4d5e6f70 aaa1' "$(versions)"
    run_evo evo-migrate up --to nothing
    assert_exit 1
}

@test "two heads that nobody meant are refused by up, named by status, and applied where asked for" {
    revision aaa1 "'1a2b3c4d5e6f'" 'CREATE TABLE aaa1 ()'
    run_evo evo-migrate up --json
    assert_exit 2
    assert_json '.error.reason == "config" and .error.schema_clean'
    assert_json '.error.message | contains("2 heads: \"2b3c4d5e6f70_add_user_status\", \"aaa1_step\"")'
    assert_json '.error.hint | contains("alembic merge heads")'
    assert_equal f "$(exists users)"
    run_evo evo-status --json
    assert_json 'any(.data.checks[]; .name == "heads" and .verdict == "warn" and .next == "alembic merge heads")'
    run_evo evo-migrate up --to heads
    assert_exit 0
    assert_equal '2b3c4d5e6f70 aaa1' "$(versions)"
}

@test "resolve records a merge as alembic would, and refuses a gap" {
    revision aaa1 "'2b3c4d5e6f70'"
    revision bbb1 "'2b3c4d5e6f70'"
    revision mmm1 "('aaa1', 'bbb1')"
    run_evo evo-migrate resolve --applied 2b3c4d5e6f70_add_user_status
    assert_exit 2
    assert_stderr_has 'builds upon revision 1a2b3c4d5e6f, which is not applied'
    local name
    for name in 1a2b3c4d5e6f_create_users 2b3c4d5e6f70_add_user_status aaa1_step bbb1_step; do
        run_evo evo-migrate resolve --applied "$name"
        assert_exit 0
    done
    assert_equal 'aaa1 bbb1' "$(versions)"
    run_evo evo-migrate resolve --applied mmm1_step
    assert_exit 0
    assert_equal mmm1 "$(versions)"
    alembic_run current --check-heads
    run_evo evo-migrate resolve --applied mmm1_step
    assert_exit 2
}

@test "a revision that no file has is named, and nothing is run upon it" {
    run_evo evo-migrate up
    assert_exit 0
    pg_sql "UPDATE alembic_version SET version_num = 'deadbeef'"
    run_evo evo-status --json
    assert_json '[.data.missing[].name] == ["deadbeef"]'
    run_evo evo-migrate up --json
    assert_exit 1
    assert_json '.error.message == "the database is at revision \"deadbeef\", which no file has"'
}

@test "without an alembic nothing is begun, and the message says where it was looked for" {
    rm .venv/bin/alembic
    run_evo evo-migrate up --json
    assert_exit 2
    assert_json '.error.message | contains("alembic was not found")'
    assert_json '.error.hint | contains("EVO_ALEMBIC")'
    EVO_ALEMBIC=$EVO_TOOLS/alembic/bin/alembic run_evo evo-migrate up
    assert_exit 0
    EVO_ALEMBIC=/nowhere/alembic run_evo evo-migrate down
    assert_exit 2
    assert_stderr_has 'EVO_ALEMBIC names'
}

@test "the table is where env.py and search_path say" {
    sed -i 's/transaction_per_migration=.*/version_table="history", version_table_schema="meta",/' migrations/env.py
    pg_sql 'CREATE SCHEMA meta'
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 2b3c4d5e6f70 "$(pg_sql 'SELECT version_num FROM meta.history')"
    run_evo evo-status --json
    assert_json '.data.pending == []'
    sed -i 's/version_table="history"/version_table=os.environ.get("TABLE")/' migrations/env.py
    run_evo evo-status
    assert_exit 2
    assert_stderr_has 'cannot tell version_table of'
    cp "$EVO_ROOT/tests/fixtures/alembic/migrations/env.py" migrations/env.py
    pg_sql "DROP TABLE users; DROP TYPE user_status; CREATE SCHEMA app; ALTER DATABASE $PG_DB SET search_path = app"
    run_evo evo-migrate up
    assert_exit 0
    assert_equal 2b3c4d5e6f70 "$(pg_sql 'SELECT version_num FROM app.alembic_version')"
}
