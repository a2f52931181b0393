-- What:       how busy the calls of the chosen sources were in each minute, for the cron's budget
-- Grain:      minute of the start
-- Parameters: those of calls.sql; the relation chosen (feature, source)
-- Returns:    minute_at (on the deploy's grid, moved to midnight), busy_ms, last_written_at (UTC)
-- Excludes:   minutes without a call; calls without a valid latency add 0 ms
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    DATE_TRUNC('minute', calls.started_at - :grid_ms * INTERVAL '1 millisecond') AS minute_at,
    CAST(COALESCE(SUM(calls.latency_ms), 0) AS BIGINT) AS busy_ms,
    MAX(calls.written_at) AS last_written_at
FROM calls
INNER JOIN chosen
    ON chosen.feature = calls.feature AND chosen.source IS NOT DISTINCT FROM calls.source
GROUP BY 1
ORDER BY minute_at
