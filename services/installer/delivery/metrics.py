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
    "souk_installations_stranded", "Unfinished installations that nobody would look at again (at most 100 are counted)."
)
CALLS_UNDER_WAY = Gauge("souk_lifecycle_calls_under_way", "Attempts going on in this process.")
