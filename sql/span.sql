-- What:       the first and the last start of a call in a stretch of time, and how many calls there are
-- Grain:      one row
-- Parameters: those of calls.sql
-- Returns:    calls, first_started_at, last_started_at
-- Excludes:   nothing
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    COUNT(*) AS calls,
    MIN(started_at) AS first_started_at,
    MAX(started_at) AS last_started_at
FROM calls
ORDER BY calls
