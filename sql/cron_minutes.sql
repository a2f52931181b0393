-- What:       minutes in which the calls started by the chosen sources together took longer than the cron's budget
-- Grain:      hour of the start, hour of the writing (settle allowed for) of the minute's last call
-- Parameters: those of calls.sql; :settle_ms, :budget_ms; the relation chosen (feature, source)
-- Returns:    hour_at, written_hour_at, y (minutes over budget), n (minutes with a call)
-- Excludes:   minutes without a call; calls without a valid latency add nothing to their minute
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    DATE_TRUNC('hour', minute_at) AS hour_at,
    GREATEST(
        DATE_TRUNC('hour', minute_at),
        DATE_TRUNC('hour', last_written_at - (:grid_ms + :settle_ms) * INTERVAL '1 millisecond')
    ) AS written_hour_at,
    COUNT(*) FILTER (WHERE busy_ms > :budget_ms) AS y,
    COUNT(*) AS n
FROM (
    SELECT
        DATE_TRUNC('minute', started_at - :grid_ms * INTERVAL '1 millisecond') AS minute_at,
        MAX(written_at) AS last_written_at,
        CAST(COALESCE(SUM(latency_ms), 0) AS BIGINT) AS busy_ms
    FROM calls
    INNER JOIN chosen ON chosen.feature = calls.feature AND chosen.source IS NOT DISTINCT FROM calls.source
    GROUP BY 1
) AS minutes
GROUP BY 1, 2
ORDER BY hour_at, written_hour_at
