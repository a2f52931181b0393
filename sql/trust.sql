-- What:       the numbers that the data checks judge: rows, latencies, statuses, and the span of the rows
-- Grain:      one row
-- Parameters: :start_at, :written_from, :written_before (createdAt, UTC)
-- Returns:    written_rows, null_latencies, negative_latencies, unknown_statuses, started_before, first_written_at, last_written_at
-- Excludes:   nothing; ids are counted by distinct_ids.sql
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    COUNT(*) AS written_rows,
    COUNT(*) FILTER (WHERE "latencyMs" IS NULL) AS null_latencies,
    COUNT(*) FILTER (WHERE "latencyMs" < 0) AS negative_latencies,
    COUNT(*) FILTER (WHERE "status" IS NULL OR ("status" <> 'success' AND "status" <> 'error')) AS unknown_statuses,
    COUNT(*) FILTER (WHERE "createdAt" - CASE WHEN "latencyMs" >= 0 THEN "latencyMs" ELSE 0 END * INTERVAL '1 millisecond' < :start_at)
        AS started_before,
    MIN("createdAt") AS first_written_at,
    MAX("createdAt") AS last_written_at
FROM "AIInteraction"
WHERE "createdAt" >= :written_from AND "createdAt" < :written_before
ORDER BY written_rows
