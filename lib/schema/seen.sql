-- What runs of evo found applied, or applied themselves, where a ledger does not say it
-- of each migration. A file that is not among them arrived late. What ledger.sql says of
-- running again holds here, too.
DO $evo$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'evo') THEN
        CREATE SCHEMA evo;
        COMMENT ON SCHEMA evo IS 'Bookkeeping of evo; not part of the application''s schema.';
    END IF;

    IF pg_catalog.to_regclass('evo.seen') IS NULL THEN
        CREATE TABLE evo.seen (
            ledger         text NOT NULL,      -- layout and table: 'golang-migrate public.schema_migrations'
            version        text NOT NULL,
            seen_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
            PRIMARY KEY (ledger, version)
        );
    END IF;
END
$evo$;
