-- What:       which features, sources and models there are, and how many calls: to count by number, and to find features that share a provider
-- Grain:      feature, source, model
-- Parameters: :written_from, :written_before (createdAt, UTC)
-- Returns:    feature, source, model, calls
-- Excludes:   nothing
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    "featureId" AS feature,
    "source" AS source,
    "model" AS model,
    COUNT(*) AS calls
FROM "AIInteraction"
WHERE "createdAt" >= :written_from AND "createdAt" < :written_before
GROUP BY "featureId", "source", "model"
ORDER BY feature, source, model
