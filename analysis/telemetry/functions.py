"""The SQL functions that may reach a database: those of sql/, and those of a mapping.

Every other function is refused with its name. A list of forbidden functions would always be one
extension behind: any of them may take SQL as text, reach a server, or write.
"""

from __future__ import annotations

from sqlglot import exp

_MAPPING = """
abs ceil floor round mod greatest least sign trunc ln
coalesce nullif if case cast try_cast
lower upper trim ltrim rtrim left right substring replace split_part strpos str_position
concat concat_ws length starts_with ends_with regexp_like regexp_replace chr translate lpad rpad
date date_trunc timestamp_trunc timestamp_add timestamp_sub timestampadd date_add date_sub
date_diff datediff timestamp_diff extract make_timestamp to_timestamp
epoch epoch_ms epoch_us unix_to_time unix_seconds unix_millis unix_micros timestamp_seconds
timestamp_millis timestamp_micros str_to_time ts_or_ds_to_date
pad pow power age make_interval str_to_unix time_to_unix time_to_str unix_to_str
ts_or_ds_add json_unquote json_extract json_extract_scalar jsonb_extract jsonb_extract_scalar
jsonb_path_query_first get_json_object json_value isnan is_nan md5
"""
"""What docs/mappings.md lists: these compute a value from the columns of one row."""
_OWN = """
and or xor not any all exists count sum avg min max current_user has_table_privilege to_regclass
row_security_active
array array_position array_size row_number struct interval
"""
"""What our own queries use besides; a mapping may use them too, except aggregates."""
ALLOWED = frozenset((_MAPPING + _OWN).split())


def refused_function(query: exp.Expr) -> str | None:
    """The name of the first call that is not on the list; None when all are.

    A call with a schema is refused too: what it does depends on who made the schema.
    """
    for call in query.find_all(exp.Func, exp.Operator, exp.QueryTransform):
        if not isinstance(call, exp.Func):
            return "operator" if isinstance(call, exp.Operator) else "transform"
        if isinstance(call.parent, exp.Dot):
            return call.parent.sql().partition("(")[0]
        if (name := function_name(call)) not in ALLOWED:
            return name
    return None


def function_name(call: exp.Func) -> str:
    """The name of a call in lower case, the same for all spellings that the parser knows."""
    is_unknown = isinstance(call, exp.Anonymous | exp.AnonymousAggFunc)
    return (call.name if is_unknown else call.sql_name()).lower()
