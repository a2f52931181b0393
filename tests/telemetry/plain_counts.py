"""The counts once more, row by row in plain Python: slow, obvious, and with nothing of the analysis in it."""

import hashlib
from collections import Counter, defaultdict
from datetime import datetime, timedelta

SUCCESS, TIMEOUT, TRUNCATED, SERVER, RATE, REQUEST, INVALID, CONNECTION, OTHER = range(9)
HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)


def outcome_of(row, classes=()):
    """FACTS section 2. `classes` are the user's: functions of the message, tried first."""
    if row["status"] == "success":
        return SUCCESS
    if row["errorMessage"] is None:
        return OTHER
    text = row["errorMessage"].split(" meta={")[0].lower().replace("\r", " ").replace("\n", " ")
    for number, belongs in enumerate(classes):
        if belongs(text):
            return 100 + number
    post_process = text.startswith("post-process error: ")
    rest = text.removeprefix("post-process error: ")
    number = rest.split(" ")[0]
    if len(number) == 3 and number.isascii() and number.isdigit():
        if number[0] == "5":
            return SERVER
        if number == "429":
            return RATE
        if number[0] == "4":
            return REQUEST
    if post_process and rest.startswith("hit max_output_tokens"):
        return TRUNCATED
    if text.startswith("response incomplete: max_output_tokens"):
        return TRUNCATED
    if post_process and (
        rest.startswith("failed to parse json")
        or "schema violation" in rest
        or "empty output_text" in rest
    ):
        return INVALID
    if "request timed out" in text:
        return TIMEOUT
    if "connection error" in text:
        return CONNECTION
    return OTHER


