"""Prometheus metrics. Labels are of bounded cardinality: declared names, codes and outcomes, never ids.

A metric is declared here and used where the thing happens; ``/metrics`` shows all of them. What is counted with every
message is looked up once for each of its labels: the look-up costs more than the count.
"""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

_LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

ACTIONS = Counter(
    "molva_actions_total", "Actions answered, by name and outcome (ok or the error code).", ["action", "code"]
)
ACTIONS_IN_PROGRESS = Gauge("molva_actions_in_progress", "Actions received and not yet answered.")
ACTION_SECONDS = Histogram("molva_action_duration_seconds", "From receipt to ack.", ["action"], buckets=_LATENCY_BUCKETS_S)
CONNECTIONS = Gauge("molva_connections", "Socket.IO connections in the /chat namespace.")
CONNECTS = Counter("molva_connects_total", "Connects, by outcome (ok or the error code).", ["code"])
DISCONNECTS = Counter("molva_disconnects_total", "Disconnects, by reason.", ["reason"])
CONNECTIONS_CUT = Counter(
    "molva_connections_cut_total", "Connections closed for what the client did or failed to do, by reason.", ["reason"]
)
SENDS_WAITING = Gauge("molva_sends_waiting", "Messages that wait for the commit that stores them.")
DELIVERIES = Counter("molva_deliveries_total", "Events handed to connections, by event.", ["event"])
STATEMENT_SECONDS = Histogram(
    "molva_sql_statement_duration_seconds",
    "SQL statements, by name.",
    ["statement"],
    buckets=_LATENCY_BUCKETS_S,
)
POOL_SIZE = Gauge("molva_database_pool_size", "Connections that the pool may have at the most.")
POOL_BUSY = Gauge("molva_database_pool_busy", "Connections of the pool in use.")
POOL_WAITING = Gauge("molva_database_pool_waiting", "Pieces of work that wait for a connection.")
POOL_WAIT_SECONDS = Histogram(
    "molva_database_pool_wait_seconds", "How long a connection of the pool was waited for.", buckets=_LATENCY_BUCKETS_S
)
DATABASE_ERRORS = Counter("molva_database_errors_total", "Failed statements and lost connections, by kind.", ["kind"])
HTTP_REQUESTS = Counter("molva_http_requests_total", "HTTP answers, by route and status.", ["method", "route", "status"])
HTTP_SECONDS = Histogram("molva_http_duration_seconds", "HTTP requests.", ["route"], buckets=_LATENCY_BUCKETS_S)
LOOP_LAG_SECONDS = Histogram(
    "molva_event_loop_lag_seconds", "By how much a timer of the event loop came late.", buckets=_LATENCY_BUCKETS_S
)
SIGN_INS = Counter("molva_sign_ins_total", "One-time codes and tokens, by step and outcome.", ["step", "outcome"])

CODE_BUDGET_USED = Gauge("molva_code_budget_used_ratio", "Share of today's budget of one-time codes that is spent.")


@cache
def answered(action: str, code: str) -> Counter:
    """:data:`ACTIONS` of one action and outcome."""
    return ACTIONS.labels(action, code)


@cache
def action_seconds(action: str) -> Histogram:
    """:data:`ACTION_SECONDS` of one action."""
    return ACTION_SECONDS.labels(action)


@cache
def delivered(event: str) -> Counter:
    """:data:`DELIVERIES` of one event."""
    return DELIVERIES.labels(event)
