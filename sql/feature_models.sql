-- What:       how many calls each feature made to each model, to find untouched features that share a provider with a touched one
-- Grain:      feature, model
-- Parameters: :written_from, :written_before (createdAt, UTC)
-- Returns:    feature, model, calls
-- Excludes:   calls without a model
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    "featureId" AS feature,
    "model" AS model,
    COUNT(*) AS calls
FROM "AIInteraction"
WHERE "createdAt" >= :written_from AND "createdAt" < :written_before AND "model" IS NOT NULL
GROUP BY "featureId", "model"
ORDER BY feature, model
