-- evo:expect empty
SELECT column_name FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'status';
