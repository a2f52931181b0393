-- What:       successful calls of one feature since a time, for the smoke check `completes`
-- Grain:      one row
-- Parameters: :feature, :since (start of the call, UTC)
-- Returns:    calls
-- Excludes:   failed calls; calls without a latency, whose start is not known
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT COUNT(*) AS calls
FROM "AIInteraction"
WHERE "createdAt" >= :since
    AND "featureId" = :feature
    AND "status" = 'success'
    AND "createdAt" - "latencyMs" * INTERVAL '1 millisecond' >= :since
ORDER BY calls
