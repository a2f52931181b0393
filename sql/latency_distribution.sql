-- What:       calls of each status and millisecond, from which percentiles are exact (phase 94a)
-- Grain:      feature, source, failed, latency in ms
-- Parameters: those of calls.sql, with starts without bounds: the rows are those written from
--             :written_from to :written_before
-- Returns:    feature, source, failed (0 success, 1 error), latency_ms (null: no valid latency),
--             calls
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
