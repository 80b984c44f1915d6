# evo as a guest in a project of Sqitch: the registry is what Sqitch would have written, each of the two goes on where the
# other stopped, and both agree on every state. The real Sqitch stands on the other side.
# seconds: 35
bats_require_minimum_version 1.5.0
load ../lib/evo
load ../lib/migrate
load ../lib/sqltools
load ../lib/sqitch

setup() {
    pg_fresh_db
    sqitch_project
    change users '' 'CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL);' 'DROP TABLE users;' 'SELECT id, email FROM users WHERE false;'
    change app/status users $'CREATE TYPE status AS ENUM (\'on\', \'off\');\nALTER TABLE users ADD status status;' \
        $'ALTER TABLE users DROP status;\nDROP TYPE status;' 'SELECT status FROM users WHERE false;'
}

teardown() {
    release
}

# With all that a plan may hold: tags, a reworked change, dependencies by tag and on another project, notes with escapes.
rich_plan() {
    printf '%%syntax-version=1.0.0\n%%project=shop\n%%uri=HTTPS://Example.org:443/shop?x=1\n\n' >sqitch.plan
    planned users 'Users # with a hash'
    planned 'app/status [users]' 'Two\nlines, and a \\ backslash'
    planned @v1.0 'First'
    change view 'app/status users@v1.0 !legal:terms' 'CREATE VIEW v AS SELECT id FROM users;' 'DROP VIEW v;' 'SELECT id FROM v;'
    planned @v1.1 'Second, ünï'
    mv deploy/view.sql deploy/view@v1.1.sql
    cp revert/view.sql revert/view@v1.1.sql
    mv verify/view.sql verify/view@v1.1.sql
    change view view@v1.1 'CREATE OR REPLACE VIEW v AS SELECT id, email FROM users;' \
        $'DROP VIEW v;\nCREATE VIEW v AS SELECT id FROM users;' 'SELECT id, email FROM v;'
    change last '@v1.1 !gone:for@good' 'CREATE TABLE last (id int);' 'DROP TABLE last;'
}

# sqitch_sees LINE: the last of its status.
sqitch_sees() {
    sqitch status
    assert_stdout_has "$1"
}

@test "registry, rows and schema are those of sqitch deploy" {
    rich_plan
    run_evo evo-migrate up
    assert_exit 0
    local rows schema
    rows=$(registry) schema=$(app_schema)
    sqitch_sees 'Nothing to deploy (up-to-date)'
    sqitch verify
    assert_exit 0
    sqitch check
    assert_exit 0
    assert_equal f "$(exists evo.migrations)"

    pg_fresh_db
    sqitch deploy --verify
    assert_exit 0
    assert_equal "$(registry)" "$rows"
    assert_equal "$(app_schema)" "$schema"
    evo_sees 'users app/status view@v1.1 view last' ''
}

@test "what is taken back is recorded as by sqitch revert" {
    rich_plan
    sqitch deploy
    assert_exit 0
    run_evo evo-migrate down --to app/status
    assert_exit 0
    local rows schema
    rows=$(registry) schema=$(app_schema)
    sqitch_sees 'Undeployed changes:'
    evo_sees 'users app/status' 'view@v1.1 view last'

    pg_fresh_db
    sqitch deploy
    sqitch revert -y --to @v1.0
    assert_exit 0
    assert_equal "$(registry)" "$rows"
    assert_equal "$(app_schema)" "$schema"
    sqitch deploy
    assert_exit 0
    evo_sees 'users app/status view@v1.1 view last' ''
}

@test "half by one, half by the other, and back" {
    run_evo evo-migrate up --steps 1
    assert_exit 0
    sqitch deploy
    assert_exit 0
    evo_sees 'users app/status' ''
    run_evo evo-migrate down
    assert_exit 0
    sqitch_sees '* app/status'
    # a tag that came behind a deployed change comes along with the next one
    planned @v1 'First'
    change more @v1 'CREATE TABLE more (id int);' 'DROP TABLE more;'
    sed -i '/^@v1/d;/^more/d' sqitch.plan
    planned more 'Note of more'
    run_evo evo-migrate up
    assert_exit 0
    sqitch_sees 'Nothing to deploy'
    sqitch revert -y
    assert_exit 0
    evo_sees '' 'users app/status more'
    assert_equal f "$(exists users)"
}

