-- What evo adds to a database, made only when it is needed: the ledger of the
-- `sql` layout and the journal of statements outside a transaction. It may run
-- again on a database that has it already, and asks for no privilege then: a role
-- that may only write rows is enough once the tables are there. Nothing here
-- depends on search_path.
DO $evo$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'evo') THEN
        CREATE SCHEMA evo;
        COMMENT ON SCHEMA evo IS 'Bookkeeping of evo; not part of the application''s schema.';
    END IF;

    -- One row an attempt; a name may have several (rolled back, applied again).
    IF pg_catalog.to_regclass('evo.migrations') IS NULL THEN
        CREATE TABLE evo.migrations (
            id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            version        text NOT NULL,
            name           text NOT NULL,      -- "<version>_<name>": unique among live rows
            checksum       text NOT NULL,      -- SHA-256 of the file's bytes, lower-case hexadecimal
            started_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
            finished_at    timestamptz,        -- NULL: under way, or failed
            rolled_back_at timestamptz,
            logs           text,               -- the error of a failed attempt
            applied_by     text NOT NULL DEFAULT current_user
        );
        CREATE UNIQUE INDEX migrations_live_name ON evo.migrations (name) WHERE rolled_back_at IS NULL;
    END IF;

    -- Checkpoints of a migration that runs outside a transaction: one row a
    -- statement, removed when the migration is done.
    IF pg_catalog.to_regclass('evo.journal') IS NULL THEN
        CREATE TABLE evo.journal (
            ledger     text NOT NULL,          -- layout: 'prisma', 'sql', …
            name       text NOT NULL,
            checksum   text NOT NULL,          -- of the file the statement was read from
            statement  integer NOT NULL,       -- 1-based
            sha256     text NOT NULL,          -- of the statement's text
            started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
            done_at    timestamptz,            -- NULL: started, outcome unknown
            PRIMARY KEY (ledger, name, statement)
        );
    END IF;
END
$evo$;
