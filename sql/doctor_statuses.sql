-- What:       statuses that are neither success nor error, and their rows
-- Grain:      status
-- Parameters: :written_from, :written_before (createdAt, UTC)
-- Returns:    status, calls
-- Excludes:   rows without createdAt
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    "status" AS status,
    COUNT(*) AS calls
FROM "AIInteraction"
WHERE
    "createdAt" >= :written_from
    AND "createdAt" < :written_before
    AND ("status" IS NULL OR ("status" <> 'success' AND "status" <> 'error'))
GROUP BY "status"
ORDER BY calls DESC, status
