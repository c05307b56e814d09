"""Every metric of the plumbing, with its meaning. Labels are bounded: never an id."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("souk_messages_total", "Messages by consumer group, type and outcome.", ("group", "type", "outcome"))
MESSAGE_SECONDS = Histogram("souk_message_batch_seconds", "Duration of one batch of one consumer group.", ("group",))
DEAD_LETTERS = Counter(
    "souk_dead_letters_total", "Records set aside, by consumer group and reason.", ("group", "reason")
)
CONSUMER_LAG = Gauge("souk_consumer_lag_records", "Records behind the end of the topic.", ("topic",))
LOOP_LAG = Gauge("souk_event_loop_lag_seconds", "How late the event loop woke up, last seen.")
REQUEST_SECONDS = Histogram(
    "souk_request_seconds",
    "Duration of one API request.",
    ("method", "route", "status"),
    buckets=(0.005, 0.02, 0.1, 0.5, 2.5, 10),
)
