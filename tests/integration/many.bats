# Thousands of migrations: what is done once a migration must not look through all of them. Nothing is timed by the clock; the
# processor's time is limited so far above what is needed that only something quadratic in every part would reach it.
# seconds: 15
bats_require_minimum_version 1.5.0
load ../lib/evo

N=5000
CPU_SECONDS=30

setup() {
    pg_fresh_db
    mkdir "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return
}

# files FORM: N migrations of it.
files() {
    python3 - "$1" "$N" <<'PY'
import os, sys

form, count = sys.argv[1], int(sys.argv[2])

def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)

for i in range(count):
    name = f'{20200101000000 + i}_m{i}'
    if form == 'prisma':
        write(f'prisma/migrations/{name}/migration.sql', f'SELECT {i};\n')
        write(f'prisma/migrations/{name}/down.sql', 'SELECT 1;\n')
    else:
        write(f'migrations/{name}.up.sql', f'SELECT {i};\n')
        write(f'migrations/{name}.down.sql', 'SELECT 1;\n')
        write(f'evo/{name}/verify_up.sql', 'SELECT true;\n')
PY
}

# limited ARGUMENT...: run_evo under the limit.
limited() {
    local was
    was=$(ulimit -S -t)
    ulimit -S -t "$CPU_SECONDS"
    run_evo "$@"
    ulimit -S -t "$was"
}

@test "status of thousands: none applied, all on record by a baseline, nothing to apply" {
    files prisma
    limited evo-status --json
    assert_exit 0
    assert_json ".data.pending | length == $N"
    local last
    last=$(json '.data.pending[-1].name')
    limited evo-migrate plan --json
    assert_exit 0
    assert_json ".data.steps | length == $N"
    limited evo-migrate baseline --to "$last" --json
    assert_exit 0
    assert_json ".data.applied | length == $N"
    limited evo-status --fail-on pending,failed,edited,missing,drift --json
    assert_exit 0
    assert_json "(.data.applied | length == $N) and .data.last_applied == \"$last\""
    limited evo-migrate up
    assert_exit 0
    limited evo-migrate down --dry-run --steps 5 --json
    assert_exit 0
    assert_json '.data.steps | length == 5'
}

@test "status of thousands in files side by side, each with its companions" {
    files pairs
    limited evo-status --json
    assert_exit 0
    assert_json "(.data.pending | length == $N) and all(.data.checks[]; .verdict == \"ok\")"
    # the same migration in another form is still found among them
    mkdir migrations/20200101000042_m42 && echo 'SELECT 1;' >migrations/20200101000042_m42/up.sql
    limited evo-status --json
    assert_exit 2
    assert_json '.error.message | contains("\"20200101000042_m42\" exists twice")'
}
