"""Every metric of the plumbing, with its meaning. Labels are bounded: never an id.

Counters and histograms are a process's own: add them up. A gauge says in its text whether the processes of a service
add up (`sum`) or all measure the same thing in the database (`max`).
"""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("souk_messages_total", "Messages by consumer group, type and outcome.", ("group", "type", "outcome"))
MESSAGE_SECONDS = Histogram("souk_message_batch_seconds", "Duration of one batch of one consumer group.", ("group",))
DEAD_LETTERS = Counter(
    "souk_dead_letters_total", "Records set aside, by consumer group and reason.", ("group", "reason")
)
DEAD_LETTERS_OPEN = Gauge(
    "souk_dead_letters_open",
    "Dead letters that nobody has closed, by reason; at most 10000 are counted. max",
    ("reason",),
)
CONSUMER_LAG = Gauge("souk_consumer_lag_records", "Records behind the end of the topic. sum", ("topic",))
CONSUMER_LAG_SECONDS = Gauge(
    "souk_consumer_lag_seconds", "How long the records behind have waited for their consumer, at most. max", ("topic",)
)
REBALANCES = Counter("souk_consumer_rebalances_total", "Times a consumer was given partitions.", ("topic",))
COMMIT_FAILURES = Counter(
    "souk_consumer_commit_failures_total", "Offsets that could not be committed: their records come again.", ("group",)
)
PUBLISH_SECONDS = Histogram(
    "souk_publish_seconds",
    "From handing a record to the producer until the broker has it.",
    ("topic",),
    buckets=(0.005, 0.02, 0.1, 0.5, 2.5, 10),
)
PUBLISH_FAILURES = Counter("souk_publish_failures_total", "Records that Kafka did not take; sent again.", ("topic",))
PRODUCER_CONNECTED = Gauge(
    "souk_producer_connected", "Whether Kafka takes what this process sends; 0 when a record waits for 15 s. min"
)
OUTBOX_PENDING = Gauge(
    "souk_outbox_pending",
    "Documents with events that are not known to be sent; at most 10000 are counted. max",
    ("collection",),
)
OUTBOX_OLDEST = Gauge("souk_outbox_oldest_seconds", "Age of the oldest unsent event. max", ("collection",))
STATE_OLDEST = Gauge(
    "souk_state_unsent_oldest_seconds", "Age of the oldest state that is not known to be sent. max", ("collection",)
)
UNDECIDED = Counter(
    "souk_undecided_total", "Documents that a bug, or another release's writing, kept from being decided.", ("what",)
)
CONSUMER_STARTED = Gauge(
    "souk_consumer_started",
    "1 while the consumer of this topic runs, also if nothing is assigned to it. min",
    ("topic",),
)
CONFLICTS = Counter(
    "souk_conflicts_total",
    "Writes that lost against another process's (compare-and-set), and were decided again.",
    ("what",),
)
CLOCK_OFFSET = Gauge(
    "souk_clock_offset_seconds", "This machine's clock minus the database's; only logs use the former. max"
)
LOOP_LAG = Gauge("souk_event_loop_lag_seconds", "How late the event loop woke up, last seen. max")
MEASURED = Gauge(
    "souk_measured_timestamp_seconds", "When this worker last read its gauges from the database (Unix time). max"
)
REQUEST_SECONDS = Histogram(
    "souk_request_seconds",
    "Duration of one API request.",
    ("method", "route", "status"),
    buckets=(0.005, 0.02, 0.1, 0.5, 2.5, 10),
)
