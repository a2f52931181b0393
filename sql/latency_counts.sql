-- What:       calls of each whole millisecond: the lossless base of every distribution
-- Grain:      feature, source, outcome code, latency in ms
-- Parameters: those of calls.sql
-- Returns:    feature, source, outcome, latency_ms, calls
-- Excludes:   calls without a valid latency
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    source,
    outcome,
    latency_ms,
    COUNT(*) AS calls
FROM calls
WHERE latency_ms IS NOT NULL
GROUP BY feature, source, outcome, latency_ms
ORDER BY feature, source, outcome, latency_ms
