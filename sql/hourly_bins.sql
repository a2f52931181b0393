-- What:       calls per hour and latency bin: latencies cut to two significant digits
-- Grain:      feature, source, hour of the start, outcome, lower edge of the bin
-- Parameters: those of calls.sql; :by_source (0 counts all sources together as null, with a
--             quarter of the rows)
-- Returns:    feature, source, hour_at (on the deploy's grid, moved to midnight), outcome (0
--             success, 1 timeout, 2 other failure), bin_ms, calls
-- Excludes:   calls without a valid latency
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    CASE WHEN :by_source = 1 THEN source END AS source,
    hour_at,
    CASE WHEN outcome < 2 THEN outcome ELSE 2 END AS outcome,
    latency_ms - CASE
        WHEN latency_ms < 100 THEN 0
        WHEN latency_ms < 1000 THEN MOD(latency_ms, 10)
        WHEN latency_ms < 10000 THEN MOD(latency_ms, 100)
        WHEN latency_ms < 100000 THEN MOD(latency_ms, 1000)
        WHEN latency_ms < 1000000 THEN MOD(latency_ms, 10000)
        ELSE MOD(latency_ms, 100000)
    END AS bin_ms,
    COUNT(*) AS calls
FROM calls
WHERE latency_ms IS NOT NULL
GROUP BY 1, 2, 3, 4, 5
ORDER BY feature, source, hour_at, outcome, bin_ms
