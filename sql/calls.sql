-- What:       every call that started in [:start_at, :end_before), with its outcome and its counts
-- Grain:      a call; other queries read it as the relation calls, no row leaves the database
-- Parameters: :start_at, :end_before (start of a call, UTC), :written_from, :written_before
--             (createdAt), :grid_ms (milliseconds from midnight UTC to the deploy's time of day),
--             :warm_up_ms (left out after that time on every day), :ingestion_delay_ms (a call
--             written so late still belongs to its hour), :previous_end, :previous_written_before
--             (an earlier look counted the calls that started before the one and were written
--             before the other). The conditions on :warm_up_ms and :previous_end are removed when
--             there is no such value
-- Returns:    id, feature, source, tenant, lead, latency_ms, bad_latency, output_tokens,
--             total_tokens, outcome, message (in lower case, on one line; no query returns it),
--             started_at, written_at, hour_at (hour of the start on the deploy's grid, moved to
--             midnight), written_hour_at (the first hour whose look contains the row)
-- Excludes:   null and negative latencies (the call stays, without latency; its start is
--             createdAt)
-- Engines:    PostgreSQL, DuckDB, Spark
-- Outcomes:   codes of outcomes.OUTCOME_CODES. The rules of telemetry/error_classes.py are inserted
--             before ELSE: the first match wins, on the text before the suffix " meta={"
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
        DATE_TRUNC('hour', written_at - (:grid_ms + :ingestion_delay_ms) * INTERVAL '1 millisecond')
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
                THEN LOWER(
                    REPLACE(
                        REPLACE(SPLIT_PART("errorMessage", ' meta={', 1), CHR(13), ' '),
                        CHR(10),
                        ' '
                    )
                )
        END AS message,
        "createdAt"
        - CASE WHEN "latencyMs" >= 0 THEN "latencyMs" ELSE 0 END * INTERVAL '1 millisecond'
            AS started_at,
        "createdAt" AS written_at
    FROM "AIInteraction"
    WHERE "createdAt" >= :written_from AND "createdAt" < :written_before
) AS timed
WHERE
    started_at >= :start_at
    AND started_at < :end_before
    AND started_at - :grid_ms * INTERVAL '1 millisecond'
        >= DATE_TRUNC('day', started_at - :grid_ms * INTERVAL '1 millisecond')
        + :warm_up_ms * INTERVAL '1 millisecond'
    AND (started_at >= :previous_end OR written_at >= :previous_written_before)
ORDER BY written_at, id