@test "a tag that was set later is recorded with the next change, as Sqitch does" {
    run_evo evo-migrate up
    assert_exit 0
    planned @v1 'First'
    change more @v1 'CREATE TABLE more (id int);' 'DROP TABLE more;'
    run_evo evo-migrate up
    assert_exit 0
    local evo
    evo=$(registry)

    pg_fresh_db
    sed -i '/^@v1/,$d' sqitch.plan
    sqitch deploy
    CLOCK=2
    planned @v1 'First'
    planned 'more [@v1]' 'Note of more'
    sqitch deploy
    assert_exit 0
    assert_equal "$(registry)" "$evo"
}

@test "an edited script is found by both, and a change that was planned otherwise" {
    run_evo evo-migrate up
    assert_exit 0
    cp sqitch.plan plan.kept
    cp deploy/users.sql users.kept
    script deploy users 'CREATE TABLE users (id bigint);'
    sqitch check
    assert_exit 1
    assert_stdout_has 'diverge at change users'
    change more '' 'SELECT 1;'
    run_evo evo-migrate up
    assert_exit 1
    assert_stderr_has '"users" was edited'
    cp plan.kept sqitch.plan
    cp users.kept deploy/users.sql
    evo_sees 'users app/status' ''
    # other facts make other ids, of all that follows too
    sed -i 's/Note of users/Another note/' sqitch.plan
    sqitch status
    assert_exit 2
    assert_stderr_has 'Cannot find this change'
    run_evo evo-status --json
    assert_exit 1
    assert_equal 'users app/status' "$(names edited)"
}

@test "a failure in one block leaves nothing but its event" {
    change bad '' $'CREATE TABLE half (id int);\nSELECT 1/0;' 'DROP TABLE half;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean and .error.line == 3'
    assert_equal f "$(exists half)"
    evo_sees 'users app/status' 'bad'
    local rows
    rows=$(registry)
    pg_fresh_db
    sqitch deploy --mode change
    assert_exit 2
    assert_equal "$(registry)" "$rows"
    script deploy bad 'CREATE TABLE half (id int);'
    run_evo evo-migrate up
    assert_exit 0
    sqitch_sees 'Nothing to deploy'
}

@test "a failure between two blocks is on record, and a person settles it" {
    planned two 'Two blocks'
    script deploy two $'BEGIN;\nCREATE TABLE one (id int);\nCOMMIT;\nBEGIN;\nCREATE TABLE one (id int);\nCOMMIT;'
    run_evo evo-migrate up
    assert_exit 7
    assert_stderr_has 'evo-migrate resolve --rolled-back two'
    assert_equal t "$(exists one)"
    sqitch_sees '* two'
    run_evo evo-status --json
    assert_equal two "$(names failed)"
    run_evo evo-migrate up
    assert_exit 1
    pg_sql 'DROP TABLE one'
    run_evo evo-migrate resolve --rolled-back two
    assert_exit 0
    evo_sees 'users app/status' two
    script deploy two $'BEGIN;\nCREATE TABLE one (id int);\nCOMMIT;\nBEGIN;\nCREATE TABLE other (id int);\nCOMMIT;'
    run_evo evo-migrate up
    assert_exit 0
    sqitch_sees 'Nothing to deploy'
    assert_equal 'deploy deploy fail deploy' "$(pg_sql "SELECT string_agg(event, ' ' ORDER BY committed_at) FROM sqitch.events")"
}

@test "what cannot run in a transaction is resumed, or settled as applied" {
    planned index 'An index'
    script deploy index $'CREATE TABLE early (id int);\nCREATE INDEX CONCURRENTLY i ON nothing (id);'
    run_evo evo-migrate up
    assert_exit 7
    assert_equal t "$(exists early)"
    script deploy index $'CREATE TABLE early (id int);\nCREATE INDEX CONCURRENTLY i ON users (email);'
    run_evo evo-migrate up
    assert_exit 0
    sqitch_sees 'Nothing to deploy'
    sqitch check
    assert_exit 0
    planned third 'A third'
    script deploy third $'CREATE TABLE third (id int);\nCREATE INDEX CONCURRENTLY j ON nothing (id);'
    run_evo evo-migrate up
    assert_exit 7
    run_evo evo-migrate resolve --applied third
    assert_exit 0
    evo_sees 'users app/status index third' ''
    sqitch_sees 'Nothing to deploy'
}

