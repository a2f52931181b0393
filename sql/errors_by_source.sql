-- What:       errors of each feature by source and class, by time of writing (phase 94a)
-- Grain:      feature, source, outcome code
-- Parameters: those of calls.sql, with starts without bounds: the rows are those written from
--             :written_from to :written_before
-- Returns:    feature, source, outcome, errors, timed_errors, latency_ms (sum), max_ms
-- Excludes:   successful calls
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
