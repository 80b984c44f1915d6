-- What was agreed on is VARCHAR(50); the migration says TEXT.
-- evo:expect rows 1
-- evo:expect column data_type = character varying
SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'products' AND column_name = 'sku';
