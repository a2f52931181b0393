-- What:       whether an id occurs twice: rows with such an id, and how many ids they are
-- Grain:      one row
-- Parameters: :written_from, :written_before (createdAt, UTC), :ids_like (a pattern that picks ids by their end: all copies of an id, or none)
-- Returns:    rows_with_id, distinct_ids
-- Excludes:   rows without an id, and those whose id is not picked
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    COUNT(*) AS rows_with_id,
    COUNT(DISTINCT "id") AS distinct_ids
FROM "AIInteraction"
WHERE "createdAt" >= :written_from AND "createdAt" < :written_before AND CAST("id" AS TEXT) LIKE :ids_like
ORDER BY rows_with_id