@test "a verify script passes where it raises no error, may write, and leaves nothing" {
    script verify users $'BEGIN;\nINSERT INTO users (email) VALUES (\'probe\');\nSELECT 1/count(*) FROM users;\nROLLBACK;'
    run_evo evo-migrate up --json
    assert_exit 0
    assert_json '.data.applied | map(.verify) == ["passed", "passed"]'
    assert_equal 0 "$(pg_sql 'SELECT count(*) FROM users')"
    run_evo evo-verify up --all --json
    assert_exit 0
    assert_json '.data.probes | map(.verdict) == ["true", "true", "true"]'
    change bad '' 'CREATE TABLE bad (id int);' 'DROP TABLE bad;' $'SELECT id FROM bad;\nSELECT nothing FROM bad;\nSELECT 1;'
    run_evo evo-migrate up --json
    assert_exit 7
    assert_json '.error.schema_clean and (.error.message | contains("nothing"))'
    assert_equal f "$(exists bad)"
    sqitch deploy --mode change --verify
    assert_exit 2
    evo_sees 'users app/status' bad
    script verify bad 'SELECT 1;'
    sqitch deploy
    script verify bad $'BEGIN;\nSELECT id FROM bad;\nSELECT 1/0;\nSELECT 1;\nROLLBACK;'
    run_evo evo-verify up bad --json
    assert_exit 1
    assert_json '.data.probes | map(.verdict) == ["true", "error"]'
    sqitch verify
    assert_exit 2
}

@test "dependencies on another project, and conflicts, as the registry has them" {
    change needy other:base 'CREATE TABLE needy (id int);' 'DROP TABLE needy;'
    run_evo evo-migrate up
    assert_exit 7
    assert_stderr_has '"needy" requires "other:base", which is not deployed'
    sqitch deploy
    assert_exit 2
    assert_stderr_has 'Missing required change: other:base'
    mkdir -p other/deploy
    cd other
    printf '[core]\n\tengine = pg\n' >sqitch.conf
    printf '%%project=other\n\nbase 2025-01-01T00:00:00Z P <p@example.org>\n' >sqitch.plan
    script deploy base 'CREATE TABLE base (id int);'
    run_evo evo-migrate up
    assert_exit 0
    cd ..
    change never !other:base 'SELECT 1;'
    run_evo evo-migrate up
    assert_exit 7
    assert_stderr_has '"never" conflicts with "other:base", which is deployed'
    evo_sees 'users app/status needy' never
    cd other
    script revert base 'DROP TABLE base;'
    run_evo evo-migrate down
    assert_exit 7
    assert_stderr_has '"base" is required by "shop:needy", which is deployed'
    sqitch revert -y
    assert_exit 2
    assert_stderr_has 'required by currently deployed change: shop:needy'
}

@test "another registry and other folders, as sqitch.conf says" {
    mkdir db
    mv deploy revert verify sqitch.plan db/
    cat >>sqitch.conf <<'CONF'
[core]
	top_dir = db ; where all lies
[engine "pg"]
	registry = "meta data"
	target = local
[target "local"]
	uri = db:pg:
CONF
    run_evo evo-migrate up
    assert_exit 0
    evo_sees 'users app/status' ''
    sqitch_sees 'Nothing to deploy'
    assert_equal 2 "$(pg_sql 'SELECT count(*) FROM "meta data".changes')"
    sqitch revert -y
    assert_exit 0
    evo_sees '' 'users app/status'
}

@test "the lock is Sqitch's own; a registry of another version is left alone" {
    hold 'SELECT pg_advisory_lock(75474063)'
    run_evo evo-migrate up --wait 0
    assert_exit 5
    sqitch deploy --lock-timeout 1
    assert_exit 2
    assert_stderr_has 'Timed out waiting'
    release
    run_evo evo-migrate up --wait 0
    assert_exit 0
    pg_sql 'INSERT INTO sqitch.releases (version, installer_name, installer_email) VALUES (1.2, $$x$$, $$y$$)'
    run_evo evo-migrate up --json
    assert_exit 3
    assert_json '.error.reason == "unsupported" and (.error.hint | contains("sqitch upgrade"))'
}
