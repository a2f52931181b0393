"""The error classes that ship, as rules in the order in which they are tried; the first match wins.

A rule reads the message as sql/calls.sql prepares it: in lower case, on one line, without the
suffix `` meta={...}``. To add a class: its code in `analysis/outcomes.py`, and its rules here.

Words come before numbers where they are surer: a timeout under 504 is a timeout, and an account
without credit under 429 is `quota`, since a retry does not help. A status number counts only where
an SDK writes it. The names of exception classes come last: LiteLLM puts several of them before the
text of the provider, and the outer ones say little (`APIConnectionError` for any failure).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlglot import exp, parse_one

from analysis.config.settings import ErrorClass
from analysis.outcomes import FIRST_USER_CODE, OUTCOME_CODES


class ErrorRule(NamedTuple):
    """One rule: a message in which the regular expression `pattern` is found has class `outcome`.

    PostgreSQL keeps 32 compiled expressions; with more, it compiles each of them again for each
    message, which takes 30 times as long. So there are few rules with many words, and a class of
    the user has at most one pattern.

    A pattern uses only what PostgreSQL, DuckDB, ClickHouse and Spark read the same way: no ``.``,
    no backslash, no ``(?``, and no bracket inside brackets.
    """

    outcome: str
    pattern: str


def any_of(*patterns: str) -> str:
    """A pattern that is found where one of these is.

    >>> any_of("overload", "bad gateway")
    '(overload|bad gateway)'
    """
    return f"({'|'.join(patterns)})"


_PEELED = "^[^a-z0-9]*([a-z0-9_. ]*(error|exception|timeout)[^a-z0-9]+)*"
"""The start of the text, after names of exceptions such as `litellm.Timeout: ` or `xError - `."""
_WORD_BEFORE_NUMBER = any_of(
    "(error|exception|status|code|http|returned|response)s?[^a-z0-9.,]+",
    "http/[0-9.]+ ",
    "(got|received|returned)( an?)?( http)?( status)?( code)? ",
    "[(]",
)
_AFTER_NUMBER = "([^0-9a-z.,%]|[.,]([^0-9]|$)|$)"
_UNITS = (
    " ?(tokens|ms|milliseconds|s|secs?|seconds|minutes|characters|chars|words|bytes|[kmg]i?b|"
    "items|rows|records|calls|times|files|chunks|pages|dimensions)"
    "([^a-z]|$)"
)


def at_start(number: str) -> str:
    """The status number as the first thing that the text says."""
    return f"{_PEELED}{number}{_AFTER_NUMBER}"


def anywhere(number: str) -> str:
    """The status number after a word that announces it: `status code 429`, `"code":503`."""
    return f"(^|[^a-z]|status|error|api|server|client){_WORD_BEFORE_NUMBER}{number}{_AFTER_NUMBER}"


SHIPPED_RULES = (
    # ---- the most frequent text of all; a rule that reads no further than its first words is cheap
    ErrorRule("timeout", "^(error: )?request timed out[ .!]*$"),
    # ---- what the post-processing of an answer reports
    ErrorRule(
        "max_output_tokens",
        "^(post-process error: hit|response incomplete:) max_output_tokens",
    ),
    ErrorRule(
        "invalid_output",
        "^post-process error: "
        '(failed to parse json|([^0-9][^"]*)?(schema violation|empty output_text))',
    ),
    # ---- an answer that ended too early or was withheld; some of these come as a 400
    ErrorRule(
        "max_output_tokens",
        any_of(
            "length limit was reached",
            "output limit was reached",
            "max_tokens length limit",
            "output is incomplete due to a? ?max",
            "(finish|stop)[ _]?reason( was| is)?[^a-z]+(finishreason[.])?(length|max[ _]?tokens)",
            "(reason|incomplete|incomplete response)[^a-z]+max_(output_|completion_)?tokens",
            "truncated at [0-9]+ tokens",
            "exceeded the [0-9]+ output token",
            "(reached|hit|exceeded) (the |its )?(max(imum)?|limit of)[ _](output|completion)",
            "truncated[^a-z]+(due to |because of |by )?(the )?(max|length|token)",
            "max(imum)?[ _](output[ _])?tokens (was |were |limit )*(reached|exceeded|hit)",
        ),
    ),
    ErrorRule(
        "content_filter",
        any_of(
            "content[ _-]?filter",
            "content (management|usage|safety)? ?polic",
            "content_policy",
            "contentpolicy",
            "responsibleai",
            "(response|prompt|output|completion|content|input) (was|were|is|has been) filtered",
            "prohibited[ _]content",
            "blocked [a-z ]*(safety|prohibited|recitation|blocklist|content|moderation|polic)",
            "blocked (due to|because of|for reason|by)[^a-z]+(safety|other|spii|blocklist)",
            "(prompt|candidate|response|completion) (was|is|has been) blocked",
            "block_?reason[^a-z]",
            "(finish|stop)[ _]?reason( was| is)?[^a-z]+(finishreason[.])?"
            "(safety|recitation|blocklist|spii|refusal|image_safety)",
            "safety (system|filter|reason|polic)",
            "flagged (as|by|for)",
            "violat[a-z]* [^.]*(usage|content|safety|terms|acceptable use)[^.]*",
            "moderation_blocked",
            "guardrail_?intervened|blocked by (the )?guardrail",
            "data_?inspection_?failed",
            "inappropriate content",
            "model (has )?refus(ed|al)|(cannot|can't) assist with",
            "(sensitive|harmful|unsafe) content",
        ),
    ),
    # ---- an answer that could not be read quotes it, and may quote any of the words below
    ErrorRule(
        "invalid_output",
        "^[^a-z0-9]*([a-z0-9_. ]*(error|exception)[^a-z0-9]+)*"
        + any_of(
            "no object generated",
            "json pars(ing|e) (failed|error)",
            "jsondecodeerror",
            "unexpected (token|end of json|non-whitespace|character)",
            "unterminated string",
            "expected [^ ]+ or [^ ]+ (after|in json)",
            "bad control character",
            "[0-9]+ validation errors? for [a-z_]*",
            "failed to parse [a-z ]*(json|output|answer|completion|arguments|from completion)",
            "could not parse (llm|model|function|tool|the (model|llm)|output|json|answer)",
            "invalid json output",
            "type validation failed",
            "expecting (value|property name|[^a-z]*,[^a-z]* delimiter)",
            "invalid (arguments|input) for tool",
            "model tried to call unavailable tool",
        ),
    ),
    # ---- the account has no credit; a limit for each minute is a rate limit
    ErrorRule(
        "rate_limit",
        any_of(
            "quota[^.]*(per[ _-]?min|per[ _-]?sec|perminute|persecond)",
            "(perminute|per minute|per_minute)[^.]*quota",
        ),
    ),
    ErrorRule(
        "quota",
        any_of(
            "insufficient[ _]?(quota|credit|balance|fund|user quota)",
            "exceeded (your|the) (current|monthly|daily|account) (quota|usage|spend)",
            "plan and billing",
            "check your billing",
            "credits? balance",
            "(key|credit|spend|cost|budget) limit (was |has been )?(exceeded|reached)",
            "due to billing|arrearage|in good standing|billing issue",
            "balance is (too low|not enough|insufficient|negative)",
            "billing[ _](hard[ _]limit|not[ _]active|limit|quota)",
            "billing (is |has been |to be )?(not )?(enabled|disabled|inactive|required)",
            "account is not active",
            "(more|enough|no|out of|remaining|exceeded your [a-z ]*) credits",
            "credits? (are |have been |has been |is )*(depleted|exhausted|exceeded|required|used)",
            "payment[ _]?required",
            "budget ?(has been )?_?exceeded|exceededbudget|over budget|max budget",
            "(usage|spend|spending|monthly)[ _](limits?|cap|quota)",
            "servicequotaexceeded",
            "quota[ _](is |has been )?(exhausted|depleted|used up)",
            at_start("402"),
            anywhere("402"),
        ),
    ),
    # ---- the proxy answers: a 5xx, although it says that its upstream timed out
    ErrorRule(
        "http_5xx",
        any_of(
            "upstream connect error",
            "upstream ((request|response) )?(timeout|timed out)",
            "gateway time-?out",
            "no healthy upstream",
        ),
    ),
    # ---- the time ran out, whoever measured it
    ErrorRule(
        "timeout",
        any_of(
            "timed[ _-]?out",
            "e(socket)?timedout",
            "deadline[ _-]?(was |has )?(exceeded|expired)",
            "timeout of [0-9]",
            "timeout[ _]?(error|exception|expired)",
            "(api|read|write|pool|connect|connection|socket|header|headers|body|request|client|"
            "server|response|model|idle|stream|operation|invocation|first token|function)"
            " ?time-?out([^a-z_'\"]|$)",
            "(connect|read|write|pool|request|api)timeout",
            "[a-z]_timeout([^a-z_'\"=]|$)[^a-z]*$",
            "und_err_[a-z]+_timeout",
            "function_invocation_timeout",
            "litellm[.]timeout",
            "(was|due to|because of|by|after|hit)( an?| the)? timeout",
            "timeout[ :,]+([0-9.]+ ?m?s|await|wait|while|after|reach|exceed|error|occur|elapsed|"
            "fetch|was (reached|exceeded)|has)",
            "^[^a-z]*(error: )?time-?out[^a-z]*$",
            "code[^a-z]+(request_?)?timeout[^a-z_]",
            "took (too long|longer than)",
            "exceeded [a-z ]*[0-9.]+ ?(ms|s|secs?|seconds|minutes)([^a-z]|$)",
            "(did not|failed to|didn't) (respond|complete|finish|answer)[a-z ]* (in time|within)",
            "no (response|answer|data)( was)?( received)? (within|after|in) [0-9]",
            "exceeded [a-z ]*(time limit|maximum (time|duration|execution))",
            "time limit (was )?exceeded",
            at_start("408"),
            anywhere("408"),
        ),
    ),
    # ---- the client gave up, without a word about time
    ErrorRule(
        "aborted",
        any_of(
            "(request|operation|call|stream|streambuffer|generation|signal|fetch|run|task)"
            " (was |is |has been |were )?(aborted|cancel)",
            "abort_?(ed)?error",
            "cancell?ed_?error",
            "err_cancell?ed",
            "(response|chat|completion)aborted",
            "context (was )?cancel",
            "(aborted|cancell?ed) by (the )?(client|user|caller)",
            "(user|client) (has )?(aborted|cancel|disconnected|closed|hung up)",
            "^[^a-z0-9]*((error|axioserror)[^a-z0-9]+)?(aborted|cancell?ed)[^a-z0-9]*$",
            at_start("499"),
            anywhere("499"),
        ),
    ),
    # ---- slow down, and try again
    ErrorRule(
        "rate_limit",
        any_of(
            "throttl",
            "rate (was )?exceeded",
            "too ?many ?requests",
            "too many (tokens|input tokens|connections)(, please wait| per)",
            "too many concurrent",
            "concurren(t|cy)[a-z ]* (limit|quota)",
            "rate[ _-]?limit",
            "ratelimit",
            "resource[ _]?(has been )?_?exhausted",
            "(tokens|requests|input tokens)[ _-]per[ _-](min|sec|hour|day)",
            "quota[ _](was |has been )?exceeded",
            "exceed[a-z]* [a-z ]*quota",
            "no deployments available",
        ),
    ),
    # ---- a number that counts or measures something is no status
    ErrorRule("other", f"{_PEELED}[45][0-9][0-9]{_UNITS}"),
    # ---- the connection failed before LiteLLM made up a status for it
    ErrorRule(
        "connection",
        "litellm[.][a-z]+: [^{]*"
        + any_of("connection error", "cannot connect", "server disconnected", "connection reset"),
    ),
    # ---- the status number, first where the text begins
    ErrorRule("http_5xx", at_start("5[0-9][0-9]")),
    ErrorRule("rate_limit", at_start("429")),
    ErrorRule("http_4xx", at_start("4[0-9][0-9]")),
    ErrorRule("http_5xx", anywhere("5[0-9][0-9]")),
    ErrorRule("rate_limit", anywhere("429")),
    ErrorRule("http_4xx", anywhere("4[0-9][0-9]")),
    # ---- the connection in the words of undici, axios, node-fetch, aiohttp, httpx and boto3
    ErrorRule(
        "connection",
        any_of(
            "connection[ _]?error([^a-z]*$|[^a-z:]|: [^{]*(refused|reset|max retries))",
            "fetch failed",
            "failed to fetch",
            "load failed",
            "e(conn(reset|refused|aborted)|notfound|ai_again|pipe|hostunreach|netunreach|proto)"
            "([^a-z]|$)",
            "socket hang up",
            "socket (was )?(closed|disconnected|connection)",
            "other side closed",
            "und_err_socket",
            "server disconnected|serverdisconnected",
            "disconnected without",
            "remote end closed|remotedisconnected|remoteprotocolerror",
            f"{_PEELED}terminated[^a-z]*$",
            "network ?(error|request failed|is unreachable)",
            "connection (was |is |has been |already |unexpectedly )*"
            "(reset|refused|closed|aborted|lost|dropped|terminated|broken|interrupted|failed)",
            "(closed|lost|dropped|reset) (the |its |their )?connection",
            "connection[^a-z]+(reset|aborted|broken|closed)",
            "(can ?not|can't|could not|couldn't|unable to|failed to|failed) (to )?"
            "(establish|connect|resolve|reach)",
            "all connection attempts failed",
            "name (or service not known|resolution|does not resolve)|getaddrinfo",
            "no route to host|host (is )?unreachable|nodename nor servname",
            "incomplete ?(chunked )?read|incomplete message|peer closed|premature (close|end)",
            "(broken|bad) pipe|response ?ended ?prematurely|response payload is not completed",
            "transferencodingerror|clientpayloaderror|clientoserror|clientconnect",
            "endpointconnectionerror|connectionclosederror|max retries exceeded",
            "(transport|connection) is closing|no such host|dial tcp|error in input stream",
            "unexpected eof|(^|: )eof$|(^|[.])(read|write|connect|network|protocol)error",
            "(ssl|tls)[a-z: _]*(handshake|error|alert|eof|wrong|bad|record|connection|verif)",
            "eof occurred in violation|handshake fail|certificate",
            "stream (was )?(closed|disconnected|ended|reset)|err_stream_premature|goaway|"
            "err_http2|http2 (stream|framing)",
            "can't reach database server|server has closed",
        ),
    ),
    # ---- the server failed, in words
    ErrorRule(
        "http_5xx",
        any_of(
            "overload",
            "(service|server|model|engine|upstream|provider)[a-z ]* (un|not )available",
            "(service|model)[ _]?unavailable([^a-z]|exception|$)",
            "status[^a-z]+unavailable|^[^a-z]*unavailable",
            "bad gateway",
            "internal[ _]server[ _]error",
            "internal[ _]?(error|failure)|internalserverexception",
            "server[ _](had an )?error|server failed",
            "api_error",
            "(experiencing|due to) (very )?high (demand|load|traffic)",
            "(unexpected|internal) error (occurred )?(during|in|while) (the )?(process|serv)",
            "web server is (down|returning)|origin (is )?unreachable",
            "(at|over|out of|insufficient|no|not enough)[a-z ]* capacity",
            "modelerrorexception|modelnotready|model is not ready|modelstreamerror",
            "error occurred while processing your request",
            "bedrock is unable to process your request",
        ),
    ),
    # ---- the answer cannot be used
    ErrorRule(
        "invalid_output",
        any_of(
            "not (a )?valid json|invalid json|malformed json|json (is )?(invalid|malformed)",
            "jsondecodeerror|json[ _]pars|parsing json|parse json|json input|in json at|in json$",
            "unexpected (token|end of)|unterminated string|expecting value: line|extra data: line",
            "(failed|unable) to parse|could not (be parsed|parse)|outputparser|output parsing",
            "(not|n't) match[a-z ]* schema|schema (validation|violation|mismatch)",
            "jsonschemavalidation|validation errors? for|zoderror|type validation failed",
            "(empty|no|blank) (response|content|completion|answer|output)( text| body)?"
            " ?(was |is )?(received|returned|from|by|in)",
            "(returned|received|got|produced)( an?)? (empty|no|blank|malformed|invalid) ",
            "^[^a-z]*empty (response|output|completion|content)",
            "(response|output|answer|completion) (is|was) (empty|blank|null|malformed|incomplete)",
            "(response|output|schema) validation failed|invalid (tool|function) call",
            "invalidresponsedata",
            "malformed_function_call|malformed (function|tool)",
            "no object generated|did not call (the|a) tool|no tool call|cannot both be empty",
            "missing required (field|key)s? in (the )?(response|output|answer)",
        ),
    ),
    # ---- the request was refused, in words
    ErrorRule(
        "http_4xx",
        any_of(
            "validationexception|validation_error",
            "invalid[ _]?(request|argument|api[ _]key|value|prompt|parameter|model|type|token)",
            "bad[ _]request",
            "unauthori[sz]ed|unauthenticated|authentication|not authorized|credentials",
            "forbidden|permission|access ?denied|(do|does) not have access",
            "security ?token|expiredtoken",
            "api[ _-]?key",
            "not[ _]found|notfoundexception|does not exist|no such model",
            "context[ _](length|window)|maximum context|model limit|maximum input",
            "(prompt|input|request|payload|entity|message|context)[a-z ]* too (long|large|big)",
            "input[a-z ]* (exceeds|longer than)|exceeds? the (max|limit|context|token|model)",
            "unsupported|not supported|unknown (parameter|model|field)|unrecognized",
            "missing required|required (parameter|property|field)",
            "failed[ _]precondition|out_of_range|unprocessable|method not allowed|conflict",
            "model identifier is invalid|is not supported|end of (its )?life|deprecated",
            "badrequest|unprocessableentity|contextwindowexceeded",
            "unexpected keyword argument|non-empty|roles must alternate",
            "must (be (a|an|one|less|greater|at|between|positive|followed|provided)|contain)[^a-z]",
            "tool_(use|result|call_id|calls)[^a-z]",
        ),
    ),
    # ---- only the name of an exception is left
    ErrorRule("connection", "connection ?error|connectionexception"),
    ErrorRule("http_5xx", "internalservererror|serviceunavailable|badgateway|servererror"),
)


def class_branches(own: Sequence[ErrorClass]) -> tuple[list[exp.If], dict[str, str]]:
    """The branches of the CASE that classifies a message, and the values of their parameters.

    The user's own classes come before the shipped ones. Their words travel as parameters.
    """
    values: dict[str, str] = {}
    branches = []
    for number, error_class in enumerate(own):
        conditions = []
        for part, words in enumerate(error_class.contains):
            values[f"class_{number}_{part}"] = words
            conditions.append(f"STRPOS(message, :class_{number}_{part}) > 0")
        if error_class.pattern is not None:
            values[f"class_{number}_pattern"] = error_class.pattern
            conditions.append(f"message ~ :class_{number}_pattern")
        branches.append(_branch(" OR ".join(conditions), FIRST_USER_CODE + number))
    for rule in SHIPPED_RULES:
        pattern = exp.Literal.string(rule.pattern).sql("postgres")
        branches.append(_branch(f"message ~ {pattern}", OUTCOME_CODES[rule.outcome]))
    return branches, values


def _branch(condition: str, code: int) -> exp.If:
    return exp.If(this=parse_one(condition, read="postgres"), true=exp.Literal.number(code))
