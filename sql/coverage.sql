-- What:       calls of each hour, failed ones, and those without a valid latency (phase 94a)
-- Grain:      hour of the start, feature
-- Parameters: those of calls.sql
-- Returns:    hour_at (on the deploy's grid, moved to midnight), feature, calls, failed,
--             bad_latencies
-- Excludes:   nothing
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    hour_at,
    feature,
    COUNT(*) AS calls,
    COUNT(*) FILTER (WHERE outcome <> 0) AS failed,
    CAST(SUM(bad_latency) AS BIGINT) AS bad_latencies
FROM calls
GROUP BY 1, 2
ORDER BY hour_at, feature
