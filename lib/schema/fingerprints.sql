-- What evo knows of the application's schema at each state of the ledger, for the
-- checks of drift and of promotion. Made when the first fingerprint is recorded; what
-- ledger.sql says of running again holds here, too.
DO $evo$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'evo') THEN
        CREATE SCHEMA evo;
        COMMENT ON SCHEMA evo IS 'Bookkeeping of evo; not part of the application''s schema.';
    END IF;

    -- One row a moment; the newest 1000 are kept.
    IF pg_catalog.to_regclass('evo.fingerprints') IS NULL THEN
        CREATE TABLE evo.fingerprints (
            id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            ledger         text NOT NULL,      -- layout and table: 'prisma public._prisma_migrations'
            moment         text NOT NULL,      -- 'before' the first migration of a run; behind 'up', 'down', …
            name           text,               -- of the migration; NULL: the moment is of none
            state          text NOT NULL,      -- SHA-256 over the names of what was applied then
            fingerprint    text NOT NULL,      -- SHA-256 of the schema's readable form
            stamp          text,               -- of the catalogs' rows then: the same one, the same fingerprint
            format         text NOT NULL,      -- its first line
            server_version integer NOT NULL,
            recorded_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
            recorded_by    text NOT NULL DEFAULT current_user
        );
    -- One that an older evo made.
    ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass('evo.fingerprints')
            AND a.attname = 'stamp' AND NOT a.attisdropped) THEN
        ALTER TABLE evo.fingerprints ADD stamp text;
    END IF;

    -- The readable forms of the newest 20 to 40 moments, each once.
    IF pg_catalog.to_regclass('evo.schemas') IS NULL THEN
        CREATE TABLE evo.schemas (
            fingerprint    text PRIMARY KEY,
            description    text NOT NULL
        );
    END IF;
END
$evo$;
