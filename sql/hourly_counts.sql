-- What:       the sums that every test uses, per hour counted from the deploy's time of day
-- Grain:      feature, source, tenant hash, hour of the start, hour of the writing, outcome code
-- Parameters: those of calls.sql; the relation limits (feature, tau_ms, p50_ms, p90_ms, p95_ms,
--             p99_ms)
-- Returns:    feature, source, tenant, hour_at, written_hour_at, outcome, and sums; name_2 is a
--             sum of squares, ln_ms sums the logarithm of the latency (at least 1 ms) in
--             millionths, rounded per call (ln_ms_2: the rounded square of that), capped_ms
--             sums latencies cut at tau_ms, slower_p95 counts calls above p95_ms
-- Excludes:   nothing; calls without a valid latency count in calls, not in timed_calls
-- Engines:    PostgreSQL, DuckDB, Spark
SELECT
    feature,
    source,
    MD5(tenant) AS tenant,
    hour_at,
    written_hour_at,
    outcome,
    calls,
    timed_calls,
    latency_ms,
    latency_ms_2,
    ln_ms,
    ln_ms_2,
    capped_ms,
    capped_ms_2,
    slower_p50,
    slower_p90,
    slower_p95,
    slower_p99,
    output_token_calls,
    output_tokens,
    output_tokens_2,
    total_token_calls,
    total_tokens,
    total_tokens_2
FROM (
    SELECT
        calls.feature AS feature,
        calls.source AS source,
        calls.tenant AS tenant,
        calls.hour_at AS hour_at,
        calls.written_hour_at AS written_hour_at,
        calls.outcome AS outcome,
        COUNT(*) AS calls,
        COUNT(calls.latency_ms) AS timed_calls,
        CAST(COALESCE(SUM(calls.latency_ms), 0) AS BIGINT) AS latency_ms,
        CAST(COALESCE(SUM(CAST(calls.latency_ms AS BIGINT) * calls.latency_ms), 0) AS BIGINT)
            AS latency_ms_2,
        CAST(COALESCE(SUM(
            CASE
                WHEN calls.latency_ms > 1
                    THEN CAST(ROUND(LN(calls.latency_ms) * 1000000) AS BIGINT)
                ELSE 0
            END
        ), 0) AS BIGINT) AS ln_ms,
        CAST(COALESCE(SUM(
            CASE
                WHEN calls.latency_ms > 1
                    THEN CAST(ROUND(
                        ROUND(LN(calls.latency_ms) * 1000000)
                        * ROUND(LN(calls.latency_ms) * 1000000) * 0.000001
                    ) AS BIGINT)
                ELSE 0
            END
        ), 0) AS BIGINT) AS ln_ms_2,
        CAST(COALESCE(SUM(
            CASE
                WHEN calls.latency_ms > limits.tau_ms THEN limits.tau_ms
                ELSE calls.latency_ms
            END
        ), 0) AS BIGINT) AS capped_ms,
        CAST(COALESCE(SUM(
            CASE
                WHEN calls.latency_ms > limits.tau_ms
                    THEN CAST(limits.tau_ms AS BIGINT) * limits.tau_ms
                ELSE CAST(calls.latency_ms AS BIGINT) * calls.latency_ms
            END
        ), 0) AS BIGINT) AS capped_ms_2,
        COUNT(*) FILTER (WHERE calls.latency_ms > limits.p50_ms) AS slower_p50,
        COUNT(*) FILTER (WHERE calls.latency_ms > limits.p90_ms) AS slower_p90,
        COUNT(*) FILTER (WHERE calls.latency_ms > limits.p95_ms) AS slower_p95,
        COUNT(*) FILTER (WHERE calls.latency_ms > limits.p99_ms) AS slower_p99,
        COUNT(calls.output_tokens) AS output_token_calls,
        CAST(COALESCE(SUM(calls.output_tokens), 0) AS BIGINT) AS output_tokens,
        CAST(COALESCE(SUM(CAST(calls.output_tokens AS BIGINT) * calls.output_tokens), 0) AS BIGINT)
            AS output_tokens_2,
        COUNT(calls.total_tokens) AS total_token_calls,
        CAST(COALESCE(SUM(calls.total_tokens), 0) AS BIGINT) AS total_tokens,
        CAST(COALESCE(SUM(CAST(calls.total_tokens AS BIGINT) * calls.total_tokens), 0) AS BIGINT)
            AS total_tokens_2
    FROM calls
    LEFT JOIN limits ON limits.feature = calls.feature
    GROUP BY 1, 2, 3, 4, 5, 6
) AS summed
ORDER BY feature, source, tenant, hour_at, written_hour_at, outcome
