-- What:       every call that started in [:start_at, :end_before), with its start, its outcome code and its counted columns
-- Grain:      one row per call; the other queries read it as the relation calls, it never leaves the database by itself
-- Parameters: :start_at, :end_before (start of a call, UTC), :written_from, :written_before (createdAt), :grid_ms (milliseconds from midnight UTC to the
--             deploy's time of day), :warm_up_ms (dropped after that time of day, on every day; the condition is left out for 0), :settle_ms (grace for
--             slow calls), :seen_end, :seen_before (an earlier look has counted the calls that started before the one and were written before the
--             other; the condition is left out when there is none)
-- Returns:    id, feature, source, tenant, lead, latency_ms, bad_latency, output_tokens, total_tokens, outcome, message
--             (lower-cased, on one line, never selected by a query that leaves the database), started_at, written_at, and on the deploy's grid,
--             moved to midnight: hour_at of the start, written_hour_at (the first hour whose look sees the row, settle allowed for)
-- Excludes:   latencies that are null or negative (the call stays, its latency is null, its start is createdAt)
-- Engines:    PostgreSQL, DuckDB, Spark
-- Outcomes:   0 success, 1 timeout, 2 max_output_tokens, 3 http_5xx, 4 rate_limit, 5 http_4xx, 6 invalid_output, 7 connection, 8 other;
--             the first match wins, on the text before the suffix " meta={"; what an answer or a proxy said is tried before the looser words
SELECT
    id,
    feature,
    source,
    tenant,
    lead,
    latency_ms,
    bad_latency,
    output_tokens,
    total_tokens,
    CASE
        WHEN status = 'success' THEN 0
        ELSE 8
    END AS outcome,
    message,
    started_at,
    written_at,
    DATE_TRUNC('hour', started_at - :grid_ms * INTERVAL '1 millisecond') AS hour_at,
    GREATEST(
        DATE_TRUNC('hour', started_at - :grid_ms * INTERVAL '1 millisecond'),
        DATE_TRUNC('hour', written_at - (:grid_ms + :settle_ms) * INTERVAL '1 millisecond')
    ) AS written_hour_at
FROM (
    SELECT
        "id" AS id,
        "featureId" AS feature,
        "source" AS source,
        "clientId" AS tenant,
        "leadId" AS lead,
        CASE WHEN "latencyMs" >= 0 THEN "latencyMs" END AS latency_ms,
        CASE WHEN "latencyMs" >= 0 THEN 0 ELSE 1 END AS bad_latency,
        "outputTokens" AS output_tokens,
        "totalTokens" AS total_tokens,
        "status" AS status,
        CASE
            WHEN "status" <> 'success'
                THEN LOWER(REPLACE(REPLACE(SPLIT_PART("errorMessage", ' meta={', 1), CHR(13), ' '), CHR(10), ' '))
        END AS message,
        "createdAt" - CASE WHEN "latencyMs" >= 0 THEN "latencyMs" ELSE 0 END * INTERVAL '1 millisecond' AS started_at,
        "createdAt" AS written_at
    FROM "AIInteraction"
    WHERE "createdAt" >= :written_from AND "createdAt" < :written_before
) AS timed
WHERE
    started_at >= :start_at
    AND started_at < :end_before
    AND started_at - :grid_ms * INTERVAL '1 millisecond'
        >= DATE_TRUNC('day', started_at - :grid_ms * INTERVAL '1 millisecond') + :warm_up_ms * INTERVAL '1 millisecond'
    AND (started_at >= :seen_end OR written_at >= :seen_before)
ORDER BY written_at, id
