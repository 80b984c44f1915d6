-- A database that is hard to back up: what dump and restore tools have stumbled over.
-- :owner is a second role, which owns some of it.
SET client_min_messages = warning;
-- A server without contrib or libxml (a small build) has stand-ins of the same names.
SELECT count(*) = 2 AS has_contrib FROM pg_available_extensions WHERE name IN ('hstore', 'pg_trgm') \gset
\if :has_contrib
CREATE EXTENSION hstore;
CREATE EXTENSION pg_trgm;
\else
CREATE DOMAIN hstore AS text;
CREATE FUNCTION hstore(text, text) RETURNS hstore LANGUAGE sql AS $$ SELECT $1 || '=>' || $2 $$;
\endif
SELECT setting ~ 'with-libxml' AS has_xml FROM pg_config WHERE name = 'CONFIGURE' \gset

CREATE SCHEMA "Odd ""Schema""";
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN email AS text CHECK (VALUE ~ '@');

-- Ranges with sub-partitions, and hash partitions on an enum (load via the root).
CREATE TABLE measured (at date NOT NULL, place int NOT NULL, value numeric) PARTITION BY RANGE (at);
CREATE TABLE measured_2025 PARTITION OF measured FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE measured_2026 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY HASH (place);
CREATE TABLE measured_2026_0 PARTITION OF measured_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE measured_2026_1 PARTITION OF measured_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO measured SELECT date '2025-06-01' + i, i % 7, i / 3.0 FROM generate_series(1, 500) i;
CREATE TABLE moods (m mood, n int) PARTITION BY HASH (m);
CREATE TABLE moods_0 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE moods_1 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE moods_2 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO moods SELECT (enum_range(NULL::mood))[1 + i % 3], i FROM generate_series(1, 90) i;

-- Foreign keys in a circle.
CREATE TABLE hen (id int PRIMARY KEY, egg int);
CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO hen SELECT i, i FROM generate_series(1, 10) i;
INSERT INTO egg SELECT i, 11 - i FROM generate_series(1, 10) i;
COMMIT;

-- Columns of every make; a dropped one in the middle.
CREATE TABLE made (
    id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 7),
    serial_no serial,
    gone text,
    a int,
    twice int GENERATED ALWAYS AS (a * 2) STORED,
    mail email,
    tags hstore
);
INSERT INTO made (gone, a, mail, tags) SELECT 'x', i, i || '@x.org', hstore('k', i::text) FROM generate_series(1, 30) i;
ALTER TABLE made DROP COLUMN gone;
CREATE TABLE only_generated (one int GENERATED ALWAYS AS (1) STORED);
INSERT INTO only_generated SELECT FROM generate_series(1, 3);
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 4);
CREATE TABLE no_rows (id int PRIMARY KEY);

-- Inheritance with a column added late.
CREATE TABLE parent (a int);
CREATE TABLE child (b text) INHERITS (parent);
ALTER TABLE parent ADD COLUMN late text DEFAULT 'late';
INSERT INTO parent (a) VALUES (1);
INSERT INTO child (a, b) VALUES (2, 'two');

-- Names and values that need quoting.
CREATE TABLE "Odd ""Schema"""."Ta(b)le, ""one""" ("a ""b"" (c)" text, "d, e" text, "select" int);
INSERT INTO "Odd ""Schema"""."Ta(b)le, ""one""" VALUES ('it''s', E'\\.', 1), (E'tab\there', E'line\nbreak\r\n', 2),
    (E'\\N', NULL, 3), (E'back\\slash\b\f\v', '', 4), (E'\001\177', 'ünïcødé 漢字 🐘', 5);
CREATE TABLE "naïve ünïcode" ("größe" int);
INSERT INTO "naïve ünïcode" VALUES (1), (2);
CREATE UNLOGGED TABLE unlogged (a int);
INSERT INTO unlogged VALUES (1), (2);
\if :has_xml
CREATE TABLE bytes (id int, b bytea, f float8, t timestamptz, i interval, x xml, j jsonb);
\else
CREATE TABLE bytes (id int, b bytea, f float8, t timestamptz, i interval, x text, j jsonb);
\endif
INSERT INTO bytes SELECT i, decode(repeat(md5(i::text), 100), 'hex'), 1.0 / i, '2026-03-29 02:30+02'::timestamptz + i * interval '1 h',
    interval '1 year 2 mons -3 days 04:05:06.789', '<a>x</a>', '{"a": [1, 2]}' FROM generate_series(1, 200) i;

-- Views over views, one of them unpopulated; a rule, a trigger, a function, statistics, a policy.
CREATE VIEW happy AS SELECT n FROM moods WHERE m = 'happy';
CREATE MATERIALIZED VIEW a_over_z AS SELECT 0 AS n WITH NO DATA;
CREATE MATERIALIZED VIEW z AS SELECT count(*) AS n FROM happy;
CREATE MATERIALIZED VIEW b_over_z AS SELECT n + 1 AS n FROM z;
CREATE UNIQUE INDEX ON b_over_z (n);
CREATE TABLE log (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (TG_OP); RETURN NEW; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON hen FOR EACH ROW EXECUTE FUNCTION note();
CREATE RULE quiet AS ON DELETE TO log DO INSTEAD NOTHING;
CREATE STATISTICS both_columns ON at, place FROM measured;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE TABLE guarded (id int, who text);
INSERT INTO guarded VALUES (1, 'a'), (2, 'b');
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded USING (who = current_user);
ALTER TABLE guarded OWNER TO :owner;
GRANT SELECT ON measured TO :owner;
COMMENT ON TABLE made IS 'it''s made';

-- Large objects: with an owner, privileges and a comment; empty; larger than a page.
SELECT lo_from_bytea(990001, 'small') \gset
SELECT lo_from_bytea(990002, decode(repeat(md5('x'), 20000), 'hex')) \gset
SELECT lo_create(990003) \gset
COMMENT ON LARGE OBJECT 990001 IS 'the small one';
GRANT SELECT ON LARGE OBJECT 990001 TO :owner;
ALTER LARGE OBJECT 990002 OWNER TO :owner;

SELECT setval('made_serial_no_seq', 5000, false) \gset
ALTER DATABASE :"DBNAME" SET work_mem = '5MB';
