-- What:       whether an id occurs twice: rows with an id, and distinct ids
-- Grain:      one row
-- Parameters: :written_from, :written_before (createdAt, UTC), :sampled_ms (rows written in the
--             first milliseconds of an hour; 3600000 for all)
-- Returns:    rows_with_id, distinct_ids
-- Excludes:   rows without an id, and those of the rest of each hour
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    COUNT("id") AS rows_with_id,
    COUNT(DISTINCT "id") AS distinct_ids
FROM "AIInteraction"
WHERE
    "createdAt" >= :written_from
    AND "createdAt" < :written_before
    AND "createdAt" - :sampled_ms * INTERVAL '1 millisecond' < DATE_TRUNC('hour', "createdAt")
ORDER BY rows_with_id
