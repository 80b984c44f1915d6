-- The column is there, and no row lacks a value.
-- evo:expect rows 1
-- evo:expect column is_nullable = NO
SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'status';

-- evo:expect values 0
SELECT COUNT(*) FROM users WHERE status IS NULL;
