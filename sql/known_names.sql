-- What:       which features and sources there are, to tell a claim's misspelt name from one that only has no calls in a window
-- Grain:      feature, source
-- Parameters: none
-- Returns:    feature, source
-- Excludes:   nothing: rows of any time
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    "featureId" AS feature,
    "source" AS source
FROM "AIInteraction"
GROUP BY "featureId", "source"
ORDER BY feature, source
