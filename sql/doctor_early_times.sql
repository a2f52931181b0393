-- What:       rows whose time is no real one, such as 0001-01-01 or 1970
-- Grain:      one row
-- Parameters: :written_before (createdAt, UTC)
-- Returns:    calls
-- Excludes:   rows without createdAt
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT COUNT(*) AS calls
FROM "AIInteraction"
WHERE "createdAt" < :written_before
ORDER BY calls
