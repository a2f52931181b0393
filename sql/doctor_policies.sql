-- What:       the policies of row level security that decide what this role reads
-- Grain:      policy; one row without a name where row security is active without a policy
-- Parameters: :table (quoted, with its schema where it has one)
-- Returns:    policy
-- Excludes:   tables on which row security is not active for this role
-- Engines:    PostgreSQL
SELECT pg_policy.polname AS policy
FROM pg_class
LEFT JOIN pg_policy
    ON pg_policy.polrelid = pg_class.oid AND pg_policy.polcmd IN ('r', '*')
WHERE pg_class.oid = TO_REGCLASS(:table) AND ROW_SECURITY_ACTIVE(pg_class.oid)
ORDER BY policy
