-- What:       the oldest and the newest row of the table
-- Grain:      one row
-- Parameters: none
-- Returns:    first_written_at, last_written_at (createdAt, UTC)
-- Excludes:   nothing
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    MIN("createdAt") AS first_written_at,
    MAX("createdAt") AS last_written_at
FROM "AIInteraction"
ORDER BY first_written_at
