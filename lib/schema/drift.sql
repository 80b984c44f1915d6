-- Changes of the schema by other hands that a run found, and went on upon: what the
-- next record of the schema would swallow. Made when the first one is found; what
-- ledger.sql says of running again holds here, too.
DO $evo$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'evo') THEN
        CREATE SCHEMA evo;
        COMMENT ON SCHEMA evo IS 'Bookkeeping of evo; not part of the application''s schema.';
    END IF;

    IF pg_catalog.to_regclass('evo.drift') IS NULL THEN
        CREATE TABLE evo.drift (
            id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            ledger         text NOT NULL,      -- as in evo.fingerprints
            migration      text,               -- the first that was run upon it
            expected       text NOT NULL,      -- fingerprint on record
            found          text NOT NULL,      -- fingerprint that was found instead
            differences    text,               -- the first ones, a line each; NULL: what was expected is not kept
            total          integer NOT NULL,   -- of them; 0: not known
            found_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
            found_by       text NOT NULL DEFAULT current_user,
            accepted_at    timestamptz         -- NULL: nobody has said that it is as it should be
        );
    END IF;
END
$evo$;