class Calls:
    """Rows that start in [start, end), as the queries see them; times are UTC without zone."""

    def __init__(self, rows, *, start, end, settle, deployed_at, warm_up=timedelta(0), classes=()):
        self.deployed_at, self.settle = deployed_at, settle
        self.calls = []
        for row in rows:
            latency = (
                row["latencyMs"] if row["latencyMs"] is not None and row["latencyMs"] >= 0 else None
            )
            started = row["createdAt"] - (latency or 0) * MS
            since_deploy_of_its_day = (started - deployed_at) % timedelta(days=1)
            if (
                start <= row["createdAt"] < end + settle
                and start <= started < end
                and since_deploy_of_its_day >= warm_up
            ):
                self.calls.append(
                    {
                        "feature": row["featureId"],
                        "source": row["source"],
                        "tenant": row["clientId"],
                        "lead": row["leadId"],
                        "latency": latency,
                        "output": row["outputTokens"],
                        "total": row["totalTokens"],
                        "outcome": outcome_of(row, classes),
                        "started": started,
                        "written": row["createdAt"],
                    }
                )

    def hour(self, instant):
        return (instant - self.deployed_at) // HOUR

    def lag(self, started, seen):
        return max(0, self.hour(seen) - self.hour(started))

    def latency_counts(self):
        return Counter(
            (c["feature"], c["source"], c["outcome"], c["latency"])
            for c in self.calls
            if c["latency"] is not None
        )

    def bins(self, by_source=True):
        found = Counter()
        for c in self.calls:
            if c["latency"] is not None:
                width = 1 if c["latency"] < 100 else 10 ** min(len(str(c["latency"])) - 2, 5)
                key = (
                    c["feature"],
                    c["source"] if by_source else None,
                    self.hour(c["started"]),
                    min(c["outcome"], 2),
                )
                found[(*key, c["latency"] // width * width)] += 1
        return found

    def hourly(self, limits):
        """`limits`: feature -> (tau, p50, p90, p95, p99)."""
        found = defaultdict(lambda: [0] * 18)
        for c in self.calls:
            lag = self.lag(c["started"], c["written"] - self.settle)
            key = (
                c["feature"],
                c["source"],
                hashed(c["tenant"]),
                self.hour(c["started"]),
                lag,
                c["outcome"],
            )
            sums, ms, limit = found[key], c["latency"], limits.get(c["feature"])
            add = [1, ms is not None, ms or 0, (ms or 0) ** 2]
            if ms is None:
                add += [0] * 8
            elif limit is None:  # no baseline to hold it against: LEAST leaves the latency
                add += [ms, ms**2, 0, 0, 0, 0, 0, 0]
            else:
                add += [
                    min(ms, limit[0]),
                    min(ms, limit[0]) ** 2,
                    limit[0],
                    limit[0] ** 2,
                    *(ms > one for one in limit[1:]),
                ]
            for tokens in (c["output"], c["total"]):
                add += [tokens is not None, tokens or 0, (tokens or 0) ** 2]
            for at, value in enumerate(add):
                sums[at] += value
        return {key: tuple(sums) for key, sums in found.items()}

    def recovered(self):
        """(y, n) per key: n by the failure, y by the first later success that could be seen."""
        found = defaultdict(lambda: [0, 0])
        for failure in self.calls:
            if failure["outcome"] == SUCCESS:
                continue
            key = (
                failure["feature"],
                failure["source"],
                hashed(failure["tenant"]),
                self.hour(failure["started"]),
            )
            found[(*key, self.lag(failure["started"], failure["written"] - self.settle))][1] += 1
            who = "tenant" if failure["lead"] is None else "lead"
            later = [
                c
                for c in self.calls
                if c["outcome"] == SUCCESS
                and c["feature"] == failure["feature"]
                and c[who] == failure[who]
                and c[who] is not None
                and c["written"] > failure["written"]
            ]
            if later and min(c["written"] for c in later) <= failure["written"] + timedelta(
                minutes=10
            ):
                seen = min(max(c["started"], c["written"] - self.settle) for c in later)
                found[(*key, self.lag(failure["started"], seen))][0] += 1
        return {key: tuple(sums) for key, sums in found.items()}

    def cron(self, belongs, budget_ms):
        minutes = defaultdict(list)
        for c in self.calls:
            if belongs(c["feature"], c["source"]):
                minutes[(c["started"] - self.deployed_at) // timedelta(minutes=1)].append(c)
        found = defaultdict(lambda: [0, 0])
        for minute, calls in minutes.items():
            last = max(c["written"] for c in calls) - self.settle
            key = (minute // 60, max(0, self.hour(last) - minute // 60))
            found[key][0] += sum(c["latency"] or 0 for c in calls) > budget_ms
            found[key][1] += 1
        return {key: tuple(sums) for key, sums in found.items()}


def trust_numbers(rows, *, start, end, settle):
    written = [row for row in rows if start <= row["createdAt"] < end + settle]
    return {
        "written_rows": len(written),
        "distinct_ids": len({row["id"] for row in written}),
        "ids_compared": len(written),
        "null_latencies": sum(row["latencyMs"] is None for row in written),
        "negative_latencies": sum(
            row["latencyMs"] is not None and row["latencyMs"] < 0 for row in written
        ),
        "unknown_statuses": sum(row["status"] not in ("success", "error") for row in written),
        "started_before": sum(
            row["createdAt"] - max(row["latencyMs"] or 0, 0) * MS < start for row in written
        ),
        "first_written_at": min((row["createdAt"] for row in written), default=None),
        "last_written_at": max((row["createdAt"] for row in written), default=None),
    }


def hashed(tenant):
    return None if tenant is None else hashlib.md5(tenant.encode()).hexdigest()


def plain_rows(frame):
    """A frame of the telemetry table as dicts with Python's own values."""
    rows = []
    for record in frame.to_dict("records"):
        row = {
            key: None if value is None or value != value or str(value) in ("NaT", "<NA>") else value
            for key, value in record.items()
        }
        row["createdAt"] = datetime.fromisoformat(str(row["createdAt"]))
        rows.append(
            row
            | {
                key: None if row[key] is None else int(row[key])
                for key in ("latencyMs", "outputTokens", "totalTokens")
            }
        )
    return rows


def counted(table) -> dict:
    """key -> sums, None for what is not there; a single sum stands alone."""
    rows = table.rows.astype(object).where(table.rows.notna(), None)
    split = len(table.KEYS)
    found = {tuple(row[:split]): tuple(row[split:]) for row in rows.itertuples(index=False)}
    assert len(found) == len(rows)
    return {key: sums[0] if len(sums) == 1 else sums for key, sums in found.items()}
