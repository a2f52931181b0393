-- What:       failed calls, and those that a success of the same feature and lead (without a lead: the same tenant) followed within ten minutes
-- Grain:      feature, source, tenant hash, hour of the failure's start, hour of the writing (of the failure for n, of the success for y)
-- Parameters: those of calls.sql; :settle_ms
-- Returns:    feature, source, tenant, hour_at, written_hour_at, y (recovered failures), n (failures)
-- Excludes:   calls that succeed; a success is looked for in the same rows, so one written after :written_before is not seen
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    source,
    MD5(tenant) AS tenant,
    DATE_TRUNC('hour', started_at - :grid_ms * INTERVAL '1 millisecond') AS hour_at,
    GREATEST(
        DATE_TRUNC('hour', started_at - :grid_ms * INTERVAL '1 millisecond'),
        DATE_TRUNC('hour', seen_at - (:grid_ms + :settle_ms) * INTERVAL '1 millisecond')
    ) AS written_hour_at,
    CAST(SUM(recovered) AS BIGINT) AS y,
    CAST(SUM(1 - recovered) AS BIGINT) AS n
FROM (
    SELECT feature, source, tenant, started_at, written_at AS seen_at, 0 AS recovered
    FROM calls
    WHERE outcome <> 0
    UNION ALL
    SELECT feature, source, tenant, started_at, MIN(success_at) AS seen_at, 1 AS recovered
    FROM (
        SELECT failure.id, failure.feature, failure.source, failure.tenant, failure.started_at, success.written_at AS success_at
        FROM calls AS failure
        INNER JOIN calls AS success
            ON success.feature = failure.feature
            AND success.lead = failure.lead
            AND success.written_at > failure.written_at
            AND success.written_at <= failure.written_at + 10 * INTERVAL '1 minute'
        WHERE failure.outcome <> 0 AND success.outcome = 0
        UNION ALL
        SELECT failure.id, failure.feature, failure.source, failure.tenant, failure.started_at, success.written_at AS success_at
        FROM calls AS failure
        INNER JOIN calls AS success
            ON success.feature = failure.feature
            AND success.tenant = failure.tenant
            AND success.written_at > failure.written_at
            AND success.written_at <= failure.written_at + 10 * INTERVAL '1 minute'
        WHERE failure.lead IS NULL AND failure.outcome <> 0 AND success.outcome = 0
    ) AS pairs
    GROUP BY id, feature, source, tenant, started_at
) AS followed
GROUP BY 1, 2, 3, 4, 5
ORDER BY feature, source, tenant, hour_at, written_hour_at
