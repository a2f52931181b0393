-- What:       whether this role could write to the table if a lock failed
-- Grain:      one row
-- Parameters: :table (quoted, with its schema when it has one)
-- Returns:    role, may_write
-- Excludes:   nothing
-- Engines:    PostgreSQL
SELECT
    CURRENT_USER AS role,
    HAS_TABLE_PRIVILEGE(:table, 'INSERT, UPDATE, DELETE, TRUNCATE') AS may_write
ORDER BY role
