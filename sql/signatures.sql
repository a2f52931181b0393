-- What:       what errors of class other contain, as sets of allowed words: no other text is
--             returned
-- Grain:      feature, set of words
-- Parameters: those of calls.sql; the relation vocabulary (word, bit)
-- Returns:    feature, words (sum of the bits), errors, first_started_at
-- Excludes:   calls of another outcome
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    words,
    COUNT(*) AS errors,
    MIN(started_at) AS first_started_at
FROM (
    SELECT
        calls.id,
        calls.feature,
        calls.started_at,
        CAST(COALESCE(SUM(vocabulary.bit), 0) AS BIGINT) AS words
    FROM calls
    LEFT JOIN vocabulary ON calls.message ~ ('(^|[^a-z])' || vocabulary.word || '([^a-z]|$)')
    WHERE calls.outcome = 8
    GROUP BY calls.id, calls.feature, calls.started_at
) AS signed
GROUP BY feature, words
ORDER BY feature, words
