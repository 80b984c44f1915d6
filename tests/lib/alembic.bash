# The real Alembic on a copy of fixtures/alembic, and revisions for it.
#
#     load ../lib/evo
#     load ../lib/alembic
#     setup() { pg_fresh_db; alembic_project; }
#     @test ... { run_evo evo-migrate up; assert_exit 0; alembic_run current; }
#
# alembic_project changes into the new project's folder; evo is run there. Its virtual environment is .venv, so that evo
# finds the program where projects have it.
# shellcheck shell=bash

# alembic_project
alembic_project() {
    PROJECT=$BATS_TEST_TMPDIR/project
    cp -R "$EVO_ROOT/tests/fixtures/alembic" "$PROJECT"
    chmod -R u+w "$PROJECT"
    mkdir -p "$PROJECT/.venv/bin"
    ln -s "$EVO_TOOLS/alembic/bin/alembic" "$PROJECT/.venv/bin/alembic"
    # SQLAlchemy takes the host of a socket from the query as libpq does.
    export PYTHONDONTWRITEBYTECODE=1
    VERSIONS=$PROJECT/migrations/versions
    cd "$PROJECT" || return
}

# alembic_run ARGUMENT...: the project's own alembic, as its people run it.
alembic_run() {
    "$EVO_TOOLS/alembic/bin/alembic" "$@" 2>"$BATS_TEST_TMPDIR/alembic.err"
}

# revision ID DOWN [UP-SQL [DOWN-SQL [MORE]]]: a revision whose steps are op.execute(); DOWN is Python ("None", "'a'",
# "('a', 'b')"), MORE further lines of the module. Its name is ID_step.
revision() {
    cat >"$VERSIONS/$1_step.py" <<END
from alembic import op

revision = "$1"
down_revision = $2
${5:-}

def upgrade():
    op.execute("""${3:-SELECT 1}""")


def downgrade():
    op.execute("""${4:-SELECT 1}""")
END
}

# versions: what the ledger holds, one line, sorted.
versions() {
    pg_sql 'SELECT version_num FROM alembic_version ORDER BY 1' | paste -sd' '
}

# lying_alembic BODY: an alembic in front of the real one (as $REAL) that runs BODY.
# shellcheck disable=SC2016 # the script's own variables
lying_alembic() {
    rm -f .venv/bin/alembic
    {
        printf '#!/bin/bash\nREAL=%q\n' "$EVO_TOOLS/alembic/bin/alembic"
        printf '%s\n' "$1"
    } >.venv/bin/alembic
    chmod +x .venv/bin/alembic
}
