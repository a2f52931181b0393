-- What:       rows of each day, what is missing in them, and the size of their latencies
-- Grain:      day (UTC) of the writing
-- Parameters: :written_from, :written_before (createdAt, UTC)
-- Returns:    day_at, calls, null_latencies, negative_latencies, short_latencies (under 100),
--             long_latencies (an hour in ms or more), null_sources, null_leads, errors,
--             unknown_statuses
-- Excludes:   rows without createdAt
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    DATE_TRUNC('day', "createdAt") AS day_at,
    COUNT(*) AS calls,
    COUNT(*) FILTER (WHERE "latencyMs" IS NULL) AS null_latencies,
    COUNT(*) FILTER (WHERE "latencyMs" < 0) AS negative_latencies,
    COUNT(*) FILTER (WHERE "latencyMs" >= 0 AND "latencyMs" < 100) AS short_latencies,
    COUNT(*) FILTER (WHERE "latencyMs" >= 3600000) AS long_latencies,
    COUNT(*) FILTER (WHERE "source" IS NULL) AS null_sources,
    COUNT(*) FILTER (WHERE "leadId" IS NULL) AS null_leads,
    COUNT(*) FILTER (WHERE "status" = 'error') AS errors,
    COUNT(*) FILTER (
        WHERE "status" IS NULL OR ("status" <> 'success' AND "status" <> 'error')
    ) AS unknown_statuses
FROM "AIInteraction"
WHERE "createdAt" >= :written_from AND "createdAt" < :written_before
GROUP BY 1
ORDER BY day_at
