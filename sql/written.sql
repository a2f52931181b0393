-- What:       rows written in a time range by feature, source and model, and their quality
-- Grain:      feature, source, model
-- Parameters: :start_at (start of a call, UTC), :written_from, :written_before (createdAt, UTC)
-- Returns:    feature, source, model, written_rows, null_latencies, negative_latencies,
--             unknown_statuses, successes, null_statuses, summed_ms, success_ms (latencies of
--             successes), mixed_ms (squares of the latencies modulo a prime, so that changes of
--             several rows do not cancel), started_before (rows of calls that started before
--             :start_at), first_started_at (of the others), first_written_at, last_written_at
-- Excludes:   nothing; distinct_ids.sql counts the ids
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    source,
    model,
    COUNT(*) AS written_rows,
    COUNT(*) FILTER (WHERE latency_ms IS NULL) AS null_latencies,
    COUNT(*) FILTER (WHERE latency_ms < 0) AS negative_latencies,
    COUNT(*) FILTER (
        WHERE status IS NULL OR (status <> 'success' AND status <> 'error')
    ) AS unknown_statuses,
    COUNT(*) FILTER (WHERE status = 'success') AS successes,
    COUNT(*) FILTER (WHERE status IS NULL) AS null_statuses,
    CAST(COALESCE(SUM(latency_ms), 0) AS BIGINT) AS summed_ms,
    CAST(COALESCE(SUM(CASE WHEN status = 'success' THEN latency_ms END), 0) AS BIGINT)
        AS success_ms,
    CAST(COALESCE(SUM(MOD(latency_ms, 10007) * MOD(latency_ms, 10007)), 0) AS BIGINT) AS mixed_ms,
    COUNT(*) FILTER (WHERE started_at < :start_at) AS started_before,
    MIN(CASE WHEN started_at >= :start_at THEN started_at END) AS first_started_at,
    MIN(written_at) AS first_written_at,
    MAX(written_at) AS last_written_at
FROM (
    SELECT
        "featureId" AS feature,
        "source" AS source,
        "model" AS model,
        "latencyMs" AS latency_ms,
        "status" AS status,
        "createdAt" AS written_at,
        "createdAt"
        - CASE WHEN "latencyMs" >= 0 THEN "latencyMs" ELSE 0 END * INTERVAL '1 millisecond'
            AS started_at
    FROM "AIInteraction"
    WHERE "createdAt" >= :written_from AND "createdAt" < :written_before
) AS timed
GROUP BY feature, source, model
ORDER BY feature, source, model
