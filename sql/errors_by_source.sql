-- What:       which errors each feature has, by source and class (phase 94a); every row written in the stretch, whenever it started
-- Grain:      feature, source, outcome code
-- Parameters: those of calls.sql, the starts wide open: the stretch is :written_from to :written_before (createdAt, UTC)
-- Returns:    feature, source, outcome, errors, timed_errors, latency_ms (sum), max_ms
-- Excludes:   calls that succeed
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    source,
    outcome,
    COUNT(*) AS errors,
    COUNT(latency_ms) AS timed_errors,
    CAST(SUM(latency_ms) AS BIGINT) AS latency_ms,
    MAX(latency_ms) AS max_ms
FROM calls
WHERE outcome <> 0
GROUP BY feature, source, outcome
ORDER BY feature, source, outcome
