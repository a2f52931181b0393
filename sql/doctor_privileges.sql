-- What:       whether this role may write to the table, and the table's schema
-- Grain:      one row
-- Parameters: :table (quoted, with its schema where it has one)
-- Returns:    role, schema, may_write
-- Excludes:   nothing
-- Engines:    PostgreSQL
SELECT
    CURRENT_USER AS role,
    pg_namespace.nspname AS schema,
    HAS_TABLE_PRIVILEGE(:table, 'INSERT, UPDATE, DELETE, TRUNCATE') AS may_write
FROM pg_class
INNER JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE pg_class.oid = TO_REGCLASS(:table)
ORDER BY role
