"""The installer's metrics, with their meaning. Labels are bounded: never an id, never an add-on."""

from prometheus_client import Counter, Gauge, Histogram

OUTCOMES = Counter("souk_installations_total", "Installations by outcome and failure reason.", ("outcome", "reason"))
CALL_SECONDS = Histogram(
    "souk_lifecycle_call_seconds",
    "Attempts of lifecycle calls by kind and result.",
    ("kind", "result"),
    buckets=(0.01, 0.05, 0.2, 1, 5, 15),
)
STRANDED = Gauge(
    "souk_installations_stranded",
    "Unfinished installations that nobody would look at again (at most 100 are counted). max",
)
CALLS_UNDER_WAY = Gauge("souk_lifecycle_calls_under_way", "Attempts going on in this process. sum")
PENDING = Gauge(
    "souk_installations_pending",
    "Installations without an outcome, by state and what they wait for; at most 10000 are counted. max",
    ("state", "waiting_for"),
)
TROUBLED = Gauge(
    "souk_installations_troubled",
    "Installations without an outcome that do not get on, by whose side that is on; at most 10000 are counted. max",
    ("side",),
)
OLDEST_PENDING = Gauge("souk_installations_oldest_pending_seconds", "Age of the oldest one without an outcome. max")
OVERDUE = Gauge("souk_installations_overdue", "Those that should have been looked at a minute ago. max")
OVERDUE_SECONDS = Gauge("souk_installations_overdue_seconds", "How late the latest of them is. max")
BEYOND_DEADLINE = Gauge(
    "souk_installations_beyond_deadline", "Pending ones whose state should have been over a minute ago. max"
)
CLEANUP_OWED = Gauge("souk_installations_cleanup_owed", "Those whose add-on is still to be told DELETED. max")
CLEANUP_GIVEN_UP = Gauge(
    "souk_installations_cleanup_given_up", "Those of 30 days whose add-on never confirmed DELETED. max"
)
BREAKERS = Gauge("souk_breakers", "Add-ons whose breaker is open, or tries; at most 100 are counted. max", ("state",))
NOTICES = Gauge("souk_operator_notices", "Operators' notices that stand and keep calls back. max")
