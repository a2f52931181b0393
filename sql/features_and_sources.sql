-- What:       all features and sources, to distinguish a misspelt name from one without calls
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
