-- What:       how many calls of each status took how many milliseconds (phase 94a); percentiles come from these counts exactly
-- Grain:      feature, source, failed (0 success, 1 error), latency in ms (null: no valid latency)
-- Parameters: those of calls.sql, the starts wide open: the stretch is :written_from to :written_before (createdAt, UTC)
-- Returns:    feature, source, failed, latency_ms, calls
-- Excludes:   nothing
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    source,
    CASE WHEN outcome = 0 THEN 0 ELSE 1 END AS failed,
    latency_ms,
    COUNT(*) AS calls
FROM calls
GROUP BY 1, 2, 3, 4
ORDER BY feature, source, failed, latency_ms
