# shellcheck shell=bash
# The feature database (nasty.sql, features.sql and what the server's version adds), in a private cluster of any major version.
# Sourced behind tests/lib/evo.bash and helpers.bash.
# shellcheck disable=SC2034,SC2153

# features_start MAJOR [-c name=value]...: a private cluster of that version that knows the extension evo_settings
# (tests/fixtures), which a server only finds in its own folders: so a server of the machine's packages is given others.
features_start() {
    local major=$1 bindir tree share
    shift
    bindir=$(pg_version_bindir "$major") || return
    case $bindir in
    /usr/lib/postgresql/*)
        # Programs find their folders from where they lie themselves: a copy of the server, and links to all the rest.
        tree=$(mktemp -d "$EVO_TEST_DIR/pgtree.XXXXXX")/usr
        mkdir -p "$tree/lib/postgresql/$major/bin" "$tree/share/postgresql/$major/extension"
        ln -s "$bindir"/* "$tree/lib/postgresql/$major/bin/"
        rm "$tree/lib/postgresql/$major/bin/postgres"
        cp "$bindir/postgres" "$tree/lib/postgresql/$major/bin/"
        ln -s "/usr/lib/postgresql/$major/lib" "$tree/lib/postgresql/$major/lib"
        share=$tree/share/postgresql/$major
        find "/usr/share/postgresql/$major" -mindepth 1 -maxdepth 1 ! -name extension -exec ln -s {} "$share/" \;
        ln -s "/usr/share/postgresql/$major/extension"/* "$share/extension/"
        chmod -R a+rX "${tree%/usr}"
        bindir=$tree/lib/postgresql/$major/bin
        ;;
    *) share=$(find -L "${bindir%/bin}" "$bindir/../../../../share" -maxdepth 4 -type d -path '*share*' -name extension 2>/dev/null | head -n 1) && share=${share%/extension} ;;
    esac
    install -m 0644 "$EVO_ROOT"/tests/fixtures/evo_settings/evo_settings* "$share/extension/" || return
    export EVO_TEST_PG_BINDIR=$bindir
    pg_private_start -c logging_collector=off "$@"
}

# features_db [ROWS]: that database, filled, with so many rows in its large table; DATABASE_URL names it.
features_db() {
    local major file files=(features.sql)
    nasty_db || return
    major=$(($(pg_sql 'SHOW server_version_num') / 10000))
    for file in 17 18; do
        [ "$major" -lt "$file" ] || files+=("features_$file.sql")
    done
    for file in "${files[@]}"; do
        "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -v owner="$NASTY_ROLE" -v rows="${1:-40000}" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres \
            -d "$PG_DB" -f "$EVO_ROOT/tests/integration/backup/$file" >"$BATS_TEST_TMPDIR/features.log" 2>&1 ||
            fail "$(cat "$BATS_TEST_TMPDIR/features.log")" || return
    done
}

# many_large_objects N: so many small ones; each hundredth with an owner, each two-hundredth with privileges and a comment.
many_large_objects() {
    pg_sql - <<SQL
SELECT count(lo_from_bytea(1000000 + i, ('large object ' || i)::bytea)) FROM generate_series(1, $1) i \\gset
SELECT format('ALTER LARGE OBJECT %s OWNER TO $NASTY_ROLE', 1000000 + i) FROM generate_series(100, $1, 100) i \\gexec
SELECT format('GRANT SELECT ON LARGE OBJECT %s TO PUBLIC; COMMENT ON LARGE OBJECT %1\$s IS %L', 1000000 + i, 'it''s ' || i)
    FROM generate_series(200, $1, 200) i \\gexec
SQL
}
