-- What:       errors of each feature and class, and when they occurred (phase 94a)
-- Grain:      feature, outcome code
-- Parameters: those of calls.sql
-- Returns:    feature, outcome, errors, first_started_at, last_started_at
-- Excludes:   successful calls
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    outcome,
    COUNT(*) AS errors,
    MIN(started_at) AS first_started_at,
    MAX(started_at) AS last_started_at
FROM calls
WHERE outcome <> 0
GROUP BY feature, outcome
ORDER BY feature, outcome
