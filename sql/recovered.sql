-- What:       failed calls, and those that a success of the same lead followed within 10 minutes
-- Grain:      feature, source, tenant hash, hour of the failure's start, hour of the writing
-- Parameters: those of calls.sql; :failed_before (createdAt of the failures; a chunk of a long
--             scan also reads the successes that follow)
-- Returns:    feature, source, tenant, hour_at, written_hour_at (of the failure for n; for y the
--             first in which a success after it is written), y (recovered failures), n (failures)
-- Excludes:   successful calls. Without a lead, a success of the same tenant counts. Successes
--             written after :written_before are not seen
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    source,
    MD5(tenant) AS tenant,
    hour_at,
    GREATEST(
        hour_at,
        DATE_TRUNC('hour', seen_at - :grid_ms * INTERVAL '1 millisecond')
    ) AS written_hour_at,
    CAST(SUM(recovered) AS BIGINT) AS y,
    CAST(SUM(1 - recovered) AS BIGINT) AS n
FROM (
    SELECT
        feature,
        source,
        tenant,
        hour_at,
        written_at - :ingestion_delay_ms * INTERVAL '1 millisecond' AS seen_at,
        0 AS recovered
    FROM calls
    WHERE outcome <> 0 AND written_at < :failed_before
    UNION ALL
    SELECT
        feature,
        source,
        tenant,
        hour_at,
        CASE WHEN lead IS NULL THEN tenant_seen_at ELSE lead_seen_at END AS seen_at,
        1 AS recovered
    FROM (
        SELECT
            feature,
            source,
            tenant,
            lead,
            hour_at,
            written_at,
            outcome,
            MIN(success_at) OVER by_lead AS lead_success_at,
            MIN(success_seen_at) OVER by_lead AS lead_seen_at,
            MIN(success_at) OVER by_tenant AS tenant_success_at,
            MIN(success_seen_at) OVER by_tenant AS tenant_seen_at
        FROM (
            SELECT
                feature,
                source,
                tenant,
                lead,
                hour_at,
                written_at,
                outcome,
                CASE WHEN outcome = 0 THEN written_at END AS success_at,
                CASE
                    WHEN outcome = 0
                        THEN GREATEST(
                            started_at,
                            written_at - :ingestion_delay_ms * INTERVAL '1 millisecond'
                        )
                END AS success_seen_at
            FROM calls
        ) AS timed
        WINDOW
            by_lead AS (
                PARTITION BY feature, lead
                ORDER BY written_at DESC, outcome DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            by_tenant AS (
                PARTITION BY feature, tenant
                ORDER BY written_at DESC, outcome DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
    ) AS followed
    WHERE
        outcome <> 0
        AND written_at < :failed_before
        AND CASE WHEN lead IS NULL THEN tenant_success_at ELSE lead_success_at END
        <= written_at + 10 * INTERVAL '1 minute'
) AS failed
GROUP BY 1, 2, 3, 4, 5
ORDER BY feature, source, tenant, hour_at, written_hour_at
