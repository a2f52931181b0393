"""Every mistake of rollout.toml that has its own sentence.

Each has a name, a file that contains it, and the whole sentence from the line number on.
"""

from analysis.metrics import known_metrics

METRICS = ", ".join(sorted(known_metrics()))
BASE = """\
[rollout]
name = "r"
deployed_at = 2026-02-02T23:10:16Z

[source]
engine = "duckdb"
path = "calls.csv"

[monitoring]
windows = ["1h", "4h"]

[[expectation]]
name = "timeouts drop"
feature = "a.b"
metric = "timeout_rate"
claim = "falls"
by = 0.5

[[guardrail]]
name = "nothing slower"
metric = "slower_than_p95"
claim = "no_worse"
margin = 0.5
"""
SMOKE = '\n[[smoke]]\nname = "s"\nkind = "http"\nurl = "${APP_URL}/x"\n'
KNOB = '\n[[knob]]\nwhen = "timeouts drop"\nenv = "CAP_MS"\nfrom = 2\nto = 1\n'


def sub(old, new):
    """BASE with one piece of text replaced."""
    assert old in BASE, old
    return BASE.replace(old, new, 1)


MISTAKES = [
    (
        "unknown key",
        sub("windows = ", "windws = "),
        "10: [monitoring]: windws is not a key of this table; did you mean 'windows'? "
        "(known: windows, settle, sustained_for, alpha, smallest_useful)",
    ),
    (
        "unknown table",
        sub("[monitoring]", "[monitorin]"),
        "9: [monitorin] is not a table of this file; did you mean [monitoring]? (known: "
        "rollout, source, baseline, monitoring, expectation, guardrail, regressions, accepted, "
        "error_class, application, preflight, smoke, knob, controls, deployment, ledger)",
    ),
    (
        "unknown list of tables",
        sub("[[guardrail]]", "[[guardrails]]"),
        "19: [guardrails] is not a table of this file; did you mean [[guardrail]]? "
        "(known: rollout, source, baseline, monitoring, expectation, guardrail, "
        "regressions, accepted, error_class, application, preflight, smoke, knob, controls, "
        "deployment, ledger)",
    ),
    (
        "one bracket",
        sub("[[expectation]]", "[expectation]"),
        "12: [expectation] must be written as [[expectation]]",
    ),
    (
        "two brackets",
        sub("[source]", "[[source]]"),
        "5: [source] must be written as [source]",
    ),
    (
        "key for table",
        "source = 3\n" + sub('[source]\nengine = "duckdb"\npath = "calls.csv"\n', ""),
        "1: source must be written as [source]",
    ),
    (
        "no table",
        sub('[rollout]\nname = "r"\ndeployed_at = 2026-02-02T23:10:16Z\n', ""),
        "1: rollout is missing; add the table [rollout]",
    ),
    (
        "no name",
        sub('name = "r"\n', ""),
        '1: [rollout] has no name; add name = "my-rollout"',
    ),
    (
        "unknown key inside",
        BASE
        + "[baseline]\nexclude = [\n"
        + '  {from = 2026-01-01T00:00:00Z, to = 2026-01-01T01:00:00Z, why = "x"},\n'
        + '  {from = 2026-01-01T00:00:00Z, until = 2026-01-01T01:00:00Z, why = "x"},\n]\n',
        "27: [baseline]: exclude has no to; add to = 2026-01-28T09:30:00Z (and 1 more)",
    ),
    (
        "text for number",
        sub("by = 0.5", 'by = "half"'),
        "17: [[expectation]] 'timeouts drop': by = 'half' must be a valid number; write by = 0.5",
    ),
    (
        "number for text",
        sub('metric = "timeout_rate"', "metric = 5"),
        "15: [[expectation]] 'timeouts drop': metric = 5 must be text in quotes; write "
        'metric = "timeout_rate"',
    ),
    (
        "flag for number",
        sub("by = 0.5", "by = true"),
        "17: [[expectation]] 'timeouts drop': by = true must be a valid number; write by = 0.5",
    ),
    (
        "text for flag",
        sub("margin = 0.5", 'margin = 0.5\ncritical = "yes"'),
        "24: [[guardrail]] 'nothing slower': critical = 'yes' must be true or false; "
        "write critical = false",
    ),
    (
        "text for list",
        sub('windows = ["1h", "4h"]', 'windows = "1h"'),
        "10: [monitoring]: windows = '1h' must be a list in [ ]; write windows = [\"1h\", "
        '"4h", "24h"]',
    ),
    (
        "float for whole",
        BASE + "[baseline]\ndays = 2.5\n",
        "25: [baseline]: days = 2.5 must be a whole number; write days = 7",
    ),
    (
        "table for text",
        sub('path = "calls.csv"', "path = {a = 1}"),
        '7: [source]: path must be text in quotes; write path = "calls/*.parquet"',
    ),
    (
        "not a number",
        sub("by = 0.5", "by = nan"),
        "17: [[expectation]] 'timeouts drop': by = nan must be a finite number; write by = 0.5",
    ),
    (
        "empty text",
        sub('feature = "a.b"', 'feature = "  "'),
        "14: [[expectation]] 'timeouts drop': feature = ' ' is empty; write some text or "
        "remove the key",
    ),
    (
        "control character",
        sub('feature = "a.b"', 'feature = "a\\u0000b"'),
        "14: [[expectation]] 'timeouts drop': feature = 'a\\x00b' contains a line break "
        "or a control character; write it on one line",
    ),
    (
        "folder name",
        sub('name = "r"', 'name = "../r"'),
        "2: [rollout]: name = '../r' cannot be a folder name; use at most 64 letters, "
        "digits, '.', '_' and '-'",
    ),
    (
        "zone-less time",
        sub("23:10:16Z", "23:10:16"),
        "3: [rollout]: deployed_at = 2026-02-02T23:10:16 has no time zone; write a time "
        "with its zone such as 2026-02-02T23:10:16Z",
    ),
    (
        "zone-less text",
        sub("2026-02-02T23:10:16Z", '"2026-02-02 23:10"'),
        "3: [rollout]: deployed_at = '2026-02-02 23:10' has no time zone; write a time "
        "with its zone such as 2026-02-02T23:10:16Z",
    ),
    (
        "a date",
        sub("2026-02-02T23:10:16Z", "2026-02-02"),
        "3: [rollout]: deployed_at = 2026-02-02 has no time zone; write a time with its "
        "zone such as 2026-02-02T23:10:16Z",
    ),
    (
        "number for time",
        sub("2026-02-02T23:10:16Z", "12"),
        "3: [rollout]: deployed_at = 12 is not a valid time; write a time with its zone "
        "such as 2026-02-02T23:10:16Z",
    ),
    (
        "not a time",
        sub("2026-02-02T23:10:16Z", '"yesterday"'),
        "3: [rollout]: deployed_at = 'yesterday' is not a valid time; write a time with "
        "its zone such as 2026-02-02T23:10:16Z",
    ),
    (
        "negative duration",
        sub("[monitoring]", '[monitoring]\nsettle = "-90s"'),
        "10: [monitoring]: settle = '-90s' must be a duration from 0s to ten years; write "
        "a number with a unit such as '90s', '4h' or '2d'",
    ),
    (
        "no unit",
        sub("[monitoring]", "[monitoring]\nsettle = 90"),
        "10: [monitoring]: settle = 90 has no unit; write a number with a unit such as "
        "'90s', '4h' or '2d'",
    ),
    (
        "odd unit",
        sub("[monitoring]", '[monitoring]\nsettle = "90 sec"'),
        "10: [monitoring]: settle = '90 sec' must be a duration from 0s to ten years; "
        "write a number with a unit such as '90s', '4h' or '2d'",
    ),
    (
        "no length",
        sub("[monitoring]", '[monitoring]\nsustained_for = "0h"'),
        "10: [monitoring]: sustained_for = '0h' must be longer than 0s; write a number "
        "with a unit such as '90s', '4h' or '2d'",
    ),
    (
        "not ascending",
        sub('["1h", "4h"]', '["4h", "1h"]'),
        "10: [monitoring]: windows = '1h' is not longer than the window before it, 4h; "
        "write the windows in rising order",
    ),
    (
        "repeated",
        sub('["1h", "4h"]', '["1h", "4h", "4h"]'),
        "10: [monitoring]: windows = '4h' is not longer than the window before it, 4h; "
        "write the windows in rising order",
    ),
    (
        "repeated in other words",
        sub('["1h", "4h"]', '["1h", "60m"]'),
        "10: [monitoring]: windows = '60m' is not longer than the window before it, 1h; "
        "write the windows in rising order",
    ),
    (
        "not whole",
        sub('["1h", "4h"]', '["1h",\n    "90m"]'),
        "11: [monitoring]: windows = '90m' is not a number of whole hours; write windows "
        "such as '1h', '4h' or '1d'",
    ),
    (
        "no window",
        sub('["1h", "4h"]', "[]"),
        '10: [monitoring]: windows is empty; write windows = ["1h", "4h", "24h"]',
    ),
    (
        "not a window",
        sub('["1h", "4h"]', '["1h", "soon"]'),
        "10: [monitoring]: windows = 'soon' is not a duration; write windows such as "
        "'1h', '4h' or '1d'",
    ),
    (
        "warm-up",
        sub('name = "r"', 'name = "r"\nwarm_up = "5h"'),
        "3: [rollout]: warm_up = '5h' is not shorter than the longest window 4h; shorten it",
    ),
    (
        "start alone",
        BASE + "[baseline]\nstart = 2026-01-20T00:00:00Z\n",
        "25: [baseline]: start = 2026-01-20T00:00:00Z needs end too; add it, or use only days",
    ),
    (
        "days and start",
        BASE + "[baseline]\ndays = 3\nstart = 2026-01-20T00:00:00Z\nend = 2026-01-21T00:00:00Z\n",
        "25: [baseline]: days = 3 cannot go with start and end; remove one of them",
    ),
    (
        "end before start",
        BASE + "[baseline]\nstart = 2026-01-22T00:00:00Z\nend = 2026-01-21T00:00:00Z\n",
        "26: [baseline]: end = 2026-01-21T00:00:00Z is not after start = "
        "2026-01-22T00:00:00Z; write a later end",
    ),
    (
        "overlap",
        BASE + "[baseline]\nstart = 2026-01-22T00:00:00Z\nend = 2026-02-03T00:00:00Z\n",
        "26: [baseline]: end = 2026-02-03T00:00:00Z is after the deploy at "
        "2026-02-02T23:10:16Z; end the baseline at the deploy",
    ),
    (
        "exclusion backwards",
        BASE
        + "[baseline]\nexclude = "
        + '[{from = 2026-01-22T01:00:00Z, to = 2026-01-22T00:00:00Z, why = "x"}]\n',
        "25: [baseline]: exclude.to = 2026-01-22T00:00:00Z is not after from = "
        "2026-01-22T01:00:00Z; write a later time",
    ),
    (
        "exclusion late",
        BASE
        + "[baseline]\nexclude = "
        + '[{from = 2026-02-22T01:00:00Z, to = 2026-02-23T00:00:00Z, why = "x"}]\n',
        "25: [baseline]: exclude.from = 2026-02-22T01:00:00Z is not before the deploy at "
        "2026-02-02T23:10:16Z; exclude hours of the baseline only",
    ),
    (
        "days",
        BASE + "[baseline]\ndays = 0\n",
        "25: [baseline]: days = 0 must be greater than or equal to 1; write days = 7",
    ),
    (
        "alpha",
        sub("[monitoring]", "[monitoring]\nalpha = 0.6"),
        "10: [monitoring]: alpha = 0.6 must be less than or equal to 0.5; write alpha = 0.05",
    ),
    (
        "alpha zero",
        sub("[monitoring]", "[monitoring]\nalpha = 0.0"),
        "10: [monitoring]: alpha = 0.0 must be greater than 0; write alpha = 0.05",
    ),
    (
        "by",
        sub("by = 0.5", "by = 1.0"),
        "17: [[expectation]] 'timeouts drop': by = 1.0 must be less than 1; write by = 0.5",
    ),
    (
        "huge",
        sub("by = 0.5", "by = " + "9" * 400),
        "17: [[expectation]] 'timeouts drop': by = "
        "999999999999999999999999999999999999999999999999999999999999... must be a valid "
        "number; write by = 0.5",
    ),
    (
        "engine",
        sub('"duckdb"', '"postgress"'),
        "6: [source]: engine = 'postgress' is not known; did you mean 'postgres'? (known: "
        "duckdb, postgres, sqlalchemy, spark)",
    ),
    (
        "no path",
        sub('path = "calls.csv"\n', ""),
        "5: [source] has engine = 'duckdb' but no path; add path = \"calls/*.parquet\"",
    ),
    (
        "no url_env",
        sub('engine = "duckdb"\npath = "calls.csv"', 'engine = "postgres"'),
        "5: [source] has engine = 'postgres' but no url_env; add url_env = \"DATABASE_URL\"",
    ),
    (
        "path of a database",
        sub('engine = "duckdb"', 'engine = "postgres"\nurl_env = "DB"'),
        "8: [source]: path = 'calls.csv' goes with engine = 'duckdb' or 'spark', not "
        "'postgres'; remove it",
    ),
    (
        "url in url_env",
        sub('path = "calls.csv"', 'url_env = "postgresql://db.example.com/app"'),
        "7: [source]: url_env must be the NAME of an environment variable such as "
        "DATABASE_URL, never its value; set the variable and write its name",
    ),
    (
        "secret url in url_env",
        sub('path = "calls.csv"', 'url_env = "postgresql://anna:example-geheim@db/app"'),
        "7: [source]: url_env must be the NAME of an environment variable such as "
        "DATABASE_URL, never its value; set the variable and write its name",
    ),
    (
        "password in url_env",
        sub('path = "calls.csv"', 'url_env = "example-geheim!"'),
        "7: [source]: url_env must be the NAME of an environment variable such as "
        "DATABASE_URL, never its value; set the variable and write its name",
    ),
    (
        "url key",
        sub('path = "calls.csv"', 'url = "postgresql://anna:example-geheim@db/app"'),
        "7: [source]: url contains a secret in plain text (rule: URL with credentials); "
        "keep it in an environment variable and write that variable's NAME as url_env",
    ),
    (
        "password in path",
        sub('path = "calls.csv"', 'path = "postgresql://anna:example-geheim@db/app"'),
        "7: [source]: path contains a secret in plain text (rule: URL with credentials); "
        "keep it in an environment variable and write that variable's NAME as url_env",
    ),
    (
        "token in remote",
        sub(
            'engine = "duckdb"\npath = "calls.csv"',
            'engine = "spark"\npath="x"\nremote = "sc://host:15002/;token=examplegeheim"',
        ),
        "8: [source]: remote contains a secret in plain text; keep it in an environment "
        "variable and write that variable's NAME as url_env",
    ),
    (
        "metric",
        sub('"timeout_rate"', '"timeouts_rate"'),
        "15: [[expectation]] 'timeouts drop': metric = 'timeouts_rate' is not known; did "
        f"you mean 'timeout_rate'? (known: {METRICS})",
    ),
    (
        "claim",
        sub('"falls"', '"fals"'),
        "16: [[expectation]] 'timeouts drop': claim = 'fals' is not known; did you mean "
        "'falls'? (known: falls, rises, stays_zero, no_worse, below)",
    ),
    (
        "below without limit",
        sub('claim = "falls"\nby = 0.5', 'claim = "below"'),
        "12: [[expectation]] 'timeouts drop' has claim = 'below' but no limit; add limit "
        "= 30000 (ms)",
    ),
    (
        "no_worse without margin",
        sub("margin = 0.5\n", ""),
        "19: [[guardrail]] 'nothing slower' has claim = 'no_worse' but no margin; add "
        "margin = 0.1 for ten percent",
    ),
    (
        "by with below",
        sub('claim = "falls"', 'claim = "below"\nlimit = 0.1'),
        "18: [[expectation]] 'timeouts drop': by = 0.5 goes with claim = 'falls' or "
        "'rises', not 'below'; remove it",
    ),
    (
        "percent",
        sub('claim = "falls"\nby = 0.5', 'claim = "below"\nlimit = 5'),
        "17: [[expectation]] 'timeouts drop': limit = 5 is more than 1, but timeout_rate "
        "is a share from 0 to 1; write 0.05 for 5 %",
    ),
    (
        "stays_zero mean",
        sub(
            'metric = "timeout_rate"\nclaim = "falls"\nby = 0.5',
            'metric = "latency_mean"\nclaim = "stays_zero"',
        ),
        "16: [[expectation]] 'timeouts drop': claim = 'stays_zero' needs a metric that "
        "counts events, not 'latency_mean'; write no_worse with a margin",
    ),
    (
        "any_of and metric",
        sub(
            "by = 0.5",
            'any_of = [{metric = "error_rate", claim = "falls"}, '
            '{metric = "rmst", claim = "falls"}]',
        ),
        "15: [[expectation]] 'timeouts drop': metric = 'timeout_rate' cannot go with "
        "any_of; write it inside the parts (and 1 more)",
    ),
    (
        "any_of alone",
        sub(
            'metric = "timeout_rate"\nclaim = "falls"\nby = 0.5',
            'any_of = [{metric = "error_rate", claim = "falls"}]',
        ),
        "15: [[expectation]] 'timeouts drop': any_of = [{...}] needs at least two parts; "
        "write one claim without it",
    ),
    (
        "part",
        sub(
            'metric = "timeout_rate"\nclaim = "falls"\nby = 0.5',
            'any_of = [\n  {metric = "error_rate", claim = "falls"},\n'
            '  {metric = "eror_rate", claim = "falls"},\n]',
        ),
        "17: [[expectation]] 'timeouts drop': any_of.metric = 'eror_rate' is not known; "
        f"did you mean 'error_rate'? (known: {METRICS})",
    ),
    (
        "name in part",
        sub(
            'metric = "timeout_rate"\nclaim = "falls"\nby = 0.5',
            'any_of = [\n  {metric = "error_rate", claim = "falls"},\n'
            '  {name = "x", metric = "rmst", claim = "falls"},\n]',
        ),
        "17: [[expectation]] 'timeouts drop': any_of.name = 'x' does not belong inside "
        "a part; write it next to any_of",
    ),
    (
        "no claim",
        sub('claim = "falls"\nby = 0.5', ""),
        "12: [[expectation]] 'timeouts drop' has no claim; add claim = \"falls\"",
    ),
    (
        "no claim name",
        sub('name = "timeouts drop"\n', ""),
        '12: [[expectation]] number 1 has no name; add name = "what you expect, in a few words"',
    ),
    (
        "nowhere",
        sub('feature = "a.b"\n', ""),
        "12: [[expectation]] 'timeouts drop' has neither feature nor source; add feature = \"...\"",
    ),
    (
        "critical expectation",
        sub("by = 0.5", "by = 0.5\ncritical = true"),
        "18: [[expectation]] 'timeouts drop': critical = true goes with a [[guardrail]] "
        "only, an expectation always counts; remove it",
    ),
    (
        "per of an expectation",
        sub("by = 0.5", 'by = 0.5\nper = "total"'),
        "18: [[expectation]] 'timeouts drop': per = 'total' goes with a [[guardrail]] only; "
        "remove it",
    ),
    (
        "except without a pattern",
        sub("margin = 0.5", 'margin = 0.5\nexcept = ["a.*"]'),
        "24: [[guardrail]] 'nothing slower': except = ['a.*'] goes with a pattern such as "
        'feature = "*"; remove it',
    ),
    (
        "alternatives for each feature",
        sub(
            'metric = "slower_than_p95"\nclaim = "no_worse"\nmargin = 0.5',
            'feature = "*"\nany_of = [{metric = "error_rate", claim = "stays_zero"}, '
            '{metric = "timeout_rate", claim = "stays_zero"}]',
        ),
        "22: [[guardrail]] 'nothing slower': any_of = [{...}, {...}] cannot be judged for each "
        'feature by itself; add per = "total", or name one feature',
    ),
    (
        "metric of the search",
        BASE + '[regressions]\nmetrics = ["errorrate"]\n',
        "25: [regressions]: metrics = 'errorrate' is not known; did you mean 'error_rate'? "
        f"(known: {METRICS})",
    ),
    (
        "accepted pattern",
        BASE + '[[accepted]]\nfeature = "a.*"\nmetric = "error_rate"\nup_to = 0.1\nwhy = "w"\n',
        "25: [[accepted]] number 1: feature = 'a.*' is a pattern; name one feature, and "
        "write an entry for each",
    ),
    (
        "accepted percent",
        BASE + '[[accepted]]\nfeature = "a.b"\nmetric = "error_rate"\nup_to = 5\nwhy = "w"\n',
        "27: [[accepted]] number 1: up_to = 5 is more than 1, but error_rate is a share from "
        "0 to 1; write 0.05 for 5 %",
    ),
    (
        "guardrail falls",
        sub('claim = "no_worse"\nmargin = 0.5', 'claim = "falls"'),
        "22: [[guardrail]] 'nothing slower': claim = 'falls' belongs in an "
        "[[expectation]]; write no_worse, below or stays_zero",
    ),
    (
        "budget",
        sub("by = 0.5", "by = 0.5\nbudget_ms = 5"),
        "18: [[expectation]] 'timeouts drop': budget_ms = 5 goes with metric = "
        "'cron_over_budget_rate', not 'timeout_rate'; remove it",
    ),
    (
        "tau",
        sub("by = 0.5", "by = 0.5\ntau_ms = 5"),
        "18: [[expectation]] 'timeouts drop': tau_ms = 5 goes with metric = 'rmst', not "
        "'timeout_rate'; remove it",
    ),
    (
        "margin of a good thing",
        sub(
            'metric = "slower_than_p95"\nclaim = "no_worse"\nmargin = 0.5',
            'metric = "calls_per_hour"\nclaim = "no_worse"\nmargin = 2',
        ),
        "23: [[guardrail]] 'nothing slower': margin = 2 would let calls_per_hour fall to "
        "zero; write a margin below 1",
    ),
    (
        "two names",
        sub('name = "nothing slower"', 'name = "timeouts drop"'),
        "20: [[guardrail]] 'timeouts drop': name = 'timeouts drop' is used twice; each "
        "entry needs its own name",
    ),
    (
        "nothing",
        BASE[: BASE.index("[[expectation]]")],
        "1: no [[expectation]] and no [[guardrail]], so there is nothing to judge; add an "
        '[[expectation]] with name, feature, metric = "timeout_rate" and claim = "falls"',
    ),
    (
        "class name",
        BASE + '\n[[error_class]]\nname = "Quota"\ncontains = ["x"]\n',
        "26: [[error_class]] 'Quota': name = 'Quota' is not a class name; use lower-case "
        "letters, digits and '_', starting with a letter",
    ),
    (
        "shipped class",
        BASE + '\n[[error_class]]\nname = "timeout"\ncontains = ["x"]\n',
        "26: [[error_class]] 'timeout': name = 'timeout' is a shipped class or metric; "
        "choose another name",
    ),
    (
        "empty class",
        BASE + '\n[[error_class]]\nname = "credit"\n',
        "25: [[error_class]] 'credit' has neither contains nor pattern; add contains = "
        '["words of the message"]',
    ),
    (
        "capitals",
        BASE + '\n[[error_class]]\nname = "credit"\ncontains = ["quota", "Quota"]\n',
        "27: [[error_class]] 'credit': contains = 'Quota' has capital letters, but "
        "messages are compared in lower case; write 'quota'",
    ),
    (
        "dot",
        BASE + '\n[[error_class]]\nname = "credit"\npattern = "quota.*reached"\n',
        "27: [[error_class]] 'credit': pattern = 'quota.*reached' has a '.', which engines "
        "end at different places; write a class such as [^,]",
    ),
    (
        "escape",
        BASE + "\n[[error_class]]\nname = \"credit\"\npattern = '\\bquota'\n",
        "27: [[error_class]] 'credit': pattern = '\\\\bquota' has an escape that engines "
        "read differently; write classes such as [0-9] or [a-z]",
    ),
    (
        "lookahead",
        BASE + '\n[[error_class]]\nname = "credit"\npattern = "(?=quota)"\n',
        "27: [[error_class]] 'credit': pattern = '(?=quota)' has '(?', which engines read "
        "differently; write plain groups",
    ),
    (
        "capital pattern",
        BASE + '\n[[error_class]]\nname = "credit"\npattern = "Quota"\n',
        "27: [[error_class]] 'credit': pattern = 'Quota' has capital letters, but messages "
        "are compared in lower case; write 'quota'",
    ),
    (
        "bracket",
        BASE + '\n[[error_class]]\nname = "credit"\npattern = "(quota"\n',
        "27: [[error_class]] 'credit': pattern = '(quota' is not a regular expression; "
        "check its brackets",
    ),
    (
        "kind",
        BASE + SMOKE.replace('"http"', '"htp"'),
        "27: [[smoke]] 's': kind = 'htp' is not known; did you mean 'http'? (known: http, "
        "overlap, completes)",
    ),
    (
        "no kind",
        BASE + SMOKE.replace('kind = "http"\n', ""),
        "25: [[smoke]] 's' has no kind; add kind = \"http\"",
    ),
    (
        "no url",
        BASE + SMOKE.replace('url = "${APP_URL}/x"\n', ""),
        "25: [[smoke]] 's' has no url; add url = \"${APP_URL}/api/health\"",
    ),
    (
        "no feature",
        BASE + SMOKE.replace('"http"', '"completes"').replace('url = "${APP_URL}/x"\n', ""),
        "25: [[smoke]] 's' has no feature; add feature = \"my.feature\"",
    ),
    (
        "no match_json",
        BASE + SMOKE.replace('"http"', '"overlap"'),
        "25: [[smoke]] 's' has no match_json; add match_json = {skipped = true}",
    ),
    (
        "key of another kind",
        BASE + SMOKE + "calls = 3\n",
        "29: [[smoke]] 's': calls is not a key of this table (known: method, url, "
        "headers, body, name, environment, timeout, kind, expect_status, expect_json)",
    ),
    (
        "matches",
        BASE + SMOKE.replace('"http"', '"overlap"') + "matches = 3\nmatch_json = {a = 1}\n",
        "29: [[smoke]] 's': matches = 3 is more than calls = 2; write at most 2",
    ),
    (
        "url",
        BASE + SMOKE.replace("${APP_URL}/x", "example.com/x"),
        "28: [[smoke]] 's': url = 'example.com/x' is not a request URL; write "
        '"https://..." or "${APP_URL}/..."',
    ),
    (
        "open variable",
        BASE + SMOKE.replace("${APP_URL}/x", "${APP_URL/x"),
        "28: [[smoke]] 's': url contains a '$' that is not a variable; write ${NAME}",
    ),
    (
        "dollar",
        BASE + SMOKE.replace("${APP_URL}/x", "https://x/$HOME"),
        "28: [[smoke]] 's': url contains a '$' that is not a variable; write ${NAME}",
    ),
    (
        "status",
        BASE + SMOKE + "expect_status = [200, 20]\n",
        "29: [[smoke]] 's': expect_status = 20 must be greater than or equal to 100; "
        "write expect_status = 200",
    ),
    (
        "json time",
        BASE + SMOKE + "expect_json = {at = 2026-01-01T00:00:00Z}\n",
        "29: [[smoke]] 's': expect_json.at = 2026-01-01T00:00:00Z must be a JSON value; "
        "write another value",
    ),
    (
        "bearer",
        BASE + SMOKE + 'headers = {Authorization = "Bearer example1234567890"}\n',
        "29: [[smoke]] 's': headers.Authorization contains a secret in plain text (rule: "
        "bearer token); keep it in an environment variable and write ${NAME} here",
    ),
    (
        "header",
        BASE + SMOKE + 'headers = {X-Api-Key = "geheim"}\n',
        "29: [[smoke]] 's': headers.X-Api-Key contains a secret in plain text; keep it in "
        "an environment variable and write ${NAME} here",
    ),
    (
        "header in its table",
        BASE + SMOKE + '[smoke.headers]\nAccept = "text/html"\nX-Api-Key = "geheim"\n',
        "31: [[smoke]] 's': headers.X-Api-Key contains a secret in plain text; keep it in "
        "an environment variable and write ${NAME} here",
    ),
    (
        "query",
        BASE + SMOKE.replace("${APP_URL}/x", "https://x/?token=geheim"),
        "28: [[smoke]] 's': url contains a secret in plain text; keep it in an "
        "environment variable and write ${NAME} here",
    ),
    (
        "url with password",
        BASE + SMOKE.replace("${APP_URL}/x", "https://anna:geheim@x/"),
        "28: [[smoke]] 's': url contains a secret in plain text (rule: URL with "
        "credentials); keep it in an environment variable and write ${NAME} here",
    ),
    (
        "method",
        BASE + SMOKE + 'method = "get"\n',
        "29: [[smoke]] 's': method = 'get' is not known; did you mean 'GET'? (known: GET, "
        "POST, PUT, PATCH, DELETE, HEAD)",
    ),
    (
        "trigger",
        BASE
        + SMOKE.replace('"http"', '"completes"').replace(
            'url = "${APP_URL}/x"', 'feature = "a"\ntrigger = {url = "x"}'
        ),
        "29: [[smoke]] 's': trigger.url = 'x' is not a request URL; write "
        '"https://..." or "${APP_URL}/..."',
    ),
    (
        "when",
        BASE + KNOB.replace('"timeouts drop"', '"timeout drop"'),
        "26: [[knob]] 'CAP_MS': when = 'timeout drop' is not the name of an expectation "
        "or guardrail; did you mean 'timeouts drop'?",
    ),
    (
        "when metric",
        BASE + KNOB.replace('"timeouts drop"', '{feature = "a.b", metric = "rms"}'),
        "26: [[knob]] 'CAP_MS': when.metric = 'rms' is not known; did you mean 'rmst'? "
        f"(known: {METRICS})",
    ),
    (
        "when finding",
        BASE + KNOB.replace('"timeouts drop"', '{feature = "a.b", finding = "bad"}'),
        "26: [[knob]] 'CAP_MS': when.finding = 'bad' is not known (known: met, not_met, "
        "worse, undecided, no_data)",
    ),
    (
        "when nothing",
        BASE + KNOB.replace('"timeouts drop"', "{}"),
        "26: [[knob]] 'CAP_MS': when is empty; write when = \"the name of an expectation "
        'or guardrail"',
    ),
    (
        "when number",
        BASE + KNOB.replace('"timeouts drop"', "3"),
        "26: [[knob]] 'CAP_MS': when = 3 must be a table; write when = \"timeouts drop\"",
    ),
    (
        "no env",
        BASE + KNOB.replace('env = "CAP_MS"\n', ""),
        '25: [[knob]] number 1 needs either env or code; write env = "NAME" for a '
        'variable, or code = "what to change" where no variable can do it',
    ),
    (
        "env and code",
        BASE + KNOB + 'code = "revert"\n',
        "25: [[knob]] 'CAP_MS' needs either env or code; write env = \"NAME\" for a "
        'variable, or code = "what to change" where no variable can do it',
    ),
    (
        "no to",
        BASE + KNOB.replace("to = 1\n", ""),
        "25: [[knob]] 'CAP_MS' has no to; add to = the value to turn it to",
    ),
    (
        "same",
        BASE + KNOB.replace("to = 1\n", "to = 2\n"),
        "29: [[knob]] 'CAP_MS': to = 2 is the same as from; write the value to turn it to",
    ),
    (
        "flag",
        BASE + KNOB.replace("to = 1\n", "to = true\n"),
        "29: [[knob]] 'CAP_MS': to = true must be a whole number; write to = 30000",
    ),
    (
        "cap and slice",
        BASE + KNOB + "cap_ms = 5\nslice = {cap_ms = 5, min_ms = 1, share = 0.5, total_ms = 9}\n",
        "30: [[knob]] 'CAP_MS': cap_ms = 5 cannot go with slice; remove one of them",
    ),
    (
        "slice",
        BASE + KNOB + "slice = {cap_ms = 5, min_ms = 1, share = 0.5}\n",
        "30: [[knob]] 'CAP_MS': slice has no total_ms; add total_ms = 120000",
    ),
    (
        "slice min",
        BASE + KNOB + "slice = {cap_ms = 5, min_ms = 6, share = 0.5, total_ms = 9}\n",
        "30: [[knob]] 'CAP_MS': slice.min_ms = 6 is more than cap_ms = 5; write less",
    ),
    (
        "share",
        BASE + KNOB + "slice = {cap_ms = 5, min_ms = 1, share = 5, total_ms = 9}\n",
        "30: [[knob]] 'CAP_MS': slice.share = 5 must be less than 1; write share = 0.25",
    ),
    (
        "preflight",
        BASE + '\n[[preflight]]\nname = "lint"\n',
        "25: [[preflight]] 'lint' has no run; add run = \"npm run build\"",
    ),
    (
        "two preflights",
        BASE
        + '\n[[preflight]]\nname = "lint"\nrun = "x"\n[[preflight]]\nname = "lint"\nrun = "y"\n',
        "29: [[preflight]] 'lint': name = 'lint' is used twice; each entry needs its own name",
    ),
    (
        "controls",
        BASE + '\n[controls]\nuse = "of"\n',
        "26: [controls]: use = 'of' is not known; did you mean 'off'? (known: auto, off)",
    ),
    (
        "controls number",
        BASE + "\n[controls]\nuse = 3\n",
        "26: [controls]: use = 3 is not known (known: auto, off)",
    ),
    (
        "token",
        BASE + '\n[deployment]\ntoken = "x"\n',
        "26: [deployment]: token is not a key of this table; did you mean 'token_env'? "
        "(known: project_id, team_id, token_env, api_url, preview_hosts)",
    ),
    (
        "token_env",
        BASE + '\n[deployment]\ntoken_env = "geheim-1234"\n',
        "26: [deployment]: token_env must be the NAME of an environment variable such as "
        "DATABASE_URL, never its value; set the variable and write its name",
    ),
    (
        "mail",
        BASE + '\n[ledger]\nwho = "anna@example.com"\n',
        "26: [ledger]: who contains what looks like personal data (rule: e-mail address); "
        "remove it, it would appear in the outputs",
    ),
    (
        "not toml",
        sub("by = 0.5", "by 0.5"),
        "17: is not valid TOML (Expected '=' after a key in a key/value pair); fix that line",
    ),
    (
        "not toml at the end",
        BASE + "[[knob",
        "24: is not valid TOML (Expected ']]' at the end of an array declaration); fix that line",
    ),
    (
        "twice",
        BASE + "[rollout]\n",
        "24: is not valid TOML (Cannot declare ('rollout',) twice); fix that line",
    ),
    (
        "many",
        sub("by = 0.5", "by = 5")
        .replace("margin = 0.5", 'margin = "x"')
        .replace('engine = "duckdb"', 'engine = "duck"'),
        "6: [source]: engine = 'duck' is not known; did you mean 'duckdb'? (known: "
        "duckdb, postgres, sqlalchemy, spark) (and 2 more)",
    ),
    (
        "start after the deploy without end",
        BASE + "[baseline]\nend = 2026-01-20T00:00:00Z\n",
        "25: [baseline]: end = 2026-01-20T00:00:00Z needs start too; add it, or use only days",
    ),
    (
        "key with a secret",
        BASE + '[ledger]\n"sk-proj-example1234567890" = 1\n',
        "25: [ledger]: (hidden: key) contains a secret in plain text (rule: key); keep it "
        "out of this file",
    ),
    (
        "secret in a command",
        BASE + '\n[[preflight]]\nname = "lint"\nrun = "NPM_TOKEN=geheim npm run lint"\n',
        "27: [[preflight]] 'lint': run contains a secret in plain text; set it in the "
        "environment of this command instead",
    ),
    (
        "secret in a body",
        BASE + SMOKE + 'body = {password = "geheim"}\n',
        "29: [[smoke]] 's': body.password contains a secret in plain text; keep it in an "
        "environment variable and write ${NAME} here",
    ),
    (
        "random header",
        BASE + SMOKE + 'headers = {X-Preview = "example0123456789abcdef"}\n',
        "29: [[smoke]] 's': headers.X-Preview contains a secret in plain text; keep it in "
        "an environment variable and write ${NAME} here",
    ),
    (
        "dotted key",
        sub(
            '[monitoring]\nwindows = ["1h", "4h"]',
            '[monitoring]\nwindows = ["1h"]\n[baseline]\ndays = 7',
        ).replace("[rollout]\n", 'controls.use = "of"\n[rollout]\n'),
        "1: [controls]: use = 'of' is not known; did you mean 'off'? (known: auto, off)",
    ),
    (
        "after a text of many lines",
        sub('path = "calls.csv"', 'path = "calls.csv"\ntable = """a"""').replace(
            "by = 0.5", "by = 5"
        )
        + '# [[x]] = "',
        "18: [[expectation]] 'timeouts drop': by = 5 must be less than 1; write by = 0.5",
    ),
]
