-- How far each backfill is: made when the first one runs. May run again, and
-- asks for no privilege then. Nothing here depends on search_path.
DO $evo$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'evo') THEN
        CREATE SCHEMA evo;
        COMMENT ON SCHEMA evo IS 'Bookkeeping of evo; not part of the application''s schema.';
    END IF;

    -- One row a part of the table's key: (lower, upper] of its first column. A
    -- batch writes its part's row in its own transaction.
    IF pg_catalog.to_regclass('evo.backfill') IS NULL THEN
        CREATE TABLE evo.backfill (
            name          text NOT NULL,
            part          integer NOT NULL,     -- 1-based
            definition    text NOT NULL,        -- SHA-256 of statement, table and key
            statement     text NOT NULL,        -- as it was written: for people
            run           text NOT NULL,        -- who works on it; another one writes nothing
            version       bigint NOT NULL DEFAULT 0, -- counts the writes of this row
            lower         text,                 -- NULL: no bound
            upper         text,
            once          boolean NOT NULL DEFAULT false, -- one pass: the condition does not tell what is done
            sweep         integer NOT NULL DEFAULT 1,
            waits         boolean NOT NULL DEFAULT false, -- this sweep waits for locked rows
            finished      boolean NOT NULL DEFAULT false, -- with this sweep
            "position"    text[],               -- key of the last row looked at in this sweep; NULL: none yet
            left_out      text[],               -- rows that were locked by others: an array a column of the key
            left_out_rows bigint NOT NULL DEFAULT 0,
            sweep_looked  bigint NOT NULL DEFAULT 0, -- about how many rows this sweep has looked at
            sweep_settled bigint NOT NULL DEFAULT 0, -- rows changed of which the condition is not true any more
            sweep_skipped bigint NOT NULL DEFAULT 0,
            rows_done     bigint NOT NULL DEFAULT 0,
            skipped       bigint NOT NULL DEFAULT 0,
            batches       bigint NOT NULL DEFAULT 0,
            started_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
            updated_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
            done_at       timestamptz,          -- all parts have the same
            PRIMARY KEY (name, part)
        );
    END IF;
END
$evo$;
